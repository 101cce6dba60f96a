//go:build !linux

package main

// memoryTotal is the machine's memory in bytes, 0 if it cannot be told.
func memoryTotal() int64 { return 0 }

// memoryAvailable is the memory that a process can still have, 0 if it cannot be told.
func memoryAvailable() int64 { return 0 }
