//go:build !amd64

package pool

import "sync/atomic"

// pause waits a few nanoseconds n times. The load cannot be optimised away.
func pause(n int) {
	var cell atomic.Uint32
	for range 4 * n {
		cell.Load()
	}
}
