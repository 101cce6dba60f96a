package parse

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The three keys of an .npy header, a Python dictionary literal whose order is not fixed.
// Compiled once: regular expressions are immutable.
var (
	npyDescr   = regexp.MustCompile(`['"]descr['"]\s*:\s*['"]([<>|=]?)([a-zA-Z?])(\d*)['"]`)
	npyFortran = regexp.MustCompile(`['"]fortran_order['"]\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`['"]shape['"]\s*:\s*\(([\d\s,L]*)\)`)
)

// IsNPY says whether b starts like an .npy file.
func IsNPY(b []byte) bool { return strings.HasPrefix(string(b[:min(len(b), 6)]), "\x93NUMPY") }

// NPY reads one array in NumPy's .npy format, versions 1 to 3 (numpy.lib.format). The result shares memory with b unless
// the file is big-endian. Fortran order, structured and object types are refused.
func NPY(b []byte) (Array, error) {
	header, body, err := npyHeader(b)
	if err != nil {
		return Array{}, err
	}
	descr, fortran, shape := npyDescr.FindStringSubmatch(header), npyFortran.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || fortran == nil || shape == nil {
		return Array{}, fmt.Errorf("npy: header %.80q lacks a plain descr, fortran_order or shape (structured and object arrays are not read)", header)
	}
	if fortran[1] == "True" {
		return Array{}, fmt.Errorf("npy: Fortran order is not read: save numpy.ascontiguousarray(x)")
	}
	a := Array{}
	if a.Type, err = npyType(descr[2] + descr[3]); err != nil {
		return Array{}, err
	}
	if a.Shape, err = npyDims(shape[1]); err != nil {
		return Array{}, err
	}
	n, err := elements(a.Shape)
	if err != nil {
		return Array{}, fmt.Errorf("npy: %w", err)
	}
	if want := n * a.Type.Size(); want != len(body) {
		return Array{}, fmt.Errorf("npy: shape %v of %s needs %d bytes, the file has %d (truncated?)", a.Shape, a.Type, want, len(body))
	}
	if a.Data = body; descr[1] == ">" {
		a.Data = swapped(body, a.Type.Size())
	}
	return a, nil
}

func npyHeader(b []byte) (header string, body []byte, err error) {
	if !IsNPY(b) || len(b) < 12 {
		return "", nil, fmt.Errorf("npy: not an .npy file")
	}
	start, size := 10, int(binary.LittleEndian.Uint16(b[8:]))
	if b[6] >= 2 {
		start, size = 12, int(binary.LittleEndian.Uint32(b[8:]))
	}
	if b[6] < 1 || b[6] > 3 {
		return "", nil, fmt.Errorf("npy: format version %d is not known", b[6])
	}
	if size > 1<<16 || start+size > len(b) {
		return "", nil, fmt.Errorf("npy: header of %d bytes is too long or truncated", size)
	}
	return string(b[start : start+size]), b[start+size:], nil
}

func npyType(s string) (Type, error) {
	names := [...]string{"u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "b1"}
	if i := slices.Index(names[:], s); i >= 0 {
		return Type(i), nil
	}
	return 0, fmt.Errorf("npy: element type %q is not read (of use here: uint8, uint16, float16, float32, float64)", s)
}

func npyDims(s string) ([]int, error) {
	shape := []int{}
	for f := range strings.SplitSeq(s, ",") {
		if f = strings.TrimSuffix(strings.TrimSpace(f), "L"); f == "" {
			continue
		}
		d, err := strconv.Atoi(f)
		if err != nil || len(shape) == 32 {
			return nil, fmt.Errorf("npy: shape (%.60s) is not readable", s)
		}
		shape = append(shape, d)
	}
	return shape, nil
}

// swapped returns b with the bytes of each element reversed.
func swapped(b []byte, size int) []byte {
	out := slices.Clone(b)
	for e := range slices.Chunk(out, size) {
		slices.Reverse(e)
	}
	return out
}
