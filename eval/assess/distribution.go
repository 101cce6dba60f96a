package assess

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

const samplesShown = 64

// Distribution measures how near samples come to held-out pictures as a whole, in each of some feature spaces. Beside each distance stands
// that of real pictures from other real ones at the same number: what a perfect model would get.
func (s *Subject) Distribution(ctx context.Context, c Settings, samples data.Set, spaces []Features) (report.Section, error) {
	section := report.Section{Title: "Distribution of samples"}
	n := min(samples.Len(), s.HeldOut.Len())
	if n < 2 {
		return section, fmt.Errorf("assess: %d samples against %d held-out pictures: distances need at least 2 of each", samples.Len(), s.HeldOut.Len())
	}
	real, err := s.seen(ctx, s.HeldOut, s.HeldOut.Len())
	if err != nil {
		return section, err
	}
	for _, space := range spaces {
		figures, left, err := s.distances(ctx, c, space.Space, data.First(samples, n), real, n)
		if err != nil {
			return section, err
		}
		section.Warnings = append(section.Warnings, left...)
		more, err := s.ofLayers(ctx, c, space, data.First(samples, n), real, n)
		if err != nil {
			return section, err
		}
		for _, f := range append(figures, more...) {
			section.Figures = append(section.Figures, space.Named(f))
		}
	}
	section.Facts = []report.Fact{{Name: "samples", Value: fmt.Sprint(n)}, {Name: "held-out pictures", Value: fmt.Sprint(real.Len())},
		{Name: "sampler", Value: fmt.Sprintf("%v, %d steps", s.Request.Sampler.Method, len(s.Request.Levels)-1)},
		{Name: "guidance", Value: fmt.Sprint(s.Request.Guidance.Scale)}, {Name: "seed", Value: fmt.Sprint(c.Seed)}}
	pictures, err := s.shown(samples, real)
	section.Pictures = pictures
	return section, err
}

// shown are some samples beside as many real pictures.
func (s *Subject) shown(samples, real data.Set) (out []report.Picture, err error) {
	for _, set := range []struct {
		of      data.Set
		caption string
	}{{samples, "samples"}, {real, "held-out pictures"}} {
		var all []*image.NRGBA
		for i := range min(samplesShown, set.of.Len()) {
			p, err := set.of.Picture(i * max(set.of.Len()/samplesShown, 1))
			if err != nil {
				return nil, err
			}
			m, err := p.Image()
			if err != nil {
				return nil, err
			}
			all = append(all, m)
		}
		picture, err := gridPicture(all, 8, set.caption)
		if err != nil {
			return nil, err
		}
		out = append(out, picture)
	}
	return out, nil
}

// distances are all measures in one space. Those that need more pictures are left out with a warning.
func (s *Subject) distances(ctx context.Context, c Settings, space eval.Space, samples, real data.Set, n int) (all []eval.Figure, left []string, err error) {
	x, y, reference, err := s.vectors(ctx, c, space, samples, real, n)
	if err != nil {
		return nil, nil, err
	}
	one := func(f eval.Figure, err error) ([]eval.Figure, error) { return []eval.Figure{f}, err }
	for _, measure := range []func() ([]eval.Figure, error){
		func() ([]eval.Figure, error) {
			return s.besideReal(ctx, c, eval.Frechet, space.Name, x, y, reference)
		},
		func() ([]eval.Figure, error) { return s.besideReal(ctx, c, eval.KID, space.Name, x, y, reference) },
		func() ([]eval.Figure, error) {
			return one(eval.ExtrapolateFrechet(ctx, s.Engine, space.Name, x, y, c.Seed))
		},
		func() ([]eval.Figure, error) {
			return one(eval.SlicedWasserstein(ctx, s.Engine, space.Name, x, y, 256, c.Seed))
		},
		func() ([]eval.Figure, error) {
			m, err := eval.NewManifold(ctx, s.Engine, space.Name, x, y)
			return []eval.Figure{m.Precision, m.Recall, m.Density, m.Coverage}, err
		},
	} {
		figures, err := measure()
		if few := (*eval.TooFewError)(nil); errors.As(err, &few) {
			left = append(left, fmt.Sprintf("left out: %s needs at least %d pictures on each side, there are %d", few.Measure, few.Need, few.Have))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		all = append(all, figures...)
	}
	return all, left, nil
}

// vectors are the features of the samples, of as many real pictures, and of all real pictures.
func (s *Subject) vectors(ctx context.Context, c Settings, space eval.Space, samples, real data.Set, n int) (x, y, reference eval.Matrix, err error) {
	if x, err = s.extract(ctx, samples, space); err != nil {
		return x, y, reference, err
	}
	if reference, err = s.extract(ctx, real, space); err != nil {
		return x, y, reference, err
	}
	return x, reference.Take(anyOf(reference.N, n, c.Seed)), reference, nil // sets are often sorted by class
}

// extract asks the store of features, if there is one.
func (s *Subject) extract(ctx context.Context, set data.Set, space eval.Space) (eval.Matrix, error) {
	return s.Store.Extract(ctx, set, space, s.progress)
}

// besideReal is a distance, and that of real pictures from other real ones where there are enough.
func (s *Subject) besideReal(ctx context.Context, c Settings, measure eval.Measure, space string, x, y, reference eval.Matrix) ([]eval.Figure, error) {
	f, err := measure(ctx, s.Engine, space, x, y)
	if err != nil || reference.N < 2*x.N {
		return []eval.Figure{f}, err
	}
	base, err := eval.RealAgainstReal(ctx, s.Engine, measure, space, reference, x.N, c.Seed)
	return []eval.Figure{f, base}, err
}

// ofLayers are sFID and the Inception score, where the network has them.
func (s *Subject) ofLayers(ctx context.Context, c Settings, f Features, samples, real data.Set, n int) (all []eval.Figure, err error) {
	if f.Spatial.Name != "" {
		x, y, reference, err := s.vectors(ctx, c, f.Spatial, samples, real, n)
		if err != nil {
			return nil, err
		}
		if all, err = s.besideReal(ctx, c, eval.Frechet, f.Spatial.Name, x, y, reference); err != nil {
			return nil, err
		}
	}
	if f.Probabilities.Name != "" {
		x, y, _, err := s.vectors(ctx, c, f.Probabilities, samples, real, n)
		if err != nil {
			return nil, err
		}
		drawn, err := eval.InceptionScore(f.Probabilities.Name, x)
		if err != nil {
			return nil, err
		}
		base, err := eval.InceptionScore(f.Probabilities.Name, y)
		if err != nil {
			return nil, err
		}
		base.Name = "real " + base.Name
		all = append(all, drawn, base)
	}
	return all, nil
}
