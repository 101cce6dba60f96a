package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// TextConfig describes a transformer over tokens. Every place sees every other one unless Causal or Block say otherwise.
type TextConfig struct {
	// Vocab counts the tokens that the network can predict. One more, with id Vocab, stands for
	// the mask: it is read, never predicted.
	Vocab  int `toml:"vocab" json:"vocab"`
	Dim    int `toml:"dim" json:"dim"`
	Layers int `toml:"layers" json:"layers"`
	Heads  int `toml:"heads" json:"heads"`
	// Hidden is the width of the MLP, 0 for four times Dim.
	Hidden int `toml:"hidden" json:"hidden"`
	// SwiGLU gates the MLP (Shazeer 2020) instead of GELU: a third matrix, no biases.
	SwiGLU bool `toml:"swiglu" json:"swiglu"`
	// Positions is how many places have a learned vector of their own, added to what they hold (Devlin et al. 2019): beside the rotary
	// positions, which tell places apart only by what other places hold, so not where all are masked. 0 for none; rows may not be longer.
	Positions int `toml:"positions,omitempty" json:"positions,omitempty"`
	// Time conditions every block on the noise level by adaLN; masked diffusion does without.
	Time bool `toml:"time" json:"time"`
	// Classes is the size of the class table, a null class counted, 0 for none; conditions every
	// block by adaLN.
	Classes int     `toml:"classes" json:"classes"`
	Dropout float64 `toml:"dropout" json:"dropout"`
	// Causal is for autoregressive models: a place predicts its token from those before it, and sees neither itself nor later ones.
	Causal bool `toml:"causal,omitempty" json:"causal,omitempty"`
	// Block lets a place see its block of so many places and earlier ones, for block diffusion (see Doubled); 0 for no blocks.
	Block int `toml:"block,omitempty" json:"block,omitempty"`
	// Pad is a token whose places no other place sees; left out, there is none.
	Pad *int32 `toml:"pad,omitempty" json:"pad,omitempty"`
	// Vector, if not 0, is the width of learned token embeddings on which continuous diffusion works: the
	// network then reads noisy embeddings instead of tokens, see Embed.
	Vector int `toml:"vector,omitempty" json:"vector,omitempty"`
	// Init: zero starts the embedding at N(0, 0.02²) and the head at nothing, so that the first
	// loss is exactly ln Vocab.
	Init Init `toml:"init" json:"init"`
}

// TextBase is the 25,223,195-parameter network of ebb's benchmarks: letters, space and mask.
func TextBase() TextConfig {
	return TextConfig{Vocab: 27, Dim: 512, Layers: 8, Heads: 8, Init: InitZero}
}

// TextSmall is the network of ebb's text learning curve.
func TextSmall() TextConfig {
	return TextConfig{Vocab: 27, Dim: 256, Layers: 6, Heads: 8, Init: InitZero}
}

// Validate says what is wrong with the configuration, if anything.
func (c TextConfig) Validate() error {
	err := positive("text", []field{{"vocab", c.Vocab}, {"dim", c.Dim}, {"layers", c.Layers}, {"heads", c.Heads}})
	if err != nil {
		return err
	}
	switch {
	case c.Dim%c.Heads != 0 || c.Dim/c.Heads%2 != 0:
		return fmt.Errorf("text: dim = %d over %d heads must give even heads, for the rotary positions", c.Dim, c.Heads)
	case c.Hidden < 0 || c.Classes < 0 || c.Positions < 0:
		return fmt.Errorf("text: hidden = %d, classes = %d and positions = %d must not be negative", c.Hidden, c.Classes, c.Positions)
	}
	if _, err := c.Init.MarshalText(); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	if err := c.validateSight(); err != nil {
		return err
	}
	return rate("text", "dropout", c.Dropout)
}

func (c TextConfig) conditioned() bool { return c.Time || c.Classes > 0 }

// Text is a pre-norm transformer with rotary positions, for masked diffusion on
// text (as in Sahoo et al. 2024) and its relatives: tokens in, logits of every position out.
type Text struct {
	config TextConfig
	params *block.Params
	emb    block.Embedding
	places block.Embedding
	in     block.Dense // of networks over embeddings
	time   block.TimeMLP
	class  block.Embedding
	blocks []textBlock
	norm   block.LayerNorm
	head   block.Dense
}

type textBlock struct {
	norm1, norm2       block.LayerNorm
	qkv, out           block.Dense
	up, gate, down     block.Dense
	modulation         block.Dense
	heads              int
	swiglu, conditions bool
}

// NewText checks the configuration and declares the parameters.
func NewText(config TextConfig) (*Text, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c := config
	if c.Hidden == 0 {
		c.Hidden = 4 * c.Dim
	}
	t := &Text{config: c, params: block.NewParams()}
	p := t.params
	t.newInput(c)
	if c.Time {
		t.time = block.NewTimeMLP(p, "time_embedding", 256, c.Dim)
	}
	if c.Classes > 0 {
		t.class = block.NewEmbedding(p, "class_embedding", c.Classes, c.Dim)
	}
	for i := range c.Layers {
		t.blocks = append(t.blocks, newTextBlock(p.Sub("blocks.%d", i), c))
	}
	t.norm = block.NewLayerNorm(p, "nf", c.Dim, true, false, 1e-5)
	t.head = block.NewDense(p, "head", c.Dim, c.Vocab, true)
	if c.Positions > 0 {
		t.places = block.NewEmbedding(p, "positions", c.Positions, c.Dim)
		t.places.Weight.Start = block.Normal(0.02)
	}
	if c.Init == InitZero {
		t.emb.Weight.Start = block.Normal(0.02)
		t.head.Zero()
	}
	return t, nil
}

