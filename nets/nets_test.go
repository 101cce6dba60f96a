package nets

import "testing"

// The counts are PyTorch's: sum(p.numel()) of the models in ../shared/peers/torch_bench.py and
// torch_learn.py, and those of diffusers' own defaults.
func TestParameterCount(t *testing.T) {
	uncond := DefaultUNet(128, 128, 256, 256, 512, 512)
	uncond.Down = []Stage{StageConv, StageConv, StageConv, StageConv, StageAttn, StageConv}
	uncond.Up = []Stage{StageConv, StageAttn, StageConv, StageConv, StageConv, StageConv}
	class := DefaultUNet(224, 448, 672, 896)
	class.Down = []Stage{StageConv, StageAttn, StageAttn, StageAttn}
	class.Up = []Stage{StageAttn, StageAttn, StageAttn, StageConv}
	for _, c := range []struct {
		name          string
		make          func() (Network, error)
		count, params int
	}{
		{"unet-cifar", func() (Network, error) { return NewUNet(DDPMCifar10()) }, 35746307, 328},
		{"unet-small", func() (Network, error) { return NewUNet(UNetSmall()) }, 3778435, 0},
		{"train_unconditional", func() (Network, error) { return NewUNet(uncond) }, 113673219, 450},
		{"UNet2DModel()", func() (Network, error) { return NewUNet(class) }, 274056163, 432},
		{"dit-s", func() (Network, error) { return NewDiT(DiTSmall()) }, 35233932, 0},
		{"text-base", func() (Network, error) { return NewText(TextBase()) }, 25223195, 0},
	} {
		n, err := c.make()
		if err != nil {
			t.Fatal(c.name, err)
		}
		if got := n.Params().Count(); got != c.count {
			t.Errorf("%s: %d parameters, want %d", c.name, got, c.count)
		}
		if got := len(n.Params().All()); c.params > 0 && got != c.params {
			t.Errorf("%s: %d tensors, want %d", c.name, got, c.params)
		}
	}
}
