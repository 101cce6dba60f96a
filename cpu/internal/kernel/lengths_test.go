//go:build !long

package kernel

// lengths is how many lengths, from 0 on, tests of kernels over vectors and rows try.
const (
	lengths    = 150
	rowLengths = 41
)
