package optim_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/optim"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// A whole training step is one graph: here it finds the minimum of (w−3)².
func Example() {
	backend, err := gobackend.New("ops_sequential")
	if err != nil {
		panic(err)
	}
	store := model.NewStore()
	net, state, avg := store.Scope("/net"), store.Scope("/optim"), store.Scope("/ema")
	vars := []*model.Variable{net.VariableWithValue("w", float32(0))}
	adam := optim.DefaultAdamW()
	if err := adam.Init(state, vars); err != nil {
		panic(err)
	}
	if err := optim.InitAverage(avg, net); err != nil {
		panic(err)
	}
	step := model.MustNewExec(backend, store, func(_ *model.Scope, lr, decay *graph.Node) *graph.Node {
		w := vars[0].NodeValue(lr)
		loss := graph.Square(graph.AddScalar(w, -3))
		grads, _ := optim.Clip(graph.Gradient(loss, w), 1)
		adam.Update(state, vars, grads, lr)
		optim.Average(avg, net, vars, decay)
		return loss
	})
	schedule := optim.Schedule{Shape: optim.Cosine, Peak: 0.1, Warmup: 80, Horizon: 1600}
	ema := optim.EMA{Decay: 0.9}
	for images := int64(8); images <= 1600; images += 8 {
		if _, err := step.Call(schedule.At(images), ema.At(images, 8)); err != nil {
			panic(err)
		}
	}
	value := func(s *model.Scope) float32 { return tensors.ToScalar[float32](s.GetVariable("w").MustValue()) }
	fmt.Printf("weight %.2f, average %.2f\n", value(net), value(avg))
	// Output: weight 3.00, average 3.00
}
