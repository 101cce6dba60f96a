package block

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention"
)

// Attend is scaled dot-product attention, softmax(q·kᵀ/√d)·v (Vaswani et al. 2017,
// equation 1), over q, k, v [B, S, heads, d]. It uses the backend's fused pair of forward
// and gradient if there is one, and plain ops otherwise. mask, if not nil, broadcasts to
// [B, S, heads, S] (queries before heads): either booleans, false where a query does not see a key, or numbers
// of q's type that are added to the scores, [Unseen] where it does not. The engine is faster with numbers.
func Attend(q, k, v, mask *Node) *Node {
	d := q.Shape().Dimensions[3]
	out, _ := attention.Core(q, k, v, attention.LayoutBSHD, attention.CoreOptions{
		Scale:         1 / math.Sqrt(float64(d)),
		AttentionMask: mask,
	})
	return out
}

// Unseen, added to a score, hides a key: finite, so that a row of nothing else gives no NaN.
const Unseen = -1e30

// AttendCausal is Attend where every query sees the keys up to its own place. The engine leaves out the work of the others.
func AttendCausal(q, k, v *Node) *Node {
	out, _ := attention.Core(q, k, v, attention.LayoutBSHD, attention.CoreOptions{
		Scale:         1 / math.Sqrt(float64(q.Shape().Dimensions[3])),
		UseCausalMask: true,
	})
	return out
}

// SelfAttention is multi-head self-attention with separate projections, as diffusers'
// Attention: to_q, to_k, to_v and to_out.0.
type SelfAttention struct {
	Q, K, V, Out Dense
	heads        int
}

// NewSelfAttention declares four dim×dim projections with biases. heads must divide dim.
func NewSelfAttention(p *Params, dim, heads int) SelfAttention {
	return SelfAttention{
		Q:     NewDense(p, "to_q", dim, dim, true),
		K:     NewDense(p, "to_k", dim, dim, true),
		V:     NewDense(p, "to_v", dim, dim, true),
		Out:   NewDense(p, "to_out.0", dim, dim, true),
		heads: heads,
	}
}

// Apply maps x [B, S, dim] to [B, S, dim].
func (a SelfAttention) Apply(c *Ctx, x *Node) *Node {
	q, k, v := a.split(a.Q.Apply(c, x)), a.split(a.K.Apply(c, x)), a.split(a.V.Apply(c, x))
	o := Attend(q, k, v, nil)
	return a.Out.Apply(c, graph.Reshape(o, x.Shape().Dimensions...))
}

func (a SelfAttention) split(x *Node) *Node {
	d := x.Shape().Dimensions
	return graph.Reshape(x, d[0], d[1], a.heads, d[2]/a.heads)
}
