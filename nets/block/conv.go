package block

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// Conv is a two-dimensional convolution over [B, H, W, C] (nn.Conv2d).
type Conv struct {
	Weight, Bias *Param
	stride       int
	pads         [][2]int
}

// NewConv declares name.weight [k, k, in, out] and name.bias [out], started as PyTorch does,
// for stride 1 and padding that keeps the size.
//
// k must be odd: GoMLX v0.28.1 gives wrong input gradients for even kernels. (Cut patches by
// [Patches] and a Dense layer instead.) That is a programming error, so it panics.
func NewConv(p *Params, name string, in, out, k int) Conv {
	if k%2 == 0 {
		panic(fmt.Errorf("convolution %q: even kernel size %d: GoMLX's input gradient is wrong for it", name, k))
	}
	p = p.Sub("%s", name)
	return Conv{
		Weight: p.Add("weight", Kernel, torchUniform(k*k*in), k, k, in, out),
		Bias:   p.Add("bias", Plain, torchUniform(k*k*in), out),
		stride: 1,
		pads:   [][2]int{{k / 2, k / 2}, {k / 2, k / 2}},
	}
}

// NewDownConv declares a 3×3 convolution of stride 2 that halves the size. padding 1 pads all
// sides by one; padding 0 pads right and bottom only, as the DDPM U-Net does: diffusers'
// two values of downsample_padding.
func NewDownConv(p *Params, name string, in, out, padding int) Conv {
	c := NewConv(p, name, in, out, 3)
	c.stride = 2
	c.pads = [][2]int{{padding, 1}, {padding, 1}}
	return c
}

// Apply maps [B, H, W, in] to [B, H/stride, W/stride, out].
func (v Conv) Apply(c *Ctx, x *Node) *Node {
	y := graph.Convolve(x, c.Weight(v.Weight, x)).Strides(v.stride).PaddingPerDim(v.pads).Done()
	b := c.Weight(v.Bias, x)
	return graph.Add(y, graph.Reshape(b, 1, 1, 1, b.Shape().Dimensions[0]))
}

// Zero makes the layer start at zero, so that the branch it ends starts as nothing.
func (v Conv) Zero() { v.Weight.Start, v.Bias.Start = Constant(0), Constant(0) }
