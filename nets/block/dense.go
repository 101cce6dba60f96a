package block

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/nn"
)

// Dense is a linear layer, y = x·W + b over the last axis (nn.Linear).
type Dense struct{ Weight, Bias *Param }

// NewDense declares name.weight [in, out] and, if bias, name.bias [out], both started as
// PyTorch starts them.
func NewDense(p *Params, name string, in, out int, bias bool) Dense {
	p = p.Sub("%s", name)
	d := Dense{Weight: p.Add("weight", Matrix, torchUniform(in), in, out)}
	if bias {
		d.Bias = p.Add("bias", Plain, torchUniform(in), out)
	}
	return d
}

// Apply maps [..., in] to [..., out].
func (d Dense) Apply(c *Ctx, x *Node) *Node {
	var bias *Node
	if d.Bias != nil {
		bias = c.Weight(d.Bias, x)
	}
	w := c.Weight(d.Weight, x)
	if w.Rank() > 2 { // of NewPatchDense
		w = graph.Reshape(w, -1, w.Shape().Dimensions[w.Rank()-1])
	}
	return nn.Dense(x, w, bias, compute.DenseLayoutInputOutputs)
}

// Zero makes the layer start at zero, so that the branch it ends starts as nothing.
func (d Dense) Zero() {
	d.Weight.Start = Constant(0)
	if d.Bias != nil {
		d.Bias.Start = Constant(0)
	}
}

// Embedding is a table of vectors (nn.Embedding).
type Embedding struct{ Weight *Param }

// NewEmbedding declares name.weight [n, dim], started N(0, 1) as PyTorch does.
func NewEmbedding(p *Params, name string, n, dim int) Embedding {
	return Embedding{p.Sub("%s", name).Add("weight", Plain, Normal(1), n, dim)}
}

// Apply looks up integers of any shape [...], giving [..., dim] of like's type. What an
// index outside the table gives is up to the backend: check indices before.
func (e Embedding) Apply(c *Ctx, indices, like *Node) *Node {
	i := graph.StopGradient(indices)
	return graph.Gather(c.Weight(e.Weight, like), graph.InsertAxes(i, -1))
}

// Tokens is Apply for the first layer of a network: the type is the context's, or else the
// table's.
func (e Embedding) Tokens(c *Ctx, tokens *Node) *Node {
	v := c.Scope.GetVariable(e.Weight.Name)
	if v == nil {
		panic(missing(c, e.Weight))
	}
	like := v.NodeValue(tokens.Graph())
	if c.DType != dtypes.InvalidDType {
		like = graph.ConvertDType(like, c.DType)
	}
	return e.Apply(c, tokens, like)
}

// NewPatchDense declares the Dense layer that embeds patches of p×p pixels as PyTorch keeps it, a
// convolution with kernel and stride p: name.weight [p, p, in, out] and name.bias [out].
func NewPatchDense(ps *Params, name string, p, in, out int) Dense {
	ps = ps.Sub("%s", name)
	return Dense{
		Weight: ps.Add("weight", Kernel, torchUniform(p*p*in), p, p, in, out),
		Bias:   ps.Add("bias", Plain, torchUniform(p*p*in), out),
	}
}
