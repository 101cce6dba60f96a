package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// inceptionBlock is a set of branches over one input, joined along the channels.
type inceptionBlock struct {
	all []func(c *block.Ctx, x *Node) *Node
}

func (b inceptionBlock) branches(c *block.Ctx, x *Node) []*Node {
	out := make([]*Node, len(b.all))
	for i, f := range b.all {
		out[i] = f(c, x)
	}
	return out
}

func (b inceptionBlock) apply(c *block.Ctx, x *Node) *Node {
	return graph.Concatenate(b.branches(c, x), -1)
}

// chain applies convolutions one after another.
func chain(convs ...*inceptionConv) func(c *block.Ctx, x *Node) *Node {
	return func(c *block.Ctx, x *Node) *Node {
		for _, v := range convs {
			x = v.apply(c, x)
		}
		return x
	}
}

func (n *Inception) stem() {
	pool := func(_ *block.Ctx, x *Node) *Node { return maxPool3(x, 2, 0) }
	n.body = append(n.body,
		chain(n.conv("Conv2d_1a_3x3", 3, 32, 3, 3, 2, false), n.conv("Conv2d_2a_3x3", 32, 32, 3, 3, 1, false), n.conv("Conv2d_2b_3x3", 32, 64, 3, 3, 1, true)),
		pool,
		chain(n.conv("Conv2d_3b_1x1", 64, 80, 1, 1, 1, false), n.conv("Conv2d_4a_3x3", 80, 192, 3, 3, 1, false)),
		pool)
}

func (n *Inception) mixed() {
	in := 192
	for i, pool := range []int{32, 64, 64} {
		n.body = append(n.body, n.blockA(fmt.Sprintf("Mixed_5%c", 'b'+i), in, pool).apply)
		in = 224 + pool
	}
	n.body = append(n.body, n.blockB("Mixed_6a").apply)
	n.body = append(n.body, n.blockC("Mixed_6b", 128).apply, n.blockC("Mixed_6c", 160).apply)
	n.mixed6d = n.blockC("Mixed_6d", 160)
	largest := n.variant == InceptionFID
	n.tail = append(n.tail, n.blockC("Mixed_6e", 192).apply, n.blockD("Mixed_7a").apply,
		n.blockE("Mixed_7b", 1280, false).apply, n.blockE("Mixed_7c", 2048, largest).apply)
}

// pooled is the branch that averages 3×3 pixels and mixes the channels. Both are linear, and there are fewer channels to average after
// mixing: the order is turned round.
func (n *Inception) pooled(name string, in, out int) func(c *block.Ctx, x *Node) *Node {
	v := n.conv(name+".branch_pool", in, out, 1, 1, 1, false)
	return func(c *block.Ctx, x *Node) *Node {
		return v.activate(c, averagePool3(v.linear(c, x), n.variant == InceptionTorchvision))
	}
}

// blockA is figure 5 of the paper: 35×35 pixels.
func (n *Inception) blockA(name string, in, pool int) inceptionBlock {
	at := func(branch string) string { return name + "." + branch }
	return inceptionBlock{[]func(c *block.Ctx, x *Node) *Node{
		chain(n.conv(at("branch1x1"), in, 64, 1, 1, 1, false)),
		chain(n.conv(at("branch5x5_1"), in, 48, 1, 1, 1, false), n.conv(at("branch5x5_2"), 48, 64, 5, 5, 1, true)),
		chain(n.conv(at("branch3x3dbl_1"), in, 64, 1, 1, 1, false), n.conv(at("branch3x3dbl_2"), 64, 96, 3, 3, 1, true),
			n.conv(at("branch3x3dbl_3"), 96, 96, 3, 3, 1, true)),
		n.pooled(name, in, pool),
	}}
}

// blockB halves 35×35 to 17×17 pixels.
func (n *Inception) blockB(name string) inceptionBlock {
	at := func(branch string) string { return name + "." + branch }
	return inceptionBlock{[]func(c *block.Ctx, x *Node) *Node{
		chain(n.conv(at("branch3x3"), 288, 384, 3, 3, 2, false)),
		chain(n.conv(at("branch3x3dbl_1"), 288, 64, 1, 1, 1, false), n.conv(at("branch3x3dbl_2"), 64, 96, 3, 3, 1, true),
			n.conv(at("branch3x3dbl_3"), 96, 96, 3, 3, 2, false)),
		func(_ *block.Ctx, x *Node) *Node { return maxPool3(x, 2, 0) },
	}}
}

// blockC is figure 6 of the paper with n = 7: 17×17 pixels, 7 wide convolutions of width w inside.
func (n *Inception) blockC(name string, w int) inceptionBlock {
	at := func(branch string) string { return name + "." + branch }
	return inceptionBlock{[]func(c *block.Ctx, x *Node) *Node{
		chain(n.conv(at("branch1x1"), 768, 192, 1, 1, 1, false)),
		chain(n.conv(at("branch7x7_1"), 768, w, 1, 1, 1, false), n.conv(at("branch7x7_2"), w, w, 1, 7, 1, true),
			n.conv(at("branch7x7_3"), w, 192, 7, 1, 1, true)),
		chain(n.conv(at("branch7x7dbl_1"), 768, w, 1, 1, 1, false), n.conv(at("branch7x7dbl_2"), w, w, 7, 1, 1, true),
			n.conv(at("branch7x7dbl_3"), w, w, 1, 7, 1, true), n.conv(at("branch7x7dbl_4"), w, w, 7, 1, 1, true),
			n.conv(at("branch7x7dbl_5"), w, 192, 1, 7, 1, true)),
		n.pooled(name, 768, 192),
	}}
}

