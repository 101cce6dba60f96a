package exec

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"pgregory.net/rapid"

	"github.com/ebb-ml/ebb/cpu/internal/interp"
	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/cpu/internal/pass"
)

// TestRandomGraphs compares compiled graphs with the interpreter: chains of element-wise operations, broadcasts,
// reductions, reshapes, transpositions and products over a few dimensions, so that patterns meet in every way.
func TestRandomGraphs(t *testing.T) {
	tiers := []kernel.Tier{kernel.Reference}
	for _, tier := range []kernel.Tier{kernel.AVX2, kernel.AVX512} {
		if tier.Available() {
			tiers = append(tiers, tier)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		g := &grower{T: t, maker: maker{&ir.Graph{Name: "random"}}}
		g.dims = [3]int{rapid.SampledFrom([]int{1, 2, 3, 16, 40}).Draw(t, "a"), rapid.SampledFrom([]int{1, 2, 5, 8, 300}).Draw(t, "b"),
			rapid.SampledFrom([]int{1, 4, 6, 32}).Draw(t, "c")}
		for range rapid.IntRange(1, 3).Draw(t, "params") {
			g.add(g.NewParam(f32(g.shape()...)))
		}
		g.addOther(dtypes.Bool)
		g.addOther(dtypes.Int32)
		for range rapid.IntRange(1, 24).Draw(t, "nodes") {
			g.grow()
		}
		for range rapid.IntRange(1, 3).Draw(t, "outputs") {
			g.Outputs = append(g.Outputs, g.pick())
		}
		g.compare(tiers)
	})
}

// grower adds random operations to a graph.
type grower struct {
	*rapid.T
	maker
	dims   [3]int
	values []ir.Value
}

// addOther adds a parameter of another type, converted to float32.
func (g *grower) addOther(d dtypes.DType) {
	p := g.NewParam(shapes.Make(d, g.shape()...))
	g.add(g.op(compute.OpTypeConvertDType, nil, f32(g.Shape(p).Dimensions...), p))
}

func (g *grower) add(v ir.Value) { g.values = append(g.values, v) }

func (g *grower) pick() ir.Value {
	return g.values[rapid.IntRange(0, len(g.values)-1).Draw(g.T, "value")]
}

// shape draws some of the dimensions, in order.
func (g *grower) shape() []int {
	var dims []int
	for i, d := range g.dims {
		if rapid.Bool().Draw(g.T, "has"+string(rune('a'+i))) {
			dims = append(dims, d)
		}
	}
	return dims
}

func (g *grower) grow() {
	x := g.pick()
	s := g.Shape(x)
	switch rapid.IntRange(0, 13).Draw(g.T, "kind") {
	case 0, 1:
		g.add(g.same(rapid.SampledFrom([]compute.OpType{compute.OpTypeNeg, compute.OpTypeTanh, compute.OpTypeLogistic,
			compute.OpTypeAbs, compute.OpTypeSin}).Draw(g.T, "unary"), x))
	case 2, 3:
		y := g.like(x)
		g.add(g.same(rapid.SampledFrom([]compute.OpType{compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul,
			compute.OpTypeMax}).Draw(g.T, "binary"), x, y))
	case 4:
		g.add(g.same(compute.OpTypeMul, x, g.scalar(0.5)))
	case 5, 6:
		g.reduceRandom(x)
	case 7:
		g.broadcastRandom(x)
	case 8:
		g.reshapeRandom(x)
	case 10, 11:
		less := g.op(compute.OpTypeLessThan, nil, shapes.Make(dtypes.Bool, s.Dimensions...), x, g.like(x))
		g.add(g.op(compute.OpTypeWhere, nil, s, less, g.like(x), g.like(x)))
		g.add(g.op(compute.OpTypeConvertDType, nil, s, less))
	case 12, 13:
		g.rowwise(x)
	case 9:
		perm := rapid.Permutation(identityOf(s.Rank())).Draw(g.T, "perm")
		dims := make([]int, len(perm))
		for i, p := range perm {
			dims[i] = s.Dimensions[p]
		}
		g.add(g.op(compute.OpTypeTranspose, ir.Transpose{Perm: perm}, f32(dims...), x))
	}
}

// rowwise joins x with a value for each of its rows: the mean of a product, as normalisations and their gradients do.
func (g *grower) rowwise(x ir.Value) {
	s := g.Shape(x)
	last := s.Rank() - 1
	if last < 0 {
		return
	}
	sum := g.reduce(compute.OpTypeReduceSum, g.same(compute.OpTypeMul, x, g.like(x)), last)
	mean := g.broadcast(g.same(compute.OpTypeMul, sum, g.scalar(1/float32(s.Dimensions[last]))), s.Dimensions, identityOf(last)...)
	pair := []ir.Value{x, mean}
	if rapid.Bool().Draw(g.T, "swap") {
		pair[0], pair[1] = mean, x
	}
	y := g.same(rapid.SampledFrom([]compute.OpType{compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeMax}).Draw(g.T, "with rows"), pair...)
	g.add(y)
	if rapid.Bool().Draw(g.T, "add") {
		g.add(g.same(compute.OpTypeAdd, y, rapid.SampledFrom([]ir.Value{mean, g.like(x)}).Draw(g.T, "what")))
	}
}

