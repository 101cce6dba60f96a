package sample_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// The data of classes 0 and 1 is N(∓2, 0.5²) in every number, and of the null class (2) N(0, 0.5²): the exact network is then linear, and
// guidance moves the mean by its scale.
const (
	classes = 2
	spread  = 0.5
)

// exact is the network that predicts eps of the data above, in the graph: eps = σ·(x−μ)/(s²+σ²) of x = x0 + σ·ε.
func exact(p diffusion.Precond) sample.Network {
	return func(weights *model.Scope, x, cNoise, class *graph.Node) *graph.Node {
		weights.VariableWithValue("unused", float32(0)).NodeValue(x)
		sigma := graph.Reshape(graph.Exp(graph.MulScalar(cNoise, 4)), -1, 1) // EDM: cNoise = ln(σ)/4
		c := graph.Reshape(graph.ConvertDType(class, x.DType()), -1, 1)
		mu := graph.AddScalar(graph.Add(graph.MulScalar(graph.Mul(c, c), -3), graph.MulScalar(c, 7)), -2)
		return graph.Div(graph.Mul(sigma, graph.Sub(x, mu)), graph.AddScalar(graph.Mul(sigma, sigma), spread*spread))
	}
}

func generator(t testing.TB) (*sample.Generator, []float64) {
	t.Helper()
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.EDM}.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := diffusion.Precond{Schedule: schedule, Prediction: diffusion.PredictEps, SigmaData: 0.5}
	engine, err := backend.Open(backend.Options{Name: "go"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := sample.New(engine, model.NewStore().Scope("/net"), exact(p), sample.Model{Precond: p, Shape: []int{3}, Classed: true, Null: classes})
	if err != nil {
		t.Fatal(err)
	}
	levels, err := schedule.Levels(diffusion.Karras, 30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Finalize)
	return g, levels
}

func draw(t testing.TB, g *sample.Generator, r sample.Request) []float32 {
	t.Helper()
	var all []float32
	err := g.Draw(t.Context(), r, func(first int, x []float32) error {
		if first != r.First+len(all)/3 {
			t.Errorf("a batch begins at sample %d after %d numbers", first, len(all))
		}
		all = append(all, x...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Sample i of a seed is the same whatever the batch, the count and the first sample; for samplers with noise of their own too.
func TestSameWhateverTheBatch(t *testing.T) {
	g, levels := generator(t)
	for _, m := range []diffusion.Method{diffusion.Heun, diffusion.EulerAncestral, diffusion.DPMpp2MSDE} {
		r := sample.Request{Seed: 7, Count: 11, Batch: 11, Sampler: diffusion.NewSampler(m), Levels: levels, Guidance: diffusion.Guidance{Scale: 2},
			Classes: func(i int) int32 { return int32(i % classes) }}
		want := draw(t, g, r)
		if len(want) != 33 {
			t.Fatalf("%d numbers", len(want))
		}
		for _, batch := range []int{1, 4, 100} {
			r.Batch = batch
			near(t, fmt.Sprint(m, " in batches of ", batch), draw(t, g, r), want)
		}
		r.First, r.Count, r.Batch = 5, 4, 3
		near(t, fmt.Sprint(m, " from sample 5"), draw(t, g, r), want[15:27])
		r.Seed = 8
		if slices.Equal(draw(t, g, r), want[15:27]) {
			t.Error("another seed gives the same samples")
		}
	}
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, %d expected", what, len(got), len(want))
	}
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-4 {
			t.Fatalf("%s: number %d is %v, %v expected", what, i, got[i], want[i])
		}
	}
}

// Samples have the mean and deviation of their class. Guidance of scale w moves the estimate of the mean from base to class w times,
// which for these Gaussians is exact.
func TestDistribution(t *testing.T) {
	g, levels := generator(t)
	for _, c := range []struct {
		class    int32
		scale    float64
		sigmaMax float64
		mean     float64
	}{{0, 1, 0, -2}, {1, 1, 0, 2}, {2, 1, 0, 0}, {1, 2, 0, 4}, {2, 3, 0, 0}, {1, 0, 0, 0}} {
		x := draw(t, g, sample.Request{Count: 2000, Batch: 1000, Sampler: diffusion.NewSampler(diffusion.Heun), Levels: levels,
			Guidance: diffusion.Guidance{Scale: c.scale, SigmaMax: c.sigmaMax}, Classes: func(int) int32 { return c.class }})
		m, s := 0.0, 0.0
		for _, v := range x {
			m += float64(v) / float64(len(x))
			s += float64(v) * float64(v) / float64(len(x))
		}
		s = math.Sqrt(s - m*m)
		if math.Abs(m-c.mean) > 0.05 || math.Abs(s-spread) > 0.03 {
			t.Errorf("class %d, scale %v: mean %.3f and deviation %.3f, expected %v and %v", c.class, c.scale, m, s, c.mean, spread)
		}
	}
}

func TestRefused(t *testing.T) {
	g, levels := generator(t)
	good := sample.Request{Count: 1, Batch: 1, Sampler: diffusion.NewSampler(diffusion.Heun), Levels: levels, Guidance: diffusion.Guidance{Scale: 1}}
	for want, change := range map[string]func(*sample.Request){
		"0 samples":                       func(r *sample.Request) { r.Count = 0 },
		"two are needed":                  func(r *sample.Request) { r.Levels = nil },
		"class 3 of a network that knows": func(r *sample.Request) { r.Classes = func(int) int32 { return 3 } },
	} {
		r := good
		change(&r)
		err := g.Draw(t.Context(), r, func(int, []float32) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %q expected", err, want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := g.Draw(ctx, good, nil); !errors.Is(err, enough) {
		t.Error(err)
	}
}

// A grid has its pictures where they belong, and the file carries the texts where readers look for them.
func TestGridAndPNG(t *testing.T) {
	var all []*image.NRGBA
	for i := range 5 {
		p := image.NewNRGBA(image.Rect(0, 0, 4, 3))
		for k := range p.Pix {
			p.Pix[k] = uint8(255 - 10*i)
		}
		all = append(all, p)
	}
	grid, err := sample.Grid(all, 2)
	if err != nil || grid.Bounds() != image.Rect(0, 0, 9, 11) {
		t.Fatal(grid.Bounds(), err)
	}
	if c := grid.NRGBAAt(5, 4); c.R != 225 {
		t.Error("picture 3 is not in the second row and column:", c)
	}
	if c := grid.NRGBAAt(4, 0); c != (color.NRGBA{0, 0, 0, 255}) {
		t.Error("the gap is", c)
	}
	var b bytes.Buffer
	if err := sample.WritePNG(&b, grid, sample.Text{Key: "parameters", Value: "seed 7 · größe"}, sample.Text{Key: "class", Value: "数"}); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(b.Bytes())); err != nil { // checks the CRC of every chunk
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte("tEXtparameters\x00seed 7 \xb7 gr\xf6\xdfe")) || !bytes.Contains(b.Bytes(), []byte("iTXtclass\x00\x00\x00\x00\x00数")) {
		t.Error("the texts are not there")
	}
	if _, err := sample.Grid(append(all, image.NewNRGBA(image.Rect(0, 0, 1, 1))), 2); err == nil {
		t.Error("pictures of two sizes make a grid")
	}
}