// blockD halves 17×17 to 8×8 pixels.
func (n *Inception) blockD(name string) inceptionBlock {
	at := func(branch string) string { return name + "." + branch }
	return inceptionBlock{[]func(c *block.Ctx, x *Node) *Node{
		chain(n.conv(at("branch3x3_1"), 768, 192, 1, 1, 1, false), n.conv(at("branch3x3_2"), 192, 320, 3, 3, 2, false)),
		chain(n.conv(at("branch7x7x3_1"), 768, 192, 1, 1, 1, false), n.conv(at("branch7x7x3_2"), 192, 192, 1, 7, 1, true),
			n.conv(at("branch7x7x3_3"), 192, 192, 7, 1, 1, true), n.conv(at("branch7x7x3_4"), 192, 192, 3, 3, 2, false)),
		func(_ *block.Ctx, x *Node) *Node { return maxPool3(x, 2, 0) },
	}}
}

// blockE is figure 7 of the paper: 8×8 pixels, branches that fork again.
func (n *Inception) blockE(name string, in int, largest bool) inceptionBlock {
	at := func(branch string) string { return name + "." + branch }
	b := inceptionBlock{[]func(c *block.Ctx, x *Node) *Node{
		chain(n.conv(at("branch1x1"), in, 320, 1, 1, 1, false)),
		n.fork(at("branch3x3_2"), n.conv(at("branch3x3_1"), in, 384, 1, 1, 1, false)),
		n.fork(at("branch3x3dbl_3"), n.conv(at("branch3x3dbl_1"), in, 448, 1, 1, 1, false), n.conv(at("branch3x3dbl_2"), 448, 384, 3, 3, 1, true)),
	}}
	if !largest {
		b.all = append(b.all, n.pooled(name, in, 192))
		return b
	}
	mix := n.conv(at("branch_pool"), in, 192, 1, 1, 1, false)
	b.all = append(b.all, func(c *block.Ctx, x *Node) *Node { return mix.apply(c, maxPool3(x, 1, 1)) })
	return b
}

// fork ends a branch in a 1×3 and a 3×1 convolution side by side.
func (n *Inception) fork(name string, before ...*inceptionConv) func(c *block.Ctx, x *Node) *Node {
	stem := chain(before...)
	a, b := n.conv(name+"a", 384, 384, 1, 3, 1, true), n.conv(name+"b", 384, 384, 3, 1, 1, true)
	return func(c *block.Ctx, x *Node) *Node {
		x = stem(c, x)
		return graph.Concatenate([]*Node{a.apply(c, x), b.apply(c, x)}, -1)
	}
}

// maxPool3 takes the largest of 3×3 pixels at every stride-th place; what is padded never wins. Slices instead of ReduceWindow, which ebb's
// engine leaves to its interpreter: one axis after the other, two comparisons each.
func maxPool3(x *Node, stride, pad int) *Node {
	for axis := 1; axis <= 2; axis++ {
		n := (x.Shape().Dimensions[axis]+2*pad-3)/stride + 1
		var y *Node
		for _, part := range shifts(x, axis, n, stride, pad, -1e30) {
			if y == nil {
				y = part
			} else {
				y = graph.Max(y, part)
			}
		}
		x = y
	}
	return x
}

// averagePool3 averages 3×3 pixels and keeps the size. At the border the sum is divided by nine with count (torchvision), else by the pixels
// there are (the FID port).
func averagePool3(x *Node, count bool) *Node {
	for axis := 1; axis <= 2; axis++ {
		n := x.Shape().Dimensions[axis]
		parts := shifts(x, axis, n, 1, 1, 0)
		sum := graph.Add(graph.Add(parts[0], parts[1]), parts[2])
		share := make([]float32, n)
		for i := range share {
			share[i] = 1. / 3
			if inside := min(i+2, n) - max(i-1, 0); !count {
				share[i] = 1 / float32(inside)
			}
		}
		dims := []int{1, 1, 1, 1}
		dims[axis] = n
		x = graph.Mul(sum, graph.ConvertDType(graph.Reshape(graph.Const(x.Graph(), share), dims...), x.DType()))
	}
	return x
}

// shifts returns the three inputs of a window of three along an axis, n places each.
func shifts(x *Node, axis, n, stride, pad int, fill float64) []*Node {
	if pad > 0 {
		axes := make([]graph.PadAxis, x.Rank())
		axes[axis] = graph.PadAxis{Start: pad, End: pad}
		x = graph.Pad(x, graph.ConstAs(x, fill), axes...)
	}
	parts := make([]*Node, 3)
	for k := range parts {
		spec := []graph.SliceAxisSpec{graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange()}
		spec[axis] = graph.AxisRange(k, k+(n-1)*stride+1).Stride(stride)
		parts[k] = graph.Slice(x, spec...)
	}
	return parts
}
