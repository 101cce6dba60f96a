package block

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"pgregory.net/rapid"
)

// call runs fn once and returns its result as float64.
func call(t *testing.T, store *model.Store, fn func(in []*Node) *Node, in ...any) []float64 {
	t.Helper()
	out, err := model.CallOnce(testkit.Backend(t), store, func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return graph.ConvertDType(fn(in), dtypes.Float64)
	}, in...)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float64](out)
}

// A mean far from zero must not eat the variance, as it would in one pass.
func TestGroupNormIsTwoPass(t *testing.T) {
	p, store := NewParams(), model.NewStore()
	n := NewGroupNorm(p, "n", 2, 1, 1e-6)
	if err := p.Init(store.Scope("/net"), dtypes.Float32, 0); err != nil {
		t.Fatal(err)
	}
	x := tensors.FromFlatDataAndDimensions([]float32{4095, 4097, 4095, 4097, 4095, 4097, 4095, 4097}, 1, 2, 2, 2)
	got := call(t, store, func(in []*Node) *Node { return n.Apply(&Ctx{Scope: store.Scope("/net")}, in[0]) }, x)
	testkit.Close(t, "norm", got, []float64{-1, 1, -1, 1, -1, 1, -1, 1}, testkit.Tol{Abs: 1e-5})
}

// Half-precision input is normalised in float32 and comes back in its own type.
func TestNormOfBFloat16(t *testing.T) {
	p, store := NewParams(), model.NewStore()
	n := NewLayerNorm(p, "n", 4, true, true, 1e-5)
	if err := p.Init(store.Scope("/net"), dtypes.Float32, 0); err != nil {
		t.Fatal(err)
	}
	got := call(t, store, func(in []*Node) *Node {
		y := n.Apply(&Ctx{Scope: store.Scope("/net")}, graph.ConvertDType(in[0], dtypes.BFloat16))
		if y.DType() != dtypes.BFloat16 {
			t.Errorf("output is %s", y.DType())
		}
		return y
	}, []float32{1, 2, 3, 4})
	testkit.Close(t, "norm", got, []float64{-1.3416, -0.4472, 0.4472, 1.3416}, testkit.Tol{Abs: 0.01})
}

func TestResampling(t *testing.T) {
	x := [][][][]float64{{{{1}, {2}}, {{3}, {4}}}}
	store := model.NewStore()
	up := call(t, store, func(in []*Node) *Node { return Upsample(in[0]) }, x)
	testkit.Close(t, "upsample", up, []float64{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}, testkit.Tol{})
	pool := call(t, store, func(in []*Node) *Node { return AveragePool(in[0]) }, x)
	testkit.Close(t, "pool", pool, []float64{2.5}, testkit.Tol{})
	pic := input("pic", 2, 4, 6, 3)
	back := call(t, store, func(in []*Node) *Node { return Unpatch(Patches(in[0], 2), 2, 2, 3) }, pic)
	testkit.Close(t, "patches and back", back, testkit.Fill("pic", 2*4*6*3), testkit.Tol{})
}

// Rotation keeps lengths, and scores depend on the distance of positions only.
func TestRotaryIsRelative(t *testing.T) {
	q, k := testkit.Fill("q", 8), testkit.Fill("k", 8)
	rep := func(v []float64) *tensors.Tensor { // the same vector at positions 0…4
		var x []float64
		for range 5 {
			x = append(x, v...)
		}
		return tensors.FromFlatDataAndDimensions(x, 1, 5, 1, 8)
	}
	got := call(t, model.NewStore(), func(in []*Node) *Node {
		r := NewRotary(in[0], 5, 8, 10000)
		a, b := r.Apply(in[0]), r.Apply(in[1])
		return graph.Einsum("bihd,bjhd->ij", a, b)
	}, rep(q), rep(k))
	for i := range 4 {
		for j := range 4 {
			if d := got[5*i+j] - got[5*(i+1)+j+1]; math.Abs(d) > 1e-12 {
				t.Errorf("score %d,%d changes by %v when both move on", i, j, d)
			}
		}
	}
	if got[0] == got[1] {
		t.Error("positions do not matter")
	}
}

