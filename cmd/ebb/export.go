package main

import (
	"fmt"

	"github.com/ebb-ml/ebb/interop/diffusers"
	"github.com/ebb-ml/ebb/recipe"
)

// exportCmd is the verb export.
type exportCmd struct {
	modelFlags
	Dir    string `arg:"" help:"Folder to write; it is made."`
	Format string `help:"diffusers (for Python), or safetensors (a model folder of ebb: any network)." default:"diffusers" enum:"diffusers,safetensors"`
	Force  bool   `help:"Write into a folder that is not empty."`
}

// Help is shown below the flags.
func (*exportCmd) Help() string {
	return `The folder that a run ends with, model/, already is a diffusers directory where that loses nothing.

  ebb export runs/mine pictures-model
  ebb export runs/mine best --checkpoint best --weights raw
  ebb export runs/text shared --format safetensors

  python -c 'from diffusers import DDPMPipeline; DDPMPipeline.from_pretrained("pictures-model")().images[0].save("x.png")'`
}

// Run implements the verb.
func (c *exportCmd) Run(a *app) error {
	if err := newFolder(c.Dir, c.Force); err != nil {
		return err
	}
	t, err := c.load()
	if err != nil {
		return err
	}
	if c.Format == "safetensors" {
		return c.own(a, t)
	}
	d, err := foreign(t.config, t.model)
	if err != nil {
		return usage(fmt.Errorf("%s cannot be a diffusers directory: %w; --format safetensors writes any model", c.Path, err))
	}
	if err := diffusers.Write(writeInto(c.Dir), d, map[string]string{"ebb": version}, valuesOf(t.weights)); err != nil {
		return err
	}
	if err := writeConfig(writeInto(c.Dir), exportedConfig(t.config)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: a diffusers directory, from %s\n", c.Dir, t.seen)
	return err
}

// exportedConfig is the configuration without what diffusers leaves out: the weights for augmented pictures, which samples do not need.
func exportedConfig(c recipe.Config) recipe.Config {
	c.Data.Augment = 0
	if c.Network.UNet != nil {
		u := *c.Network.UNet
		u.Augment, c.Network.UNet = 0, &u
	}
	if c.Network.DiT != nil {
		d := *c.Network.DiT
		d.Augment, c.Network.DiT = 0, &d
	}
	return c
}

// own writes a model folder of ebb.
func (c *exportCmd) own(a *app, t *trained) error {
	create := writeInto(c.Dir)
	if err := writeConfig(create, t.config); err != nil {
		return err
	}
	if err := t.writeTokenizer(create); err != nil {
		return err
	}
	if err := writeOwn(create, t.weights, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s: a model folder, from %s\n", c.Dir, t.seen)
	return err
}