func identityOf(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// like returns a value of x's shape: another one, or x.
func (g *grower) like(x ir.Value) ir.Value {
	var all []ir.Value
	for _, v := range g.values {
		if g.Shape(v).Equal(g.Shape(x)) {
			all = append(all, v)
		}
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(g.T, "other")]
}

func (g *grower) reduceRandom(x ir.Value) {
	var axes []int
	for a := range g.Shape(x).Rank() {
		if rapid.Bool().Draw(g.T, "reduce") {
			axes = append(axes, a)
		}
	}
	if len(axes) > 0 {
		t := rapid.SampledFrom([]compute.OpType{compute.OpTypeReduceSum, compute.OpTypeReduceMax, compute.OpTypeReduceMin}).Draw(g.T, "reduction")
		r := g.reduce(t, x, axes...)
		n := float32(g.Shape(x).Size()) / float32(max(1, g.Shape(r).Size()))
		g.add(g.same(compute.OpTypeMul, r, g.scalar(1/n)))
	}
}

// broadcastRandom inserts one of the dimensions, or widens axes of size 1.
func (g *grower) broadcastRandom(x ir.Value) {
	s := g.Shape(x)
	if s.Rank() > 4 || s.Size() > 20000 {
		return
	}
	at := rapid.IntRange(0, s.Rank()).Draw(g.T, "at")
	var dims, axes []int
	for a := 0; a <= s.Rank(); a++ {
		if a == at {
			dims = append(dims, rapid.SampledFrom(append(g.dims[:], 2)).Draw(g.T, "new"))
		}
		if a < s.Rank() {
			axes = append(axes, len(dims))
			dims = append(dims, s.Dimensions[a])
		}
	}
	g.add(g.broadcast(x, dims, axes...))
}

// reshapeRandom joins two axes or splits one.
func (g *grower) reshapeRandom(x ir.Value) {
	dims := append([]int{}, g.Shape(x).Dimensions...)
	if len(dims) == 0 {
		return
	}
	a := rapid.IntRange(0, len(dims)-1).Draw(g.T, "axis")
	if a+1 < len(dims) && rapid.Bool().Draw(g.T, "join") {
		dims[a] *= dims[a+1]
		dims = append(dims[:a+1], dims[a+2:]...)
	} else if dims[a]%2 == 0 && len(dims) < 5 {
		dims = append(dims[:a], append([]int{2, dims[a] / 2}, dims[a+1:]...)...)
	}
	g.add(g.op(compute.OpTypeReshape, nil, f32(dims...), x))
}

func (g *grower) compare(tiers []kernel.Tier) {
	inputs := make([]interp.Tensor, len(g.Params))
	var blocks [][]byte
	for i, p := range g.Params {
		inputs[i] = randomTensor(g.Shape(p), uint64(i))
		blocks = append(blocks, inputs[i].Bytes())
	}
	want, err := interp.Run(g.Graph, inputs)
	if err != nil {
		g.Fatal(err)
	}
	compiled, err := pass.Run(g.Graph, pass.Options{Evaluate: evaluate})
	if err != nil {
		g.Fatal(err)
	}
	for _, tier := range tiers {
		x, err := Compile(compiled, Options{Set: kernel.ForTier(tier), Runner: kernel.Serial{}})
		if err != nil {
			g.Fatal(err)
		}
		got, err := x.Run(blocks, nil, heap{})
		if err != nil {
			g.Fatalf("%v\n%s", err, compiled)
		}
		for i, r := range got {
			a, b := view[float32](r.Block, len(r.Block)/4), want[i].Flat.([]float32)
			for j := range b {
				if d := math.Abs(float64(a[j] - b[j])); !(d <= 2e-4*(1+math.Abs(float64(b[j])))) {
					g.Fatalf("%s: output %d [%d] = %v, want %v\n%s%s", tier, i, j, a[j], b[j], g.Graph, compiled)
				}
			}
		}
	}
}

func randomTensor(s shapes.Shape, seed uint64) interp.Tensor {
	f := randoms(s.Size(), seed)
	t := interp.New(s)
	switch x := t.Flat.(type) {
	case []float32:
		copy(x, f)
	case []bool:
		for i := range x {
			x[i] = f[i] > 0
		}
	case []int32:
		for i := range x {
			x[i] = int32(3 * f[i])
		}
	}
	return t
}

// evaluate folds constants with the interpreter.
func evaluate(g *ir.Graph, n *ir.Node, flats []any) ([]any, error) {
	in := make([]interp.Tensor, len(flats))
	for i, v := range n.Inputs {
		in[i] = interp.Tensor{Shape: g.Shapes[v], Flat: flats[i]}
	}
	out := make([]interp.Tensor, len(n.Outputs))
	results := make([]any, len(out))
	for i, v := range n.Outputs {
		out[i] = interp.New(g.Shapes[v])
		results[i] = out[i].Flat
	}
	return results, interp.Eval(n, in, out)
}
