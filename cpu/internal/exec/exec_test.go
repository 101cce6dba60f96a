package exec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/interp"
	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/cpu/internal/pass"
)

// heap is a Memory of plain Go slices.
type heap struct{}

func (heap) Alloc(n int64) ([]byte, error) {
	return bytesOf(make([]float64, (n+7)/8), shapes.Make(dtypes.Float64, int((n+7)/8)))[:n], nil
}
func (heap) Free([]byte) {}

// maker builds graphs of float32 values.
type maker struct {
	*ir.Graph
}

func f32(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

func (m maker) op(t compute.OpType, attr any, s shapes.Shape, in ...ir.Value) ir.Value {
	return m.Add(ir.Primitive(t), attr, in, s)[0]
}

func (m maker) same(t compute.OpType, in ...ir.Value) ir.Value {
	return m.op(t, nil, m.Shape(in[0]), in...)
}

func (m maker) scalar(x float32) ir.Value {
	return m.op(compute.OpTypeConstant, ir.Constant{Flat: []float32{x}}, f32())
}

func (m maker) reduce(t compute.OpType, x ir.Value, axes ...int) ir.Value {
	var dims []int
	for a, d := range m.Shape(x).Dimensions {
		gone := false
		for _, r := range axes {
			gone = gone || r == a
		}
		if !gone {
			dims = append(dims, d)
		}
	}
	return m.op(t, ir.Axes{Axes: axes}, f32(dims...), x)
}

func (m maker) broadcast(x ir.Value, dims []int, axes ...int) ir.Value {
	return m.op(compute.OpTypeBroadcastInDim, ir.Broadcast{Axes: axes}, f32(dims...), x)
}

func randoms(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// runGraph runs a graph through all passes on the given tier.
func runGraph(t *testing.T, g *ir.Graph, tier kernel.Tier, inputs ...[]float32) [][]float32 {
	t.Helper()
	g, err := pass.Run(g, pass.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		t.Log(g)
	}
	x, err := Compile(g, Options{Set: kernel.ForTier(tier), Runner: kernel.Serial{}})
	if err != nil {
		t.Fatal(err)
	}
	var in [][]byte
	for _, f := range inputs {
		in = append(in, bytesOf(f, f32(len(f))))
	}
	results, err := x.Run(in, nil, heap{})
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for _, r := range results {
		out = append(out, view[float32](r.Block, len(r.Block)/4))
	}
	return out
}

func near(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= tol*(1+math.Abs(want[i]))) {
			t.Fatalf("%s[%d] = %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestSoftmax(t *testing.T) {
	for _, n := range []int{1, 3, 16, 300, 5000} {
		rows := 37
		m := maker{&ir.Graph{Name: "softmax"}}
		x := m.NewParam(f32(rows, n))
		top := m.reduce(compute.OpTypeReduceMax, x, 1)
		e := m.same(compute.OpTypeExp, m.same(compute.OpTypeSub, x, m.broadcast(top, []int{rows, n}, 0)))
		sum := m.reduce(compute.OpTypeReduceSum, e, 1)
		m.Outputs = []ir.Value{m.same(compute.OpTypeDiv, e, m.broadcast(sum, []int{rows, n}, 0))}
		in := randoms(rows*n, 1)
		want := make([]float64, rows*n)
		for r := range rows {
			s := 0.0
			for i := range n {
				s += math.Exp(float64(in[r*n+i]))
			}
			for i := range n {
				want[r*n+i] = math.Exp(float64(in[r*n+i])) / s
			}
		}
		near(t, "softmax", runGraph(t, m.Graph, kernel.BestTier(), in)[0], want, 1e-5)
	}
}

// TestGroupNorm has every kind of reduction at once: per group, per channel, over all.
func TestGroupNorm(t *testing.T) {
	for _, d := range [][4]int{{2, 6, 3, 4}, {16, 64, 8, 4}, {16, 1024, 32, 4}, {3, 100, 2, 700}, {1, 5, 1, 3}} {
		b, hw, g, c := d[0], d[1], d[2], d[3]
		dims := []int{b, hw, g, c}
		n := b * hw * g * c
		m := maker{&ir.Graph{Name: "groupnorm"}}
		x, gain := m.NewParam(f32(b, hw, g*c)), m.NewParam(f32(g*c))
		x4 := m.op(compute.OpTypeReshape, nil, f32(dims...), x)
		mean := m.same(compute.OpTypeMul, m.reduce(compute.OpTypeReduceSum, x4, 1, 3), m.scalar(1/float32(hw*c)))
		diff := m.same(compute.OpTypeSub, x4, m.broadcast(mean, dims, 0, 2))
		variance := m.same(compute.OpTypeMul, m.reduce(compute.OpTypeReduceSum, m.same(compute.OpTypeMul, diff, diff), 1, 3), m.scalar(1/float32(hw*c)))
		norm := m.same(compute.OpTypeDiv, diff, m.broadcast(m.same(compute.OpTypeSqrt, m.same(compute.OpTypeAdd, variance, m.scalar(1e-5))), dims, 0, 2))
		y := m.op(compute.OpTypeReshape, nil, f32(b, hw, g*c), norm)
		y = m.same(compute.OpTypeMul, y, m.broadcast(gain, []int{b, hw, g * c}, 2))
		act := m.same(compute.OpTypeMul, y, m.same(compute.OpTypeLogistic, y))
		m.Outputs = []ir.Value{act, m.reduce(compute.OpTypeReduceSum, act, 0, 1), m.reduce(compute.OpTypeReduceSum, act, 0, 1, 2),
			m.reduce(compute.OpTypeReduceMax, act, 1), m.reduce(compute.OpTypeReduceSum, act, 0)}
		in, gains := randoms(n, 2), randoms(g*c, 3)
		want := groupNorm(in, gains, d)
		got := runGraph(t, m.Graph, kernel.BestTier(), in, gains)
		for i := range got {
			near(t, "output", got[i], want[i], 2e-4)
		}
	}
}

func groupNorm(in, gain []float32, d [4]int) [][]float64 {
	b, hw, g, c := d[0], d[1], d[2], d[3]
	y := make([]float64, len(in))
	at := func(i, p, j, k int) int { return ((i*hw+p)*g+j)*c + k }
	for i := range b {
		for j := range g {
			sum, sq := 0.0, 0.0
			for p := range hw {
				for k := range c {
					sum += float64(in[at(i, p, j, k)])
				}
			}
			mean := sum / float64(hw*c)
			for p := range hw {
				for k := range c {
					e := float64(in[at(i, p, j, k)]) - mean
					sq += e * e
				}
			}
			s := math.Sqrt(sq/float64(hw*c) + 1e-5)
			for p := range hw {
				for k := range c {
					v := (float64(in[at(i, p, j, k)]) - mean) / s * float64(gain[j*c+k])
					y[at(i, p, j, k)] = v / (1 + math.Exp(-v))
				}
			}
		}
	}
	column, all := make([]float64, g*c), make([]float64, 1)
	top, first := make([]float64, b*g*c), make([]float64, hw*g*c)
	for i := range top {
		top[i] = math.Inf(-1)
	}
	for i := range b {
		for p := range hw {
			for k := range g * c {
				v := y[(i*hw+p)*g*c+k]
				column[k] += v
				all[0] += v
				top[i*g*c+k] = max(top[i*g*c+k], v)
				first[p*g*c+k] += v
			}
		}
	}
	return [][]float64{y, column, all, top, first}
}

// TestMatMulForms runs DotGeneral in the forms that GoMLX issues: dense layers, their gradients with a transposition behind,
// attention over interleaved heads.
func TestMatMulForms(t *testing.T) {
	type form struct {
		name string
		l, r []int
		a    ir.DotGeneral
		perm []int // of the output axes
	}
	for _, f := range []form{
		{"dense", []int{6, 5, 7}, []int{7, 9}, ir.DotGeneral{LHSContract: []int{2}, RHSContract: []int{0}}, nil},
		{"input gradient", []int{30, 9}, []int{7, 9}, ir.DotGeneral{LHSContract: []int{1}, RHSContract: []int{1}}, nil},
		{"weight gradient", []int{30, 9}, []int{30, 7}, ir.DotGeneral{LHSContract: []int{0}, RHSContract: []int{0}}, []int{1, 0}},
		{"scores", []int{2, 5, 3, 4}, []int{2, 6, 3, 4}, ir.DotGeneral{LHSBatch: []int{0, 2}, RHSBatch: []int{0, 2}, LHSContract: []int{3}, RHSContract: []int{3}}, nil},
		{"attention output", []int{2, 3, 5, 6}, []int{2, 6, 3, 4}, ir.DotGeneral{LHSBatch: []int{0, 1}, RHSBatch: []int{0, 2}, LHSContract: []int{3}, RHSContract: []int{1}}, []int{0, 2, 1, 3}},
		{"interleaved", []int{4, 3, 5}, []int{5, 2, 4, 6}, ir.DotGeneral{LHSContract: []int{0, 2}, RHSContract: []int{2, 0}}, []int{2, 0, 1}},
		{"three batches", []int{2, 3, 2, 5}, []int{2, 2, 5, 3}, ir.DotGeneral{LHSBatch: []int{2, 1, 0}, RHSBatch: []int{0, 3, 1}, LHSContract: []int{3}, RHSContract: []int{2}}, nil},
		{"vectors", []int{5}, []int{5}, ir.DotGeneral{LHSContract: []int{0}, RHSContract: []int{0}}, nil},
		{"outer", []int{5}, []int{4}, ir.DotGeneral{}, []int{1, 0}},
	} {
		m := maker{&ir.Graph{Name: f.name}}
		l, r := m.NewParam(f32(f.l...)), m.NewParam(f32(f.r...))
		in1, in2 := randoms(f32(f.l...).Size(), 4), randoms(f32(f.r...).Size(), 5)
		dims, want := dotGeneral(in1, f.l, in2, f.r, f.a)
		v := m.op(compute.OpTypeDotGeneral, f.a, f32(dims...), l, r)
		if f.perm != nil {
			to := make([]int, len(dims))
			for i, p := range f.perm {
				to[i] = dims[p]
			}
			v = m.op(compute.OpTypeTranspose, ir.Transpose{Perm: f.perm}, f32(to...), v)
			want = permuted(want, dims, f.perm)
		}
		m.Outputs = []ir.Value{v}
		near(t, f.name, runGraph(t, m.Graph, kernel.BestTier(), in1, in2)[0], want, 1e-5)
	}
}

// dotGeneral computes by definition.
func dotGeneral(x []float32, l []int, y []float32, r []int, a ir.DotGeneral) ([]int, []float64) {
	free := func(rank int, lists ...[]int) (axes []int) {
		for i := range rank {
			used := false
			for _, list := range lists {
				for _, v := range list {
					used = used || v == i
				}
			}
			if !used {
				axes = append(axes, i)
			}
		}
		return axes
	}
	lf, rf := free(len(l), a.LHSBatch, a.LHSContract), free(len(r), a.RHSBatch, a.RHSContract)
	var dims, inner []int
	for _, v := range a.LHSBatch {
		dims = append(dims, l[v])
	}
	for _, v := range lf {
		dims = append(dims, l[v])
	}
	for _, v := range rf {
		dims = append(dims, r[v])
	}
	for _, v := range a.LHSContract {
		inner = append(inner, l[v])
	}
	ls, rs := strides(l), strides(r)
	out := make([]float64, f32(dims...).Size())
	for i := range out {
		io := indices(i, dims)
		at, bt := 0, 0
		for k := range a.LHSBatch {
			at += io[k] * ls[a.LHSBatch[k]]
			bt += io[k] * rs[a.RHSBatch[k]]
		}
		for k, v := range lf {
			at += io[len(a.LHSBatch)+k] * ls[v]
		}
		for k, v := range rf {
			bt += io[len(a.LHSBatch)+len(lf)+k] * rs[v]
		}
		for j := range f32(inner...).Size() {
			ij := indices(j, inner)
			p, q := at, bt
			for k, v := range ij {
				p += v * ls[a.LHSContract[k]]
				q += v * rs[a.RHSContract[k]]
			}
			out[i] += float64(x[p]) * float64(y[q])
		}
	}
	return dims, out
}

func indices(i int, dims []int) []int {
	out := make([]int, len(dims))
	for d := len(dims) - 1; d >= 0; d-- {
		out[d] = i % dims[d]
		i /= dims[d]
	}
	return out
}

func permuted(x []float64, dims, perm []int) []float64 {
	st := strides(dims)
	to := make([]int, len(dims))
	for i, p := range perm {
		to[i] = dims[p]
	}
	out := make([]float64, len(x))
	for i := range out {
		at := 0
		for k, v := range indices(i, to) {
			at += v * st[perm[k]]
		}
		out[i] = x[at]
	}
	return out
}

// TestConstantWeights compares products whose second operand is a constant, prepared once, with the same as a parameter.
func TestConstantWeights(t *testing.T) {
	build := func(frozen bool) *ir.Graph {
		m := maker{&ir.Graph{Name: "weights"}}
		x := m.NewParam(f32(2, 8, 8, 32))
		weight := func(seed uint64, dims ...int) ir.Value {
			if !frozen {
				return m.NewParam(f32(dims...))
			}
			return m.op(compute.OpTypeConstant, ir.Constant{Flat: randoms(f32(dims...).Size(), seed)}, f32(dims...))
		}
		filter, matrix := weight(8, 3, 3, 32, 48), weight(9, 48, 20)
		y := m.Add(ir.Conv2D, ir.Conv2DAttr{Batch: 2, InH: 8, InW: 8, InC: 32, OutH: 8, OutW: 8, OutC: 48, KernelH: 3, KernelW: 3,
			StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 1},
			[]ir.Value{x, filter}, f32(2, 8, 8, 48))[0]
		z := m.Add(ir.MatMul, ir.MatMulAttr{M: 128, N: 20, K: 48, LDA: 48, LDB: 20, LDC: 20, Batch: [2]int{1, 1}},
			[]ir.Value{y, matrix}, f32(128, 20))[0]
		m.Outputs = []ir.Value{y, z}
		return m.Graph
	}
	x, w, b := randoms(2*8*8*32, 7), randoms(9*32*48, 8), randoms(48*20, 9)
	want := runGraph(t, build(false), kernel.BestTier(), x, w, b)
	got := runGraph(t, build(true), kernel.BestTier(), x)
	for i := range want {
		for j := range want[i] {
			if got[i][j] != want[i][j] {
				t.Fatalf("output %d [%d] = %v with constant weights, %v with parameters", i, j, got[i][j], want[i][j])
			}
		}
	}
}

// TestEmbeddingRows compares the kernels of embedding tables with the interpreter, indices beyond the table included.
func TestEmbeddingRows(t *testing.T) {
	m := maker{&ir.Graph{Name: "rows"}}
	table, index := m.NewParam(f32(5, 70)), m.NewParam(shapes.Make(dtypes.Int32, 3, 4, 1))
	g := m.op(compute.OpTypeGather, ir.Gather{IndexVectorAxis: 2, OffsetOutputAxes: []int{2}, CollapsedSliceAxes: []int{0},
		StartIndexMap: []int{0}, SliceSizes: []int{1, 70}}, f32(3, 4, 70), table, index)
	s := m.op(compute.OpTypeScatterSum, ir.Scatter{IndexVectorAxis: 2, UpdateWindowAxes: []int{2}, InsertedWindowAxes: []int{0},
		ScatterAxesToOperandAxes: []int{0}}, f32(5, 70), table, index, g)
	m.Outputs = []ir.Value{g, s}
	in := []interp.Tensor{randomTensor(f32(5, 70), 1), {Shape: shapes.Make(dtypes.Int32, 3, 4, 1),
		Flat: []int32{0, 1, 4, 4, 2, 0, 0, 3, 1, 4, 7, -1}}}
	want, err := interp.Run(m.Graph, in)
	if err != nil {
		t.Fatal(err)
	}
	x, err := Compile(m.Graph, Options{Set: kernel.ForTier(kernel.BestTier()), Runner: kernel.Serial{}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.Run([][]byte{in[0].Bytes(), in[1].Bytes()}, nil, heap{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		for j, v := range floats(r.Block) {
			if w := want[i].Flat.([]float32)[j]; math.Abs(float64(v-w)) > 1e-5 {
				t.Fatalf("output %d [%d] = %v, want %v", i, j, v, w)
			}
		}
	}
}
