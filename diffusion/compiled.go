package diffusion

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Compiled runs a network of a graph on batches of the host, for measurements that need its values and gradients: it compiles one graph per
// batch size and kind. Use it from one goroutine at a time, and Finalize it.
type Compiled struct {
	precond Precond
	dims    []int // of one sample
	size    int
	value   *model.Exec
	vjp     *model.Exec
}

// Compile prepares the network on the weights that its closure reads from store. dims is the shape of a sample, channels last. With
// classed the network gets classes.
func Compile(b compute.Backend, store *model.Store, network Network, p Precond, dims []int, classed bool) (*Compiled, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	c := &Compiled{precond: p, dims: slices.Clone(dims), size: 1}
	for _, n := range dims {
		c.size *= n
	}
	if c.size < 1 {
		return nil, fmt.Errorf("diffusion: a network for samples of shape %v: all dimensions must be at least 1", dims)
	}
	class := func(in []*graph.Node) *graph.Node {
		if classed {
			return in[len(in)-1]
		}
		return nil
	}
	var err, err2 error
	c.value, err = model.NewExec(b, store, func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return network(in[0], in[1], class(in))
	})
	c.vjp, err2 = model.NewExec(b, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		f, grad := GradVJP(network, in[0], in[1], class(in), in[2])
		return []*graph.Node{f, grad}
	})
	return c, errors.Join(err, err2)
}

// Finalize frees the compiled graphs.
func (c *Compiled) Finalize() {
	c.value.Finalize()
	c.vjp.Finalize()
}

// Denoiser runs the network for samples of the given classes, one each; nil for a network without classes. A cancelled ctx ends the call
// with its cause.
func (c *Compiled) Denoiser(ctx context.Context, classes []int32) (Denoiser, error) {
	return c.precond.Denoiser(func(dst, x []float32, cNoise float64) error {
		return c.call(ctx, c.value, [][]float32{dst}, [][]float32{x}, cNoise, classes)
	})
}

// VJP is Denoiser with the Jacobian.
func (c *Compiled) VJP(ctx context.Context, classes []int32) (DenoiserVJP, error) {
	return c.precond.VJP(func(dst, grad, x, v []float32, cNoise float64) error {
		return c.call(ctx, c.vjp, [][]float32{dst, grad}, [][]float32{x, v}, cNoise, classes)
	})
}

// call runs a graph: in holds x, then v; results go to dst.
func (c *Compiled) call(ctx context.Context, exec *model.Exec, dst, in [][]float32, cNoise float64, classes []int32) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	n := len(in[0]) / c.size
	if len(in[0]) != n*c.size || classes != nil && len(classes) != n {
		return fmt.Errorf("diffusion: %d numbers and %d classes for a network of samples of %v: need whole samples and a class each", len(in[0]), len(classes), c.dims)
	}
	times := make([]float32, n)
	for i := range times {
		times[i] = float32(cNoise)
	}
	dims := append([]int{n}, c.dims...)
	args := []any{tensors.FromFlatDataAndDimensions(in[0], dims...), tensors.FromFlatDataAndDimensions(times, n)}
	for _, v := range in[1:] {
		args = append(args, tensors.FromFlatDataAndDimensions(v, dims...))
	}
	if classes != nil {
		args = append(args, tensors.FromFlatDataAndDimensions(classes, n))
	}
	out, err := exec.Call(args...)
	if err != nil {
		return errors.Join(err, finalize(args))
	}
	for i, o := range out {
		err = errors.Join(err, tensors.ConstFlatData(o, func(flat []float32) { copy(dst[i], flat) }), o.FinalizeAll())
	}
	return errors.Join(err, finalize(args))
}

func finalize(args []any) (err error) {
	for _, a := range args {
		err = errors.Join(err, a.(*tensors.Tensor).FinalizeAll())
	}
	return err
}
