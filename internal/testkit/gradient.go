package testkit

import (
	"math"
	"strconv"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Loss builds a scalar float64 from the float64 inputs and from variables of the
// scope's store.
type Loss func(s *model.Scope, in []*graph.Node) *graph.Node

// CheckGradients compares GoMLX's gradient of loss with central differences, for
// every float64 input and every trainable float64 variable of the store, along
// directions random directions each. All arithmetic is float64, so the two agree to
// about 1e-8 unless the gradient is wrong; the test allows 1e-6 of its size.
func CheckGradients(t testing.TB, b compute.Backend, store *model.Store, loss Loss, in ...*tensors.Tensor) {
	t.Helper()
	var vars []*model.Variable
	for v := range store.IterVariables() {
		if v.Trainable && v.DType() == dtypes.Float64 {
			vars = append(vars, v)
		}
	}
	grads := evaluate(t, b, store, in, func(s *model.Scope, xs []*graph.Node) []*graph.Node {
		l := loss(s, xs)
		var wrt []*graph.Node
		for _, x := range xs {
			if x.DType() == dtypes.Float64 {
				wrt = append(wrt, x)
			}
		}
		for _, v := range vars {
			wrt = append(wrt, v.NodeValue(l.Graph()))
		}
		return graph.Gradient(l, wrt...)
	})()
	values := evaluate(t, b, store, in, func(s *model.Scope, xs []*graph.Node) []*graph.Node { return []*graph.Node{loss(s, xs)} })
	value := func() float64 { return tensors.ToScalar[float64](values()[0]) }
	k := 0
	for i, x := range in {
		if x.DType() == dtypes.Float64 {
			checkOne(t, "input "+strconv.Itoa(i), x, grads[k], value)
			k++
		}
	}
	for i, v := range vars {
		x, err := v.Value()
		if err != nil {
			t.Fatal(err)
		}
		checkOne(t, v.Path(), x, grads[k+i], value)
	}
}

// evaluate returns a function that runs a graph on in and on the store's variables as they are then.
func evaluate(t testing.TB, b compute.Backend, store *model.Store, in []*tensors.Tensor,
	build func(*model.Scope, []*graph.Node) []*graph.Node) func() []*tensors.Tensor {
	t.Helper()
	exec, err := model.NewExec(b, store, build)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	args := make([]any, len(in))
	for i, x := range in {
		args[i] = x
	}
	return func() []*tensors.Tensor {
		out, err := exec.Call(args...)
		if err != nil {
			t.Fatalf("running the graph: %v", err)
		}
		return out
	}
}

const directions = 3

// checkOne moves x along random directions d and compares the change of value
// with <gradient, d>.
func checkOne(t testing.TB, name string, x, grad *tensors.Tensor, value func() float64) {
	t.Helper()
	const h = 1e-5
	x0, g := tensors.MustCopyFlatData[float64](x), tensors.MustCopyFlatData[float64](grad)
	move := func(d []float64, step float64) float64 {
		tensors.MustMutableFlatData(x, func(flat []float64) {
			for i := range flat {
				flat[i] = x0[i] + step*d[i]
			}
		})
		return value()
	}
	size := 0.0
	for _, v := range g {
		size += v * v
	}
	for k := range directions {
		d := Fill(name+strconv.Itoa(k), len(x0))
		want := (move(d, h) - move(d, -h)) / (2 * h)
		got := 0.0
		for i := range d {
			got += g[i] * d[i]
		}
		if diff := math.Abs(got - want); !(diff <= 1e-6*(math.Sqrt(size)+math.Abs(want))+1e-9) {
			t.Errorf("gradient of %s %v, direction %d: autodiff %.10g, finite differences %.10g", name, x.Shape(), k, got, want)
		}
	}
	move(x0, 0)
}
