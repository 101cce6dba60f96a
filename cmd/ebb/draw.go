package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"io"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// newGenerator draws from a model on the weights of a scope.
func newGenerator(b compute.Backend, weights *model.Scope, m *recipe.Model) (*sample.Generator, error) {
	return sample.New(b, weights, m.Forward, sample.Model{Precond: m.Precond, Shape: m.Shape, Classed: m.Classed, Null: m.Null,
		SelfCondition: m.SelfCondition})
}

// request is what a configuration says of sampling, for n samples whose classes take turns.
func request(c recipe.Config, m *recipe.Model, n int) (sample.Request, error) {
	s := c.Sample
	levels, err := m.Precond.Schedule.Levels(s.Spacing, s.Steps)
	if err != nil {
		return sample.Request{}, err
	}
	r := sample.Request{Seed: s.Seed, Count: n, Batch: s.Batch, Sampler: diffusion.NewSampler(s.Method), Levels: levels,
		Guidance: diffusion.Guidance{Scale: s.Guidance, SigmaMin: s.GuidanceMin, SigmaMax: s.GuidanceMax, Rescale: s.GuidanceRescale}}
	if classes := int32(len(m.Classes)); classes > 0 {
		r.Classes = func(i int) int32 { return int32(i) % classes }
	}
	if c.Data.Source != recipe.Points && m.Clips() {
		r.Clip, r.Threshold = 1, s.Threshold
	} else if s.Threshold > 0 {
		return r, fmt.Errorf("sample.threshold (--threshold) is for pictures whose numbers are in ±1, which the samples of this model are not: leave it out")
	}
	return r, nil
}

// scatter draws points of the plane, x to the right and y up, from -3 to 3.
func scatter(x []float32) *image.NRGBA {
	const side, reach = 256, 3
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	at := func(v float32) int { return int((v + reach) / (2 * reach) * side) }
	for i := 0; i+1 < len(x); i += 2 {
		m.SetNRGBA(at(x[i]), side-1-at(x[i+1]), color.NRGBA{20, 60, 160, 255})
	}
	return m
}

// grid draws samples and lays them out.
func grid(ctx context.Context, g *sample.Generator, r sample.Request, c recipe.Config, m *recipe.Model, columns int) (*image.NRGBA, error) {
	var all []*image.NRGBA
	var points []float32
	err := g.Draw(ctx, r, func(_ int, x []float32) error {
		if c.Data.Source == recipe.Points {
			points = append(points, x...)
			return nil
		}
		batch, err := m.Views(x)
		all = append(all, batch...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.Data.Source == recipe.Points {
		return scatter(points), nil
	}
	return sample.Grid(all, columns)
}

// preview draws a grid now and then while a run trains, always of the same seeds.
type preview struct {
	s         *session
	generator *sample.Generator
}

func newPreview(s *session) *preview { return &preview{s: s} }

// previewed is how many samples a preview shows.
func previewed(c recipe.Config) int {
	if c.Data.Source == recipe.Points {
		return c.Sample.Batch
	}
	return c.Sample.Rows * c.Sample.Columns
}

// draw is the Sample hook of a train.Trainer.
func (p *preview) draw(ctx context.Context, weights *model.Scope, seen int64) (path string, png []byte, err error) {
	c, m := p.s.config, p.s.model
	if p.generator == nil {
		if p.generator, err = newGenerator(p.s.engine, weights, m); err != nil {
			return "", nil, err
		}
	}
	r, err := request(c, m, previewed(c))
	if err != nil {
		return "", nil, err
	}
	picture, err := grid(ctx, p.generator, r, c, m, c.Sample.Columns)
	if err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	if err := sample.WritePNG(&b, picture, sample.Text{Key: "parameters", Value: parameters(r, fmt.Sprintf("after %d images", seen))}); err != nil {
		return "", nil, err
	}
	path = fmt.Sprintf("samples/%09d.png", seen)
	return path, b.Bytes(), p.s.folder.WriteFile(path, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err })
}
