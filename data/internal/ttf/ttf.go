// Package ttf reads letter outlines from TrueType fonts: just enough for the Go fonts that ebb draws its toy data set
// from (simple glyphs, character map format 4). The general reader, golang.org/x/image/font/sfnt, would add a module.
// Format: Apple TrueType Reference Manual, "Font tables".
package ttf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Point is a control point in font units; On is false for the middle point of a quadratic curve.
type Point struct {
	X, Y float64
	On   bool
}

// Contour is a closed outline; its last point joins its first.
type Contour []Point

// Font is a parsed font file.
type Font struct {
	glyf, loca, cmap []byte
	long             bool // offsets in loca have 32 bits
	UnitsPerEm       int
}

var errShort = errors.New("ttf: table is truncated")

// Parse reads the table directory.
func Parse(b []byte) (*Font, error) {
	if len(b) < 12 {
		return nil, errShort
	}
	tables := map[string][]byte{}
	for i := range int(binary.BigEndian.Uint16(b[4:])) {
		at := 12 + 16*i
		if len(b) < at+16 {
			return nil, errShort
		}
		off, n := uint64(binary.BigEndian.Uint32(b[at+8:])), uint64(binary.BigEndian.Uint32(b[at+12:]))
		if off+n > uint64(len(b)) {
			return nil, errShort
		}
		tables[string(b[at:at+4])] = b[off : off+n]
	}
	head := tables["head"]
	if len(head) < 54 {
		return nil, errShort
	}
	f := &Font{glyf: tables["glyf"], loca: tables["loca"], long: head[51] == 1, UnitsPerEm: int(binary.BigEndian.Uint16(head[18:]))}
	return f, f.findMap(tables["cmap"])
}

// findMap picks the character map of format 4.
func (f *Font) findMap(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	for i := range int(binary.BigEndian.Uint16(b[2:])) {
		at := 4 + 8*i
		if len(b) < at+8 {
			return errShort
		}
		off := uint64(binary.BigEndian.Uint32(b[at+4:]))
		if off+14 <= uint64(len(b)) && binary.BigEndian.Uint16(b[off:]) == 4 {
			f.cmap = b[off:]
			return nil
		}
	}
	return fmt.Errorf("ttf: no character map of format 4")
}

// glyph returns the number of the glyph for r, 0 if there is none.
func (f *Font) glyph(r rune) (int, error) {
	n := int(binary.BigEndian.Uint16(f.cmap[6:])) / 2 // segments
	if len(f.cmap) < 16+8*n {
		return 0, errShort
	}
	at := func(table, i int) int { return int(binary.BigEndian.Uint16(f.cmap[14+table+2*i:])) }
	for i := range n {
		end, start := at(0, i), at(2+2*n, i)
		if int(r) < start || int(r) > end {
			continue
		}
		delta, offset := at(2+4*n, i), at(2+6*n, i)
		if offset == 0 {
			return (int(r) + delta) & 0xffff, nil
		}
		p := 14 + 2 + 6*n + 2*i + offset + 2*(int(r)-start)
		if p+2 > len(f.cmap) {
			return 0, errShort
		}
		return int(binary.BigEndian.Uint16(f.cmap[p:])), nil
	}
	return 0, nil
}

// Outline returns the contours of the letter r. Glyphs made of other glyphs are refused.
func (f *Font) Outline(r rune) ([]Contour, error) {
	g, err := f.glyph(r)
	if err != nil {
		return nil, err
	}
	data, err := f.data(g)
	if err != nil || len(data) < 10 {
		return nil, errors.Join(err, fmt.Errorf("ttf: no outline for %q", r))
	}
	n := int(int16(binary.BigEndian.Uint16(data)))
	if n <= 0 {
		return nil, fmt.Errorf("ttf: %q is a compound or empty glyph", r)
	}
	return simple(data[10:], n)
}

func (f *Font) data(g int) ([]byte, error) {
	offset := func(i int) (uint64, error) {
		if f.long {
			if len(f.loca) < 4*i+4 {
				return 0, errShort
			}
			return uint64(binary.BigEndian.Uint32(f.loca[4*i:])), nil
		}
		if len(f.loca) < 2*i+2 {
			return 0, errShort
		}
		return 2 * uint64(binary.BigEndian.Uint16(f.loca[2*i:])), nil
	}
	lo, err := offset(g)
	if err != nil {
		return nil, err
	}
	hi, err := offset(g + 1)
	if err != nil || lo > hi || hi > uint64(len(f.glyf)) {
		return nil, errShort
	}
	return f.glyf[lo:hi], nil
}
