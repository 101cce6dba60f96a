package recipe

import (
	"fmt"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/train"
)

// PresetInfo describes a preset in one line.
type PresetInfo struct {
	Name, About string
	make        func() Config
}

// Presets lists all presets.
func Presets() []PresetInfo {
	return []PresetInfo{
		{"glyphs", "letters A-Z drawn from the Go fonts, 24x24, by class; three minutes on two cores at most", glyphs},
		{"points", "points in the plane, with an MLP; seconds", points},
		{"cifar10", "the 35.7 M U-Net of DDPM (Ho et al. 2020) on 32x32 pictures", cifar10},
		{"cifar10-small", "a 3.8 M U-Net with the same schedule, AdamW and an EMA of 0.999", cifar10Small},
		{"dit-s", "DiT-S/2 (Peebles & Xie 2023) on pixels, by class, with flow matching", ditS},
		{"folder", "your own pictures: size, network and length are chosen from them", folder},
		{"text", "sums such as 17+25=42, with masked diffusion; three minutes on two cores at most", equations},
		{"text-small", "a 4.7 M transformer on the letters a-z and space, with masked diffusion", textSmall},
		{"text-folder", "your own text: tokens, network and length are chosen from it", textFolder},
	}
}

// Preset returns the named preset.
func Preset(name string) (Config, error) {
	var names []string
	best, least := "", len(name)/2+1
	for _, p := range Presets() {
		if p.Name == name {
			c := p.make()
			c.Recipe = name
			return c, nil
		}
		names = append(names, p.Name)
		if d := editDistance(name, p.Name); d < least {
			best, least = fmt.Sprintf(" (did you mean %s?)", p.Name), d
		}
	}
	return Config{}, fmt.Errorf("there is no recipe %q%s: choose one of %s", name, best, strings.Join(names, ", "))
}

// base is what presets share.
func base(images int64, batch int) Config {
	return Config{
		Data: Data{Fit: data.FitCrop, MaxBroken: 0.001},
		Train: train.Config{Images: images, Batch: batch, Parts: 1, Clip: 1, AdamW: optim.DefaultAdamW(),
			Rate:     optim.Schedule{Peak: 3e-4, Warmup: 100 * int64(batch)},
			Averages: []optim.EMA{{Decay: 0.999}}, LogEvery: 10 * int64(batch), EvalEvery: images / 8, SampleEvery: images / 8, SaveEvery: images / 8},
		HeldOut: HeldOut{Share: 0.05, Images: 256, Batch: 64, Levels: 10, Seed: 1},
		Sample: Sample{Method: diffusion.DPMpp2M, Steps: 20, Spacing: diffusion.Trailing, Guidance: 1, Rows: 4, Columns: 8,
			Batch: 32},
	}
}

func glyphs() Config {
	c := base(32_000, 16)
	c.Data.Source, c.Data.Height, c.Data.Width = Glyphs, 24, 24
	u := nets.DefaultUNet(16, 32, 64)
	u.Down = []nets.Stage{nets.StageConv, nets.StageConv, nets.StageAttn}
	u.Up = []nets.Stage{nets.StageAttn, nets.StageConv, nets.StageConv}
	u.Layers, u.Groups, u.ScaleShift, u.Init = 1, 8, true, nets.InitZero
	c.Network = Network{Kind: UNet, Conditional: true, UNet: &u}
	c.Diffusion = Diffusion{Schedule: diffusion.Cosine, Prediction: diffusion.PredictV, LowDiscrepancy: true}
	c.Train.Rate = optim.Schedule{Shape: optim.Cosine, Peak: 1.5e-3, Warmup: 3200, Horizon: c.Train.Images}
	c.Train.Averages = []optim.EMA{{SigmaRel: 0.1}}
	c.Train.DropClass = 0.1
	c.Train.EvalEvery, c.Train.SampleEvery = c.Train.Images/4, c.Train.Images/4
	c.HeldOut.Images, c.HeldOut.Batch = 64, 32
	c.Sample.Guidance, c.Sample.Rows, c.Sample.Columns, c.Sample.Batch = 4, 2, 26, 52
	return c
}

