package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/event"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// HeldOut measures the loss on images that training does not see, at fixed noise levels and with fixed noise, so that two numbers
// differ only by the weights. Make one with NewHeldOut.
type HeldOut struct {
	task   *Denoising
	engine compute.Backend
	config HeldOutConfig
	sigmas []float64
	null   int32
	execs  map[string]*model.Exec // by scope of the weights
}

// HeldOutConfig says what is measured.
type HeldOutConfig struct {
	Data   Source // yields the images in a fixed order, Batch of them at a time
	Images int    // how many to take, from the first on
	Batch  int
	Levels int    // noise levels, in the middle of as many equal parts of the schedule's time
	Seed   uint64 // of the noise
	// Eps measures the error of the noise estimate, whatever the network predicts, instead of the loss that it is trained with.
	Eps  bool
	Null int32 // class of images without a label
}

// levelTime is the time of level k of n on a schedule of N steps: for ten levels of 1000 steps those are the steps 50, 150, … 950. A
// continuous schedule has N 0.
func levelTime(k, n, steps int) float64 {
	t := (float64(k) + 0.5) / float64(n)
	if steps > 0 {
		t += 0.5 / float64(steps) // level i of a discrete schedule lies at (i+1/2)/N
	}
	return t
}

// NewHeldOut prepares a measurement of a task.
func NewHeldOut(b compute.Backend, task *Denoising, c HeldOutConfig) (*HeldOut, error) {
	if c.Images < 1 || c.Batch < 1 || c.Levels < 1 || c.Data == nil {
		return nil, fmt.Errorf("train: a held-out loss of %d images in batches of %d at %d levels: give at least 1 of each",
			c.Images, c.Batch, c.Levels)
	}
	schedule := task.Objective.Precond.Schedule
	h := &HeldOut{task: task, engine: b, config: c, null: c.Null, execs: map[string]*model.Exec{}}
	for k := range c.Levels {
		h.sigmas = append(h.sigmas, schedule.Sigma(schedule.Snap(levelTime(k, c.Levels, schedule.Steps()))))
	}
	return h, nil
}

// objective is the task's without what is random about it. A network that sees its own estimate always sees it, as in sampling.
func (h *HeldOut) objective() *diffusion.Objective {
	o := *h.task.Objective
	o.InputPerturbation, o.OffsetNoise, o.Resampler = 0, 0, nil
	if h.config.Eps {
		o.Weight, o.LossKind = diffusion.Weight{}, diffusion.MSE
	}
	return &o
}

// Measure returns the mean loss of weights of a scope and the loss by noise level, whose T is that of the schedule: the step of a
// discrete one.
func (h *HeldOut) Measure(ctx context.Context, weights *model.Scope) (event.Evaluated, error) {
	result := event.Evaluated{Levels: make([]event.Level, len(h.sigmas))}
	sums := make([]float64, len(h.sigmas))
	for first := 0; first < h.config.Images; first += h.config.Batch {
		if err := h.measureBatch(ctx, weights, first, sums); err != nil {
			return result, err
		}
	}
	for k, s := range sums {
		t := h.task.Objective.Precond.Schedule.CNoise(h.sigmas[k])
		loss := s / float64(h.config.Images)
		result.Levels[k] = event.Level{T: event.Number(t), Loss: event.Number(loss)}
		result.Loss += event.Number(loss / float64(len(sums)))
	}
	return result, nil
}

// measureBatch adds the losses of the images from first on to sums, level by level.
func (h *HeldOut) measureBatch(ctx context.Context, weights *model.Scope, first int, sums []float64) error {
	b, err := h.config.Data.Batch(int64(first / h.config.Batch))
	if err != nil {
		return err
	}
	labels := slices.Clone(h.task.told(b.Labels))
	if h.task.Classes {
		if err := nullLabels(labels, h.null); err != nil {
			return err
		}
	}
	size := h.task.Objective.Size
	noise := diffusion.Noise{Seed: h.config.Seed, First: uint64(first), Size: size}
	draws := diffusion.Draws{Noise: make([]float32, len(b.Images))}
	take := min(h.config.Batch, h.config.Images-first) // the batch is full, but counts only so far
	for k, sigma := range h.sigmas {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		noise.Fill(draws.Noise, k)
		if draws.Terms, err = h.terms(sigma, len(b.Labels)); err != nil {
			return err
		}
		losses, err := h.run(weights, piece{X0: b.Images, Classes: labels, Draws: &draws})
		if err != nil {
			return err
		}
		scale := h.scale(sigma)
		for _, l := range losses[:take] {
			sums[k] += float64(l) * scale
		}
	}
	return nil
}

// terms are the table rows of n images at one level.
func (h *HeldOut) terms(sigma float64, n int) ([]float32, error) {
	sigmas := make([]float64, n)
	for i := range sigmas {
		sigmas[i] = sigma
	}
	return h.objective().TermsAt(sigmas)
}

// scale turns the squared error of the network's output into that of its estimate of the noise: eps = a·x + b·F.
func (h *HeldOut) scale(sigma float64) float64 {
	if !h.config.Eps {
		return 1
	}
	_, b := h.task.Objective.Precond.Convert(diffusion.PredictEps, sigma)
	return b * b
}

// run returns the loss of each image of a piece.
func (h *HeldOut) run(weights *model.Scope, p piece) ([]float32, error) {
	task := &Denoising{Network: h.task.Network, Objective: h.objective(), Shape: h.task.Shape, Classes: h.task.Classes}
	exec := h.execs[weights.Scope()]
	if exec == nil {
		var err error
		exec, err = model.NewExec(h.engine, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			_, perSample := task.Loss(weights, in)
			return perSample
		})
		if err != nil {
			return nil, err
		}
		h.execs[weights.Scope()] = exec
	}
	args, err := task.args(p)
	if err != nil {
		return nil, err
	}
	out, err := exec.Call1(args...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("train: the held-out loss failed: %w", err), free(args))
	}
	losses := tensors.MustCopyFlatData[float32](out)
	return losses, errors.Join(free(args), out.FinalizeAll())
}

// Finalize frees the compiled graphs.
func (h *HeldOut) Finalize() {
	for _, e := range h.execs {
		e.Finalize()
	}
}
