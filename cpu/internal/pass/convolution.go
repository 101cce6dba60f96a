package pass

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// matchConvolutions turns float32 convolutions over two spatial axes into Conv2D nodes: the forward form, and the two
// gradient forms that GoMLX's differentiation issues (a convolution of dy, dilated by the stride, with the reversed kernel;
// a convolution of x with dy as its kernel, dilated by the stride). 1×1 convolutions become matrix products. What fits none
// of these stays ConvGeneral for the interpreter.
func matchConvolutions(g *ir.Graph, _ *Options) (*ir.Graph, error) {
	e := ir.NewEmitter(g)
	def := g.Definitions()
	for i := range g.Nodes {
		n := &g.Nodes[i]
		attr, ok := n.Attr.(ir.Conv)
		if !ok || g.Shape(n.Outputs[0]).DType != dtypes.Float32 || len(attr.Strides) != 2 || attr.BatchGroups > 1 {
			e.Copy(n)
			continue
		}
		m := convMatch{g: g, e: e, n: n, attr: attr, x: g.Shape(n.Inputs[0]).Dimensions, k: g.Shape(n.Inputs[1]).Dimensions,
			out: g.Shape(n.Outputs[0]).Dimensions}
		var kernel *ir.Node
		if d := def[n.Inputs[1]]; d >= 0 {
			kernel = &g.Nodes[d]
		}
		if !m.filterGradient() && !m.inputGradient(kernel) && !m.forward() {
			e.Copy(n)
		}
	}
	return e.Finish(), nil
}

// convMatch is one convolution being matched; x, k and out are the dimensions of its operands and result.
type convMatch struct {
	g         *ir.Graph
	e         *ir.Emitter
	n         *ir.Node
	attr      ir.Conv
	x, k, out []int
}

// axes returns an operand's axes in the order batch, spatial…, channels (or spatial…, in, out for a kernel).
func inputAxes(a compute.ConvolveAxesConfig) []int {
	return append(append([]int{a.InputBatch}, a.InputSpatial...), a.InputChannels)
}

func kernelAxes(a compute.ConvolveAxesConfig) []int {
	return append(slices.Clone(a.KernelSpatial), a.KernelInputChannels, a.KernelOutputChannels)
}

func outputAxes(a compute.ConvolveAxesConfig) []int {
	return append(append([]int{a.OutputBatch}, a.OutputSpatial...), a.OutputChannels)
}

func ones(v []int) bool { return !slices.ContainsFunc(v, func(d int) bool { return d != 1 }) }

// filterGradient matches conv(x, dy) with batch and channels of both exchanged.
func (m *convMatch) filterGradient() bool {
	a := m.attr.Axes
	if !slices.Equal(inputAxes(a), []int{3, 1, 2, 0}) || !slices.Equal(kernelAxes(a), []int{1, 2, 0, 3}) ||
		!slices.Equal(outputAxes(a), []int{2, 0, 1, 3}) || !ones(m.attr.InputDilations) || m.attr.ChannelGroups > 1 {
		return false
	}
	s := m.attr.KernelDilations
	return m.emit(ir.Conv2DAttr{Kind: ir.ConvFilterGradient, Batch: m.x[0], InH: m.x[1], InW: m.x[2], InC: m.x[3],
		OutH: m.k[1], OutW: m.k[2], OutC: m.k[3], KernelH: m.out[0], KernelW: m.out[1], StrideH: s[0], StrideW: s[1],
		DilationH: m.attr.Strides[0], DilationW: m.attr.Strides[1],
		PadTop: m.attr.Paddings[0][0], PadLeft: m.attr.Paddings[1][0], Groups: 1}, m.n.Inputs[1])
}

// inputGradient matches conv(dy dilated, Reverse(w)) with the kernel's channels exchanged.
func (m *convMatch) inputGradient(kernel *ir.Node) bool {
	a := m.attr.Axes
	nhwc := []int{0, 1, 2, 3}
	if !slices.Equal(inputAxes(a), nhwc) || !slices.Equal(kernelAxes(a), []int{0, 1, 3, 2}) ||
		!slices.Equal(outputAxes(a), nhwc) || !ones(m.attr.Strides) || m.attr.ChannelGroups > 1 {
		return false
	}
	w := m.n.Inputs[1]
	reversed := kernel != nil && compute.OpType(kernel.Op) == compute.OpTypeReverse
	switch {
	case reversed && slices.Equal(kernel.Attr.(ir.Axes).Axes, []int{0, 1}):
		w = kernel.Inputs[0]
	case m.k[0] != 1 || m.k[1] != 1:
		return false
	}
	d, s := m.attr.KernelDilations, m.attr.InputDilations
	return m.emit(ir.Conv2DAttr{Kind: ir.ConvInputGradient, Batch: m.out[0], InH: m.out[1], InW: m.out[2], InC: m.out[3],
		OutH: m.x[1], OutW: m.x[2], OutC: m.x[3], KernelH: m.k[0], KernelW: m.k[1], StrideH: s[0], StrideW: s[1],
		DilationH: d[0], DilationW: d[1], PadTop: (m.k[0]-1)*d[0] - m.attr.Paddings[0][0],
		PadLeft: (m.k[1]-1)*d[1] - m.attr.Paddings[1][0], Groups: 1}, w)
}