func points() Config {
	c := base(256_000, 256)
	c.Data.Source, c.Data.Points, c.Data.Fit = Points, data.Moons, data.FitExact
	m := nets.DefaultMLP()
	c.Network = Network{Kind: MLP, Conditional: true, MLP: &m}
	c.Diffusion = Diffusion{Schedule: diffusion.EDM, Prediction: diffusion.PredictEDM, SigmaData: 1, Weight: diffusion.WeightEDM,
		Time: diffusion.TimeLogNormal, TimeMean: -1.2, TimeStd: 1.2}
	c.Train.Rate = optim.Schedule{Shape: optim.Cosine, Peak: 2e-3, Warmup: 2560, Horizon: c.Train.Images}
	c.Train.DropClass = 0.1
	c.Sample = Sample{Method: diffusion.Heun, Steps: 18, Spacing: diffusion.Karras, Guidance: 1, Rows: 1, Columns: 1, Batch: 2048}
	return c
}

func cifar10() Config {
	c := base(102_400_000, 128) // 800,000 steps, as in the paper
	u := nets.DDPMCifar10()
	c.Network = Network{Kind: UNet, UNet: &u}
	c.Data.FlipX = true
	c.Train.Rate = optim.Schedule{Peak: 2e-4, Warmup: 5000 * 128}
	c.Train.AdamW.WeightDecay = 0
	c.Train.Averages = []optim.EMA{{Decay: 0.9999}}
	c.Train.EvalEvery, c.Train.SampleEvery, c.Train.SaveEvery = 256_000, 256_000, 64_000
	return c
}

func cifar10Small() Config {
	c := base(51_200, 64)
	u := nets.UNetSmall()
	c.Network = Network{Kind: UNet, UNet: &u}
	c.Data.FlipX = true
	c.Train.AdamW.DecayAll = true
	c.HeldOut.Images = 512
	return c
}

func ditS() Config {
	c := base(10_240_000, 64)
	d := nets.DiTSmall()
	d.Init = nets.InitZero
	c.Network = Network{Kind: DiT, Conditional: true, DiT: &d}
	c.Data.FlipX = true
	c.Diffusion = Diffusion{Schedule: diffusion.FlowLinear, Prediction: diffusion.PredictFlow, Time: diffusion.TimeLogitNormal, TimeStd: 1}
	c.Train.Rate = optim.Schedule{Peak: 2e-4, Warmup: 64_000}
	c.Train.AdamW.WeightDecay = 0
	c.Train.Averages = []optim.EMA{{Decay: 0.9999}}
	c.Train.DropClass = 0.1
	c.Train.EvalEvery, c.Train.SampleEvery, c.Train.SaveEvery = 256_000, 256_000, 64_000
	c.Sample = Sample{Method: diffusion.Heun, Steps: 25, Spacing: diffusion.Linspace, Guidance: 1.5, Rows: 4, Columns: 10, Batch: 20}
	return c
}

// unset stands for a number that Config.Resolve chooses by looking at the pictures.
const unset = -1

// folder is completed by Config.Resolve, which looks at the pictures. What is set before stays.
func folder() Config {
	c := base(0, 0)
	u := nets.DefaultUNet()
	u.Layers, u.Dropout, u.Init = 0, unset, nets.InitZero
	c.Network = Network{Kind: UNet, Conditional: true, UNet: &u}
	c.Data.Fit, c.Data.FlipX, c.Data.Augment = data.FitCrop, true, unset
	c.Diffusion = Diffusion{Schedule: diffusion.Cosine, Prediction: diffusion.PredictV, Weight: diffusion.WeightUniform, LowDiscrepancy: true}
	t := &c.Train
	t.Rate = optim.Schedule{Shape: optim.InverseSqrt, Peak: 3e-4, Warmup: unset, Horizon: unset}
	t.Averages = []optim.EMA{{SigmaRel: 0.10}, {SigmaRel: 0.05}}
	t.LogEvery, t.EvalEvery, t.SampleEvery, t.SaveEvery = unset, unset, unset, unset
	return c
}
