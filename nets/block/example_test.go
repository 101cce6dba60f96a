package block_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Layers declare their parameters first and build graphs later.
func Example() {
	params := block.NewParams()
	up := block.NewDense(params, "up", 4, 16, true)
	down := block.NewDense(params, "down", 16, 4, true)
	fmt.Println(params.Count(), "parameters")

	weights := model.NewStore().Scope("/net")
	if err := params.Init(weights, dtypes.Float32, 1); err != nil {
		panic(err)
	}
	backend, err := gobackend.New("ops_sequential")
	if err != nil {
		panic(err)
	}
	y, err := model.CallOnce(backend, weights.Store(), func(_ *model.Scope, x *graph.Node) *graph.Node {
		c := &block.Ctx{Scope: weights}
		return down.Apply(c, block.GELU(up.Apply(c, x)))
	}, [][]float32{{1, 2, 3, 4}})
	if err != nil {
		panic(err)
	}
	fmt.Println(y.Shape())
	// Output:
	// 148 parameters
	// (Float32)[1, 4]
}
