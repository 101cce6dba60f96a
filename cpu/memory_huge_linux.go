package cpu

import "syscall"

const (
	hugeFrom   = 4 << 20 // regions of this size and more; smaller ones would take more memory than they need
	adviseHuge = 14      // MADV_HUGEPAGE, which package syscall does not name on every architecture
)

// useHugePages asks for pages of 2 MiB: with pages of 4 KiB an element-wise kernel on memory that is not in cache waits for
// address translation more than for data.
func useHugePages(region []byte) {
	if len(region) >= hugeFrom {
		_ = syscall.Madvise(region, adviseHuge) // a kernel without them serves small ones
	}
}
