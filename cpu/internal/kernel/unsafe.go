package kernel

import "unsafe"

// This is the package's only file that imports unsafe. Kernels written in assembly take bare pointers, because a slice
// would cost three words an argument and its bounds could not be checked there anyway; drivers check sizes once, on
// slices, and step through them with these two.

// offset returns the address of p[n]. The result must lie within the slice that p points into, or one past its last
// element and never be read.
func offset(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}

// view returns the n floats from p on as a slice, for the reference kernels.
func view(p *float32, n int) []float32 { return unsafe.Slice(p, n) }
