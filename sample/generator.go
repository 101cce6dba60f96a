package sample

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Network builds a raw network F(x, cNoise, class) on the weights of a scope. class is nil where the network takes none.
type Network func(weights *model.Scope, x, cNoise, class *graph.Node) *graph.Node

// Model is what a generator needs to know of a network.
type Model struct {
	Precond diffusion.Precond
	Shape   []int // of one sample, channels last
	Classed bool  // the network takes a class
	Null    int32 // the class that stands for none
	// SelfCondition says that the network sees its last clean estimate: its input has twice the channels, those of x first.
	SelfCondition bool
}

// Generator draws samples. Use it from one goroutine at a time.
type Generator struct {
	model Model
	size  int // numbers in a sample
	exec  *model.Exec
}

// New makes a generator of a network on the weights of a scope.
func New(b compute.Backend, weights *model.Scope, network Network, m Model) (*Generator, error) {
	g := &Generator{model: m, size: 1}
	for _, n := range m.Shape {
		g.size *= n
	}
	if err := m.Precond.Check(); err != nil {
		return nil, err
	}
	if g.size < 1 {
		return nil, fmt.Errorf("sample: samples of shape %v", m.Shape)
	}
	var err error
	g.exec, err = model.NewExec(b, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		if m.Classed {
			return network(weights, in[0], in[1], in[2])
		}
		return network(weights, in[0], in[1], nil)
	})
	return g, err
}

// Draw draws the samples in batches and gives each batch to yield: samples first, first+1, … as numbers on the network's scale. The
// slice is used again for the next batch. When ctx is cancelled, Draw returns its cause.
func (g *Generator) Draw(ctx context.Context, r Request, yield func(first int, x []float32) error) error {
	if err := errors.Join(r.Check(), r.fits(g.size)); err != nil {
		return err
	}
	batches := (r.Count + r.Batch - 1) / r.Batch
	batch := (r.Count + batches - 1) / batches // even, so that one compiled graph serves all; the last is filled up
	x := make([]float32, batch*g.size)
	for done := 0; done < r.Count; done += batch {
		if err := g.drawBatch(ctx, r, r.First+done, x); err != nil {
			return err
		}
		drawn := x[:min(batch, r.Count-done)*g.size]
		if i := slices.IndexFunc(drawn, notFinite); i >= 0 {
			return fmt.Errorf("number %d of sample %d is %v: %w", i%g.size, r.First+done+i/g.size, drawn[i], ErrDiverged)
		}
		if err := yield(r.First+done, drawn); err != nil {
			return err
		}
	}
	return nil
}

// ErrDiverged is the error of samples that are not finite.
var ErrDiverged = errors.New("sample: the network or the sampler diverged; try other weights, more steps or less guidance")

func notFinite(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) }

// drawBatch draws the samples from number first on that fill x.
func (g *Generator) drawBatch(ctx context.Context, r Request, first int, x []float32) error {
	noise := diffusion.Noise{Seed: r.Seed, First: uint64(first), Size: g.size}
	r.start(x, first, g.size, g.model.Precond.Schedule)
	d, err := g.denoiser(ctx, r, first, len(x)/g.size)
	if err != nil {
		return err
	}
	return r.Sampler.Sample(r.watched(r.inpainted(d, len(x)), first, g.size), x, r.Levels, noise.Fill)
}

// denoiser is the guided network for samples first to first+n, whose estimates stay in the range of the data.
func (g *Generator) denoiser(ctx context.Context, r Request, first, n int) (diffusion.Denoiser, error) {
	r.Guidance.Size = g.size
	base := r.Base
	if r.Guidance.Scale == 1 {
		base = nil
	}
	d, err := g.estimate(ctx, r, first, n, base == nil)
	if err != nil {
		return nil, err
	}
	if base != nil {
		weaker, err := base.estimate(ctx, r, first, n, false)
		if err != nil {
			return nil, err
		}
		if d, err = diffusion.Guide(d, weaker, r.Guidance); err != nil {
			return nil, err
		}
	}
	if r.Threshold > 0 {
		if d, err = diffusion.Threshold(d, g.size, r.Threshold, math.Inf(1)); err != nil {
			return nil, err
		}
	}
	if r.Clip > 0 {
		d = diffusion.Clip(d, -r.Clip, r.Clip)
	}
	return d, nil
}

