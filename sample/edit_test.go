package sample_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/sample"
)

func editing(levels []float64) sample.Request {
	return sample.Request{Seed: 7, Count: 5, Batch: 2, Sampler: diffusion.NewSampler(diffusion.Heun), Levels: levels,
		Guidance: diffusion.Guidance{Scale: 1}, Classes: func(int) int32 { return 1 }}
}

// What the mask keeps comes out as it went in, whatever the sampler; the rest is drawn from its class.
func TestInpaint(t *testing.T) {
	g, levels := generator(t)
	for _, m := range []diffusion.Method{diffusion.Heun, diffusion.DDIM, diffusion.DPMpp2M, diffusion.EulerAncestral} {
		r := editing(levels)
		r.Sampler, r.From, r.Mask = diffusion.NewSampler(m), []float32{-9, 0.25, 5}, []float32{1, 1, 0}
		x := draw(t, g, r)
		for i := 0; i < len(x); i += 3 {
			if math.Abs(float64(x[i])+9) > 1e-4 || math.Abs(float64(x[i+1])-0.25) > 1e-4 {
				t.Errorf("%v: sample %d is %v, its first two numbers are to be kept", m, i/3, x[i:i+3])
			}
			if math.Abs(float64(x[i+2])-2) > 5*spread {
				t.Errorf("%v: sample %d is %v, its last number is to be drawn from N(2, 0.5²)", m, i/3, x[i:i+3])
			}
		}
	}
}

// With strength towards 0 a given sample stays what it is; with 1 nothing of it is left.
func TestFrom(t *testing.T) {
	g, levels := generator(t)
	far := func(strength float64) float64 {
		r := editing(levels)
		r.From = []float32{2.5, 1.5, 1.25}
		var err error
		if r.Levels, err = diffusion.Truncate(levels, strength); err != nil {
			t.Fatal(err)
		}
		far, x := 0.0, draw(t, g, r)
		for i, v := range x {
			far += math.Abs(float64(v-r.From[i%3])) / float64(len(x))
		}
		return far
	}
	little, much := far(0.1), far(1)
	if little > 0.02 || much < 0.3 {
		t.Errorf("strength 0.1 moves a sample by %.3f, strength 1 by %.3f", little, much)
	}
}

// The way between two seeds begins and ends with their samples, whatever the batch, and has noise of the right length in between.
func TestTowards(t *testing.T) {
	g, levels := generator(t)
	r := editing(levels)
	r.First, r.Count = 3, 1
	a := draw(t, g, r)
	r.Seed = 8
	b := draw(t, g, r)
	r.Seed, r.Count, r.Towards = 7, 6, &[]uint64{8}[0]
	var starts []float32
	r.Watch = func(_ int, x []float32, sigma float64) {
		if sigma == levels[0] {
			starts = append(starts, x...)
		}
	}
	way := draw(t, g, r)
	near(t, "the beginning", way[:3], a)
	near(t, "the end", way[15:], b)
	if len(starts) != 18 {
		t.Fatalf("%d numbers were shown at the first level, 18 are drawn", len(starts))
	}
	length := func(i int) float64 {
		s := 0.0
		for _, v := range starts[3*i : 3*i+3] {
			s += float64(v) * float64(v)
		}
		return math.Sqrt(s)
	}
	low, high := min(length(0), length(5)), max(length(0), length(5))
	for i := range 6 {
		if l := length(i); l < 0.75*low || l > 1.01*high {
			t.Errorf("the noise of sample %d has length %.1f, its ends have %.1f and %.1f", i, l, length(0), length(5))
		}
	}
	r.Batch, r.Watch = 6, nil
	near(t, "another batch", draw(t, g, r), way)
}

// The way of each sample is shown from noise on, at falling levels, and showing changes nothing.
func TestWatch(t *testing.T) {
	g, levels := generator(t)
	r := editing(levels)
	want := draw(t, g, r)
	var firsts, numbers []int
	r.Sampler = diffusion.NewSampler(diffusion.Euler)
	last := math.Inf(1)
	r.Watch = func(first int, x []float32, sigma float64) {
		if sigma == levels[0] {
			firsts, numbers, last = append(firsts, first), append(numbers, len(x)), math.Inf(1)
		}
		if sigma > last {
			t.Errorf("level %v comes after %v", sigma, last)
		}
		last = sigma
	}
	draw(t, g, r)
	if !slices.Equal(firsts, []int{0, 2, 4}) || !slices.Equal(numbers, []int{6, 6, 3}) {
		t.Errorf("batches from %v with %v numbers were shown", firsts, numbers)
	}
	r.Sampler = diffusion.NewSampler(diffusion.Heun)
	near(t, "watched", draw(t, g, r), want)
}

func TestEditRefused(t *testing.T) {
	g, levels := generator(t)
	seed := uint64(1)
	for want, change := range map[string]func(*sample.Request){
		"a mask of 2 numbers for a sample of 3": func(r *sample.Request) { r.From, r.Mask = make([]float32, 3), make([]float32, 2) },
		"a mask of 3 numbers for a sample of 0": func(r *sample.Request) { r.Mask = make([]float32, 3) },
		"the given sample has 4 numbers":        func(r *sample.Request) { r.From = make([]float32, 4) },
		"begins from noise":                     func(r *sample.Request) { r.From, r.Towards = make([]float32, 3), &seed },
		"without noise of its own": func(r *sample.Request) {
			r.Sampler, r.Towards = diffusion.NewSampler(diffusion.EulerAncestral), &seed
		},
	} {
		r := editing(levels)
		change(&r)
		err := g.Draw(t.Context(), r, func(int, []float32) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %q expected", err, want)
		}
	}
}
