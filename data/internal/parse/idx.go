package parse

import (
	"encoding/binary"
	"fmt"
)

// IDX reads the format of the MNIST family: two zero bytes, a type code, the number of dimensions, their sizes
// (big-endian 32 bit), then the elements (LeCun, Cortes and Burges, "The MNIST database", section "file formats").
// The result shares memory with b for single-byte types.
func IDX(b []byte) (Array, error) {
	if len(b) < 4 || b[0] != 0 || b[1] != 0 {
		return Array{}, fmt.Errorf("idx: not an IDX file (it must start with two zero bytes)")
	}
	types := map[byte]Type{8: Uint8, 9: Int8, 11: Int16, 12: Int32, 13: Float32, 14: Float64}
	t, ok := types[b[2]]
	rank := int(b[3])
	if !ok || rank == 0 || rank > 8 || len(b) < 4+4*rank {
		return Array{}, fmt.Errorf("idx: type code %d with %d dimensions in %d bytes is not readable", b[2], rank, len(b))
	}
	a := Array{Type: t, Data: b[4+4*rank:]}
	for i := range rank {
		a.Shape = append(a.Shape, int(binary.BigEndian.Uint32(b[4+4*i:])))
	}
	n, err := elements(a.Shape)
	if err != nil {
		return Array{}, fmt.Errorf("idx: %w", err)
	}
	if n*t.Size() != len(a.Data) {
		return Array{}, fmt.Errorf("idx: shape %v of %s needs %d bytes, the file has %d (truncated?)", a.Shape, t, n*t.Size(), len(a.Data))
	}
	if t.Size() > 1 {
		a.Data = swapped(a.Data, t.Size())
	}
	return a, nil
}
