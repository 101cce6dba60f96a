package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
)

// sampleCmd is the verb sample.
type sampleCmd struct {
	modelFlags
	Count    *int     `short:"n" name:"count" help:"How many; default: 16 pictures or 4 texts." placeholder:"N"`
	Sampler  string   `help:"ddim, dpmpp-2m, heun, …; ? lists them." placeholder:"NAME"`
	Steps    *int     `help:"Steps of the sampler." placeholder:"N"`
	Spacing  string   `help:"Noise levels: trailing, karras, linspace, …" placeholder:"NAME"`
	Eta      *float64 `help:"Share of fresh noise: ddim, SDE, remask." placeholder:"ETA"`
	Class    string   `help:"Name or number; default: all in turn." placeholder:"CLASS"`
	Guidance *float64 `help:"Push towards the class; 1 is none." placeholder:"SCALE"`
	Seed     *uint64  `help:"Sample i of a seed is always the same." placeholder:"N"`
	First    int      `help:"Number of the first sample." default:"0"`
	Batch    *int     `help:"Samples drawn at once." placeholder:"N"`
	Columns  int      `help:"Columns of a grid." default:"8"`
	Out      string   `help:"A .png grid, a folder, .npy, or a text file." placeholder:"PATH"`
	GIF      string   `name:"gif" help:"Animation of how pictures come out of noise." placeholder:"FILE"`
	guidanceFlags
	editFlags
	writeFlags
	engineFlags
}

// Help is shown below the flags.
func (*sampleCmd) Help() string {
	return `  ebb sample runs/glyphs -n 64 --class Q --guidance 3 --out grid.png
  ebb sample runs/text --prompt "Once upon a time" --length 1024 --temperature 0.9`
}

// Run implements the verb.
func (c *sampleCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return usage(err)
	}
	if err := c.writable(); err != nil {
		return err
	}
	t, err := c.load()
	if err != nil {
		return err
	}
	if t.text != nil {
		return c.writeTexts(a, t)
	}
	if err := c.notForPictures(); err != nil {
		return usage(err)
	}
	if c.Out == "" {
		c.Out = "samples.png"
	}
	r, err := c.request(t)
	if err != nil {
		return asUsage(err)
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	g, err := newGenerator(engine, t.weights, t.model.Frozen())
	if err != nil {
		return err
	}
	defer g.Finalize()
	if r.Base, err = c.base(engine, t); err != nil {
		return err
	}
	if r.Base != nil {
		defer r.Base.Finalize()
	}
	ctx, stop := a.untilSignal()
	defer stop()
	err = c.draw(ctx, a, t, g, r)
	if errors.Is(err, errInterrupt) {
		return withCode(exitBreak, err)
	}
	return err
}

// writable finds out before anything is drawn whether what is drawn has a place.
func (c *sampleCmd) writable() error {
	for _, n := range []struct {
		flag string
		n    *int
	}{{"-n", c.Count}, {"--steps", c.Steps}, {"--batch", c.Batch}, {"--columns", &c.Columns}} {
		if n.n != nil && *n.n < 1 {
			return usage(fmt.Errorf("%s %d: give at least 1", n.flag, *n.n))
		}
	}
	for _, path := range []string{c.Out, c.GIF, c.Record} {
		if path == "" || !strings.Contains(filepath.Base(path), ".") { // folders are made
			continue
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return withCode(exitIO, fmt.Errorf("%s cannot be written: there is no folder %s; make it or choose another name", path, filepath.Dir(path)))
		}
	}
	return nil
}

// draw draws the samples and writes them as a grid or as single files, and the way to them if wanted.
func (c *sampleCmd) draw(ctx context.Context, a *app, t *trained, g *sample.Generator, r sample.Request) error {
	out := &output{sampleCmd: c, app: a, t: t, r: r}
	if c.GIF != "" {
		var err error
		if out.film, err = newFilm(t, &r); err != nil {
			return err
		}
	}
	switch strings.ToLower(filepath.Ext(c.Out)) {
	case ".png":
	case ".npy":
		out.array = true
	case ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff":
		return usage(fmt.Errorf("--out %s: pictures are written as .png, numbers as .npy; any other name is a folder", c.Out))
	default:
		if t.config.Data.Source == recipe.Points {
			return usage(fmt.Errorf("points make one picture together: give --out a .png or .npy file"))
		}
		if t.model.Depth == data.Float32 || t.model.Channels > 4 {
			return usage(fmt.Errorf("--out %s: samples of %d channels and %d bits do not fit into PNG files: give --out an .npy file, or a .png for a look at them",
				c.Out, t.model.Channels, t.model.Depth))
		}
		if err := os.MkdirAll(c.Out, 0o777); err != nil {
			return withCode(exitIO, err)
		}
		out.single = true
	}
	if err := g.Draw(ctx, r, out.take); err != nil {
		return err
	}
	return out.finish()
}

// request is the recipe's way of sampling, changed by the flags.
func (c *sampleCmd) request(t *trained) (sample.Request, error) {
	s := &t.config.Sample
	s.Steps, s.Batch = setOr(c.Steps, s.Steps), setOr(c.Batch, s.Batch)
	s.Seed, s.Guidance = setOr(c.Seed, s.Seed), setOr(c.Guidance, s.Guidance)
	if err := c.guidanceFlags.set(s); err != nil {
		return sample.Request{}, err
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
	r, err := request(t.config, t.model, setOr(c.Count, 16))
	if err != nil {
		return r, err
	}
	r.First, r.Sampler.Eta = c.First, setOr(c.Eta, r.Sampler.Eta)
	if c.Class != "" {
		class, err := classNumber(c.Class, t.model.Classes)
		if err != nil {
			return r, err
		}
		r.Classes = func(int) int32 { return class }
	}
	if err := c.apply(&r, t); err != nil {
		return r, err
	}
	return r, r.Check()
}

// setOr is what a flag says, or else what was there.
func setOr[T any](flag *T, otherwise T) T {
	if flag != nil {
		return *flag
	}
	return otherwise
}

// classNumber finds a class by name, else by number.
func classNumber(name string, classes []string) (int32, error) {
	if len(classes) == 0 {
		return 0, fmt.Errorf("--class %s: this model was trained without classes", name)
	}
	if i := slices.Index(classes, name); i >= 0 {
		return int32(i), nil
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(classes) {
		return int32(i), nil
	}
	return 0, fmt.Errorf("--class %s: the classes are %s (or 0 to %d)", name, strings.Join(classes, ", "), len(classes)-1)
}
