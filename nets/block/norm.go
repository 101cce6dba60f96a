package block

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// The norms below take mean and variance in two passes, as PyTorch does: the
// one-pass form E[x²] − E[x]² cancels. The mean is a sum times a constant, and the
// division is by a square root because GoMLX's Rsqrt has no gradient. bfloat16 and
// float16 are normalised in float32.

// GroupNorm normalises over pixels and groups of channels (Wu & He 2018, equation 1).
type GroupNorm struct {
	Weight, Bias *Param
	groups       int
	eps          float64
}

// NewGroupNorm declares name.weight (ones) and name.bias (zeros) of [channels]. groups must
// divide channels; networks check that in their Validate, so here it panics.
func NewGroupNorm(p *Params, name string, channels, groups int, eps float64) GroupNorm {
	if groups <= 0 || channels%groups != 0 {
		panic(fmt.Errorf("group norm %q: %d groups do not divide %d channels", name, groups, channels))
	}
	p = p.Sub("%s", name)
	return GroupNorm{
		Weight: p.Add("weight", Plain, Constant(1), channels),
		Bias:   p.Add("bias", Plain, Constant(0), channels),
		groups: groups,
		eps:    eps,
	}
}

// Apply normalises x [B, ..., C].
func (n GroupNorm) Apply(c *Ctx, x *Node) *Node {
	d := x.Shape().Dimensions
	ch := d[len(d)-1]
	h := wide(x)
	h = graph.Reshape(h, d[0], -1, n.groups, ch/n.groups)
	h = graph.Reshape(standardise(h, n.eps, 1, 3), d...)
	h = graph.Mul(h, channelwise(c.Weight(n.Weight, h), len(d)))
	h = graph.Add(h, channelwise(c.Weight(n.Bias, h), len(d)))
	return graph.ConvertDType(h, x.DType())
}

// LayerNorm normalises each vector of the last axis (Ba et al. 2016, equation 4).
type LayerNorm struct {
	Weight, Bias *Param // nil where the norm has none
	eps          float64
}

// NewLayerNorm declares name.weight (ones) if weight and name.bias (zeros) if bias, of [dim].
// Without both it has no parameters, as adaLN wants it.
func NewLayerNorm(p *Params, name string, dim int, weight, bias bool, eps float64) LayerNorm {
	p = p.Sub("%s", name)
	n := LayerNorm{eps: eps}
	if weight {
		n.Weight = p.Add("weight", Plain, Constant(1), dim)
	}
	if bias {
		n.Bias = p.Add("bias", Plain, Constant(0), dim)
	}
	return n
}

// Apply normalises x [..., dim].
func (n LayerNorm) Apply(c *Ctx, x *Node) *Node {
	h := standardise(wide(x), n.eps, x.Rank()-1)
	if n.Weight != nil {
		h = graph.Mul(h, channelwise(c.Weight(n.Weight, h), x.Rank()))
	}
	if n.Bias != nil {
		h = graph.Add(h, channelwise(c.Weight(n.Bias, h), x.Rank()))
	}
	return graph.ConvertDType(h, x.DType())
}

// RMSNorm divides each vector of the last axis by its root mean square (Zhang &
// Sennrich 2019, equation 4).
type RMSNorm struct {
	Weight *Param
	eps    float64
}

// NewRMSNorm declares name.weight (ones) of [dim].
func NewRMSNorm(p *Params, name string, dim int, eps float64) RMSNorm {
	return RMSNorm{p.Sub("%s", name).Add("weight", Plain, Constant(1), dim), eps}
}

// Apply normalises x [..., dim].
func (n RMSNorm) Apply(c *Ctx, x *Node) *Node {
	h := wide(x)
	ms := mean(graph.Mul(h, h), h.Rank()-1)
	h = graph.Div(h, graph.Sqrt(graph.AddScalar(ms, n.eps)))
	h = graph.Mul(h, channelwise(c.Weight(n.Weight, h), h.Rank()))
	return graph.ConvertDType(h, x.DType())
}

// standardise gives x mean 0 and variance 1 over axes.
func standardise(x *Node, eps float64, axes ...int) *Node {
	x = graph.Sub(x, mean(x, axes...))
	variance := mean(graph.Mul(x, x), axes...)
	return graph.Div(x, graph.Sqrt(graph.AddScalar(variance, eps)))
}

// mean keeps the reduced axes with size 1.
func mean(x *Node, axes ...int) *Node {
	dims := append([]int(nil), x.Shape().Dimensions...)
	n := 1
	for _, a := range axes {
		n *= dims[a]
		dims[a] = 1
	}
	return graph.Reshape(graph.MulScalar(graph.ReduceSum(x, axes...), 1/float64(n)), dims...)
}

// channelwise shapes a [C] vector to meet a tensor of the given rank on its last axis.
func channelwise(v *Node, rank int) *Node {
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = 1
	}
	dims[rank-1] = v.Shape().Dimensions[0]
	return graph.Reshape(v, dims...)
}

// wide lifts half-precision values to float32.
func wide(x *Node) *Node {
	if x.DType() == dtypes.BFloat16 || x.DType() == dtypes.Float16 {
		return graph.ConvertDType(x, dtypes.Float32)
	}
	return x
}
