package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute"
)

// benchCmd is the verb bench.
type benchCmd struct {
	Work      string `help:"What to run: unet-cifar, unet-small, dit-s or text-base." default:"unet-small" enum:"unet-cifar,unet-small,dit-s,text-base"`
	Batch     int    `help:"Samples in a batch." default:"16"`
	Steps     int    `help:"Training steps to time, after two to warm up." default:"3"`
	Sample    int    `help:"Time this many sampler steps (forward passes) instead of training." placeholder:"N"`
	Precision string `help:"f32 or bf16." default:"f32" enum:"f32,bf16"`
	JSON      bool   `name:"json" help:"One line of JSON, with the fields of torch_bench.py."`
	Kernels   bool   `help:"Measure every kernel of the engine beside the machine's limits instead."`
	Rounds    int    `help:"Of --kernels: sweep so often and keep the best of each." default:"1"`
	Profile   bool   `help:"Print the engine's profile by kernel, if it keeps one."`
	engineFlags
}

// Help is shown below the flags.
func (*benchCmd) Help() string {
	return `Times one work on the engine: the minimum over the steps is the figure to compare.

  ebb bench --work unet-small --batch 16 --steps 5
  ebb bench --work unet-cifar --sample 6 --json`
}

// benchResult is the line of JSON. Fields that torch_bench.py prints too have its names.
type benchResult struct {
	Peer    string  `json:"peer"`
	Work    string  `json:"work"`
	Kind    string  `json:"kind"`
	Mode    string  `json:"mode"`
	Backend string  `json:"backend"`
	Batch   int     `json:"batch"`
	Threads int     `json:"threads"`
	Params  int     `json:"params"`
	PerStep float64 `json:"s_per_step"`
	Median  float64 `json:"s_median"`
	PerS    float64 `json:"per_s"`
	Warm    float64 `json:"warm_s"`       // the first two steps, compiling included
	Import  float64 `json:"import_s"`     // from the start of the process to a network with its weights
	Compile float64 `json:"compile_s"`    // of the first step beyond the fastest: building the graph, compiling, first touch of memory
	First   float64 `json:"first_step_s"` // from the start of the process to the end of the first step
	Loss    float64 `json:"loss"`         // of the last step
	PeakMiB int     `json:"peak_rss_mib"`
}

// profiler is what an engine with a profile by kernel offers.
type profiler interface {
	WriteProfile(w io.Writer) error
}

// Run implements the verb.
func (c *benchCmd) Run(a *app) error {
	if c.Kernels {
		return c.kernels(a)
	}
	if err := c.check(); err != nil {
		return usage(err)
	}
	b, err := c.open()
	if err != nil {
		return err
	}
	defer b.Finalize()
	r, err := c.measure(a, b)
	if err != nil {
		return err
	}
	if err := r.print(a.stdout, c.JSON); err != nil || !c.Profile {
		return err
	}
	p, ok := b.(profiler)
	if !ok {
		return fmt.Errorf("backend %s keeps no profile: leave out --profile", c.Backend)
	}
	return p.WriteProfile(a.stdout)
}

func (c *benchCmd) check() error {
	switch {
	case c.Batch < 1:
		return fmt.Errorf("--batch %d: give at least 1", c.Batch)
	case c.Sample < 0 || c.Sample == 0 && c.Steps < 1:
		return fmt.Errorf("nothing to time: give --steps or --sample of at least 1")
	case c.Precision == "bf16":
		return fmt.Errorf("--precision bf16: the engines of this build compute in f32 only")
	}
	return nil
}

// prepare builds the runner of the work.
func (c *benchCmd) prepare(b compute.Backend) (runner, work, error) {
	w, err := newWork(c.Work)
	if err != nil {
		return nil, w, err
	}
	if c.Sample > 0 {
		r, err := w.sampling(b, c.Batch)
		return r, w, err
	}
	r, err := w.training(b, c.Batch)
	return r, w, err
}

const warmUps = 2

func (c *benchCmd) measure(a *app, b compute.Backend) (benchResult, error) {
	r := benchResult{Peer: "ebb-" + version, Work: c.Work, Kind: "train", Mode: strings.Replace(c.Precision, "f32", "fp32", 1),
		Backend: c.Backend, Batch: c.Batch, Threads: c.Threads}
	steps := c.Steps
	if c.Sample > 0 {
		r.Kind, steps = "sample", c.Sample
	}
	do, w, err := c.prepare(b)
	if err != nil {
		return r, err
	}
	r.Params, r.Import = w.net.Params().Count(), time.Since(a.start).Seconds()
	warm := time.Now()
	var first time.Duration
	var times []float64
	for k := range warmUps + steps {
		t := time.Now()
		if r.Loss, err = do(); err != nil {
			return r, err
		}
		if math.IsNaN(r.Loss) || math.IsInf(r.Loss, 0) {
			return r, withCode(exitNumerics, fmt.Errorf("step %d of %s gives %v: the engine computes wrongly", k, c.Work, r.Loss))
		}
		switch {
		case k == 0:
			first, r.First = time.Since(t), time.Since(a.start).Seconds()
		case k == warmUps-1:
			r.Warm = time.Since(warm).Seconds()
		case k >= warmUps:
			times = append(times, time.Since(t).Seconds())
		}
	}
	slices.Sort(times)
	r.PerStep, r.Median, r.PerS = times[0], times[len(times)/2], float64(c.Batch)/times[0]
	r.Compile = max(0, first.Seconds()-r.PerStep)
	r.PeakMiB = peakRSS()
	return r, nil
}

func (r benchResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		for _, v := range []*float64{&r.PerStep, &r.Median, &r.PerS, &r.Warm, &r.Import, &r.Compile, &r.First} {
			*v = math.Round(*v*1e4) / 1e4
		}
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, `%s, %s, batch %d, %d threads, backend %s, %s: %d parameters
  %.4f s per step (median %.4f), %.1f images/s
  compiled in %.2f s; first step done %.2f s after the start; peak memory %d MiB
`, r.Work, r.Kind, r.Batch, r.Threads, r.Backend, r.Mode, r.Params, r.PerStep, r.Median, r.PerS, r.Compile, r.First, r.PeakMiB)
	return err
}
