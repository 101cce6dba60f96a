package finetune_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
)

// Adapters on the attention of a U-Net: what is trained is a small part of the network.
func ExampleNewLoRA() {
	net, err := nets.NewUNet(nets.UNetSmall())
	if err != nil {
		panic(err)
	}
	whole := net.Params().Count()
	l, err := finetune.NewLoRA(net, finetune.LoRAConfig{Rank: 4, Targets: []string{"*.attentions.*"}})
	if err != nil {
		panic(err)
	}
	weights := model.NewStore().Scope("/net")
	if err := l.Params().Init(weights, dtypes.Float32, 1); err != nil {
		panic(err)
	}
	adapter, err := l.Adapter(weights, "unet-small")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d of %d values, in %d layers such as %s\n", adapter.Parameters(), whole, l.Layers(), adapter.Layers()[0])
	// Output:
	// 16384 of 3778435 values, in 16 layers such as down_blocks.2.attentions.0.to_q
}

// A network of four channels starts from one of three, and does for those three what that one did.
func ExampleCarry() {
	network := func(channels int) (*nets.UNet, *model.Scope) {
		c := nets.DefaultUNet(32, 64)
		c.InChannels, c.OutChannels = channels, channels
		net, err := nets.NewUNet(c)
		if err != nil {
			panic(err)
		}
		weights := model.NewStore().Scope("/net")
		if err := net.Params().Init(weights, dtypes.Float32, 1); err != nil {
			panic(err)
		}
		return net, weights
	}
	old, trained := network(3)
	net, weights := network(4)
	done, err := finetune.Carry(weights, net.Params(), finetune.Source{Params: old.Params(), Weights: trained}, finetune.CarryConfig{})
	if err != nil {
		panic(err)
	}
	fmt.Println(done[0])
	// Output:
	// conv_in.weight: 3 channels become 4; the new ones start at zero
}

// Only some parts of a network are trained.
func ExampleOnly() {
	var params *block.Params
	if net, err := nets.NewUNet(nets.UNetSmall()); err == nil {
		params = net.Params()
	}
	trained, err := finetune.Only(params, []string{"up_blocks.*", "conv_out.*"})
	fmt.Println(trained, "values are trained", err)
	// Output:
	// 2220067 values are trained <nil>
}
