package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/compute"
)

// guidanceFlags say where and against what guidance acts, and what keeps strong guidance in the range of the data.
type guidanceFlags struct {
	Interval     string   `name:"guidance-interval" help:"Guide between two noise levels only." placeholder:"LO:HI"`
	Rescale      *float64 `name:"guidance-rescale" help:"0 to 1: take back contrast that it adds." placeholder:"PHI"`
	Autoguidance string   `help:"Push away from this weaker model." placeholder:"RUN[@STEP]"`
	Threshold    *float64 `help:"Dynamic thresholding by quantile (0.995)." placeholder:"Q"`
}

// set changes a recipe's way of sampling.
func (f *guidanceFlags) set(s *recipe.Sample) error {
	if f.Interval != "" {
		low, high, ok := strings.Cut(f.Interval, ":")
		var errLow, errHigh error
		s.GuidanceMin, s.GuidanceMax = 0, 0
		if low != "" {
			s.GuidanceMin, errLow = strconv.ParseFloat(low, 64)
		}
		if high != "" {
			s.GuidanceMax, errHigh = strconv.ParseFloat(high, 64)
		}
		if !ok || errLow != nil || errHigh != nil {
			return fmt.Errorf("--guidance-interval %s: give two noise levels (sigma), such as 0.28:2.9; either may be left out", f.Interval)
		}
	}
	s.GuidanceRescale, s.Threshold = setOr(f.Rescale, s.GuidanceRescale), setOr(f.Threshold, s.Threshold)
	return s.Check()
}

// base opens the weaker model that guidance pushes away from; nil without --autoguidance.
func (f *guidanceFlags) base(engine compute.Backend, t *trained) (*sample.Generator, error) {
	if f.Autoguidance == "" {
		return nil, nil
	}
	weaker := modelFlags{Path: f.Autoguidance, Checkpoint: "last"}
	if at := strings.LastIndexByte(f.Autoguidance, '@'); at > 0 {
		weaker.Path, weaker.Checkpoint = f.Autoguidance[:at], f.Autoguidance[at+1:]
	}
	other, err := weaker.load()
	if err != nil {
		return nil, fmt.Errorf("--autoguidance: %w", err)
	}
	if err := sameSamples(t, other); err != nil {
		return nil, usage(fmt.Errorf("--autoguidance %s: %w", f.Autoguidance, err))
	}
	return newGenerator(engine, other.weights, other.model.Frozen())
}

// sameSamples says whether two models draw the same kind of samples.
func sameSamples(a, b *trained) error {
	switch {
	case b.text != nil:
		return fmt.Errorf("it writes text, this model draws pictures")
	case fmt.Sprint(a.model.Shape) != fmt.Sprint(b.model.Shape):
		return fmt.Errorf("its samples are of shape %v, those of this model %v", b.model.Shape, a.model.Shape)
	case fmt.Sprint(a.model.Norm) != fmt.Sprint(b.model.Norm):
		return fmt.Errorf("its pictures are normalised by %v, those of this model by %v", b.model.Norm, a.model.Norm)
	case b.model.Classed && fmt.Sprint(a.model.Classes) != fmt.Sprint(b.model.Classes):
		return fmt.Errorf("its classes are not those of this model")
	}
	return nil
}

// guidanceOf is what a picture says of its guidance beyond the scale, by whatever it was set.
func guidanceOf(r sample.Request) string {
	s, g := "", r.Guidance
	if g.SigmaMin != 0 || g.SigmaMax != 0 {
		s += fmt.Sprintf(", guidance interval %g:%g", g.SigmaMin, g.SigmaMax)
	}
	if g.Rescale != 0 {
		s += fmt.Sprintf(", guidance rescale %g", g.Rescale)
	}
	if r.Threshold != 0 {
		s += fmt.Sprintf(", threshold %g", r.Threshold)
	}
	return s
}

// describe names the model that a picture was guided away from.
func (f *guidanceFlags) describe() string {
	if f.Autoguidance == "" {
		return ""
	}
	return ", autoguidance " + f.Autoguidance
}
