package nets

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// Doubled returns the network that training of block diffusion uses, on the same parameters: its rows [B, 2L] are L partly masked
// tokens and then the same L tokens as they are, and its logits [B, L, Vocab] those of the first half. It predicts every block from
// the clean blocks before it at once (Arriola et al. 2025), where Forward needs a call for each. Only for networks with Block.
func (t *Text) Doubled() Network { return doubledText{t} }

type doubledText struct{ *Text }

// Forward implements Network.
func (t doubledText) Forward(c *block.Ctx, x, cNoise, class *Node) *Node {
	d := x.Shape().Dimensions
	if t.config.Block == 0 || x.Rank() != 2 || d[1]%2 != 0 || d[1]/2%t.config.Block != 0 {
		panic(fmt.Errorf("text: doubled rows %s for blocks of %d: want [batch, 2·length] of whole blocks", x.Shape(), t.config.Block))
	}
	checkConditions("text", d[0], cNoise, false, class, t.config.Classes > 0)
	length := d[1] / 2
	h := t.placed(c, t.first(c, x), length)
	s := t.doubledSight(x, h, length)
	s.rotary = block.NewRotaryCopies(h, length, 2, t.config.Dim/t.config.Heads, 10000)
	h = t.hidden(c, h, t.embed(c, h, cNoise, class), s)
	return t.logits(c, graph.Slice(h, graph.AxisRange(), graph.AxisRange(0, length)))
}

// InputWidth is how many numbers a network with Vector reads for each place: the noisy embedding, what an earlier call made of it
// (zeros for nothing), and 1 where the embedding is given and not noisy, else 0.
func (c TextConfig) InputWidth() int { return 2*c.Vector + 1 }

// Embed looks up tokens [B, L] in the table of a network with Vector and gives [B, L, Vector], each vector of the length √Vector: its
// numbers have a mean square of 1, and training cannot escape the noise by growing them (Dieleman et al. 2022, arXiv 2211.15089,
// section 3.3).
func (t *Text) Embed(c *block.Ctx, tokens *Node) *Node {
	if t.config.Vector == 0 || tokens.Rank() != 2 || !tokens.DType().IsInt() {
		panic(fmt.Errorf("text: embedding of %s by a network with vector = %d: want integers [batch, length] and a vector", tokens.Shape(), t.config.Vector))
	}
	return unitRows(t.emb.Tokens(c, tokens))
}

// Table is Embed of every token: [Vocab, Vector] of like's type.
func (t *Text) Table(c *block.Ctx, like *Node) *Node { return unitRows(c.Weight(t.emb.Weight, like)) }

// unitRows gives vectors of the last axis a mean square of 1.
func unitRows(x *Node) *Node {
	d := append([]int(nil), x.Shape().Dimensions...)
	n := float64(d[len(d)-1])
	d[len(d)-1] = 1
	square := graph.Reshape(graph.ReduceSum(graph.Mul(x, x), -1), d...)
	return graph.Mul(x, graph.Div(graph.ScalarOne(x.Graph(), x.DType()), graph.Sqrt(graph.AddScalar(graph.MulScalar(square, 1/n), math.SmallestNonzeroFloat32))))
}

// first makes the first hidden values [B, L, Dim].
func (t *Text) first(c *block.Ctx, x *Node) *Node {
	if t.config.Vector == 0 {
		if x.Rank() != 2 || !x.DType().IsInt() {
			panic(fmt.Errorf("text: input %s, want integers [batch, length]", x.Shape()))
		}
		return t.emb.Tokens(c, x)
	}
	if x.Rank() != 3 || !x.DType().IsFloat() || x.Shape().Dimensions[2] != t.config.InputWidth() {
		panic(fmt.Errorf("text: input %s, want numbers [batch, length, %d]", x.Shape(), t.config.InputWidth()))
	}
	return t.in.Apply(c, x)
}

// placed adds the learned vectors of the places; h holds rows of length places, perhaps several times over.
func (t *Text) placed(c *block.Ctx, h *Node, length int) *Node {
	if t.config.Positions == 0 {
		return h
	}
	if length > t.config.Positions {
		panic(fmt.Errorf("text: rows of %d places for a network with positions = %d", length, t.config.Positions))
	}
	vectors := graph.Slice(c.Weight(t.places.Weight, h), graph.AxisRange(0, length))
	all := []*Node{vectors}
	for range h.Shape().Dimensions[1]/length - 1 {
		all = append(all, vectors)
	}
	if len(all) > 1 {
		vectors = graph.Concatenate(all, 0)
	}
	return graph.Add(h, graph.ExpandAxes(vectors, 0))
}

// Config is the configuration as it was completed.
func (t *Text) Config() TextConfig { return t.config }
