package main

import (
	"context"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// planKind is what a plan has to know of a run, whatever its data is.
type planKind struct {
	parameters int
	task       train.Task // on data that says nothing
	rowBytes   int64      // of a row of a batch, on the host

	// heldOut computes one batch of the held-out loss, sample what one call of the network for samples needs.
	heldOut, sample func(context.Context, compute.Backend, *model.Scope) error
	heldOutBatches  int // in one held-out loss
	sampleCalls     int // of the network, each time samples are drawn
}

// kindOf prepares the plan of a resolved configuration. held is how many pictures or rows are held out.
func kindOf(c recipe.Config, held int) (*planKind, error) {
	if c.Text != nil {
		return plannedText(c, held)
	}
	return plannedPictures(c, held)
}

func plannedPictures(c recipe.Config, held int) (*planKind, error) {
	m, err := c.Model()
	if err != nil {
		return nil, err
	}
	task, err := c.Task(m)
	if err != nil {
		return nil, err
	}
	size := task.Objective.Size
	task.Data = nothing{c.Train.Batch, size}
	k := &planKind{parameters: m.Parameters, task: task, rowBytes: int64(size) * numberSize}
	if images := min(held, c.HeldOut.Images); images > 0 {
		batch := min(c.HeldOut.Batch, images)
		k.heldOutBatches = (images + batch - 1) / batch * c.HeldOut.Levels
		k.heldOut = func(ctx context.Context, b compute.Backend, weights *model.Scope) error {
			return dryHeldOut(ctx, b, weights, task, train.HeldOutConfig{Data: nothing{batch, size}, Images: batch, Batch: batch, Levels: 1, Null: m.Null})
		}
	}
	k.sampleCalls = c.Sample.Steps * ((previewed(c) + c.Sample.Batch - 1) / c.Sample.Batch)
	k.sample = func(ctx context.Context, b compute.Backend, weights *model.Scope) error {
		return drySample(ctx, b, weights, c, m)
	}
	return k, nil
}

// nothing is a source of black pictures.
type nothing struct{ batch, size int }

// Batch implements train.Source.
func (n nothing) Batch(int64) (*data.Batch, error) {
	return &data.Batch{Images: make([]float32, n.batch*n.size), Labels: make([]int32, n.batch)}, nil
}

func dryHeldOut(ctx context.Context, b compute.Backend, weights *model.Scope, task *train.Denoising, c train.HeldOutConfig) error {
	h, err := train.NewHeldOut(b, task, c)
	if err != nil {
		return err
	}
	defer h.Finalize()
	_, err = h.Measure(ctx, weights)
	return compiled(err)
}

func drySample(ctx context.Context, b compute.Backend, weights *model.Scope, c recipe.Config, m *recipe.Model) error {
	g, err := newGenerator(b, weights, m)
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
