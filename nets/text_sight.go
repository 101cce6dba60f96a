package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// sight is what the places of a row see of each other, and where they are.
type sight struct {
	rotary block.Rotary
	causal bool
	mask   *Node // added to the scores, broadcast to [B, S, heads, S]; nil for none
	past   *pastOfBlock
}

func (s sight) attend(q, k, v *Node) *Node {
	if s.past != nil {
		return s.past.attend(q, k, v, s.mask)
	}
	if s.causal {
		return block.AttendCausal(q, k, v)
	}
	return block.Attend(q, k, v, s.mask)
}

// shift moves tokens [B, L] on by one place: the first place of a row reads the mask, which begins every text.
func (t *Text) shift(x *Node) *Node {
	if x.Rank() != 2 || !x.DType().IsInt() {
		return x // refused by first
	}
	d := x.Shape().Dimensions
	start := graph.BroadcastToDims(graph.Scalar(x.Graph(), x.DType(), float64(t.config.Vocab)), d[0], 1)
	if d[1] == 1 {
		return start
	}
	return graph.Concatenate([]*Node{start, graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, d[1]-1))}, 1)
}

// validateSight says what is wrong with who sees whom, if anything.
func (c TextConfig) validateSight() error {
	switch {
	case c.Block < 0 || c.Vector < 0:
		return fmt.Errorf("text: block = %d and vector = %d must not be negative", c.Block, c.Vector)
	case c.Causal && c.Block > 0:
		return fmt.Errorf("text: causal and block = %d exclude each other: causal is block = 1", c.Block)
	case c.Block > 0 && c.Time:
		return fmt.Errorf("text: block = %d and time exclude each other: the blocks of a row are at different times", c.Block)
	case c.Vector > 0 && (c.Causal || c.Block > 0 || c.Pad != nil):
		return fmt.Errorf("text: vector = %d, embeddings instead of tokens, goes with none of causal, block and pad", c.Vector)
	case c.Pad != nil && (*c.Pad < 0 || int(*c.Pad) >= c.Vocab):
		return fmt.Errorf("text: pad = %d is not among the %d tokens", *c.Pad, c.Vocab)
	}
	return nil
}

// sight of a row x that is length places of one text; like has the type to compute in.
func (t *Text) sight(x, like *Node, length int) sight {
	padded := t.config.Pad != nil
	if t.config.Causal && !padded {
		return sight{causal: true}
	}
	var s sight
	size := t.config.Block
	if t.config.Causal {
		size = 1
	}
	if size > 0 {
		s.mask = seen(like, length, func(query, key int) bool { return key/size <= query/size })
	}
	if padded {
		s.mask = addMask(s.mask, t.padding(x, like))
	}
	return s
}

// doubledSight is that of rows whose first half is noisy and whose second half is the same text clean (Arriola et al. 2025, arXiv
// 2503.09573, section 3.2): a noisy place sees its own noisy block and the clean blocks before it, a clean one the clean blocks up to
// its own.
func (t *Text) doubledSight(x, like *Node, length int) sight {
	size := t.config.Block
	s := sight{mask: seen(like, 2*length, func(query, key int) bool {
		from, to := query%length/size, key%length/size
		switch {
		case key < length:
			return query < length && from == to
		case query < length:
			return to < from
		}
		return to <= from
	})}
	if t.config.Pad != nil {
		s.mask = addMask(s.mask, t.padding(x, like))
	}
	return s
}

// seen makes the mask [1, length, 1, length] of a rule.
func seen(like *Node, length int, rule func(query, key int) bool) *Node {
	mask := make([]float64, length*length)
	for i := range mask {
		if !rule(i/length, i%length) {
			mask[i] = block.Unseen
		}
	}
	return graph.Reshape(graph.ConstAs(like, mask), 1, length, 1, length)
}

// padding hides the places [B, 1, 1, S] that hold the pad.
func (t *Text) padding(x, like *Node) *Node {
	d := x.Shape().Dimensions
	is := graph.Equal(x, graph.Scalar(x.Graph(), x.DType(), float64(*t.config.Pad)))
	hide := graph.MulScalar(graph.ConvertDType(is, like.DType()), block.Unseen)
	return graph.StopGradient(graph.Reshape(hide, d[0], 1, 1, d[1]))
}

// addMask joins two masks, the first of which may be nil. What both hide stays finite.
func addMask(a, b *Node) *Node {
	if a == nil {
		return b
	}
	return graph.Add(a, b)
}
