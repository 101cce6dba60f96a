package masked

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// histogram samples rows with a sampler and counts the 27 outcomes.
func histogram(t *testing.T, s Sampler, rows int) []float64 {
	t.Helper()
	toy, calls := newToy(), 0
	c := NewCanvas(rows, toyLength, toyVocab)
	if _, err := s.Sample(toy.model(&calls), c); err != nil {
		t.Fatal(err)
	}
	counts := make([]float64, 27)
	for i := range rows {
		if slices.Contains(c.Row(i), toyVocab) {
			t.Fatalf("%v left a mask", s.Method)
		}
		counts[toyIndex(c.Row(i))]++
	}
	return counts
}

// chiSquare compares counts with probabilities; 26 degrees of freedom have mean 26, standard deviation 7.2.
func chiSquare(counts []float64, p []float64) float64 {
	n, chi := 0.0, 0.0
	for _, c := range counts {
		n += c
	}
	for i, c := range counts {
		chi += (c - n*p[i]) * (c - n*p[i]) / (n * p[i])
	}
	return chi
}

// First-hitting has no error of discretisation, nor has filling one token a block; many ancestral steps have little; remasking with many
// steps keeps the distribution of an exact model.
func TestSamplersDrawTheDistribution(t *testing.T) {
	toy := newToy()
	for _, s := range []Sampler{
		{Method: FirstHitting, Seed: 1},
		{Method: Ancestral, Steps: 4, Block: 1, Seed: 2},
		{Method: Ancestral, Steps: 300, Seed: 3},
		{Method: Ancestral, Steps: 300, Schedule: Schedule{Family: Cosine}, Seed: 4},
		{Method: Remask, Steps: 150, Eta: 0.01, Seed: 5},
		{Method: Remask, Steps: 150, Eta: 0.01, Rescale: true, Seed: 6},
	} {
		if chi := chiSquare(histogram(t, s, 2000), toy.p[:]); chi > 60 {
			t.Errorf("%v, %d steps: chi-square %.1f over 26 degrees of freedom", s.Method, s.Steps, chi)
		}
	}
}

// One ancestral step draws all tokens independently: the product of the marginals, enumerated. This shows the test above can fail.
func TestOneStepIsTheProductOfMarginals(t *testing.T) {
	toy := newToy()
	masks := []int32{toyVocab, toyVocab, toyVocab}
	p := make([]float64, 27)
	for i := range p {
		p[i] = 1
		for j, id := range toyRow(i) {
			p[i] *= toy.conditional(masks, j)[id]
		}
	}
	counts := histogram(t, Sampler{Steps: 1, Seed: 9}, 4000)
	if chi := chiSquare(counts, p); chi > 60 {
		t.Errorf("chi-square %.1f against the product of marginals", chi)
	}
	if chi := chiSquare(counts, toy.p[:]); chi < 150 {
		t.Errorf("chi-square %.1f against the joint distribution: one step cannot know it", chi)
	}
}

// Wang et al. 2025: for any sigma the share of masks after a step is the schedule's.
func TestTransitionKeepsMarginals(t *testing.T) {
	for _, rate := range []float64{1, 0.9, 0.5, 0.2} {
		for _, next := range []float64{0.85, 0.4, 0.1, 0} {
			if next >= rate {
				continue
			}
			limit := min(1, next/max(1-rate, 1e-12))
			for _, sigma := range []float64{0, 0.3 * limit, limit} {
				show, hide := transition(rate, next, sigma)
				near(t, "masked share", rate*(1-show)+(1-rate)*hide, next, 1e-12)
				if show < -1e-12 || show > 1+1e-12 {
					t.Errorf("rate %v to %v with sigma %v: probability %v", rate, next, sigma, show)
				}
			}
		}
	}
}

