package block

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// Sinusoid embeds numbers by sines and cosines of falling frequency (Ho et al. 2020, as
// diffusers' get_timestep_embedding).
type Sinusoid struct {
	Dim int
	// Shift is diffusers' freq_shift: frequency i is 10000^(−i/(Dim/2−Shift)).
	Shift float64
	// CosFirst is diffusers' flip_sin_to_cos: cosines before sines.
	CosFirst bool
}

// Apply maps t [B] to [B, Dim]. An odd Dim ends in a zero.
func (s Sinusoid) Apply(t *Node) *Node {
	half := s.Dim / 2
	f := make([]float32, half)
	for i := range f {
		// float32 steps on purpose: t is up to 1000, so the last bit of a frequency shows.
		f[i] = float32(math.Exp(float64(float32(-math.Log(10000)) * float32(i) / float32(float64(half)-s.Shift))))
	}
	e := sinCos(t, graph.ConstAs(t, f), s.CosFirst)
	if s.Dim%2 == 1 {
		zero := graph.MulScalar(graph.Reshape(t, -1, 1), 0)
		e = graph.Concatenate([]*Node{e, zero}, -1)
	}
	return e
}

// Fourier embeds numbers by sines and cosines of random, fixed frequencies (Song et al. 2021,
// as diffusers' GaussianFourierProjection): sin and cos of 2π·w·t.
//
// diffusers takes the logarithm of t inside; here the caller gives what is to be embedded
// (ln σ for such a model), because networks know nothing of noise levels.
type Fourier struct{ Weight *Param }

// NewFourier declares the frozen frequencies name.weight [dim], N(0, scale²).
func NewFourier(p *Params, name string, dim int, scale float64) Fourier {
	w := p.Sub("%s", name).Add("weight", Plain, Normal(scale), dim)
	w.Frozen = true
	return Fourier{w}
}

// Apply maps t [B] to [B, 2·dim], sines first.
func (f Fourier) Apply(c *Ctx, t *Node) *Node {
	w := graph.StopGradient(c.Weight(f.Weight, t))
	return sinCos(t, graph.MulScalar(w, 2*math.Pi), false)
}

// sinCos gives sin and cos of t⊗f, [B, 2F]. Noise levels are drawn, not learnt, and a
// gradient into them would run into the random generator's integers: it stops here.
func sinCos(t, f *Node, cosFirst bool) *Node {
	t = graph.StopGradient(t)
	a := graph.Mul(graph.Reshape(t, -1, 1), graph.Reshape(f, 1, -1))
	first, second := graph.Sin(a), graph.Cos(a)
	if cosFirst {
		first, second = second, first
	}
	return graph.Concatenate([]*Node{first, second}, -1)
}

// TimeMLP is diffusers' TimestepEmbedding: linear_1, SiLU, linear_2.
type TimeMLP struct{ Linear1, Linear2 Dense }

// NewTimeMLP declares name.linear_1 [in, dim] and name.linear_2 [dim, dim].
func NewTimeMLP(p *Params, name string, in, dim int) TimeMLP {
	p = p.Sub("%s", name)
	return TimeMLP{NewDense(p, "linear_1", in, dim, true), NewDense(p, "linear_2", dim, dim, true)}
}

// Apply maps [B, in] to [B, dim].
func (m TimeMLP) Apply(c *Ctx, x *Node) *Node {
	return m.Linear2.Apply(c, SiLU(m.Linear1.Apply(c, x)))
}

// Grid is the fixed two-dimensional position table of DiT and MAE (He et al. 2022): half of the
// channels embed the column, half the row, each as sines then cosines. It returns h·w rows
// of dim numbers, dim divisible by 4. base is the grid side that the model was made for: positions
// of other grids are scaled to it, as diffusers' PatchEmbed does.
func Grid(h, w, dim, base int) []float64 {
	out := make([]float64, 0, h*w*dim)
	for y := range h {
		for x := range w {
			out = appendSines(out, float64(x)*float64(base)/float64(w), dim/2)
			out = appendSines(out, float64(y)*float64(base)/float64(h), dim/2)
		}
	}
	return out
}

func appendSines(out []float64, pos float64, dim int) []float64 {
	for _, f := range []func(float64) float64{math.Sin, math.Cos} {
		for i := range dim / 2 {
			out = append(out, f(pos*math.Pow(10000, -float64(i)/float64(dim/2))))
		}
	}
	return out
}
