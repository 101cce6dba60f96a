package exec

import (
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// This file is the package's only use of unsafe: memory comes as bytes, since one arena holds values of every type, and
// kernels want typed slices.

// view returns the first n values of a block as a slice of T. Blocks are aligned to at least 8 bytes.
func view[T any](block []byte, n int) []T {
	if n == 0 {
		return nil
	}
	var t T
	_ = block[n*int(unsafe.Sizeof(t))-1]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(block))), n)
}

// flat returns a block as the flat Go slice of a shape.
func flat(block []byte, s shapes.Shape) any {
	if s.Size() == 0 {
		return dtypes.MakeAnySlice(s.DType, 0)
	}
	return dtypes.UnsafeAnySliceFromBytes(unsafe.Pointer(unsafe.SliceData(block)), s.DType, s.Size())
}

// bytesOf returns a flat Go slice as bytes.
func bytesOf(values any, s shapes.Shape) []byte {
	if s.Size() == 0 {
		return nil
	}
	return dtypes.UnsafeByteSliceFromAny(values)
}
