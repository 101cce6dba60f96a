package nets

import (
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// resize says what a residual block does to the resolution.
type resize int

const (
	keep resize = iota
	halve
	double
)

// resBlock is diffusers' ResnetBlock2D: norm, SiLU, conv, time, norm, SiLU, dropout, conv, plus
// the input.
type resBlock struct {
	norm1, norm2           block.GroupNorm
	conv1, conv2, shortcut block.Conv
	time                   block.Dense
	hasShortcut            bool
	scaleShift             bool
	resize                 resize
	dropout, scale         float64
}

func newResBlock(p *block.Params, name string, c UNetConfig, in, out int, r resize) resBlock {
	p = p.Sub("%s", name)
	b := resBlock{scaleShift: c.ScaleShift, resize: r, dropout: c.Dropout, scale: 1, hasShortcut: in != out}
	b.norm1 = block.NewGroupNorm(p, "norm1", in, c.Groups, c.Eps)
	b.conv1 = block.NewConv(p, "conv1", in, out, 3)
	width := out
	if c.ScaleShift {
		width = 2 * out
	}
	b.time = block.NewDense(p, "time_emb_proj", c.timeDim(), width, true)
	b.norm2 = block.NewGroupNorm(p, "norm2", out, c.Groups, c.Eps)
	b.conv2 = block.NewConv(p, "conv2", out, out, 3)
	if b.hasShortcut {
		b.shortcut = block.NewConv(p, "conv_shortcut", in, out, 1)
	}
	return b
}

// apply maps h [B, H, W, in] to [B, H', W', out]; t is SiLU of the time embedding.
func (b resBlock) apply(c *block.Ctx, h, t *Node) *Node {
	return c.Block(h, func(x *Node) *Node { return b.body(c, x, t) })
}

func (b resBlock) body(c *block.Ctx, x, t *Node) *Node {
	h := b.resample(block.SiLU(b.norm1.Apply(c, x)))
	x = b.resample(x)
	h = b.conv1.Apply(c, h)
	e := b.time.Apply(c, t)
	e = graph.Reshape(e, e.Shape().Dimensions[0], 1, 1, -1)
	if b.scaleShift {
		parts := block.Chunks(e, 2)
		h = graph.Mul(b.norm2.Apply(c, h), graph.OnePlus(parts[0]))
		h = graph.Add(h, parts[1])
	} else {
		h = b.norm2.Apply(c, graph.Add(h, e))
	}
	h = b.conv2.Apply(c, c.Dropout(block.SiLU(h), b.dropout))
	if b.hasShortcut {
		x = b.shortcut.Apply(c, x)
	}
	return rescale(graph.Add(x, h), b.scale)
}

func (b resBlock) resample(x *Node) *Node {
	switch b.resize {
	case halve:
		return block.AveragePool(x)
	case double:
		return block.Upsample(x)
	default:
		return x
	}
}

// attnBlock is self-attention over the pixels, with its norm and the input added.
type attnBlock struct {
	norm    block.GroupNorm
	hasNorm bool
	attn    block.SelfAttention
	scale   float64
}

// newAttnBlock declares the layers; no groups, no norm.
func newAttnBlock(p *block.Params, name string, c UNetConfig, channels, groups int) attnBlock {
	p = p.Sub("%s", name)
	a := attnBlock{scale: 1, hasNorm: groups > 0}
	if a.hasNorm {
		a.norm = block.NewGroupNorm(p, "group_norm", channels, groups, c.Eps)
	}
	heads := 1
	if c.HeadDim > 0 {
		heads = channels / c.HeadDim
	}
	a.attn = block.NewSelfAttention(p, channels, heads)
	return a
}

func (a attnBlock) apply(c *block.Ctx, x *Node) *Node {
	h := x
	if a.hasNorm {
		h = a.norm.Apply(c, h)
	}
	d := x.Shape().Dimensions
	h = a.attn.Apply(c, graph.Reshape(h, d[0], d[1]*d[2], d[3]))
	return rescale(graph.Add(x, graph.Reshape(h, d...)), a.scale)
}

func rescale(x *Node, by float64) *Node {
	if by == 1 {
		return x
	}
	return graph.MulScalar(x, 1/by)
}