// A sample's dropout hangs on its own key only, layers differ, and the rate is met.
func TestDropout(t *testing.T) {
	ones := func() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(slicesOf(1, 3*4096), 3, 64, 64) }
	drop := func(keys []uint32) []float64 {
		return call(t, model.NewStore(), func(in []*Node) *Node {
			c := &Ctx{DropoutKeys: graph.Const(in[0].Graph(), keys)}
			return graph.Concatenate([]*Node{c.Dropout(in[0], 0.3), c.Dropout(in[0], 0.3)}, 1)
		}, ones())
	}
	a, b := drop([]uint32{11, 12, 13}), drop([]uint32{12, 99, 11})
	const n = 2 * 4096
	if !reflect.DeepEqual(a[n:2*n], b[:n]) || !reflect.DeepEqual(a[:n], b[2*n:]) {
		t.Error("a sample's mask depends on its place in the batch")
	}
	if reflect.DeepEqual(a[:n], a[n:2*n]) || reflect.DeepEqual(a[:4096], a[4096:n]) {
		t.Error("two samples or two layers share a mask")
	}
	for s := range 3 {
		mean, zeros := 0.0, 0
		for _, v := range a[s*n : (s+1)*n] {
			mean += v / n
			if v == 0 {
				zeros++
			} else if math.Abs(v-1/0.7) > 1e-12 {
				t.Fatalf("kept value %v", v)
			}
		}
		if z := float64(zeros) / n; math.Abs(z-0.3) > 0.02 || math.Abs(mean-1) > 0.03 {
			t.Errorf("sample %d: %v dropped, mean %v", s, z, mean)
		}
	}
	off := call(t, model.NewStore(), func(in []*Node) *Node { return (&Ctx{}).Dropout(in[0], 0.3) }, ones())
	testkit.Close(t, "without keys", off, slicesOf(1, 3*4096), testkit.Tol{})
}

func slicesOf(v float64, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// Starting values: a function of seed and name, with the spread that PyTorch has.
func TestInit(t *testing.T) {
	p := NewParams()
	d := NewDense(p, "d", 100, 400, true)
	e := NewEmbedding(p, "e", 50, 400)
	d2 := NewDense(p.Sub("x"), "d", 100, 400, true)
	w, again := values[float32](d.Weight, 5), values[float32](d.Weight, 5)
	if !reflect.DeepEqual(w, again) {
		t.Error("the same seed gives other weights")
	}
	if reflect.DeepEqual(w, values[float32](d.Weight, 6)) || reflect.DeepEqual(w, values[float32](d2.Weight, 5)) {
		t.Error("another seed or name gives the same weights")
	}
	for _, c := range []struct {
		p        *Param
		std, top float64
	}{{d.Weight, 0.1 / math.Sqrt(3), 0.1}, {d.Bias, 0.1 / math.Sqrt(3), 0.1}, {e.Weight, 1, 6}} {
		sum, sq, top := 0.0, 0.0, 0.0
		v := values[float64](c.p, 1)
		for _, x := range v {
			sum, sq, top = sum+x, sq+x*x, max(top, math.Abs(x))
		}
		n := float64(len(v))
		if std := math.Sqrt(sq / n); math.Abs(std-c.std) > 4*c.std/math.Sqrt(2*n)+0.05*c.std || math.Abs(sum/n) > 4*c.std/math.Sqrt(n) || top > c.top {
			t.Errorf("%s: mean %v, std %v (want %v), largest %v", c.p.Name, sum/n, std, c.std, top)
		}
	}
}

func TestInitAndCheck(t *testing.T) {
	p := NewParams()
	NewDense(p, "d", 2, 3, true)
	NewFourier(p, "f", 4, 1)
	s := model.NewStore().Scope("/net")
	want := func(err error, part string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want one with %q", err, part)
		}
	}
	want(p.Check(s), `no weight "d.weight"`)
	want(p.Init(s, dtypes.Int32, 0), "float32 or float64")
	if err := p.Init(s, dtypes.Float32, 0); err != nil {
		t.Fatal(err)
	}
	want(p.Init(s, dtypes.Float32, 0), "already has")
	s.GetVariable("f.weight").SetTrainable(true) // as a loader does
	vars, err := p.Variables(s)
	if err != nil || len(vars) != 2 || s.GetVariable("f.weight").Trainable {
		t.Errorf("variables %v, %v: the frozen one must be left out", vars, err)
	}
	other := NewParams()
	NewDense(other, "d", 2, 4, true)
	want(other.Check(s), "another architecture")
	_, err = model.CallOnce(testkit.Backend(t), s.Store(), func(_ *model.Scope, x *graph.Node) *graph.Node {
		return Dense{Weight: other.All()[0]}.Apply(&Ctx{Scope: s}, x)
	}, [][]float32{{1, 2}})
	want(err, "another architecture")
	_, err = model.CallOnce(testkit.Backend(t), s.Store(), func(_ *model.Scope, x *graph.Node) *graph.Node {
		return Dense{Weight: other.All()[0]}.Apply(&Ctx{Scope: s.Store().Scope("/nowhere")}, x)
	}, [][]float32{{1, 2}})
	want(err, "load a checkpoint first")
}

