package testkit

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// recorder is a testing.TB that notes failures instead of ending the test.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCloseCanFail(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		got, want float64
		tol       Tol
		ok        bool
	}{
		{1, 1, Tol{}, true}, {1, 1.1, Tol{Abs: 0.05}, false}, {1, 1.1, Tol{Abs: 0.2}, true},
		{100, 101, Tol{Rel: 0.02}, true}, {nan, 1, Tol{Abs: 9}, false}, {nan, nan, Tol{}, true},
		{1, float64(math.Nextafter32(1, 2)), Tol{ULP: 1}, true}, {1, 1 + 4e-7, Tol{ULP: 1}, false},
	} {
		r := &recorder{TB: t}
		Close(r, "x", []float64{c.got}, []float64{c.want}, c.tol)
		if r.failed == c.ok {
			t.Errorf("Close(%v, %v, %+v): failed=%v", c.got, c.want, c.tol, r.failed)
		}
	}
	r := &recorder{TB: t}
	if Close(r, "x", []float64{1}, []float64{1, 2}, Tol{Abs: 9}); !r.failed {
		t.Error("different lengths pass")
	}
}

func TestULPAcrossZero(t *testing.T) {
	tiny := math.SmallestNonzeroFloat32
	if got := ULP(float32(tiny), -float32(tiny)); got != 2 {
		t.Errorf("ULP across zero = %d, want 2", got)
	}
}

// A wrong gradient must be found: graph.StopGradient hides a factor.
func TestCheckGradientsFindsAWrongOne(t *testing.T) {
	b := Backend(t)
	x := tensors.FromFlatDataAndDimensions(Fill("x", 6), 2, 3)
	right := func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return graph.ReduceAllSum(graph.Mul(in[0], graph.Sin(in[0])))
	}
	wrong := func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return graph.ReduceAllSum(graph.Mul(in[0], graph.StopGradient(graph.Sin(in[0]))))
	}
	CheckGradients(t, b, model.NewStore(), right, x)
	r := &recorder{TB: t}
	if CheckGradients(r, b, model.NewStore(), wrong, x); !r.failed {
		t.Error("a wrong gradient passes")
	}
}

// The numbers are those that fill.py prints for fill("abc", 3).
func TestFillEqualsPython(t *testing.T) {
	Close(t, "fill", Fill("abc", 3), []float64{-0.6727547622645063, -0.4260318651478088, -0.9819274081762459}, Tol{Abs: 1e-15})
}
