package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/text"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// HeldOutTokens measures how well tokens are predicted in text that training does not see. Make one with NewHeldOutTokens.
type HeldOutTokens struct {
	task   *Tokens
	engine compute.Backend
	config HeldOutTokensConfig
	execs  map[string]*model.Exec // by scope of the weights
}

// HeldOutTokensConfig says what is measured.
type HeldOutTokensConfig struct {
	// Process says what the number is, such as the bound by count; it need not be the process of training, but one that its network can do.
	Process masked.Training
	Rows    *text.Batch // the rows to measure, as Loader.Even makes them
	Chars   []int64     // characters in each row's text
	Batch   int         // rows at once
	Seed    uint64      // of what is drawn
}

// Score is the result of a measurement.
type Score struct {
	Nats  []float64 // of each row, over all its free tokens
	Free  []int64   // free tokens of each row
	Chars []int64   // characters of each row's text
	Rate  []float32 // how much of each row was noise; 0 of autoregressive models
}

// NewHeldOutTokens prepares a measurement of a task.
func NewHeldOutTokens(b compute.Backend, task *Tokens, c HeldOutTokensConfig) (*HeldOutTokens, error) {
	if c.Rows == nil || c.Batch < 1 || len(c.Rows.Tokens) == 0 || len(c.Rows.Tokens) != len(c.Chars)*task.Length {
		return nil, fmt.Errorf("train: a held-out loss needs rows of %d tokens, their lengths in characters, and batches of at least 1", task.Length)
	}
	if err := c.Process.Check(); err != nil {
		return nil, err
	}
	own := *task
	own.Process, own.Dropout = c.Process, false
	return &HeldOutTokens{task: &own, engine: b, config: c, execs: map[string]*model.Exec{}}, nil
}

// Measure returns the loss in nats per token and in bits per character.
func (h *HeldOutTokens) Measure(ctx context.Context, weights *model.Scope) (event.Evaluated, error) {
	s, err := h.Score(ctx, weights)
	if err != nil {
		return event.Evaluated{}, err
	}
	nats, _ := s.PerToken()
	e := event.Evaluated{Loss: event.Number(nats)}
	if _, noBound := h.config.Process.(*masked.ContinuousObjective); !noBound {
		bits, _ := s.BitsPerChar()
		e.BitsPerChar = event.Number(bits)
	}
	return e, nil
}

// Score measures every row on the weights of a scope.
func (h *HeldOutTokens) Score(ctx context.Context, weights *model.Scope) (Score, error) {
	n := len(h.config.Chars)
	s := Score{Nats: make([]float64, n), Free: make([]int64, n), Chars: h.config.Chars}
	for first := 0; first < n; first += h.config.Batch {
		if err := context.Cause(ctx); err != nil {
			return s, err
		}
		b := masked.Batch{Seed: h.config.Seed, First: first, Count: min(h.config.Batch, n-first), Total: n}
		losses, rates, err := h.run(weights, b)
		if err != nil {
			return s, err
		}
		s.Rate = append(s.Rate, rates...)
		for i, l := range losses {
			s.Free[first+i] = h.free(first + i)
			s.Nats[first+i] = float64(l) * float64(s.Free[first+i])
		}
	}
	return s, nil
}

// free counts the tokens of a row that count.
func (h *HeldOutTokens) free(row int) (n int64) {
	if h.config.Rows.Free == nil {
		return int64(h.task.Length)
	}
	for _, f := range h.config.Rows.Free[row*h.task.Length:][:h.task.Length] {
		if f {
			n++
		}
	}
	return n
}

// run returns the loss of each row of b, and how much of it was noise.
func (h *HeldOutTokens) run(weights *model.Scope, b masked.Batch) (losses, rates []float32, err error) {
	exec := h.execs[weights.Scope()]
	if exec == nil {
		exec, err = model.NewExec(h.engine, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			_, perRow := h.task.Loss(weights, in)
			return perRow
		})
		if err != nil {
			return nil, nil, err
		}
		h.execs[weights.Scope()] = exec
	}
	var classes []int32
	if h.task.Classes {
		classes = append(classes, h.config.Rows.Class[b.First:b.First+b.Count]...)
		if err := nullLabels(classes, h.task.Null); err != nil {
			return nil, nil, err
		}
	}
	args, err := h.task.inputs(h.config.Rows, classes, nil, b)
	if err != nil {
		return nil, nil, err
	}
	out, err := exec.Call1(args...)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("train: the held-out loss failed: %w", err), free(args))
	}
	losses = tensors.MustCopyFlatData[float32](out)
	rates = tensors.MustCopyFlatData[float32](args[rateInput].(*tensors.Tensor))
	return losses, rates, errors.Join(free(args), out.FinalizeAll())
}

// Finalize frees the compiled graphs.
func (h *HeldOutTokens) Finalize() {
	for _, e := range h.execs {
		e.Finalize()
	}
}

// PerToken is the loss in nats per token, with its standard error over the rows.
func (s Score) PerToken() (mean, standardError float64) { return ratio(s.Nats, s.Free) }

// BitsPerChar is the loss in bits per character, with its standard error over the rows.
func (s Score) BitsPerChar() (mean, standardError float64) {
	mean, standardError = ratio(s.Nats, s.Chars)
	return mean / math.Ln2, standardError / math.Ln2
}

// ratio is the sum of a over the sum of n, and the standard error of a ratio of means over rows by linearisation (Cochran 1977,
// equation 2.46). It is NaN of a single row.
func ratio(a []float64, n []int64) (r, standardError float64) {
	var sum, of float64
	for i := range a {
		sum += a[i]
		of += float64(n[i])
	}
	r = sum / of
	rows := float64(len(a))
	var squares float64
	for i := range a {
		d := a[i] - r*float64(n[i])
		squares += d * d
	}
	return r, math.Sqrt(squares*rows/(rows-1)) / of
}
