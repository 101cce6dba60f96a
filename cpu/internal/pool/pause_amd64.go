package pool

// pause executes n PAUSE instructions, n >= 1.
//
//go:noescape
func pause(n int)
