package pass

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/internal/testkit"
)

// maker writes graphs of float32 values.
type maker struct{ *ir.Graph }

func newMaker() maker { return maker{&ir.Graph{Name: "test"}} }

func f32(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

func (m maker) op(t compute.OpType, attr any, s shapes.Shape, in ...ir.Value) ir.Value {
	return m.Add(ir.Primitive(t), attr, in, s)[0]
}

func (m maker) scalar(x float32) ir.Value {
	return m.op(compute.OpTypeConstant, ir.Constant{Flat: []float32{x}}, f32())
}

func (m maker) full(x float32, dims ...int) ir.Value {
	return m.op(compute.OpTypeBroadcastInDim, ir.Broadcast{Axes: []int{}}, f32(dims...), m.scalar(x))
}

// check runs one pass and compares the text of its result.
func (m maker) check(t *testing.T, run func(*ir.Graph, *Options) (*ir.Graph, error), want string, outputs ...ir.Value) {
	t.Helper()
	m.Outputs = outputs
	g, err := run(m.Graph, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSpace(strings.TrimPrefix(g.String(), "graph test\n"))
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimLeft(l, "\t")
	}
	if d := testkit.Diff(lines, strings.Split(got, "\n")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestCleanAlgebra(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(4, 3))
	one := m.op(compute.OpTypeMul, nil, f32(4, 3), x, m.full(1, 4, 3))
	zero := m.op(compute.OpTypeAdd, nil, f32(4, 3), one, m.scalar(0))
	half := m.op(compute.OpTypeMul, nil, f32(4, 3), zero, m.full(0.5, 4, 3))
	negated := m.op(compute.OpTypeMul, nil, f32(4, 3), half, m.scalar(-1))
	sum := m.op(compute.OpTypeAdd, nil, f32(4, 3), x, negated)
	m.check(t, clean, `
		v0:float32[4,3] = Parameter(0)
		v1:float32[] = Constant() {[0.5]}
		v2:float32[4,3] = Mul(v0, v1)
		v3:float32[4,3] = Sub(v0, v2)
		return v3`, sum)
}

func TestCleanMergesEqualNodes(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(8))
	a := m.op(compute.OpTypeExp, nil, f32(8), x)
	b := m.op(compute.OpTypeExp, nil, f32(8), x)
	m.check(t, clean, `
		v0:float32[8] = Parameter(0)
		v1:float32[8] = Exp(v0)
		v2:float32[8] = Add(v1, v1)
		return v2`, m.op(compute.OpTypeAdd, nil, f32(8), a, b))
}

func TestCleanKeepsBarriersApart(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(8))
	a := m.op(compute.OpTypeExp, nil, f32(8), x)
	b := m.op(compute.OpTypeExp, nil, f32(8), m.op(compute.OpTypeOptimizationBarrier, nil, f32(8), x))
	m.check(t, clean, `
		v0:float32[8] = Parameter(0)
		v1:float32[8] = Exp(v0)
		v2:float32[8] = OptimizationBarrier(v0)
		v3:float32[8] = Exp(v2)
		v4:float32[8] = Add(v1, v3)
		return v4`, m.op(compute.OpTypeAdd, nil, f32(8), a, b))
}

// What barriers kept apart stays apart when they are gone; constants are merged all the same.
func TestCopiesStayApart(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(8))
	a := m.op(compute.OpTypeExp, nil, f32(8), x)
	b := m.op(compute.OpTypeExp, nil, f32(8), m.op(compute.OpTypeOptimizationBarrier, nil, f32(8), x))
	withoutBarriers := func(g *ir.Graph, o *Options) (*ir.Graph, error) {
		g, err := dropBarriers(g, o)
		if err != nil {
			return nil, err
		}
		return cleanApart(g, o)
	}
	m.check(t, withoutBarriers, `
		v0:float32[8] = Parameter(0)
		v1:float32[8] = Exp(v0)
		v2:float32[8] = Exp(v0)
		v3:float32[8] = Add(v1, v2)
		return v3`, m.op(compute.OpTypeAdd, nil, f32(8), a, b))
}

func TestCleanPowers(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(5))
	m.check(t, clean, `
		v0:float32[5] = Parameter(0)
		v1:float32[5] = Mul(v0, v0)
		v2:float32[5] = Mul(v1, v0)
		return v2, v1`, m.op(compute.OpTypePow, nil, f32(5), x, m.scalar(3)), m.op(compute.OpTypePow, nil, f32(5), x, m.full(2, 5)))
}

func TestCleanViews(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(2, 1, 3))
	a := m.op(compute.OpTypeReshape, nil, f32(6), x)
	b := m.op(compute.OpTypeReshape, nil, f32(3, 2), a)
	c := m.op(compute.OpTypeTranspose, ir.Transpose{Perm: []int{1, 0, 2}}, f32(1, 2, 3), x)
	d := m.op(compute.OpTypeReduceSum, ir.Axes{Axes: []int{1}}, f32(2), m.op(compute.OpTypeReduceSum, ir.Axes{Axes: []int{1}}, f32(2, 3), x))
	m.check(t, clean, `
		v0:float32[2,1,3] = Parameter(0)
		v1:float32[3,2] = Reshape(v0)
		v2:float32[1,2,3] = Reshape(v0)
		v3:float32[2,3] = Reshape(v0)
		v4:float32[2] = ReduceSum(v3) {Axes:[1]}
		return v1, v2, v4`, b, c, d)
}

