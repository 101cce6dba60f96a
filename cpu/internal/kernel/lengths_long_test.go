//go:build long

package kernel

const (
	lengths    = 1001
	rowLengths = 1001
)