// estimate is the network for samples first to first+n. With guidance away from no class both halves, with and without the class, are
// one batch.
func (g *Generator) estimate(ctx context.Context, r Request, first, n int, guided bool) (diffusion.Denoiser, error) {
	classes, classed, err := g.classes(r, first, n)
	if err != nil {
		return nil, err
	}
	var previous []float32
	if g.model.SelfCondition {
		previous = make([]float32, n*g.size)
	}
	plain, err := g.model.Precond.Denoiser(g.raw(ctx, classes, previous))
	if err != nil {
		return nil, err
	}
	if guided && classed && r.Guidance.Scale != 1 {
		if plain, err = g.guide(ctx, r.Guidance, plain, classes, previous); err != nil {
			return nil, err
		}
	}
	if previous == nil {
		return plain, nil
	}
	return diffusion.SelfCondition(func(dst, x, last []float32, sigma float64) error {
		copy(previous, last)
		return plain(dst, x, sigma)
	}), nil
}

// classes are those of samples first to first+n, and whether any has one.
func (g *Generator) classes(r Request, first, n int) (classes []int32, any bool, err error) {
	classes = make([]int32, n)
	for i := range classes {
		classes[i] = g.model.Null
		if r.Classes != nil && g.model.Classed {
			classes[i] = r.Classes(r.subject(first + i))
		}
		if classes[i] > g.model.Null {
			return nil, false, fmt.Errorf("sample: class %d of a network that knows %d", classes[i], g.model.Null)
		}
		any = any || classes[i] != g.model.Null
	}
	return classes, any, nil
}

// guide runs the network with and without classes in one batch where guidance acts, and alone elsewhere.
func (g *Generator) guide(ctx context.Context, guidance diffusion.Guidance, alone diffusion.Denoiser, classes []int32, previous []float32) (diffusion.Denoiser, error) {
	both := append([]int32(nil), classes...)
	for range classes {
		both = append(both, g.model.Null)
	}
	pair, err := g.model.Precond.Denoiser(g.raw(ctx, both, previous))
	if err != nil {
		return nil, err
	}
	n := len(classes) * g.size
	in, out := make([]float32, 2*n), make([]float32, 2*n)
	return func(dst, x []float32, sigma float64) error {
		if !guidance.Active(sigma) {
			return alone(dst, x, sigma)
		}
		copy(in[:n], x)
		copy(in[n:], x)
		if err := pair(out, in, sigma); err != nil {
			return err
		}
		guidance.Combine(dst, out[:n], out[n:])
		return nil
	}, nil
}

// raw runs the network on a batch of samples of the given classes. previous are the estimates that it also sees, nil for none; a batch
// that is a multiple of theirs sees them again and again.
func (g *Generator) raw(ctx context.Context, classes []int32, previous []float32) diffusion.RawNetwork {
	n := len(classes)
	dims := append([]int{n}, g.model.Shape...)
	times := make([]float32, n)
	var pair []float32
	if previous != nil {
		dims[len(dims)-1] *= 2
		pair = make([]float32, 2*n*g.size)
	}
	return func(dst, x []float32, cNoise float64) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		for i := range times {
			times[i] = float32(cNoise)
		}
		if pair != nil {
			interleave(pair, x, previous, g.model.Shape[len(g.model.Shape)-1])
			x = pair
		}
		in := []any{tensors.FromFlatDataAndDimensions(x, dims...), tensors.FromFlatDataAndDimensions(times, n)}
		if g.model.Classed {
			in = append(in, tensors.FromFlatDataAndDimensions(classes, n))
		}
		out, err := g.exec.Call1(in...)
		if err != nil {
			return fmt.Errorf("sample: the network failed: %w", err)
		}
		err = out.ConstFlatData(func(flat any) { copy(dst, flat.([]float32)) })
		for _, t := range append(in, out) {
			err = errors.Join(err, t.(*tensors.Tensor).FinalizeAll())
		}
		return err
	}
}

// interleave fills dst with the channels of each pixel of x and then of previous, which is repeated.
func interleave(dst, x, previous []float32, channels int) {
	for i := 0; i < len(x); i += channels {
		copy(dst[2*i:], x[i:i+channels])
		copy(dst[2*i+channels:], previous[i%len(previous):][:channels])
	}
}

// Finalize frees the compiled graphs.
func (g *Generator) Finalize() { g.exec.Finalize() }