func TestCallsAreSaved(t *testing.T) {
	toy, calls := newToy(), 0
	for _, c := range []struct {
		s   Sampler
		max int
	}{{Sampler{Steps: 5000}, 3}, {Sampler{Method: FirstHitting}, 3}, {Sampler{Method: Confidence, Steps: 2}, 2}, {Sampler{Steps: 1}, 1}} {
		calls = 0
		n, err := c.s.Sample(toy.model(&calls), NewCanvas(1, toyLength, toyVocab))
		if err != nil || n != calls || n > c.max {
			t.Errorf("%v: %d calls (%d counted), at most %d needed (%v)", c.s.Method, calls, n, c.max, err)
		}
	}
	full := &Canvas{Tokens: []int32{0, 1, 2}, Length: 3, Vocab: 3}
	if n, err := (&Sampler{Steps: 10}).Sample(toy.model(&calls), full); n != 0 || err != nil {
		t.Errorf("a full canvas needs %d calls (%v)", n, err)
	}
}

// Given tokens stay, and the rest follows the conditional distribution.
func TestInfill(t *testing.T) {
	toy, calls := newToy(), 0
	for _, method := range []Method{Ancestral, FirstHitting, Remask, Confidence} {
		s := Sampler{Method: method, Steps: 50, Seed: 7}
		if method == Remask {
			s.Eta = 0.2
		}
		const rows = 1000
		c := NewCanvas(rows, toyLength, toyVocab)
		for i := range rows {
			c.Row(i)[1] = 2
			c.Row(i)[2] = 0
		}
		if _, err := s.Sample(toy.model(&calls), c); err != nil {
			t.Fatal(err)
		}
		var counts [3]float64
		for i := range rows {
			if c.Row(i)[1] != 2 || c.Row(i)[2] != 0 {
				t.Fatalf("%v changed a given token: %v", method, c.Row(i))
			}
			counts[c.Row(i)[0]]++
		}
		want := toy.conditional([]int32{3, 2, 0}, 0)
		for k := range counts {
			near(t, fmt.Sprintf("%v: share of token %d", method, k), counts[k]/rows, want[k], 0.06)
		}
	}
}

// Rows do not depend on what else is in the batch.
func TestRowsAreIndependent(t *testing.T) {
	toy, calls := newToy(), 0
	for _, s := range []Sampler{{Steps: 7, Seed: 5}, {Method: FirstHitting, Seed: 5}, {Method: Remask, Steps: 9, Eta: 0.3, Seed: 5}, {Method: Confidence, Steps: 2, Seed: 5}, {Steps: 6, Block: 2, Seed: 5}} {
		whole := NewCanvas(8, toyLength, toyVocab)
		if _, err := s.Sample(toy.model(&calls), whole); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			one := NewCanvas(1, toyLength, toyVocab)
			one.First = uint64(i)
			if _, err := s.Sample(toy.model(&calls), one); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(one.Tokens, whole.Row(i)) {
				t.Errorf("%v: row %d alone is %v, in a batch %v", s.Method, i, one.Tokens, whole.Row(i))
			}
		}
	}
}

func TestConfidenceKeepsTheSurest(t *testing.T) {
	model := func(dst []float32, tokens []int32, _ []float64) error {
		for i := range tokens { // place i prefers token i%2, the more the further right
			dst[2*i+i%2], dst[2*i+1-i%2] = float32(i), 0
		}
		return nil
	}
	var seen [][]int32
	c := NewCanvas(1, 5, 2)
	watch := func(dst []float32, tokens []int32, rates []float64) error {
		seen = append(seen, slices.Clone(tokens))
		return model(dst, tokens, rates)
	}
	if _, err := (&Sampler{Method: Confidence, Steps: 3, Greedy: true}).Sample(watch, c); err != nil {
		t.Fatal(err)
	}
	want := [][]int32{{2, 2, 2, 2, 2}, {2, 2, 2, 1, 0}, {2, 1, 0, 1, 0}}
	if fmt.Sprint(seen) != fmt.Sprint(want) || fmt.Sprint(c.Tokens) != "[0 1 0 1 0]" {
		t.Errorf("order %v, end %v", seen, c.Tokens)
	}
}

