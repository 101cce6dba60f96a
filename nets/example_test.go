package nets_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// A network is counted without a backend; its parameters bear PyTorch's names.
func ExampleNewUNet() {
	net, err := nets.NewUNet(nets.DDPMCifar10())
	if err != nil {
		panic(err)
	}
	fmt.Println(net.Params().Count(), "parameters")
	p := net.Params().All()[0]
	fmt.Println(p.Name, p.Shape, "in PyTorch", p.TorchShape())
	// Output:
	// 35746307 parameters
	// conv_in.weight [3 3 3 128] in PyTorch [128 3 3 3]
}

// One forward pass of a small U-Net.
func Example() {
	config := nets.DefaultUNet(8, 16)
	config.Groups = 4
	net, err := nets.NewUNet(config)
	if err != nil {
		panic(err)
	}
	weights := model.NewStore().Scope("/net")
	if err := net.Params().Init(weights, dtypes.Float32, 42); err != nil {
		panic(err)
	}
	backend, err := gobackend.New("ops_sequential")
	if err != nil {
		panic(err)
	}
	eps, err := model.CallOnce(backend, weights.Store(), func(_ *model.Scope, x, t *graph.Node) *graph.Node {
		return net.Forward(&block.Ctx{Scope: weights}, x, t, nil)
	}, tensors.FromFlatDataAndDimensions(make([]float32, 2*8*8*3), 2, 8, 8, 3), []float32{10, 500})
	if err != nil {
		panic(err)
	}
	fmt.Println(eps.Shape())
	// Output: (Float32)[2, 8, 8, 3]
}
