package main

import "syscall"

// memoryTotal is the machine's memory in bytes, 0 if it cannot be told.
func memoryTotal() int64 {
	var i syscall.Sysinfo_t
	if err := syscall.Sysinfo(&i); err != nil {
		return 0
	}
	return int64(uint64(i.Totalram) * uint64(i.Unit))
}
