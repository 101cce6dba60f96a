//go:build !unix

package main

// peakRSS is the most memory that the process has held, in MiB; 0 where that is not known.
func peakRSS() int { return 0 }
