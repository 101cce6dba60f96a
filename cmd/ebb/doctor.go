package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/ckpt"
)

// doctorCmd is the verb doctor.
type doctorCmd struct {
	JSON      bool   `name:"json" help:"As JSON."`
	XLAPlugin string `name:"xla-plugin" help:"PJRT plugin to try." env:"EBB_XLA_PLUGIN" placeholder:"FILE"`
}

// checkup is what doctor finds.
type checkup struct {
	Version  string            `json:"ebb"`
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	Cores    int               `json:"cores"`
	Memory   int64             `json:"memory_bytes"` // 0: not known
	Free     int64             `json:"free_disk_bytes"`
	Backends map[string]string `json:"backends"` // description, or why it cannot be had
	Advice   []string          `json:"advice"`
}

// Run implements the verb.
func (c *doctorCmd) Run(a *app) error {
	r := c.examine()
	if c.JSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(a.stdout, "ebb %s, %s, %s, %d cores", r.Version, r.Go, r.Platform, r.Cores)
	if r.Memory > 0 {
		fmt.Fprintf(a.stdout, ", %.1f GB of memory", float64(r.Memory)/1e9)
	}
	fmt.Fprintf(a.stdout, "\nfree on the disk of this folder: %.1f GB\n", float64(r.Free)/1e9)
	for _, name := range backend.Names() {
		fmt.Fprintf(a.stdout, "backend %-4s %s\n", name, r.Backends[name])
	}
	for _, l := range r.Advice {
		fmt.Fprintf(a.stdout, "- %s\n", l)
	}
	return nil
}

func (c *doctorCmd) examine() checkup {
	r := checkup{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(),
		Memory: memoryTotal(), Backends: map[string]string{}}
	dir, err := os.Getwd()
	if err == nil {
		r.Free, err = ckpt.OS().Free(dir)
	}
	if err != nil {
		r.Advice = append(r.Advice, fmt.Sprintf("the free space of the disk cannot be told: %v", err))
	} else if r.Free < 2<<30 {
		r.Advice = append(r.Advice, "less than 2 GB are free here: checkpoints of larger networks will not fit; make room or use another --run folder")
	}
	for _, s := range backend.Probe(backend.Options{Plugin: c.XLAPlugin}) {
		if s.Err != nil {
			r.Backends[s.Name] = "no: " + s.Err.Error()
			continue
		}
		r.Backends[s.Name] = "works: " + s.About
	}
	if r.Platform != "linux/amd64" && runtime.GOARCH != "amd64" {
		r.Advice = append(r.Advice, "the CPU engine has fast kernels for amd64 only so far: expect it to be slow here")
	}
	return r
}
