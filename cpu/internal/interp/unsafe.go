package interp

import (
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// This file is the package's only use of unsafe: blocks of bytes become typed slices, and operations that only move
// elements see them as words of the elements' size.

// flatOf returns a block as the flat Go slice of a shape with at least one element.
func flatOf(block []byte, s shapes.Shape) any {
	_ = block[s.ByteSize()-1]
	return dtypes.UnsafeAnySliceFromBytes(unsafe.Pointer(unsafe.SliceData(block)), s.DType, s.Size())
}

// words returns a tensor's elements as words of the same size.
func words[T any](t Tensor) []T {
	b := t.Bytes()
	if len(b) == 0 {
		return nil
	}
	var w T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(w)))
}
