package block

import (
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// input makes a reproducible float64 tensor.
func input(name string, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return tensors.FromFlatDataAndDimensions(testkit.Fill(name, n), dims...)
}

// scramble replaces the starts, so that no gradient is zero for being at zero.
func scramble(p *Params) {
	for _, q := range p.All() {
		if q.Start == Constant(0) || q.Start == Constant(1) {
			q.Start = Uniform(0.7)
		}
	}
}

// Every block's gradients, in its input and its parameters, against finite differences.
func TestGradients(t *testing.T) {
	b := testkit.Backend(t)
	type apply func(c *Ctx, in []*Node) *Node
	seq, pic := input("seq", 2, 6, 8), input("pic", 2, 4, 6, 4)
	ids := tensors.FromFlatDataAndDimensions([]int32{3, 1, 1, 0}, 2, 2)
	for _, c := range []struct {
		name  string
		in    []*tensors.Tensor
		build func(p *Params) apply
	}{
		{"dense", []*tensors.Tensor{seq}, func(p *Params) apply {
			d := NewDense(p, "d", 8, 5, true)
			return func(c *Ctx, in []*Node) *Node { return d.Apply(c, in[0]) }
		}},
		{"patch dense", []*tensors.Tensor{pic}, func(p *Params) apply {
			d := NewPatchDense(p, "d", 2, 4, 5)
			return func(c *Ctx, in []*Node) *Node { return d.Apply(c, Patches(in[0], 2)) }
		}},
		{"embedding", []*tensors.Tensor{ids}, func(p *Params) apply {
			e := NewEmbedding(p, "e", 4, 3)
			return func(c *Ctx, in []*Node) *Node { return e.Tokens(c, in[0]) }
		}},
		{"conv 3", []*tensors.Tensor{pic}, func(p *Params) apply {
			v := NewConv(p, "v", 4, 3, 3)
			return func(c *Ctx, in []*Node) *Node { return v.Apply(c, in[0]) }
		}},
		{"conv 1", []*tensors.Tensor{pic}, func(p *Params) apply {
			v := NewConv(p, "v", 4, 3, 1)
			return func(c *Ctx, in []*Node) *Node { return v.Apply(c, in[0]) }
		}},
		{"conv down, padding 1", []*tensors.Tensor{pic}, func(p *Params) apply {
			v := NewDownConv(p, "v", 4, 3, 1)
			return func(c *Ctx, in []*Node) *Node { return v.Apply(c, in[0]) }
		}},
		{"conv down, padding 0", []*tensors.Tensor{pic}, func(p *Params) apply {
			v := NewDownConv(p, "v", 4, 3, 0)
			return func(c *Ctx, in []*Node) *Node { return v.Apply(c, in[0]) }
		}},
		{"upsample", []*tensors.Tensor{pic}, func(*Params) apply {
			return func(_ *Ctx, in []*Node) *Node { return Upsample(in[0]) }
		}},
		{"average pool", []*tensors.Tensor{pic}, func(*Params) apply {
			return func(_ *Ctx, in []*Node) *Node { return AveragePool(in[0]) }
		}},
		{"unpatch", []*tensors.Tensor{seq}, func(*Params) apply {
			return func(_ *Ctx, in []*Node) *Node { return Unpatch(in[0], 2, 2, 3) }
		}},
		{"group norm", []*tensors.Tensor{pic}, func(p *Params) apply {
			n := NewGroupNorm(p, "n", 4, 2, 1e-5)
			return func(c *Ctx, in []*Node) *Node { return n.Apply(c, in[0]) }
		}},
		{"layer norm", []*tensors.Tensor{seq}, func(p *Params) apply {
			n := NewLayerNorm(p, "n", 8, true, true, 1e-5)
			return func(c *Ctx, in []*Node) *Node { return n.Apply(c, in[0]) }
		}},
		{"rms norm", []*tensors.Tensor{seq}, func(p *Params) apply {
			n := NewRMSNorm(p, "n", 8, 1e-5)
			return func(c *Ctx, in []*Node) *Node { return n.Apply(c, in[0]) }
		}},
		{"self-attention", []*tensors.Tensor{seq}, func(p *Params) apply {
			a := NewSelfAttention(p, 8, 2)
			return func(c *Ctx, in []*Node) *Node { return a.Apply(c, in[0]) }
		}},
		{"attention with mask", []*tensors.Tensor{input("q", 1, 3, 2, 4), input("k", 1, 3, 2, 4), input("v", 1, 3, 2, 4)}, func(*Params) apply {
			return func(_ *Ctx, in []*Node) *Node {
				mask := graph.Const(in[0].Graph(), [][][][]bool{{{{true, false, true}}}})
				return Attend(in[0], in[1], in[2], mask)
			}
		}},
		{"rotary", []*tensors.Tensor{input("q", 2, 3, 2, 4)}, func(*Params) apply {
			return func(_ *Ctx, in []*Node) *Node { return NewRotary(in[0], 3, 4, 10000).Apply(in[0]) }
		}},
		// float32, so that only the weights are moved: the gradient stops at the noise level.
		{"time embedding", []*tensors.Tensor{tensors.FromFlatDataAndDimensions([]float32{0.1, 3, 7}, 3)}, func(p *Params) apply {
			f, m := NewFourier(p, "f", 3, 1), NewTimeMLP(p, "m", 12, 5)
			return func(c *Ctx, in []*Node) *Node {
				t := graph.Concatenate([]*Node{Sinusoid{Dim: 6, Shift: 1}.Apply(in[0]), f.Apply(c, in[0])}, -1)
				return m.Apply(c, graph.ConvertDType(t, dtypes.Float64))
			}
		}},
		{"silu, gelu, modulate", []*tensors.Tensor{seq, input("m", 2, 16)}, func(*Params) apply {
			return func(_ *Ctx, in []*Node) *Node {
				m := Chunks(in[1], 2)
				return Modulate(GELU(SiLU(in[0])), m[0], m[1])
			}
		}},
		{"dropout", []*tensors.Tensor{seq}, func(*Params) apply {
			return func(c *Ctx, in []*Node) *Node {
				c.DropoutKeys = graph.Const(in[0].Graph(), []uint32{7, 8})
				return c.Dropout(in[0], 0.4)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, store := NewParams(), model.NewStore()
			build := c.build(p)
			scramble(p)
			scope := store.Scope("/net")
			if err := p.Init(scope, dtypes.Float64, 1); err != nil {
				t.Fatal(err)
			}
			loss := func(_ *model.Scope, in []*Node) *Node {
				y := build(&Ctx{Scope: scope}, in)
				r := graph.Const(y.Graph(), testkit.Fill("r", y.Shape().Size()))
				return graph.ReduceAllSum(graph.Mul(graph.Reshape(y, -1), r))
			}
			testkit.CheckGradients(t, b, store, loss, c.in...)
		})
	}
}
