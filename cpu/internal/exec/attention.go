package exec

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// attentionStep runs scaled dot-product attention or its gradients; other types than float32 are interpreted.
func (x *Executable) attentionStep(n *ir.Node, a ir.Attention) (step, error) {
	spec, ok := x.attentionSpec(n, a)
	if !ok {
		return x.interpreted(n), nil
	}
	k, err := kernel.NewAttention(x.kernels.set, spec)
	if err != nil {
		return step{}, err
	}
	products := 2 * float64(spec.Batch*spec.Heads) * float64(spec.Queries) * float64(spec.Keys) * float64(spec.Dim)
	if compute.OpType(n.Op) == compute.OpTypeFusedScaledDotProductAttention {
		return step{kind: "attention", scratch: k.ForwardScratch, flops: 2 * products,
			run: func(c *context, in, out [][]byte, scratch []float32) error {
				t := kernel.AttentionTensors{Q: floats(in[0]), K: floats(in[1]), V: floats(in[2]), Mask: attentionMask(spec.Mask, in[3]),
					O: floats(out[0]), LSE: floats(out[1])}
				return k.Forward(c.runner, &t, scratch)
			}}, nil
	}
	return step{kind: "attention gradient", scratch: k.BackwardScratch, flops: 5 * products,
		run: func(c *context, in, out [][]byte, scratch []float32) error {
			t := kernel.AttentionTensors{Q: floats(in[0]), K: floats(in[1]), V: floats(in[2]), Mask: attentionMask(spec.Mask, in[3]),
				O: floats(in[4]), LSE: floats(in[5]), DO: floats(in[6]), DQ: floats(out[0]), DK: floats(out[1]), DV: floats(out[2])}
			return k.Backward(c.runner, &t, scratch)
		}}, nil
}

func (x *Executable) attentionSpec(n *ir.Node, a ir.Attention) (kernel.AttentionSpec, bool) {
	q, k := x.g.Shapes[n.Inputs[0]], x.g.Shapes[n.Inputs[1]]
	h, s := a.Layout.HeadsAxis(), a.Layout.SeqAxis()
	spec := kernel.AttentionSpec{Batch: q.Dimensions[0], Heads: q.Dimensions[h], KVHeads: k.Dimensions[h],
		Queries: q.Dimensions[s], Keys: k.Dimensions[s], Dim: q.Dimensions[3], Scale: float32(a.Scale), Causal: a.Causal}
	of := func(s shapes.Shape) kernel.AttentionStrides {
		st := strides(s.Dimensions)
		return kernel.AttentionStrides{Batch: st[0], Head: st[h], Row: st[a.Layout.SeqAxis()]}
	}
	spec.Q, spec.K, spec.V = of(q), of(k), of(x.g.Shapes[n.Inputs[2]])
	spec.O = spec.Q
	if n.Inputs[3] != ir.None {
		m := x.g.Shapes[n.Inputs[3]]
		spec.MaskStrides = maskStrides(m.Dimensions)
		switch m.DType {
		case dtypes.Bool:
			spec.Mask = kernel.KeepMask
		case dtypes.Float32:
			spec.Mask = kernel.AddMask
		default:
			return spec, false
		}
	}
	return spec, q.DType == dtypes.Float32
}

// maskStrides lays a mask over batch, head, query and key; axes of size 1 are broadcast. Rank 3 is batch, query, key.
func maskStrides(dims []int) (out [4]int) {
	st := strides(dims)
	for i := range dims {
		if dims[i] > 1 {
			out[4-len(dims)+i] = st[i]
		}
	}
	if len(dims) == 3 {
		out[0], out[1] = out[1], 0
	}
	return out
}

func attentionMask(kind kernel.MaskKind, block []byte) kernel.AttentionMask {
	switch kind {
	case kernel.AddMask:
		return kernel.AttentionMask{Add: floats(block)}
	case kernel.KeepMask:
		return kernel.AttentionMask{Keep: view[bool](block, len(block))}
	}
	return kernel.AttentionMask{}
}
