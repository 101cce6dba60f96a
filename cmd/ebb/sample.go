package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
)

// sampleCmd is the verb sample.
type sampleCmd struct {
	modelFlags
	Count    int      `short:"n" name:"count" help:"How many samples." default:"16"`
	Sampler  string   `help:"ddpm, ddim, euler, euler-ancestral, heun, dpmpp-2m, dpmpp-3m, unipc, lms, …; default: the recipe's." placeholder:"NAME"`
	Steps    int      `help:"Steps of the sampler; default: the recipe's."`
	Spacing  string   `help:"Noise levels: karras, linear-sigma, exponential, trailing, leading or linspace; default: the recipe's." placeholder:"NAME"`
	Eta      *float64 `help:"Share of fresh noise of ddim, euler-ancestral and the SDE samplers." placeholder:"ETA"`
	Class    string   `help:"Class to draw, by name or number; default: all in turn." placeholder:"CLASS"`
	Guidance *float64 `help:"Push towards the class; 1 is none. Default: the recipe's." placeholder:"SCALE"`
	Seed     *uint64  `help:"Seed. Sample i of a seed is always the same picture." placeholder:"N"`
	First    int      `help:"Number of the first sample." default:"0"`
	Batch    int      `help:"Samples drawn at once; default: the recipe's."`
	Columns  int      `help:"Columns of a grid." default:"8"`
	Out      string   `help:"A .png file for a grid, or a folder for single files." default:"samples.png"`
	engineFlags
}

// Help is shown below the flags.
func (*sampleCmd) Help() string {
	return `Every picture carries its parameters as text inside the PNG file.

  ebb sample runs/glyphs -n 64 --class Q --guidance 3 --out grid.png
  ebb sample runs/mine/model --sampler heun --steps 18 --seed 7 --out pictures/`
}

// Run implements the verb.
func (c *sampleCmd) Run(a *app) error {
	t, err := c.load()
	if err != nil {
		return err
	}
	r, err := c.request(t)
	if err != nil {
		return usage(err)
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	g, err := newGenerator(engine, t.weights, t.model)
	if err != nil {
		return err
	}
	defer g.Finalize()
	ctx, stop := a.untilSignal()
	defer stop()
	if strings.EqualFold(filepath.Ext(c.Out), ".png") {
		err = c.toGrid(ctx, a, t, g, r)
	} else {
		err = c.toFolder(ctx, a, t, g, r)
	}
	if errors.Is(err, errInterrupt) {
		return withCode(exitBreak, err)
	}
	return err
}

// request is the recipe's way of sampling, changed by the flags.
func (c *sampleCmd) request(t *trained) (sample.Request, error) {
	s := &t.config.Sample
	if c.Steps != 0 {
		s.Steps = c.Steps
	}
	if c.Batch != 0 {
		s.Batch = c.Batch
	}
	if c.Seed != nil {
		s.Seed = *c.Seed
	}
	if c.Guidance != nil {
		s.Guidance = *c.Guidance
	}
	var err error
	if c.Sampler != "" {
		s.Method, err = diffusion.ParseMethod(c.Sampler)
	}
	if c.Spacing != "" && err == nil {
		s.Spacing, err = diffusion.ParseSpacing(c.Spacing)
	}
	if err != nil {
		return sample.Request{}, err
	}
	r, err := request(t.config, t.model, c.Count)
	if err != nil {
		return r, err
	}
	if r.First = c.First; c.Eta != nil {
		r.Sampler.Eta = *c.Eta
	}
	if c.Class != "" {
		class, err := classNumber(c.Class, t.model)
		if err != nil {
			return r, err
		}
		r.Classes = func(int) int32 { return class }
	}
	return r, r.Check()
}

// classNumber finds a class by name, else by number.
func classNumber(name string, m *recipe.Model) (int32, error) {
	if len(m.Classes) == 0 {
		return 0, fmt.Errorf("--class %s: this model was trained without classes", name)
	}
	if i := slices.Index(m.Classes, name); i >= 0 {
		return int32(i), nil
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(m.Classes) {
		return int32(i), nil
	}
	return 0, fmt.Errorf("--class %s: the classes are %s (or 0 to %d)", name, strings.Join(m.Classes, ", "), len(m.Classes)-1)
}

func (c *sampleCmd) toGrid(ctx context.Context, a *app, t *trained, g *sample.Generator, r sample.Request) error {
	picture, err := grid(ctx, g, r, t.config, t.model, c.Columns)
	if err != nil {
		return err
	}
	if err := writePicture(c.Out, picture, parameters(r, t.seen)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, c.Out)
	return err
}

func (c *sampleCmd) toFolder(ctx context.Context, a *app, t *trained, g *sample.Generator, r sample.Request) error {
	if t.config.Data.Source == recipe.Points {
		return usage(fmt.Errorf("points make one picture together: give --out a .png file"))
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return withCode(exitIO, err)
	}
	return g.Draw(ctx, r, func(first int, x []float32) error {
		batch, err := pictures(t.model, x)
		if err != nil {
			return err
		}
		for i, p := range batch {
			one := r
			one.First, one.Count = first+i, 1
			path := filepath.Join(c.Out, fmt.Sprintf("%06d.png", first+i))
			if err := writePicture(path, p, parameters(one, t.seen)); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.stdout, path); err != nil {
				return err
			}
		}
		return nil
	})
}

// parameters is what a picture says of its making.
func parameters(r sample.Request, from string) string {
	s := fmt.Sprintf("seed %d, samples %d to %d, sampler %v, steps %d, guidance %g, model %s, ebb %s",
		r.Seed, r.First, r.First+r.Count-1, r.Sampler.Method, len(r.Levels)-1, r.Guidance.Scale, from, version)
	if r.Classes != nil && r.Count == 1 {
		s += fmt.Sprintf(", class %d", r.Classes(r.First))
	}
	return s
}

// writePicture writes a PNG file with its parameters; a file of that name is replaced when the new one is whole.
func writePicture(path string, m image.Image, parameters string) error {
	var b bytes.Buffer
	if err := sample.WritePNG(&b, m, sample.Text{Key: "parameters", Value: parameters}); err != nil {
		return err
	}
	return withCode(exitIO, replaceFile(path, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err }))
}

// replaceFile writes a file aside and renames it.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ebb-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
