package cpu

import "syscall"

const (
	hugeFrom   = 4 << 20 // regions of this size and more; smaller ones would take more memory than they need
	adviseHuge = 14      // MADV_HUGEPAGE, which package syscall does not name on every architecture
	populate   = 23      // MADV_POPULATE_WRITE, of Linux 5.14
)

// useHugePages asks for pages of 2 MiB: with pages of 4 KiB an element-wise kernel on memory that is not in cache waits for
// address translation more than for data.
func useHugePages(region []byte) {
	if len(region) >= hugeFrom {
		_ = syscall.Madvise(region, adviseHuge) // a kernel without them serves small ones
	}
}

// touch makes all pages of a block present in one call, instead of one fault for each as a tensor is first written: where memory is
// virtualised twice, faults took a third of the time to the first step.
func touch(block []byte) {
	_ = syscall.Madvise(block, populate) // an older kernel faults them in
}
