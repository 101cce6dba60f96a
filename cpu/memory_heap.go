//go:build !linux && !darwin

package cpu

// mapRegion takes memory from the Go heap, where no other way is known.
func mapRegion(size int) ([]byte, error) { return aligned(size), nil }

func unmapRegion([]byte) {}
