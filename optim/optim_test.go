package optim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// twoWeights makes a store with a matrix /net/w and a vector /net/b.
func twoWeights[T float32 | float64](t *testing.T) (net *model.Scope, vars []*model.Variable) {
	t.Helper()
	net = model.NewStore().Scope("/net")
	for _, v := range []struct {
		name string
		dims []int
	}{{"w", []int{3, 4}}, {"b", []int{4}}} {
		vars = append(vars, net.VariableWithValue(v.name, filled[T](v.name, v.dims...)))
	}
	return net, vars
}

func filled[T float32 | float64](name string, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	out := make([]T, n)
	for i, v := range testkit.Fill(name, n) {
		out[i] = T(v)
	}
	return tensors.FromFlatDataAndDimensions(out, dims...)
}

// goldenStep is one step of testdata/goldens.py.
type goldenStep struct {
	Norm      float64
	W, B, EMA []float64
}

func testAgainstPyTorch[T float32 | float64](t *testing.T, tol testkit.Tol) {
	var want []goldenStep
	testkit.ReadJSON(t, "testdata/goldens.json", &want)
	net, vars := twoWeights[T](t)
	s, ema := net.Store().Scope("/optim"), net.Store().Scope("/ema")
	adam := AdamW{Beta1: 0.9, Beta2: 0.99, Eps: 1e-6, WeightDecay: 0.1}
	for _, err := range []error{adam.Validate(), adam.Init(s, vars), InitAverage(ema, net)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	exec := model.MustNewExec(testkit.Backend(t), net.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		factor := graph.ConvertDType(in[4], in[0].DType())
		grads, norm := Clip([]*graph.Node{graph.Mul(in[0], factor), graph.Mul(in[1], factor)}, 1.5)
		adam.Update(s, vars, grads, in[2])
		Average(ema, net, vars, in[3])
		return norm
	})
	defer exec.Finalize()
	sched := Schedule{Peak: 1e-2, Warmup: 40}
	avg := EMA{Decay: 0.999}
	for i, w := range want {
		k := int64(i + 1)
		norm, err := exec.Call1(filled[T](fmt.Sprintf("gw%d", k), 3, 4), filled[T](fmt.Sprintf("gb%d", k), 4),
			sched.At(10*k), avg.At(10*k, 10), float64(k)/5)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("step %d ", k)
		testkit.Close(t, name+"norm", tensors.MustCopyFlatData[T](norm), []float64{w.Norm}, tol)
		testkit.Close(t, name+"w", values[T](vars[0]), w.W, tol)
		testkit.Close(t, name+"b", values[T](vars[1]), w.B, tol)
		testkit.Close(t, name+"ema", values[T](ema.GetVariable("w")), w.EMA, tol)
	}
}

func values[T float32 | float64](v *model.Variable) []T {
	return tensors.MustCopyFlatData[T](v.MustValue())
}

// One graph of clipping, AdamW and EMA does what PyTorch does.
func TestEqualsPyTorch(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testAgainstPyTorch[float64](t, testkit.Tol{Rel: 1e-12, Scale: 1e-13}) })
	t.Run("float32", func(t *testing.T) { testAgainstPyTorch[float32](t, testkit.Tol{Scale: 1e-6}) })
}

func TestStateIsNotTrainable(t *testing.T) {
	net, vars := twoWeights[float32](t)
	s := net.Store().Scope("/optim")
	if err := DefaultAdamW().Init(s, vars); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for v := range s.IterVariables() {
		names[v.Path()] = true
		if v.Trainable {
			t.Errorf("%s is trainable", v.Path())
		}
	}
	for _, want := range []string{"/optim/step", "/optim/m/net/w", "/optim/v/net/b"} {
		if !names[want] {
			t.Errorf("no variable %s among %v", want, names)
		}
	}
	if err := DefaultAdamW().Init(s, vars); err == nil {
		t.Error("a second Init passes")
	}
}

// A batch in one piece and in three unequal parts gives the same gradients.
func TestAccumulation(t *testing.T) {
	net, vars := twoWeights[float64](t)
	s := net.Store().Scope("/acc")
	if err := InitAccumulator(s, vars); err != nil {
		t.Fatal(err)
	}
	b := testkit.Backend(t)
	call := func(fn func(*model.Scope, []*graph.Node) []*graph.Node, name string) []*tensors.Tensor {
		out, err := model.CallOnceN(b, net.Store(), fn, filled[float64](name, 3, 4), filled[float64](name+"b", 4))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for range 2 { // twice: the sums must start from zero again
		for _, part := range []string{"p", "q"} {
			call(func(_ *model.Scope, g []*graph.Node) []*graph.Node {
				Accumulate(s, vars, g, 0.25)
				return []*graph.Node{g[0]}
			}, part)
		}
		got := call(func(_ *model.Scope, g []*graph.Node) []*graph.Node { return Accumulated(s, vars, g, 0.5) }, "r")
		want := make([]float64, 12)
		for i := range want {
			want[i] = testkit.Fill("p", 12)[i]/4 + testkit.Fill("q", 12)[i]/4 + testkit.Fill("r", 12)[i]/2
		}
		testkit.Close(t, "gradient", tensors.MustCopyFlatData[float64](got[0]), want, testkit.Tol{Abs: 1e-15})
	}
}

// What cannot be built says why, as an error of Call.
func TestBadGraphsSayWhy(t *testing.T) {
	net, vars := twoWeights[float32](t)
	s := net.Store().Scope("/optim")
	b := testkit.Backend(t)
	for _, c := range []struct {
		want  string
		build func(g []*graph.Node)
	}{
		{"call Init", func(g []*graph.Node) { DefaultAdamW().Update(s, vars, g, graph.Const(g[0].Graph(), 1.0)) }},
		{"1 gradients for 2 variables", func(g []*graph.Node) { Accumulate(s, vars, g[:1], 1) }},
		{`variable "/net/w"`, func(g []*graph.Node) { Accumulate(s, vars, []*graph.Node{g[1], g[0]}, 1) }},
		{"no gradients", func([]*graph.Node) { Clip(nil, 1) }},
	} {
		_, err := model.CallOnce(b, net.Store(), func(_ *model.Scope, g []*graph.Node) *graph.Node {
			c.build(g)
			return g[0]
		}, filled[float32]("g", 3, 4), filled[float32]("g", 4))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}