// newInput declares how tokens, or noisy embeddings, become the first hidden values.
func (t *Text) newInput(c TextConfig) {
	if c.Vector == 0 {
		t.emb = block.NewEmbedding(t.params, "emb", c.Vocab+1, c.Dim)
		return
	}
	t.emb = block.NewEmbedding(t.params, "emb", c.Vocab, c.Vector)
	t.in = block.NewDense(t.params, "in", c.InputWidth(), c.Dim, true)
}

func newTextBlock(p *block.Params, c TextConfig) textBlock {
	b := textBlock{heads: c.Heads, swiglu: c.SwiGLU, conditions: c.conditioned()}
	b.norm1 = block.NewLayerNorm(p, "n1", c.Dim, true, false, 1e-5)
	b.qkv = block.NewDense(p, "qkv", c.Dim, 3*c.Dim, false)
	b.out = block.NewDense(p, "o", c.Dim, c.Dim, false)
	b.norm2 = block.NewLayerNorm(p, "n2", c.Dim, true, false, 1e-5)
	b.up = block.NewDense(p, "up", c.Dim, c.Hidden, !c.SwiGLU)
	if c.SwiGLU {
		b.gate = block.NewDense(p, "gate", c.Dim, c.Hidden, false)
	}
	b.down = block.NewDense(p, "down", c.Hidden, c.Dim, !c.SwiGLU)
	if b.conditions {
		b.modulation = block.NewDense(p, "modulation", c.Dim, 6*c.Dim, true)
		b.modulation.Zero() // adaLN-zero would shut the branches; see body: gates are 1 + g
	}
	return b
}

// Params lists the parameters.
func (t *Text) Params() *block.Params { return t.params }

// Forward maps tokens x [B, L] (integers 0…Vocab, Vocab being the mask) to logits [B, L, Vocab]
// in the context's type. cNoise [B] is read only if the network has Time, on the scale of DDPM's
// steps (t in 0…1 times 1000); class [B] only if it has Classes. A network with Vector takes numbers
// [B, L, InputWidth] instead of tokens.
func (t *Text) Forward(c *block.Ctx, x, cNoise, class *Node) *Node {
	if t.config.Causal {
		x = t.shift(x)
	}
	length := x.Shape().Dimensions[1]
	h := t.placed(c, t.first(c, x), length)
	checkConditions("text", x.Shape().Dimensions[0], cNoise, t.config.Time, class, t.config.Classes > 0)
	s := t.sight(x, h, length)
	s.rotary = block.NewRotary(h, length, t.config.Dim/t.config.Heads, 10000)
	return t.logits(c, t.hidden(c, h, t.embed(c, h, cNoise, class), s))
}

// hidden runs the blocks.
func (t *Text) hidden(c *block.Ctx, h, e *Node, s sight) *Node {
	for i := range t.blocks {
		b := &t.blocks[i]
		h = c.Block(h, func(h *Node) *Node { return b.body(c, h, e, s, t.config.Dropout) })
	}
	return h
}

func (t *Text) logits(c *block.Ctx, h *Node) *Node { return t.head.Apply(c, t.norm.Apply(c, h)) }

// embed gives SiLU of the embedding of time and class [B, Dim], or nil.
func (t *Text) embed(c *block.Ctx, h, cNoise, class *Node) *Node {
	var e *Node
	if t.config.Time {
		s := block.Sinusoid{Dim: 256, Shift: 1, CosFirst: true}.Apply(cNoise)
		e = t.time.Apply(c, graph.ConvertDType(s, h.DType()))
	}
	if t.config.Classes > 0 {
		k := t.class.Apply(c, class, h)
		if e == nil {
			e = k
		} else {
			e = graph.Add(e, k)
		}
	}
	if e == nil {
		return nil
	}
	return block.SiLU(e)
}

// body is attention and MLP. With a condition e, adaLN modulates both; its gates are 1+g, so that
// a zero modulation is the plain block.
func (b *textBlock) body(c *block.Ctx, h, e *Node, s sight, dropout float64) *Node {
	modulate := func(x *Node, _ int) *Node { return x }
	gate := func(x *Node, _ int) *Node { return x }
	if b.conditions {
		m := block.Chunks(b.modulation.Apply(c, e), 6)
		modulate = func(x *Node, i int) *Node { return block.Modulate(x, m[3*i], m[3*i+1]) }
		gate = func(x *Node, i int) *Node { return graph.Mul(x, graph.InsertAxes(graph.OnePlus(m[3*i+2]), 1)) }
	}
	a := b.attend(c, modulate(b.norm1.Apply(c, h), 0), s)
	h = graph.Add(h, gate(c.Dropout(a, dropout), 0))
	f := b.mlp(c, modulate(b.norm2.Apply(c, h), 1))
	return graph.Add(h, gate(c.Dropout(f, dropout), 1))
}

func (b *textBlock) attend(c *block.Ctx, x *Node, s sight) *Node {
	d := x.Shape().Dimensions
	qkv := graph.Reshape(b.qkv.Apply(c, x), d[0], d[1], 3, b.heads, d[2]/b.heads)
	part := func(i int) *Node {
		return graph.Squeeze(graph.SliceAxis(qkv, 2, graph.AxisElem(i)), 2)
	}
	o := s.attend(s.rotary.Apply(part(0)), s.rotary.Apply(part(1)), part(2))
	return b.out.Apply(c, graph.Reshape(o, d...))
}

func (b *textBlock) mlp(c *block.Ctx, x *Node) *Node {
	f := b.up.Apply(c, x)
	if b.swiglu {
		f = graph.Mul(f, block.SiLU(b.gate.Apply(c, x)))
	} else {
		f = block.GELU(f)
	}
	return b.down.Apply(c, f)
}
