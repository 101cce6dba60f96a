package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// plan is what a run will need.
type plan struct {
	Recipe     string `json:"recipe"`
	Parameters int    `json:"parameters"`
	Images     int64  `json:"images,omitempty"`
	Tokens     int64  `json:"tokens,omitempty"`
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

// estimate works out what a resolved configuration needs, without running any of it. held is how many pictures or rows are held out.
func estimate(ctx context.Context, c recipe.Config, held int, engine compute.Backend, folder string) (*plan, error) {
	k, err := kindOf(c, held)
	if err != nil {
		return nil, err
	}
	t := c.Train
	perStep := int64(t.Batch) * k.task.Unit().PerRow
	p := &plan{Recipe: c.Recipe, Parameters: k.parameters, Images: t.Images, Tokens: t.Tokens, Batch: t.Batch, Steps: (t.Target() + perStep - 1) / perStep,
		Available: memoryAvailable()}
	weights := int64(k.parameters) * numberSize
	p.Checkpoint = weights * int64(3+len(t.Averages)) // weights, two moments of AdamW, averages
	p.Variables = 2 * p.Checkpoint                    // the second is the copy that is being saved
	if t.Parts > 1 {
		p.Variables += weights // sums of gradients
	}
	if err := p.lookAtDisk(folder, weights*int64(1+t.Snapshots*len(t.Averages))); err != nil {
		return nil, err
	}
	p.Peak = ownMemory + p.Variables + k.rowBytes*int64(2*t.Batch/t.Parts+4*t.Batch) // a piece with its noise, the loader's three batches ahead
	if p.Available > 0 && p.Peak > p.Available {                                     // compiling would not fit either
		return p, nil
	}
	return p, p.compile(ctx, c, k, engine)
}

// lookAtDisk finds out how much room there is, and how much of what a run takes it has taken already. others is what the run writes besides
// checkpoints.
func (p *plan) lookAtDisk(folder string, others int64) error {
	all, _, err := ckpt.List(folder)
	var there int64
	if err == nil { // else there is no such run yet
		for _, i := range all {
			there += i.Bytes
		}
	}
	p.Disk = max(0, mostCheckpoints*p.Checkpoint+others-there)
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
func (p *plan) compile(ctx context.Context, c recipe.Config, k *planKind, engine compute.Backend) error {
	d := &dry{Backend: engine}
	store := model.NewStore()
	defer store.Finalize()
	t := c.Train
	step, err := train.NewTaskStep(d, store, k.task, t.Seed, nil, train.StepConfig{AdamW: t.AdamW, Clip: t.Clip, Averages: t.Averages, Parts: 1})
	if err != nil {
		return err
	}
	defer step.Finalize()
	if k.heldOutBatches > 0 {
		if err := k.heldOut(ctx, d, train.Weights(store)); err != nil {
			return fmt.Errorf("planning the held-out loss: %w", err)
		}
		p.HeldOut = d.take()
	}
	if err := k.sample(ctx, d, train.Weights(store)); err != nil {
		return fmt.Errorf("planning samples: %w", err)
	}
	p.Sample = d.take()
	if err := dryTrain(step, t, k.task); err != nil { // last: what is donated to a step is lost
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
func dryTrain(step *train.Step, t train.Config, task train.Task) error {
	b, err := task.Batch(t, 0)
	if err != nil {
		return err
	}
	_, err = step.RunBatch(b, t.Batch/t.Parts, 0, make([]float64, len(t.Averages)))
	return compiled(err)
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
