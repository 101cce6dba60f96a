//go:build unix

package main

import (
	"os"
	"syscall"
)

// stopSignals end a run in good order. SIGUSR1 is what Slurm sends before the time is up.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1} }