// forward matches any other convolution without input dilation, transposing operands that are not NHWC and HWIO.
func (m *convMatch) forward() bool {
	if !ones(m.attr.InputDilations) {
		return false
	}
	a := m.attr.Axes
	x, w := transposed(m.e, m.e.To(m.n.Inputs[0]), inputAxes(a)), transposed(m.e, m.e.To(m.n.Inputs[1]), kernelAxes(a))
	xd, kd := m.e.New.Shapes[x].Dimensions, m.e.New.Shapes[w].Dimensions
	order := outputAxes(a)
	attr := ir.Conv2DAttr{Kind: ir.ConvForward, Batch: xd[0], InH: xd[1], InW: xd[2], InC: xd[3],
		OutH: m.out[order[1]], OutW: m.out[order[2]], OutC: kd[3], KernelH: kd[0], KernelW: kd[1],
		StrideH: m.attr.Strides[0], StrideW: m.attr.Strides[1], DilationH: m.attr.KernelDilations[0],
		DilationW: m.attr.KernelDilations[1], PadTop: m.attr.Paddings[0][0], PadLeft: m.attr.Paddings[1][0],
		Groups: max(1, m.attr.ChannelGroups)}
	y := m.product(attr, x, w, shapes.Make(dtypes.Float32, attr.Batch, attr.OutH, attr.OutW, attr.OutC))
	back := make([]int, len(order))
	for i, o := range order {
		back[o] = i
	}
	m.e.Replace(m.n.Outputs[0], transposed(m.e, y, back))
	return true
}

// emit finishes a match whose operands are in place: the first operand is the node's own, the second is given.
func (m *convMatch) emit(attr ir.Conv2DAttr, second ir.Value) bool {
	v := m.product(attr, m.e.To(m.n.Inputs[0]), m.e.To(second), m.g.Shape(m.n.Outputs[0]))
	m.e.Replace(m.n.Outputs[0], v)
	return true
}

// product emits the Conv2D node, or the matrix product that it amounts to. The bottom and right padding follow from the
// sizes: what a strided window does not reach does not matter.
func (m *convMatch) product(a ir.Conv2DAttr, first, second ir.Value, out shapes.Shape) ir.Value {
	a.PadBottom = (a.OutH-1)*a.StrideH + (a.KernelH-1)*a.DilationH + 1 - a.InH - a.PadTop
	a.PadRight = (a.OutW-1)*a.StrideW + (a.KernelW-1)*a.DilationW + 1 - a.InW - a.PadLeft
	if a.KernelH != 1 || a.KernelW != 1 || a.StrideH != 1 || a.StrideW != 1 || a.Groups != 1 ||
		a.PadTop != 0 || a.PadLeft != 0 || a.InH != a.OutH || a.InW != a.OutW {
		return m.e.Emit(ir.Conv2D, a, []ir.Value{first, second}, out)
	}
	pixels := a.Batch * a.InH * a.InW
	mm := ir.MatMulAttr{M: pixels, N: a.OutC, K: a.InC, LDA: a.InC, LDB: a.OutC, LDC: a.OutC, Batch: [2]int{1, 1}}
	switch a.Kind {
	case ir.ConvInputGradient:
		mm.N, mm.K, mm.LDA, mm.LDC, mm.TransB = a.InC, a.OutC, a.OutC, a.InC, true
	case ir.ConvFilterGradient:
		mm.M, mm.K, mm.TransA = a.InC, pixels, true
	}
	return m.e.Emit(ir.MatMul, mm, []ir.Value{first, second}, out)
}

// transposed emits a transposition unless the permutation is the identity.
func transposed(e *ir.Emitter, v ir.Value, perm []int) ir.Value {
	from := e.New.Shapes[v]
	if slices.IsSorted(perm) {
		return v
	}
	dims := make([]int, len(perm))
	for i, p := range perm {
		dims[i] = from.Dimensions[p]
	}
	return e.Emit(ir.Primitive(compute.OpTypeTranspose), ir.Transpose{Perm: perm}, []ir.Value{v}, shapes.Make(from.DType, dims...))
}
