package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
)

// editFlags make samples from what is given instead of from noise alone.
type editFlags struct {
	Inpaint     string   `help:"Picture of which a part is drawn anew." placeholder:"IMG"`
	Mask        string   `help:"Which part, in white, for --inpaint." placeholder:"IMG"`
	From        string   `help:"Picture to begin from instead of noise." placeholder:"IMG"`
	Strength    *float64 `help:"How far --from (0.5), --inpaint (1) is lost." placeholder:"S"`
	Interpolate *uint64  `help:"Go from --seed to this seed in -n pictures." placeholder:"SEED"`
}

// check says which flags do not go together.
func (e *editFlags) check() error {
	switch {
	case e.Inpaint != "" && e.Mask == "":
		return errors.New("--inpaint needs --mask: a picture of the same size, white where --inpaint is to be drawn anew")
	case e.Mask != "" && e.Inpaint == "":
		return errors.New("--mask belongs to --inpaint: name the picture that it masks")
	case e.Inpaint != "" && e.From != "":
		return errors.New("--inpaint and --from both name a picture to begin from: give one of them")
	case e.Interpolate != nil && (e.Inpaint != "" || e.From != ""):
		return errors.New("--interpolate goes between the noise of two seeds: leave out --inpaint and --from")
	case e.Strength != nil && e.Inpaint == "" && e.From == "":
		return errors.New("--strength belongs to --from or --inpaint: name a picture")
	case e.Strength != nil && !(*e.Strength > 0 && *e.Strength <= 1):
		return fmt.Errorf("--strength %v: give a number above 0 (nothing changes) up to 1 (everything may)", *e.Strength)
	}
	return nil
}

// apply changes a request by the flags.
func (e *editFlags) apply(r *sample.Request, t *trained) error {
	r.Towards = e.Interpolate
	path, strength := e.From, 0.5
	if e.Inpaint != "" {
		path, strength = e.Inpaint, 1
	}
	if path == "" {
		return nil
	}
	if t.config.Data.Source == recipe.Points {
		return fmt.Errorf("%s: this model draws points, not pictures: there is nothing to begin from", path)
	}
	if e.Strength != nil {
		strength = *e.Strength
	}
	p, err := readPicture(path, t.model, t.model.Channels)
	if err != nil {
		return err
	}
	r.From = t.model.Norm.Apply(nil, p)
	if r.Levels, err = diffusion.Truncate(r.Levels, strength); err != nil || e.Mask == "" {
		return err
	}
	m, err := readPicture(e.Mask, t.model, 1)
	if err != nil {
		return err
	}
	r.Mask = keeps(m, t.model.Channels)
	return nil
}

// keeps turns a mask, white where a picture is drawn anew, into the share of each of its numbers that is kept.
func keeps(m *data.Picture, channels int) []float32 {
	var keep []float32
	for _, v := range (data.Norm{Mean: []float64{0}, Std: []float64{1}}).Apply(nil, m) {
		for range channels {
			keep = append(keep, 1-min(max(v, 0), 1))
		}
	}
	return keep
}

const maxPixels = 1 << 26

// readPicture reads a picture that a model could have drawn: of its size, and of as many channels or of some that lose nothing.
func readPicture(path string, m *recipe.Model, channels int) (*data.Picture, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage(fmt.Errorf("%s: there is no such file", path))
	case err != nil:
		return nil, withCode(exitIO, err)
	}
	p, err := data.Decode(b, maxPixels)
	if err != nil {
		return nil, withCode(exitData, fmt.Errorf("%s: %w", path, err))
	}
	if p.Height != m.Height || p.Width != m.Width {
		return nil, usage(fmt.Errorf("%s has %d x %d pixels, this model draws %d x %d: cut or scale the picture to that size",
			path, p.Width, p.Height, m.Width, m.Height))
	}
	q, err := p.WithChannels(channels, 0)
	if err != nil {
		return nil, usage(fmt.Errorf("%s has %s, which do not become the %s of this model: %w", path, named(p.Channels), named(channels), err))
	}
	back, err := q.WithChannels(p.Channels, 0)
	if err != nil || !slices.Equal(back.Pix, p.Pix) {
		return nil, usage(fmt.Errorf("%s has %s, and would lose colour or opacity as %s: convert the picture first",
			path, named(p.Channels), named(channels)))
	}
	return q, nil
}

// named says in words what a number of channels means.
func named(channels int) string {
	words := map[int]string{1: "1 channel (grey)", 2: "2 channels (grey and opacity)", 3: "3 channels (RGB)", 4: "4 channels (RGB and opacity)"}
	if w, ok := words[channels]; ok {
		return w
	}
	return fmt.Sprintf("%d channels", channels)
}

// describe is what a picture says of its editing.
func (e *editFlags) describe() string {
	s := ""
	if e.Inpaint != "" {
		s += ", inpaint " + e.Inpaint + ", mask " + e.Mask
	}
	if e.From != "" {
		s += ", from " + e.From
	}
	if e.Strength != nil {
		s += fmt.Sprintf(", strength %g", *e.Strength)
	}
	if e.Interpolate != nil {
		s += fmt.Sprintf(", towards seed %d", *e.Interpolate)
	}
	return s
}
