package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// memoryTotal is the machine's memory in bytes, 0 if it cannot be told.
func memoryTotal() int64 {
	var i syscall.Sysinfo_t
	if err := syscall.Sysinfo(&i); err != nil {
		return 0
	}
	return int64(uint64(i.Totalram) * uint64(i.Unit))
}

// memoryAvailable is the memory that this process can still have without swapping, 0 if it cannot be told: what the kernel says is
// available, or less where the process's control group (a container, a batch job) is held to less.
func memoryAvailable() int64 {
	available := field("/proc/meminfo", "MemAvailable:") << 10
	group, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return available
	}
	most, err := strconv.ParseInt(strings.TrimSpace(string(group)), 10, 64)
	if err != nil { // "max"
		return available
	}
	used := field("/sys/fs/cgroup/memory.stat", "anon") + field("/sys/fs/cgroup/memory.stat", "kernel")
	return min(available, max(most-used, 1))
}

// field is the number that follows a name at the beginning of a line of a file; 0 if there is none.
func field(path, name string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
