package main

import (
	"github.com/ebb-ml/ebb/backend"
	"github.com/gomlx/compute"
)

// engineFlags choose the backend.
type engineFlags struct {
	Backend   string `help:"Engine: cpu, go (slow oracle) or xla." default:"cpu" enum:"cpu,go,xla"`
	XLAPlugin string `name:"xla-plugin" help:"PJRT plugin for --backend xla." env:"EBB_XLA_PLUGIN" hidden:""`
	Threads   int    `help:"Threads to compute with; 0 means all cores." default:"0"`
}

// open sets the number of threads and opens the engine.
func (f *engineFlags) open() (compute.Backend, error) {
	f.Threads = setThreads(f.Threads)
	b, err := backend.Open(backend.Options{Name: f.Backend, Threads: f.Threads, Plugin: f.XLAPlugin})
	return b, usage(err)
}
