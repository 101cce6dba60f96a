package sample

import (
	"context"
	"errors"
	"slices"

	"github.com/ebb-ml/ebb/diffusion/masked"
)

// Texts is a batch of finished texts.
type Texts struct {
	First int       // number of the first
	Rows  [][]int32 // the tokens of each, without masks; with Stop up to its end, which is left out
	Ended []bool    // the text has an end
	Calls int       // of the network, for the whole batch
}

// Draw writes the texts of a request and hands them over batch by batch. A canvas whose last window was stopped early is cut there.
func (w *Writer) Draw(ctx context.Context, r TextRequest, take func(Texts) error) error {
	if err := r.Check(w.model); err != nil {
		return err
	}
	for first := r.First; first < r.First+r.Count; first += r.Batch {
		c := masked.NewCanvas(min(r.Batch, r.First+r.Count-first), r.Length, w.model.Vocab)
		c.First, c.Fill = uint64(first), r.Fill
		for i := range c.Rows() {
			copy(c.Row(i), r.Given)
		}
		calls, err := w.fill(ctx, r, c)
		if err != nil {
			return err
		}
		if r.Watch != nil {
			r.Watch(first, c.Tokens)
		}
		if err := take(w.texts(r, c, calls)); err != nil {
			return err
		}
	}
	return nil
}

// texts cuts the rows of a canvas to what was written.
func (w *Writer) texts(r TextRequest, c *masked.Canvas, calls int) Texts {
	t := Texts{First: int(c.First), Calls: calls}
	for i := range c.Rows() {
		row := slices.Clone(c.Row(i))
		if c.Fill > 0 {
			row = row[:c.Fill]
		}
		end := -1
		if w.model.EOS >= 0 {
			end = slices.Index(row, w.model.EOS)
		}
		if end >= 0 && r.Stop {
			row = row[:end]
		}
		t.Rows, t.Ended = append(t.Rows, row), append(t.Ended, end >= 0)
	}
	return t
}

// fill fills a canvas, window by window if it is longer than the rows of training.
func (w *Writer) fill(ctx context.Context, r TextRequest, c *masked.Canvas) (calls int, err error) {
	class := make([]int32, c.Rows())
	for i := range class {
		if r.Class != nil {
			class[i] = r.Class(int(c.First) + i)
		}
	}
	stride := max(1, w.model.Length/2)
	if w.model.Process == masked.ProcessBlock {
		stride = max(stride/w.model.Block, 1) * w.model.Block
	}
	return c.Slide(max(w.model.Length, c.Fill), stride, func(part *masked.Canvas, lo int, seed uint64) (calls int, err error) {
		defer func() { err = errors.Join(err, w.cache.forget()) }()
		if r.Stop && w.ended(c) {
			return 0, nil
		}
		show := r.shows(c, lo)
		switch w.model.Process {
		case masked.ProcessContinuous:
			return w.flow(ctx, r, part, class, seed, show)
		case masked.ProcessUniform:
			s := masked.UniformSampler{Schedule: r.Schedule, Steps: r.Steps, Temperature: r.Temperature, Seed: r.Seed + seed}
			return s.Sample(w.guided(ctx, r, part, class, show), part)
		}
		s := r.masked(w.model, seed)
		return s.Sample(w.guided(ctx, r, part, class, show), part)
	})
}

// ended tells whether every row has its end before its first mask.
func (w *Writer) ended(c *masked.Canvas) bool {
	for i := range c.Rows() {
		k := slices.IndexFunc(c.Row(i), func(id int32) bool { return id == w.model.EOS || int(id) == c.Vocab })
		if k < 0 || c.Row(i)[k] != w.model.EOS {
			return false
		}
	}
	return true
}

// guided is the network of a window: of its classes, watched, and stopped where nothing more is wanted.
func (w *Writer) guided(ctx context.Context, r TextRequest, part *masked.Canvas, class []int32, show func([]int32)) masked.Model {
	m := w.tokens(ctx, class)
	if r.Guidance != 0 && r.Guidance != 1 {
		m = masked.Guide(m, w.tokens(ctx, w.nulls(len(class))), r.Guidance)
	}
	watched := func(dst []float32, tokens []int32, rates []float64) error {
		show(tokens)
		return m(dst, tokens, rates)
	}
	if r.Stop && w.model.Process != masked.ProcessUniform {
		return masked.StopAfter(watched, w.model.EOS, part)
	}
	return watched
}

func (w *Writer) nulls(n int) []int32 { return slices.Repeat([]int32{w.model.Null}, n) }

// flow fills a window by continuous diffusion.
func (w *Writer) flow(ctx context.Context, r TextRequest, part *masked.Canvas, class []int32, seed uint64, show func([]int32)) (int, error) {
	s := masked.ContinuousSampler{Objective: w.model.Continuous, Steps: r.Steps, Temperature: r.Temperature, TopP: r.TopP, Greedy: r.Greedy,
		Seed: r.Seed + seed, Watch: show}
	m := w.vectors(ctx, class, part.Length)
	if r.Guidance != 0 && r.Guidance != 1 {
		m = guideVectors(m, w.vectors(ctx, w.nulls(len(class)), part.Length), r.Guidance)
	}
	return s.Sample(m, w.table, part)
}

// guideVectors is masked.Guide for continuous diffusion.
func guideVectors(cond, base masked.VectorModel, scale float64) masked.VectorModel {
	return func(dst, x []float32, times []float64) error {
		scratch := make([]float32, len(dst))
		if err := cond(dst, x, times); err != nil {
			return err
		}
		if err := base(scratch, x, times); err != nil {
			return err
		}
		for i, b := range scratch {
			dst[i] = b + float32(scale)*(dst[i]-b)
		}
		return nil
	}
}

// shows returns what shows a window of the canvas, which begins at place lo, within the whole.
func (r TextRequest) shows(c *masked.Canvas, lo int) func(window []int32) {
	if r.Watch == nil {
		return func([]int32) {}
	}
	whole := slices.Clone(c.Tokens)
	return func(window []int32) {
		n := len(window) / c.Rows()
		for i := range c.Rows() {
			copy(whole[i*c.Length+lo:][:n], window[i*n:])
		}
		r.Watch(int(c.First), whole)
	}
}
