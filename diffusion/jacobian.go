package diffusion

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// DenoiserVJP writes to dst the clean estimate D(x, sigma) of a batch, as a [Denoiser] does, and to grad the product Jᵀ·v of the transposed
// Jacobian J = ∂D/∂x with v, sample by sample: what a likelihood needs to know of how D squeezes volumes. All four slices have one length.
type DenoiserVJP func(dst, grad, x, v []float32, sigma float64) error

// RawVJP is a [RawNetwork] with its vector-Jacobian product: dst = F(x, cNoise), grad = (∂F/∂x)ᵀ·v.
type RawVJP func(dst, grad, x, v []float32, cNoise float64) error

// VJP wraps a raw network with its Jacobian: D = CSkip·x + COut·F(CIn·x) has the Jacobian CSkip·1 + COut·CIn·∂F. Use it from one goroutine
// at a time.
func (p Precond) VJP(network RawVJP) (DenoiserVJP, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var in []float32
	return func(dst, grad, x, v []float32, sigma float64) error {
		if err := checkCall(dst, x, sigma); err != nil {
			return err
		}
		if len(grad) != len(x) || len(v) != len(x) {
			return fmt.Errorf("diffusion: Jacobian of %d numbers with a vector of %d and room for %d: need equal lengths", len(x), len(v), len(grad))
		}
		c := p.At(sigma)
		in = resize(in, len(x))
		scale(in, c.CIn, x)
		if err := network(dst, grad, in, v, c.CNoise); err != nil {
			return fmt.Errorf("network and its Jacobian at sigma %.4g: %w", sigma, err)
		}
		combine(dst, c.CSkip, x, c.COut, dst)
		combine(grad, c.CSkip, v, c.COut*c.CIn, grad)
		return nil
	}, nil
}

// NumericVJP takes v·J·v of a denoiser that has no gradient by a central difference along v with step h·sigma (0.01 is a good h in float32).
// What it writes to grad is J·v, not Jᵀ·v; the two have the same product with v, which is all that [ODE.LogLikelihood] takes of it.
func NumericVJP(d Denoiser, h float64) DenoiserVJP {
	var moved, high []float32
	return func(dst, grad, x, v []float32, sigma float64) error {
		moved, high = resize(moved, len(x)), resize(high, len(x))
		step := h * sigma
		combine(moved, 1, x, step, v)
		if err := d(high, moved, sigma); err != nil {
			return err
		}
		combine(moved, 1, x, -step, v)
		if err := d(grad, moved, sigma); err != nil {
			return err
		}
		combine(grad, 1/(2*step), high, -1/(2*step), grad)
		return d(dst, x, sigma)
	}
}

// GradVJP builds in a graph a network's output F and the product (∂F/∂x)ᵀ·v with a node v of the output's shape. Samples of a batch must
// not influence each other, as is so in every network of package nets.
func GradVJP(network Network, x, cNoise, class, v *graph.Node) (f, grad *graph.Node) {
	f = network(x, cNoise, class)
	return f, graph.Gradient(graph.ReduceAllSum(graph.Mul(f, graph.StopGradient(v))), x)[0]
}
