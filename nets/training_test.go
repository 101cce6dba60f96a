package nets

import (
	"fmt"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/optim"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Training as one graph (loss, gradients, clipping, AdamW) follows PyTorch's losses step by step.
func TestTrainingEqualsPyTorch(t *testing.T) {
	var file goldens
	testkit.ReadJSON(t, "testdata/goldens.json", &file)
	net := goldenCases(t)[0].net
	store := model.NewStore()
	scope, state := store.Scope("/net"), store.Scope("/optim")
	setFilled(t, scope, net.Params())
	vars, err := net.Params().Variables(scope)
	if err != nil {
		t.Fatal(err)
	}
	adam := optim.DefaultAdamW()
	adam.WeightDecay, adam.DecayAll = 0.03, true
	if err := adam.Init(state, vars); err != nil {
		t.Fatal(err)
	}
	step := model.MustNewExec(testkit.Backend(t), store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		y := net.Forward(&block.Ctx{Scope: scope}, in[0], in[1], nil)
		loss := graph.ReduceAllMean(graph.Square(graph.Sub(y, in[2])))
		wrt := make([]*graph.Node, len(vars))
		for i, v := range vars {
			wrt[i] = v.NodeValue(y)
		}
		grads, norm := optim.Clip(graph.Gradient(loss, wrt...), 1)
		adam.Update(state, vars, grads, in[3])
		return []*graph.Node{loss, norm}
	})
	for k, want := range file.Training {
		picture := func(name string) *tensors.Tensor {
			return tensors.FromFlatDataAndDimensions(testkit.Fill(fmt.Sprint(name, k), 2*8*4*3), 2, 8, 4, 3)
		}
		out, err := step.Call(picture("x"), []float32{3, 421}, picture("y"), 1e-2)
		if err != nil {
			t.Fatal(err)
		}
		got := []float64{tensors.ToScalar[float64](out[0]), tensors.ToScalar[float64](out[1])}
		testkit.Close(t, fmt.Sprintf("step %d: loss and norm", k), got, want[:], testkit.Tol{Rel: 1e-5})
	}
}
