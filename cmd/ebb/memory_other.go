//go:build !linux

package main

// memoryTotal is the machine's memory in bytes, 0 if it cannot be told.
func memoryTotal() int64 { return 0 }
