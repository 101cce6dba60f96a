package train_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// A step trains whatever loss it is given: here one weight learns the mean of its inputs. Package recipe has an example of a whole run.
func ExampleStep() {
	engine, err := backend.Open(backend.Options{})
	if err != nil {
		panic(err)
	}
	store := model.NewStore()
	w := train.Weights(store).VariableWithValue("w", float32(0))
	config := train.StepConfig{AdamW: optim.DefaultAdamW(), Clip: 1, Parts: 1}
	step, err := train.NewStep(engine, store, []*model.Variable{w}, config,
		func(_ *model.Scope, in []*graph.Node) (mean, perSample *graph.Node) {
			perSample = graph.Square(graph.Sub(w.NodeValue(in[0]), in[0]))
			return graph.ReduceAllMean(perSample), perSample
		})
	if err != nil {
		panic(err)
	}
	for k := range 400 {
		_, err := step.Run(0.1/(1+float64(k)/50), nil, func(int) ([]any, error) { return []any{[]float32{1, 2, 6}}, nil })
		if err != nil {
			panic(err)
		}
	}
	fmt.Printf("%.1f\n", tensors.ToScalar[float32](w.MustValue()))
	// Output: 3.0
}