func TestBlocksGoFromLeftToRight(t *testing.T) {
	const length = 6
	c := NewCanvas(2, length, 3)
	model := func(dst []float32, tokens []int32, _ []float64) error {
		for lo := 0; lo < len(tokens); lo += length {
			first := slices.Index(tokens[lo:lo+length], 3)
			if last := lo + length - 1; first >= 0 && first < 4 && tokens[last] != 3 {
				return fmt.Errorf("block 2 began before block 0 or 1 was full: %v", tokens)
			}
		}
		clear(dst)
		return nil
	}
	if _, err := (&Sampler{Steps: 12, Block: 2, Seed: 1}).Sample(model, c); err != nil {
		t.Fatal(err)
	}
	c = NewCanvas(2, length, 3)
	stop := StopAfter(func(dst []float32, tokens []int32, _ []float64) error {
		for i := range tokens {
			dst[3*i+1] = 1000 // always token 1, the end
		}
		return nil
	}, 1, c)
	calls, err := (&Sampler{Steps: 6, Block: 2}).Sample(stop, c)
	if err != nil || calls > 3 || fmt.Sprint(c.Row(1)) != "[1 1 3 3 3 3]" {
		t.Errorf("after the end: %d calls, %v, %v", calls, c.Row(1), err)
	}
}

func TestSlide(t *testing.T) {
	model := func(dst []float32, tokens []int32, _ []float64) error { // each token is its left neighbour's successor
		clear(dst)
		for i := range tokens {
			if i%4 > 0 && tokens[i-1] < 5 {
				dst[5*i+int(tokens[i-1]+1)%5] = 1000
			}
		}
		return nil
	}
	c := NewCanvas(1, 11, 5)
	c.Tokens[0] = 3
	if _, err := (&Sampler{Steps: 4, Block: 1}).Slide(model, c, 4, 2); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Tokens); got != "[3 4 0 1 2 3 4 0 1 2 3]" {
		t.Errorf("slid to %s", got)
	}
}

func TestGuide(t *testing.T) {
	constant := func(v float32) Model {
		return func(dst []float32, _ []int32, _ []float64) error {
			for i := range dst {
				dst[i] = v * float32(i)
			}
			return nil
		}
	}
	dst := make([]float32, 3)
	if err := Guide(constant(3), constant(1), 2)(dst, nil, nil); err != nil || !slices.Equal(dst, []float32{0, 5, 10}) {
		t.Errorf("guided logits %v (%v)", dst, err)
	}
}

func TestSamplerRefuses(t *testing.T) {
	ok := func(dst []float32, _ []int32, _ []float64) error { clear(dst); return nil }
	nan := func(dst []float32, _ []int32, _ []float64) error { dst[0] = float32(math.NaN()); return nil }
	broken := errors.New("no network")
	for _, c := range []struct {
		s    Sampler
		c    Canvas
		m    Model
		want string
	}{
		{Sampler{}, *NewCanvas(1, 2, 3), ok, "steps"},
		{Sampler{Steps: 1, Temperature: -1}, *NewCanvas(1, 2, 3), ok, "temperature"},
		{Sampler{Steps: 1, TopP: 2}, *NewCanvas(1, 2, 3), ok, "top-p"},
		{Sampler{Steps: 1, Eta: 0.1}, *NewCanvas(1, 2, 3), ok, "eta"},
		{Sampler{Steps: 1, Block: -1}, *NewCanvas(1, 2, 3), ok, "blocks"},
		{Sampler{Method: 9, Steps: 1}, *NewCanvas(1, 2, 3), ok, "sampler number 9"},
		{Sampler{Steps: 1}, Canvas{Tokens: []int32{4}, Length: 1, Vocab: 3}, ok, "token 4"},
		{Sampler{Steps: 1}, Canvas{Tokens: []int32{1}, Length: 2, Vocab: 3}, ok, "whole rows"},
		{Sampler{Steps: 1}, *NewCanvas(1, 2, 3), nan, "NaN"},
		{Sampler{Steps: 1}, *NewCanvas(1, 2, 3), func([]float32, []int32, []float64) error { return broken }, "no network"},
	} {
		if _, err := c.s.Sample(c.m, &c.c); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one about %q", c.s, err, c.want)
		}
	}
}

// Steps are for what is to be filled, however long the row is that the model sees.
func TestStepsAreForTheHoles(t *testing.T) {
	c := NewCanvas(1, 16, 3)
	c.Fill = 4
	uniform := func(dst []float32, _ []int32, _ []float64) error { clear(dst); return nil }
	calls, err := (&Sampler{Method: Confidence, Steps: 4}).Sample(uniform, c)
	if err != nil || calls != 4 {
		t.Errorf("%d calls for four holes in four steps (%v)", calls, err)
	}
}
