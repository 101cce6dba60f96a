package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
)

// output takes samples as they are drawn and makes files of them.
type output struct {
	*sampleCmd
	app    *app
	t      *trained
	r      sample.Request
	single bool // a file for each
	array  bool // all in one array
	film   *film
	all    []*image.NRGBA  // for a grid
	values []*data.Picture // for an array
	points []float32       // for a scatter plot
}

// take is told of each batch.
func (o *output) take(first int, x []float32) error {
	if o.t.config.Data.Source == recipe.Points && !o.array {
		o.points = append(o.points, x...)
		return nil
	}
	if o.film != nil {
		if err := o.film.finish(x); err != nil {
			return err
		}
	}
	if !o.single && !o.array {
		batch, err := o.t.model.Views(x)
		o.all = append(o.all, batch...)
		return err
	}
	batch, err := o.t.model.Pictures(x)
	if err != nil {
		return err
	}
	if o.array {
		o.values = append(o.values, batch...)
		return nil
	}
	for i, p := range batch {
		one := o.r
		one.First, one.Count = first+i, 1
		path := filepath.Join(o.Out, fmt.Sprintf("%06d.png", first+i))
		var file bytes.Buffer
		if err := p.EncodePNG(&file); err != nil {
			return err
		}
		if err := o.write(path, file.Bytes(), one); err != nil {
			return err
		}
	}
	return nil
}

// finish writes what is made of all samples together.
func (o *output) finish() error {
	if o.film != nil {
		if err := o.film.write(o.GIF, o.Columns); err != nil {
			return err
		}
		fmt.Fprintln(o.app.stdout, o.GIF)
	}
	switch {
	case o.single:
		return nil
	case o.array:
		if err := replaceFile(o.Out, func(w io.Writer) error { return data.WriteNPY(w, o.values) }); err != nil {
			return withCode(exitIO, err)
		}
		_, err := fmt.Fprintln(o.app.stdout, o.Out)
		return err
	}
	picture := scatter(o.points)
	if o.t.config.Data.Source != recipe.Points {
		var err error
		if picture, err = sample.Grid(o.all, o.Columns); err != nil {
			return err
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return err
	}
	return o.write(o.Out, file.Bytes(), o.r)
}

// write writes a PNG file with its parameters and says where.
func (o *output) write(path string, file []byte, r sample.Request) error {
	text := parameters(r, o.t.seen) + o.describe() + o.guidanceFlags.describe() + o.editFlags.describe()
	if err := writePNG(path, file, text); err != nil {
		return err
	}
	_, err := fmt.Fprintln(o.app.stdout, path)
	return err
}

// describe is what a picture says of its making beyond its request.
func (o *output) describe() string {
	s := fmt.Sprintf(", spacing %v", o.t.config.Sample.Spacing)
	if o.r.Sampler.Eta != 0 {
		s += fmt.Sprintf(", eta %g", o.r.Sampler.Eta)
	}
	if o.Weights != "" {
		s += ", weights " + o.Weights
	}
	return s
}

// parameters is what a picture says of its making.
func parameters(r sample.Request, from string) string {
	s := fmt.Sprintf("seed %d, samples %d to %d, sampler %v, steps %d, guidance %g, model %s, ebb %s",
		r.Seed, r.First, r.First+r.Count-1, r.Sampler.Method, len(r.Levels)-1, r.Guidance.Scale, from, version)
	s += guidanceOf(r)
	if r.Classes != nil && r.Count == 1 && r.Towards == nil {
		s += fmt.Sprintf(", class %d", r.Classes(r.First))
	}
	return s
}

// writePicture writes a picture as a PNG file with its parameters.
func writePicture(path string, m image.Image, parameters string) error {
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		return err
	}
	return writePNG(path, file.Bytes(), parameters)
}

// writePNG writes a PNG file with its parameters; a file of that name is replaced when the new one is whole.
func writePNG(path string, file []byte, parameters string) error {
	var b bytes.Buffer
	if err := sample.AddTexts(&b, file, sample.Text{Key: "parameters", Value: parameters}); err != nil {
		return err
	}
	return withCode(exitIO, replaceFile(path, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err }))
}

// replaceFile writes a file aside and renames it.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ebb-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s cannot be written: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
