//go:build linux || darwin

package cpu

import "syscall"

// mapRegion maps memory of zeros. Its margins are read once, so that their pages are present: a masked load that touches an
// absent page is emulated by the processor, hundreds of times slower. Pages that were only read take no memory.
func mapRegion(size int) ([]byte, error) {
	region, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	useHugePages(region)
	var sum byte
	for at := 0; at < margin; at += pageSize {
		sum |= region[at] | region[size-1-at]
	}
	region[0] = sum // keeps the compiler from leaving the reads out
	return region, nil
}

func unmapRegion(region []byte) {
	// Unmapping what was mapped whole cannot fail; and there is nothing that a caller could do.
	_ = syscall.Munmap(region)
}
