package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Source yields batches of pictures or points: the batch of a step is a function of the step alone. A *data.Loader is one.
type Source interface {
	Batch(step int64) (*data.Batch, error)
}

// Denoising is the task of continuous diffusion: to denoise samples of one shape, perhaps of a known class. Use it from one goroutine
// at a time.
type Denoising struct {
	Network
	Objective *diffusion.Objective
	Shape     []int // of one sample, the channels last: [H, W, C], or [D]
	Classes   bool  // the network takes a class
	Null      int32 // the class that stands for none; it is the network's last
	Blind     bool  // the network is never told a class, though it takes one: it is always told the null class
	Dropout   bool  // the network drops activations while it trains
	// Augment is how many numbers tell the network what augmentation did to a sample (data.Batch.Augment), 0 for none.
	Augment int
	Data    Source

	batch denoisingBatch // buffers are used again for every step
}

// Check implements Task.
func (t *Denoising) Check() error { return t.Objective.Check() }

// Unit implements Task.
func (t *Denoising) Unit() Unit { return Unit{"images", 1} }

// Levels implements Task.
func (t *Denoising) Levels() *diffusion.Resampler { return t.Objective.Resampler }

// Batch implements Task.
func (t *Denoising) Batch(c Config, step int64) (Batch, error) {
	b, err := t.Data.Batch(step)
	if err != nil {
		return nil, err
	}
	if len(b.Images) != c.Batch*t.Objective.Size {
		return nil, fmt.Errorf("train: a batch of %d numbers, %d images of %v were expected", len(b.Images), c.Batch, t.Shape)
	}
	own := &t.batch
	own.task, own.config, own.step, own.data = t, c, step, b
	own.u, own.weight = own.u[:0], own.weight[:0]
	return own, nil
}

// denoisingBatch is a batch of a step with what is needed to cut pieces off it.
type denoisingBatch struct {
	task   *Denoising
	config Config
	step   int64
	data   *data.Batch
	draws  diffusion.Draws
	u      []float64 // quantile of each image's noise level, for a resampler
	weight []float64 // importance weight of each image
}

// Inputs implements Batch.
func (b *denoisingBatch) Inputs(first, count int) ([]any, error) {
	t, c := b.task, b.config
	which := diffusion.Batch{Seed: c.Seed, Step: uint64(b.step), First: first, Count: count, Total: c.Batch}
	if err := t.Objective.Draw(&b.draws, which); err != nil {
		return nil, err
	}
	b.u, b.weight = append(b.u, b.draws.U...), append(b.weight, b.draws.Importance...)
	size := t.Objective.Size
	p := piece{X0: b.data.Images[first*size : (first+count)*size], Draws: &b.draws}
	if t.Classes {
		var err error
		if p.Classes, err = labels(c, t.told(b.data.Labels), t.Null, b.step, first, count); err != nil {
			return nil, err
		}
	}
	if t.Augment > 0 && b.data.Augment != nil {
		p.Augment = b.data.Augment[first*t.Augment : (first+count)*t.Augment]
	}
	if t.Dropout {
		p.Dropout = dropoutKeys(c, b.step, first, count)
	}
	return t.args(p)
}

// Learn implements Batch: it tells a resampler the losses, without their importance weights.
func (b *denoisingBatch) Learn(losses []float32) error {
	r := b.task.Objective.Resampler
	if r == nil {
		return nil
	}
	plain := slices.Clone(losses)
	for i := range plain {
		plain[i] /= float32(b.weight[i])
	}
	return r.Update(b.u, plain)
}

// Offender implements Batch.
func (b *denoisingBatch) Offender() string {
	for _, in := range []struct {
		name   string
		values []float32
	}{{"the images of the batch", b.data.Images}, {"the drawn noise", b.draws.Noise}, {"the drawn noise levels", b.draws.Terms}} {
		if i := slices.IndexFunc(in.values, notFinite); i >= 0 {
			return fmt.Sprintf("first in %s, number %d", in.name, i)
		}
	}
	return ""
}

func notFinite(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) }

// told is what the network may know of the classes of rows.
func (t *Denoising) told(labels []int32) []int32 {
	if !t.Blind {
		return labels
	}
	return slices.Repeat([]int32{-1}, len(labels))
}

// nullLabels gives rows without a label the null class, and refuses labels that the network has no class for.
func nullLabels(labels []int32, null int32) error {
	for i, l := range labels {
		if l < 0 {
			labels[i] = null
		} else if l > null {
			return fmt.Errorf("train: the data has a class %d, but the network knows %d classes: name all of them in data.classes, or mend the labels", l, null)
		}
	}
	return nil
}

// piece is some samples of a batch with their random draws, on the host.
type piece struct {
	X0      []float32 // [n, Shape…]
	Classes []int32   // [n], if the task has classes
	Augment []float32 // [n, Augment], if the task has augmentation; nil for untouched samples
	Dropout []uint32  // [n], if the task has dropout
	Draws   *diffusion.Draws
}

// args turns a piece into the inputs of Loss. They are copies: the piece may be used again.
func (t *Denoising) args(p piece) ([]any, error) {
	size := t.Objective.Size
	if size == 0 || len(p.X0)%size != 0 {
		return nil, fmt.Errorf("train: %d numbers do not make samples of %v", len(p.X0), t.Shape)
	}
	dims := append([]int{len(p.X0) / size}, t.Shape...)
	args := []any{
		tensors.FromFlatDataAndDimensions(p.X0, dims...),
		tensors.FromFlatDataAndDimensions(p.Draws.Noise, dims...),
		tensors.FromFlatDataAndDimensions(p.Draws.Terms, dims[0], diffusion.NumTerms),
	}
	if t.Objective.InputPerturbation > 0 {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Draws.InputNoise, dims...))
	}
	if t.Classes {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Classes, dims[0]))
	}
	if t.Augment > 0 {
		augment := p.Augment
		if augment == nil {
			augment = make([]float32, dims[0]*t.Augment)
		}
		args = append(args, tensors.FromFlatDataAndDimensions(augment, dims[0], t.Augment))
	}
	if t.Dropout {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Dropout, dims[0]))
	}
	return args, nil
}

// Loss implements Task: its inputs are those of args.
func (t *Denoising) Loss(weights *model.Scope, in []*graph.Node) (mean, perImage *graph.Node) {
	inputs := diffusion.Inputs{X0: in[0], Noise: in[1], Terms: in[2]}
	in = in[3:]
	next := func() *graph.Node {
		n := in[0]
		in = in[1:]
		return n
	}
	if t.Objective.InputPerturbation > 0 {
		inputs.InputNoise = next()
	}
	if t.Classes {
		inputs.Class = next()
	}
	var augment, dropout *graph.Node
	if t.Augment > 0 {
		augment = next()
	}
	if t.Dropout {
		dropout = next()
	}
	network := func(x, cNoise, class *graph.Node) *graph.Node {
		return t.Network.Forward(weights, NetworkInputs{X: x, CNoise: cNoise, Class: class, Augment: augment, Dropout: dropout})
	}
	return t.Objective.Loss(network, inputs)
}
