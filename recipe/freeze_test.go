package recipe_test

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// A frozen network computes what the network itself computes, keeps its weights as they were when the graph was built, and takes them
// as they are where there are many positions.
func TestFreeze(t *testing.T) {
	c, err := recipe.Preset("points")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer sets.Close()
	if _, err := c.Resolve(t.Context(), sets.Train); err != nil {
		t.Fatal(err)
	}
	m, err := c.Model()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := backend.Open(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Finalize()
	weights := train.Weights(model.NewStore())
	if err := m.Network.Init(weights, 1); err != nil {
		t.Fatal(err)
	}
	change := func(phase float64) { // of all weights: the last layer starts with zeros
		for v := range weights.IterVariables() {
			value, err := v.Value()
			if err != nil {
				t.Fatal(err)
			}
			if err := value.MutableFlatData(func(flat any) {
				for i := range flat.([]float32) {
					flat.([]float32)[i] += float32(0.1 * math.Sin(float64(i)+phase))
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	change(1)
	run := func(m *recipe.Model) func(n int) float32 {
		exec, err := model.NewExec(engine, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			return graph.ReduceAllMax(graph.Abs(m.Forward(weights, in[0], in[1], in[2])))
		})
		if err != nil {
			t.Fatal(err)
		}
		return func(n int) float32 {
			x := make([]float32, 2*n)
			for i := range x {
				x[i] = float32(math.Sin(float64(i)))
			}
			out, err := exec.Call1(tensors.FromFlatDataAndDimensions(x, n, 2), make([]float32, n), make([]int32, n))
			if err != nil {
				t.Fatal(err)
			}
			return tensors.ToScalar[float32](out)
		}
	}
	plain, frozen := run(m), run(m.Frozen())
	const few, many = 16, 4097
	for _, n := range []int{few, many} {
		if a, b := plain(n), frozen(n); math.Abs(float64(a-b)) > 1e-5 || a == 0 {
			t.Errorf("%d points: %v, frozen %v", n, a, b)
		}
	}
	before := map[int]float32{few: plain(few), many: plain(many)}
	change(2)
	if got := frozen(few); math.Abs(float64(got-before[few])) > 1e-5 {
		t.Errorf("frozen weights have changed: %v, %v before", got, before[few])
	}
	if got := frozen(many); got == before[many] || math.Abs(float64(got-plain(many))) > 1e-5*math.Abs(float64(got)) {
		t.Errorf("with many points weights are to be taken as they are: %v, %v without freezing", got, plain(many))
	}
}
