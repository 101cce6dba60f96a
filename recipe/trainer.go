package recipe

import (
	"context"
	"errors"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// Run is a run made ready from a configuration.
type Run struct {
	Model   *Model     // nil for text
	Text    *TextModel // nil for pictures
	Trainer *train.Trainer
	loaders []*data.Loader
}

// Build makes a resolved configuration's run: on its data, an engine and a run folder, all of which stay the caller's.
func (c Config) Build(ctx context.Context, sets *Sets, engine compute.Backend, folder *train.Folder) (*Run, error) {
	if c.Text != nil {
		return c.buildText(sets.Text, engine, folder)
	}
	m, err := c.Model()
	if err != nil {
		return nil, err
	}
	task, err := c.Task(m)
	if err != nil {
		return nil, err
	}
	loader, err := c.Loader(sets.Train)
	if err != nil {
		return nil, err
	}
	task.Data = loader
	r := &Run{Model: m, loaders: []*data.Loader{loader}}
	r.Trainer = &train.Trainer{Config: c.Train, Task: task, Backend: engine, Folder: folder}
	if err := r.holdOut(c, task, sets.Valid); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	return r, nil
}

// holdOut lets the trainer measure on pictures that it does not train on.
func (r *Run) holdOut(c Config, task *train.Denoising, valid data.Set) error {
	h := c.HeldOut
	if valid == nil || h.Images == 0 {
		return nil
	}
	images := min(h.Images, valid.Len())
	batch := min(h.Batch, images)
	loader, err := c.HeldOutLoader(valid, batch)
	if err != nil {
		return err
	}
	r.loaders = append(r.loaders, loader)
	held, err := train.NewHeldOut(r.Trainer.Backend, task, train.HeldOutConfig{Data: loader, Images: images, Batch: batch, Levels: h.Levels,
		Seed: h.Seed, Null: r.Model.Null})
	if err != nil {
		return err
	}
	r.Trainer.HeldOut = held.Measure
	return nil
}

// Broken lists the pictures that could not be used and were replaced by others, as they were met.
func (r *Run) Broken() []*data.ItemError {
	var all []*data.ItemError
	for _, l := range r.loaders {
		all = append(all, l.Broken()...)
	}
	return all
}

// Close stops the loaders.
func (r *Run) Close(ctx context.Context) error {
	var errs []error
	for _, l := range r.loaders {
		errs = append(errs, l.Close(ctx))
	}
	return errors.Join(errs...)
}
