package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// Past is what a network with Causal or Block keeps of the places before those that it works on.
type Past struct {
	// KeysValues [Layers, 2, B, P, heads, Dim/heads] are keys and values that Continue returned before; P is no less than the places before.
	KeysValues *Node
	// Hidden [B, P], of the same type, is added to the scores: 0 for what is to be seen, block.Unseen for the rest.
	Hidden *Node
}

// Continue is Forward for the next places of rows, with keys and values of the earlier ones taken from before: no place sees later ones, so they
// do not change. tokens [B, n] are what the network reads there: of a Causal one the token before each place, and the mask at the first.
// places [n] are integers, the first a multiple of Block. It returns logits [B, n, Vocab], and the keys and values [Layers, 2, B, n, heads,
// Dim/heads] of these places, which are of use later only if no token of them was a mask.
func (t *Text) Continue(c *block.Ctx, tokens, places, class *Node, past Past) (logits, fresh *Node) {
	if !t.Continues() {
		panic(fmt.Errorf("text: only networks with causal or block, and without time and pad, can go on from keys and values"))
	}
	h := t.first(c, tokens)
	if t.config.Positions > 0 {
		h = graph.Add(h, graph.ExpandAxes(t.places.Apply(c, places, h), 0))
	}
	n := tokens.Shape().Dimensions[1]
	s := t.sight(tokens, h, n)
	if s.causal {
		s = sight{mask: seen(h, n, func(query, key int) bool { return key <= query })}
	}
	s.rotary = block.NewRotary(h, past.Hidden.Shape().Dimensions[1]+n, t.config.Dim/t.config.Heads, 10000).At(places)
	e := t.embed(c, h, nil, class)
	var all []*Node
	for i := range t.blocks {
		old := graph.Squeeze(graph.SliceAxis(past.KeysValues, 0, graph.AxisElem(i)), 0)
		s.past = &pastOfBlock{keys: pick(old, 0), values: pick(old, 1), hidden: past.Hidden}
		h = t.blocks[i].body(c, h, e, s, 0)
		all = append(all, graph.Stack([]*Node{s.past.freshKeys, s.past.freshValues}, 0))
	}
	return t.logits(c, h), graph.Stack(all, 0)
}

// Continues tells whether Continue may be called.
func (t *Text) Continues() bool {
	return (t.config.Causal || t.config.Block > 0) && !t.config.Time && t.config.Pad == nil
}

func pick(x *Node, i int) *Node { return graph.Squeeze(graph.SliceAxis(x, 0, graph.AxisElem(i)), 0) }

// pastOfBlock is the part of Past that one block of the network uses, and what it leaves.
type pastOfBlock struct {
	keys, values, hidden   *Node // [B, P, heads, d], [B, P]
	freshKeys, freshValues *Node
}

// attend sees the places of before and, as mask says, those of now.
func (p *pastOfBlock) attend(q, k, v, mask *Node) *Node {
	p.freshKeys, p.freshValues = k, v
	d := q.Shape().Dimensions
	old := p.hidden.Shape().Dimensions[1]
	hidden := graph.BroadcastToDims(graph.Reshape(p.hidden, d[0], 1, 1, old), d[0], d[1], 1, old)
	if mask == nil {
		mask = graph.Zeros(q.Graph(), hidden.Shape())
	}
	mask = graph.BroadcastToDims(mask, d[0], d[1], 1, d[1])
	return block.Attend(q, graph.Concatenate([]*Node{p.keys, k}, 1), graph.Concatenate([]*Node{p.values, v}, 1), graph.Concatenate([]*Node{hidden, mask}, 3))
}