func TestWeightGradientNeedsNoTransposition(t *testing.T) {
	m := newMaker()
	dy, x := m.NewParam(f32(30, 9)), m.NewParam(f32(30, 7))
	p := m.op(compute.OpTypeDotGeneral, ir.DotGeneral{LHSContract: []int{0}, RHSContract: []int{0}}, f32(9, 7), dy, x)
	m.check(t, matchMatMuls, `
		v0:float32[30,9] = Parameter(0)
		v1:float32[30,7] = Parameter(1)
		v2:float32[7,9] = MatMul(v1, v0) {M:7 N:9 K:30 TransA:true TransB:false LDA:7 LDB:9 LDC:9 Batch:[1 1] StrideA:[0 0] StrideB:[0 0] StrideC:[0 0]}
		return v2`, m.op(compute.OpTypeTranspose, ir.Transpose{Perm: []int{1, 0}}, f32(7, 9), p))
}

// TestConvolutionTriple has the three forms that GoMLX issues for a strided 3×3 convolution.
func TestConvolutionTriple(t *testing.T) {
	nhwc := compute.ConvolveAxesConfig{InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3, KernelSpatial: []int{0, 1},
		KernelInputChannels: 2, KernelOutputChannels: 3, OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3}
	one, two := []int{1, 1}, []int{2, 2}
	m := newMaker()
	x, w, dy := m.NewParam(f32(2, 8, 8, 4)), m.NewParam(f32(3, 3, 4, 5)), m.NewParam(f32(2, 4, 4, 5))
	y := m.op(compute.OpTypeConvGeneral, ir.Conv{Axes: nhwc, Strides: two, Paddings: [][2]int{{1, 1}, {1, 1}},
		InputDilations: one, KernelDilations: one, ChannelGroups: 1, BatchGroups: 1}, f32(2, 4, 4, 5), x, w)
	back := nhwc.Clone()
	back.KernelInputChannels, back.KernelOutputChannels = 3, 2
	r := m.op(compute.OpTypeReverse, ir.Axes{Axes: []int{0, 1}}, f32(3, 3, 4, 5), w)
	dx := m.op(compute.OpTypeConvGeneral, ir.Conv{Axes: back, Strides: one, Paddings: [][2]int{{1, 2}, {1, 2}},
		InputDilations: two, KernelDilations: one, ChannelGroups: 1, BatchGroups: 1}, f32(2, 8, 8, 4), dy, r)
	filter := compute.ConvolveAxesConfig{InputBatch: 3, InputSpatial: []int{1, 2}, InputChannels: 0, KernelSpatial: []int{1, 2},
		KernelInputChannels: 0, KernelOutputChannels: 3, OutputBatch: 2, OutputSpatial: []int{0, 1}, OutputChannels: 3}
	dw := m.op(compute.OpTypeConvGeneral, ir.Conv{Axes: filter, Strides: one, Paddings: [][2]int{{1, 0}, {1, 0}},
		InputDilations: one, KernelDilations: two, ChannelGroups: 1, BatchGroups: 1}, f32(3, 3, 4, 5), x, dy)
	run := func(g *ir.Graph, o *Options) (*ir.Graph, error) {
		g, err := matchConvolutions(g, o)
		if err != nil {
			return nil, err
		}
		return removeDead(g, o)
	}
	same := "Batch:2 InH:8 InW:8 InC:4 OutH:4 OutW:4 OutC:5 KernelH:3 KernelW:3 StrideH:2 StrideW:2 DilationH:1 DilationW:1 PadTop:1 PadBottom:0 PadLeft:1 PadRight:0 Groups:1}"
	m.check(t, run, `
		v0:float32[2,8,8,4] = Parameter(0)
		v1:float32[3,3,4,5] = Parameter(1)
		v2:float32[2,4,4,5] = Parameter(2)
		v3:float32[2,4,4,5] = Conv2D(v0, v1) {Kind:0 `+same+`
		v4:float32[2,8,8,4] = Conv2D(v2, v1) {Kind:1 `+same+`
		v5:float32[3,3,4,5] = Conv2D(v0, v2) {Kind:2 `+same+`
		return v3, v4, v5`, y, dx, dw)
}

// TestFuseAcrossReshape is the reduction, the reshape and the broadcast of a group normalisation.
func TestFuseAcrossReshape(t *testing.T) {
	m := newMaker()
	x := m.NewParam(f32(16, 8, 8, 128))
	x4 := m.op(compute.OpTypeReshape, nil, f32(16, 64, 32, 4), x)
	sum := m.op(compute.OpTypeReduceSum, ir.Axes{Axes: []int{1, 3}}, f32(16, 32), x4)
	mean := m.op(compute.OpTypeMul, nil, f32(16, 32), sum, m.scalar(1.0/256))
	wide := m.op(compute.OpTypeBroadcastInDim, ir.Broadcast{Axes: []int{0, 2}}, f32(16, 64, 32, 4), mean)
	diff := m.op(compute.OpTypeReshape, nil, f32(16, 8, 8, 128), m.op(compute.OpTypeSub, nil, f32(16, 64, 32, 4), x4, wide))
	run := func(g *ir.Graph, o *Options) (*ir.Graph, error) {
		g, err := fuse(g, o)
		if err != nil {
			return nil, err
		}
		return removeDead(g, o)
	}
	m.check(t, run, `
		v0:float32[16,8,8,128] = Parameter(0)
		v1:float32[16,32] = Fused(v0) {over [16 64 32 4]
		    r0 = Load #0
		    out 0 = r0 Sum to {0,2}}
		v2:float32[16,64,32,4] = Fused(v0, v1) {over [16 64 32 4]
		    r0 = Load #0
		    r1{0,2} = Load #1
		    r2{} = Immediate 0.00390625
		    r3{0,2} = Mul r1 r2
		    r4 = Expand r3
		    r5 = Sub r0 r4
		    out 0 = r5}
		v3:float32[16,8,8,128] = Reshape(v2)
		return v3`, diff)
}
