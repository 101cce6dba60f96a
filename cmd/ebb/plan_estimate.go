package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// plan is what a run will need.
type plan struct {
	Recipe     string `json:"recipe"`
	Parameters int    `json:"parameters"`
	Images     int64  `json:"images"`
	Batch      int    `json:"batch"`
	Steps      int64  `json:"steps"`

	Variables int64 `json:"variables_bytes"` // weights, optimiser, averages, and the copy that is being saved
	Train     need  `json:"train"`           // one step
	HeldOut   need  `json:"held_out"`        // one batch at one noise level
	Sample    need  `json:"sample"`          // one call of the network
	Peak      int64 `json:"peak_memory_bytes"`
	Known     bool  `json:"memory_from_engine"` // the engine said what computations need; else only variables and batches are counted
	Available int64 `json:"available_memory_bytes"`

	Checkpoint int64 `json:"checkpoint_bytes"`
	Disk       int64 `json:"disk_bytes"` // that the run will take beyond what it has
	Free       int64 `json:"free_disk_bytes"`

	PerStep float64 `json:"seconds_per_step,omitempty"`
	Seconds float64 `json:"seconds_total,omitempty"`
}

const (
	ownMemory  = 96 << 20 // of the program itself, its loaders, buffers, and garbage not yet collected
	keptMemory = 64 << 20 // least memory that the engine keeps for reuse when a computation is done (cpu.Backend)
	numberSize = 4        // bytes of a float32
	// Checkpoints on disk at once: the newest three (train.FolderOptions.Keep), the best, and the one being written.
	mostCheckpoints = 5
)

// estimate works out what a resolved configuration needs, without running any of it. held is how many pictures are held out.
func estimate(ctx context.Context, c recipe.Config, held int, engine compute.Backend, folder string) (*plan, error) {
	m, err := c.Model()
	if err != nil {
		return nil, err
	}
	t := c.Train
	p := &plan{Recipe: c.Recipe, Parameters: m.Parameters, Images: t.Images, Batch: t.Batch, Steps: (t.Images + int64(t.Batch) - 1) / int64(t.Batch),
		Available: memoryAvailable()}
	weights := int64(m.Parameters) * numberSize
	p.Checkpoint = weights * int64(3+len(t.Averages)) // weights, two moments of AdamW, averages
	p.Variables = 2 * p.Checkpoint                    // the second is the copy that is being saved
	if t.Parts > 1 {
		p.Variables += weights // sums of gradients
	}
	if err := p.lookAtDisk(folder, weights); err != nil {
		return nil, err
	}
	p.Peak = ownMemory + p.Variables + p.batches(c, m)
	if p.Available > 0 && p.Peak > p.Available { // compiling would not fit either
		return p, nil
	}
	return p, p.compile(ctx, c, m, min(held, c.HeldOut.Images), engine)
}

// batches is the memory of a piece of a batch: data, noise, and the loader's three batches ahead.
func (p *plan) batches(c recipe.Config, m *recipe.Model) int64 {
	sample := int64(m.Height) * int64(m.Width) * int64(m.Channels) * numberSize
	return sample * int64(2*c.Train.Batch/c.Train.Parts+4*c.Train.Batch)
}

// lookAtDisk finds out how much room there is, and how much of what a run takes it has taken already.
func (p *plan) lookAtDisk(folder string, weights int64) error {
	all, _, err := ckpt.List(folder)
	var there int64
	if err == nil { // else there is no such run yet
		for _, i := range all {
			there += i.Bytes
		}
	}
	p.Disk = max(0, mostCheckpoints*p.Checkpoint+weights-there)
	p.Free, err = ckpt.OS().Free(existing(folder))
	return withCode(exitIO, err)
}

// existing is the nearest folder above a path that is there.
func existing(path string) string {
	path, err := filepath.Abs(path)
	for err == nil {
		if _, err := ckpt.OS().ReadDir(path); err == nil {
			return path
		}
		if filepath.Dir(path) == path {
			break
		}
		path = filepath.Dir(path)
	}
	return "."
}

