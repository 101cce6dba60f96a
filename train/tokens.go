package train

import (
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/text"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// TokenSource yields batches of tokens: the batch of a step is a function of the step alone. A *text.Loader is one.
type TokenSource interface {
	Batch(step int64) (*text.Batch, error)
}

// Tokens is the task of diffusion over tokens, and of whatever else predicts them: the process says what. Use it from one goroutine at
// a time.
type Tokens struct {
	Network
	Process masked.Training // what is drawn, and the loss
	Length  int             // tokens in a row
	Classes bool            // the network takes a class
	Null    int32           // the class that stands for none; it is the network's last
	Dropout bool            // the network drops activations while it trains
	Data    TokenSource

	// Table builds the embeddings of all tokens, [V, width], of like's type, for continuous diffusion; nil for other processes.
	Table func(weights *model.Scope, like *graph.Node) *graph.Node
}

// Check implements Task.
func (t *Tokens) Check() error { return t.Process.Check() }

// Unit implements Task.
func (t *Tokens) Unit() Unit { return Unit{"tokens", int64(t.Length)} }

// Levels implements Task.
func (t *Tokens) Levels() *diffusion.Resampler { return nil }

// Batch implements Task.
func (t *Tokens) Batch(c Config, step int64) (Batch, error) {
	b, err := t.Data.Batch(step)
	if err != nil {
		return nil, err
	}
	if len(b.Tokens) != c.Batch*t.Length {
		return nil, fmt.Errorf("train: a batch of %d tokens, %d rows of %d were expected", len(b.Tokens), c.Batch, t.Length)
	}
	return &tokensBatch{t, c, step, b}, nil
}

// tokensBatch is the batch of a step.
type tokensBatch struct {
	task   *Tokens
	config Config
	step   int64
	data   *text.Batch
}

// Inputs implements Batch.
func (b *tokensBatch) Inputs(first, count int) ([]any, error) {
	t, c := b.task, b.config
	var classes []int32
	if t.Classes {
		var err error
		if classes, err = labels(c, b.data.Class, t.Null, b.step, first, count); err != nil {
			return nil, err
		}
	}
	var dropout []uint32
	if t.Dropout {
		dropout = dropoutKeys(c, b.step, first, count)
	}
	return t.inputs(b.data, classes, dropout, masked.Batch{Seed: c.Seed, Step: uint64(b.step), First: first, Count: count, Total: c.Batch})
}

// rateInput is the place of the rates of noise among the inputs.
const rateInput = 4

// inputs are what the process draws for some of the rows, and then their classes and dropout keys, where the task has them.
func (t *Tokens) inputs(rows *text.Batch, classes []int32, dropout []uint32, b masked.Batch) ([]any, error) {
	from, to := b.First*t.Length, (b.First+b.Count)*t.Length
	var free []bool
	if rows.Free != nil {
		free = rows.Free[from:to]
	}
	var d masked.Draws
	if err := t.Process.Draw(&d, rows.Tokens[from:to], free, b); err != nil {
		return nil, err
	}
	in := []any{
		tensors.FromFlatDataAndDimensions(rows.Tokens[from:to], b.Count, t.Length),
		tensors.FromFlatDataAndDimensions(d.Input, b.Count, t.Length),
		tensors.FromFlatDataAndDimensions(d.Weight, b.Count, t.Length),
		tensors.FromFlatDataAndDimensions(d.Time, b.Count),
		tensors.FromFlatDataAndDimensions(d.Rate, b.Count),
	}
	if t.Table != nil {
		in = append(in, tensors.FromFlatDataAndDimensions(d.Noise, b.Count, t.Length, len(d.Noise)/(b.Count*t.Length)),
			tensors.FromFlatDataAndDimensions(d.Again, b.Count))
	}
	if t.Classes {
		in = append(in, tensors.FromFlatDataAndDimensions(classes, b.Count))
	}
	if dropout != nil {
		in = append(in, tensors.FromFlatDataAndDimensions(dropout, b.Count))
	}
	return in, nil
}

// Learn implements Batch: nothing is learnt but weights.
func (b *tokensBatch) Learn([]float32) error { return nil }

// Offender implements Batch: tokens are always finite.
func (b *tokensBatch) Offender() string { return "" }

// Loss implements Task: its inputs are those that inputs returns.
func (t *Tokens) Loss(weights *model.Scope, in []*graph.Node) (mean, perRow *graph.Node) {
	inputs := masked.Inputs{Tokens: in[0], Input: in[1], Weight: in[2], Time: in[3], Rate: in[4]}
	in = in[5:]
	if t.Table != nil {
		inputs.Noise, inputs.Again, in = in[0], in[1], in[2:]
		inputs.Table = func(like *graph.Node) *graph.Node { return t.Table(weights, like) }
	}
	if t.Classes {
		inputs.Class, in = in[0], in[1:]
	}
	var dropout *graph.Node
	if t.Dropout {
		dropout = in[0]
	}
	return t.Process.Loss(func(x, time, class *graph.Node) *graph.Node {
		return t.Network.Forward(weights, NetworkInputs{X: x, CNoise: time, Class: class, Dropout: dropout})
	}, inputs)
}
