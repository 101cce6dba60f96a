package main

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/interop/diffusers"
	"github.com/ebb-ml/ebb/recipe"
)

// importCmd is the verb import.
type importCmd struct {
	Dir    string `arg:"" help:"Directory of diffusers: a pipeline with a UNet2DModel or a DiTTransformer2DModel of pixels."`
	Folder string `name:"run" help:"Folder to write; default: models/ and the directory's name." placeholder:"DIR"`
	Force  bool   `help:"Write into a folder that is not empty."`
}

// Help is shown below the flags.
func (*importCmd) Help() string {
	return `What it writes is a model folder: ebb sample, eval and finetune take it as they take that of a run.
Weights may be .safetensors, whole or in shards, or .bin, which is read without running it.

  ebb import ddpm-cifar10-32
  ebb sample models/ddpm-cifar10-32 -n 16`
}

// importedRecipe is the name of the recipe of models that no recipe made.
const importedRecipe = "imported"

// Run implements the verb.
func (c *importCmd) Run(a *app) error {
	p, err := diffusers.Open(c.Dir)
	if err != nil {
		return withCode(exitData, err)
	}
	defer p.Close()
	if c.Folder == "" {
		abs, err := filepath.Abs(c.Dir)
		if err != nil {
			return err
		}
		c.Folder = filepath.Join("models", filepath.Base(abs))
	}
	if err := newFolder(c.Folder, c.Force); err != nil {
		return err
	}
	config, err := imported(p.Model)
	if err != nil {
		return withCode(exitData, fmt.Errorf("%s: %w", c.Dir, err))
	}
	create := writeInto(c.Folder)
	if err := diffusers.Write(create, p.Model, map[string]string{"ebb": version}, p.Weight); err != nil {
		return err
	}
	if err := writeConfig(create, config); err != nil {
		return err
	}
	m, err := config.Model()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d parameters, %dx%dx%d, schedule %v, predicts %v\nTry:  ebb sample %s -n 16\n", c.Folder, m.Parameters,
		m.Height, m.Width, m.Channels, p.Schedule.Family, p.Prediction, c.Folder)
	return err
}

// imported is the configuration of a model of diffusers. How it was trained is not known: those settings are a small recipe's.
func imported(d diffusers.Model) (recipe.Config, error) {
	c, err := recipe.Preset("cifar10-small")
	if err != nil {
		return c, err
	}
	if d.Height == 0 || d.Width == 0 {
		return c, fmt.Errorf("config.json: sample_size says nothing of the size of pictures: write it there, such as \"sample_size\": 32")
	}
	s := d.Schedule
	c.Recipe = importedRecipe
	c.Data.Height, c.Data.Width, c.Data.Norm, c.Data.FlipX = d.Height, d.Width, data.PlusMinusOne(), false
	c.Network = recipe.Network{Kind: recipe.UNet, UNet: d.UNet, DiT: d.DiT}
	c.Diffusion = recipe.Diffusion{Schedule: s.Family, Steps: s.Steps, BetaStart: s.BetaStart, BetaEnd: s.BetaEnd, ZeroSNR: s.ZeroTerminalSNR,
		Shift: s.Shift, SigmaMin: s.SigmaMin, SigmaMax: s.SigmaMax, Rho: s.Rho, SigmaData: d.SigmaData, Prediction: d.Prediction}
	c.Sample.Method, c.Sample.Steps, c.Sample.Spacing = d.Method, 50, diffusion.Trailing
	switch {
	case s.Family == diffusion.EDM:
		c.Sample.Steps, c.Sample.Spacing = 18, diffusion.Karras
	case d.Method == diffusion.DDPM: // 1000 steps: what DDPMPipeline does, and nobody waits for
		c.Sample.Method = diffusion.DDIM
	}
	classes := 0
	if d.UNet != nil {
		c.Data.Channels, classes = d.UNet.InChannels, d.UNet.Classes
	} else {
		c.Network.Kind = recipe.DiT
		c.Data.Channels, classes = d.DiT.InChannels, d.DiT.Classes
	}
	if c.Network.Conditional = classes > 0; c.Network.Conditional {
		c.Data.Classes = classNames(d.Labels, classes)
	}
	return c, nil
}

// classNames are the names of the classes, or their numbers.
func classNames(names []string, classes int) []string {
	if len(names) == classes {
		return names
	}
	names = nil
	for i := range classes {
		names = append(names, strconv.Itoa(i))
	}
	return names
}
