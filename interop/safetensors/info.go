package safetensors

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Info describes one tensor of a file.
type Info struct {
	Name       string
	DType      DType
	Shape      []int // row-major; empty for a single number
	Begin, End int64 // byte range, counted from the end of the header
}

// Size returns the number of bytes that the type and shape ask for. It fails on an unknown type, a negative dimension, a size beyond an int64,
// and elements that do not fill whole bytes.
func (t Info) Size() (int64, error) {
	if !t.DType.valid() {
		return 0, fmt.Errorf("%v is not an element type", t.DType)
	}
	n := uint64(1)
	for _, d := range t.Shape {
		hi, lo := bits.Mul64(n, uint64(d))
		if d < 0 || hi != 0 {
			return 0, fmt.Errorf("shape %v is negative or overflows", t.Shape)
		}
		n = lo
	}
	hi, lo := bits.Mul64(n, uint64(t.DType.Bits()))
	switch {
	case hi != 0 || lo/8 > 1<<62:
		return 0, fmt.Errorf("shape %v of %v overflows", t.Shape, t.DType)
	case lo%8 != 0:
		return 0, fmt.Errorf("%d elements of %v do not fill whole bytes", n, t.DType)
	}
	return int64(lo / 8), nil
}

// checkCover sorts tensors into file order and refuses byte ranges that overlap, leave gaps, do not fit their shapes, or end elsewhere
// than the data does: every byte of a file belongs to exactly one tensor, so that nothing can hide in it.
func checkCover(tensors []Info, dataSize int64) error {
	slices.SortFunc(tensors, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End), cmp.Compare(a.Name, b.Name))
	})
	at := int64(0)
	for _, t := range tensors {
		size, err := t.Size()
		switch {
		case err != nil:
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		case t.Begin < at:
			return fmt.Errorf("tensor %q: begins at byte %d, inside the tensor before it, which ends at %d", t.Name, t.Begin, at)
		case t.Begin > at:
			return fmt.Errorf("tensor %q: begins at byte %d, which leaves a gap after byte %d", t.Name, t.Begin, at)
		case t.End-t.Begin != size:
			return fmt.Errorf("tensor %q: has %d bytes where shape %v of %v needs %d", t.Name, t.End-t.Begin, t.Shape, t.DType, size)
		}
		at = t.End
	}
	if at < dataSize {
		return fmt.Errorf("%d bytes after the last tensor belong to none", dataSize-at)
	}
	if at > dataSize {
		return fmt.Errorf("truncated: the tensors need %d bytes of data and the file has %d", at, dataSize)
	}
	return nil
}

// layOut returns a copy of tensors in the order of the reference writer, widest alignment first, then by name, with their byte ranges set.
func layOut(tensors []Info) ([]Info, error) {
	out := slices.Clone(tensors)
	slices.SortFunc(out, func(a, b Info) int { return cmp.Or(cmp.Compare(b.DType, a.DType), cmp.Compare(a.Name, b.Name)) })
	at := int64(0)
	seen := make(map[string]bool, len(out))
	for i := range out {
		t := &out[i]
		size, err := t.Size()
		switch {
		case err != nil:
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		case t.Name == metadataKey:
			return nil, errors.New(`a tensor cannot be named "__metadata__"`)
		case seen[t.Name]:
			return nil, fmt.Errorf("tensor %q: occurs twice", t.Name)
		case at+size < at:
			return nil, fmt.Errorf("tensor %q: the file would be larger than an int64 counts", t.Name)
		}
		seen[t.Name] = true
		t.Begin, t.End = at, at+size
		at = t.End
	}
	return out, nil
}