func TestEvenKernelsAreRefused(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "even kernel") {
			t.Errorf("panic %v", err)
		}
	}()
	NewConv(NewParams(), "v", 2, 2, 4)
}

// Ours to PyTorch's order and back is the identity, and each element is where the shapes say.
func TestLayouts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 4)
		layout := rapid.SampledFrom([]Layout{Plain, Matrix, Kernel}).Draw(t, "layout")
		shape := []int{dim.Draw(t, "a"), dim.Draw(t, "b")}
		if layout == Kernel {
			shape = append(shape, dim.Draw(t, "c"), dim.Draw(t, "d"))
		}
		p := &Param{Name: "w", Shape: shape, Layout: layout}
		ours := make([]int, p.Size())
		for i := range ours {
			ours[i] = i
		}
		torch, err := ToTorch(p, ours)
		if err != nil {
			t.Fatal(err)
		}
		ts := p.TorchShape()
		at := func(s []int, idx ...int) int {
			k := 0
			for i, v := range idx {
				k = k*s[i] + v
			}
			return k
		}
		switch layout {
		case Matrix:
			i, o := shape[0]-1, shape[1]/2
			if torch[at(ts, o, i)] != at(shape, i, o) {
				t.Fatal("matrix element misplaced")
			}
		case Kernel:
			h, w, i, o := shape[0]-1, shape[1]/2, shape[2]/2, shape[3]-1
			if torch[at(ts, o, i, h, w)] != at(shape, h, w, i, o) {
				t.Fatal("kernel element misplaced")
			}
		}
		back, err := FromTorch(p, torch)
		if err != nil || !reflect.DeepEqual(back, ours) {
			t.Fatal("not the identity", err)
		}
		if _, err := FromTorch(p, ours[1:]); err == nil {
			t.Fatal("a wrong size passes")
		}
	})
}

// An odd width ends in a zero, as in diffusers.
func TestSinusoidOddWidth(t *testing.T) {
	got := call(t, model.NewStore(), func(in []*Node) *Node { return Sinusoid{Dim: 5, CosFirst: true}.Apply(in[0]) }, []float64{2})
	testkit.Close(t, "sinusoid", got, []float64{math.Cos(2), math.Cos(0.02), math.Sin(2), math.Sin(0.02), 0}, testkit.Tol{Abs: 1e-7})
}

// A larger grid spans the same positions as the one that the model was made for.
func TestGridScales(t *testing.T) {
	small, large := Grid(2, 2, 8, 2), Grid(4, 4, 8, 2)
	testkit.Close(t, "corner", large[:8], small[:8], testkit.Tol{Abs: 1e-15})
	at := func(g []float64, w, y, x int) []float64 { return g[(y*w+x)*8:][:8] }
	testkit.Close(t, "row 1, column 1", at(large, 4, 2, 2), at(small, 2, 1, 1), testkit.Tol{Abs: 1e-15})
}
