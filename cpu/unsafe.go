package cpu

import (
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// This file is the package's only use of unsafe: tensors of all dtypes live in blocks of bytes that GoMLX reads as typed
// slices, and kernels want blocks aligned to cache lines.

// flatOf returns a block as the flat Go slice of a shape.
func flatOf(block []byte, s shapes.Shape) any {
	if len(block) == 0 {
		return dtypes.MakeAnySlice(s.DType, 0)
	}
	return dtypes.UnsafeAnySliceFromBytes(unsafe.Pointer(unsafe.SliceData(block)), s.DType, s.Size())
}

// aligned allocates bytes on the Go heap, the first at a multiple of 64.
func aligned(size int) []byte {
	raw := make([]byte, size+63)
	at := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & 63
	return raw[at : at+size : at+size]
}
