// Package parse reads the published formats of image arrays (NumPy .npy, IDX, CIFAR's binary and Python archives) from
// bytes in memory. No function panics, runs code from a file, or allocates more than a small multiple of its input.
package parse

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Type is the element type of an Array.
type Type uint8

// Element types; the ones with more than one byte are stored little-endian.
const (
	Uint8 Type = iota
	Int8
	Uint16
	Int16
	Int32
	Uint32
	Int64
	Uint64
	Float16
	Float32
	Float64
	Bool
)

// Size is the number of bytes of one element.
func (t Type) Size() int {
	return [...]int{1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 1}[t]
}

func (t Type) String() string {
	return [...]string{"uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64", "bool"}[t]
}

// Array is a dense array in C order. Data may share memory with the bytes it was read from.
type Array struct {
	Type  Type
	Shape []int
	Data  []byte
}

// Len is the number of elements.
func (a Array) Len() int { return len(a.Data) / a.Type.Size() }

// elements multiplies a shape out; it fails on a negative size and on products that could not be in memory.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("negative size in shape %v", shape)
		}
		if d > 0 && n > math.MaxInt64/16/d {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= d
	}
	return n, nil
}

// Ints returns the elements of an integer array, as labels are stored; values outside int32 are an error.
func (a Array) Ints() ([]int32, error) {
	if a.Type >= Float16 && a.Type != Bool {
		return nil, fmt.Errorf("labels are %s, expected integers", a.Type)
	}
	out := make([]int32, a.Len())
	for i := range out {
		v, ok := a.integer(i)
		if !ok {
			return nil, fmt.Errorf("label %d does not fit 32 bits", i)
		}
		out[i] = v
	}
	return out, nil
}

func (a Array) integer(i int) (int32, bool) {
	b := a.Data[i*a.Type.Size():]
	var v int64
	switch a.Type {
	case Uint8, Bool:
		v = int64(b[0])
	case Int8:
		v = int64(int8(b[0]))
	case Uint16:
		v = int64(binary.LittleEndian.Uint16(b))
	case Int16:
		v = int64(int16(binary.LittleEndian.Uint16(b)))
	case Int32:
		v = int64(int32(binary.LittleEndian.Uint32(b)))
	case Uint32:
		v = int64(binary.LittleEndian.Uint32(b))
	case Int64:
		v = int64(binary.LittleEndian.Uint64(b))
	case Uint64:
		u := binary.LittleEndian.Uint64(b)
		v = int64(min(u, math.MaxInt64))
	}
	return int32(v), v == int64(int32(v))
}

// AppendFloat32 appends elements lo … hi-1 of a floating-point array to dst as little-endian float32.
func (a Array) AppendFloat32(dst []byte, lo, hi int) []byte {
	size := a.Type.Size()
	for b := range slices.Chunk(a.Data[lo*size:hi*size], size) {
		var bits uint32
		switch a.Type {
		case Float16:
			bits = math.Float32bits(half(binary.LittleEndian.Uint16(b)))
		case Float32:
			bits = binary.LittleEndian.Uint32(b)
		case Float64:
			bits = math.Float32bits(float32(math.Float64frombits(binary.LittleEndian.Uint64(b))))
		}
		dst = binary.LittleEndian.AppendUint32(dst, bits)
	}
	return dst
}

// half widens an IEEE 754 binary16 value.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0:
		v := float32(frac) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(v))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