// compile lets the engine compile each computation of the run, and say what it needs.
func (p *plan) compile(ctx context.Context, c recipe.Config, m *recipe.Model, held int, engine compute.Backend) error {
	d := &dry{Backend: engine}
	task, err := c.Task(m)
	if err != nil {
		return err
	}
	store := model.NewStore()
	defer store.Finalize()
	t := c.Train
	step, err := task.NewStep(d, store, t.Seed, train.StepConfig{AdamW: t.AdamW, Clip: t.Clip, Averages: t.Averages, Parts: 1})
	if err != nil {
		return err
	}
	defer step.Finalize()
	if held > 0 {
		if err := dryHeldOut(ctx, d, store, c, task, m, held); err != nil {
			return fmt.Errorf("planning the held-out loss: %w", err)
		}
		p.HeldOut = d.take()
	}
	if err := drySample(ctx, d, store, c, m); err != nil {
		return fmt.Errorf("planning samples: %w", err)
	}
	p.Sample = d.take()
	if err := dryTrain(step, c, task); err != nil { // last: what is donated to a step is lost
		return fmt.Errorf("planning a training step: %w", err)
	}
	p.Train = d.take()
	p.Train.FLOPs *= float64(t.Parts)
	p.Known = d.known
	// Memory of a step that is over is kept for the next while another computation runs, as far as the engine keeps any.
	kept := min(p.Train.Memory, max(keptMemory, p.Variables/2))
	// A tenth more is for blocks that are rounded up to the sizes that the engine keeps.
	p.Peak += max(p.Train.Memory, kept+p.HeldOut.Memory, kept+p.Sample.Memory) * 11 / 10
	return nil
}

// dryTrain compiles a step on one piece of a batch.
func dryTrain(step *train.Step, c recipe.Config, task *train.Task) error {
	t := c.Train
	n := t.Batch / t.Parts
	empty := make([]float32, n*task.Objective.Size)
	piece := train.Piece{X0: empty, Classes: make([]int32, n), Dropout: make([]uint32, n),
		Draws: &diffusion.Draws{Noise: empty, InputNoise: empty, Terms: make([]float32, n*diffusion.NumTerms)}}
	_, err := task.Run(step, 0, make([]float64, len(t.Averages)), func(int) (train.Piece, error) { return piece, nil })
	return compiled(err)
}

// nothing is a source of black pictures.
type nothing struct{ batch, size int }

// Batch implements train.Source.
func (n nothing) Batch(int64) (*data.Batch, error) {
	return &data.Batch{Images: make([]float32, n.batch*n.size), Labels: make([]int32, n.batch)}, nil
}

func dryHeldOut(ctx context.Context, d *dry, store *model.Store, c recipe.Config, task *train.Task, m *recipe.Model, held int) error {
	batch := min(c.HeldOut.Batch, held)
	h, err := train.NewHeldOut(d, task, train.HeldOutConfig{Data: nothing{batch, task.Objective.Size}, Images: batch, Batch: batch, Levels: 1, Null: m.Null})
	if err != nil {
		return err
	}
	defer h.Finalize()
	_, err = h.Measure(ctx, train.Weights(store))
	return compiled(err)
}

func drySample(ctx context.Context, d *dry, store *model.Store, c recipe.Config, m *recipe.Model) error {
	g, err := newGenerator(d, train.Weights(store), m)
	if err != nil {
		return err
	}
	defer g.Finalize()
	r, err := request(c, m, previewed(c))
	if err != nil {
		return err
	}
	return compiled(g.Draw(ctx, r, func(int, []float32) error { return nil }))
}

// compiled is the error of a computation that was to be compiled only.
func compiled(err error) error {
	if errors.Is(err, errDry) {
		return nil
	}
	if err == nil {
		err = errors.New("nothing was executed")
	}
	return err
}
