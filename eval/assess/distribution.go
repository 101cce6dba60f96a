package assess

import (
	"context"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

const samplesShown = 64

// Distribution measures how near samples come to held-out pictures as a whole, in each of some feature spaces. Beside each distance stands
// that of real pictures from other real ones at the same number: what a perfect model would get.
func (s *Subject) Distribution(ctx context.Context, c Settings, samples data.Set, spaces []eval.Space) (report.Section, error) {
	section := report.Section{Title: "Distribution of samples"}
	n := min(samples.Len(), s.HeldOut.Len())
	if n < 2 {
		return section, fmt.Errorf("assess: %d samples against %d held-out pictures: distances need at least 2 of each", samples.Len(), s.HeldOut.Len())
	}
	real, err := s.seen(ctx, s.HeldOut, s.HeldOut.Len())
	if err != nil {
		return section, err
	}
	for i, space := range spaces {
		s.progress(i, len(spaces))
		figures, err := s.distances(ctx, c, space, data.First(samples, n), real, n)
		if err != nil {
			return section, err
		}
		section.Figures = append(section.Figures, figures...)
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

// distances are all measures in one space.
func (s *Subject) distances(ctx context.Context, c Settings, space eval.Space, samples, real data.Set, n int) (all []eval.Figure, err error) {
	x, err := eval.Extract(ctx, samples, space, nil)
	if err != nil {
		return nil, err
	}
	reference, err := eval.Extract(ctx, real, space, nil)
	if err != nil {
		return nil, err
	}
	y := reference.Take(anyOf(reference.N, n, c.Seed)) // sets are often sorted by class
	for _, measure := range []eval.Measure{eval.Frechet, eval.KID} {
		f, err := measure(ctx, s.Engine, space.Name, x, y)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
		if reference.N >= 2*n {
			if f, err = eval.RealAgainstReal(ctx, s.Engine, measure, space.Name, reference, n, c.Seed); err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	if n >= 50 {
		f, err := eval.ExtrapolateFrechet(ctx, s.Engine, space.Name, x, y, c.Seed)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	f, err := eval.SlicedWasserstein(ctx, s.Engine, space.Name, x, y, 256, c.Seed)
	if err != nil {
		return nil, err
	}
	all = append(all, f)
	m, err := eval.NewManifold(ctx, s.Engine, space.Name, x, y)
	return append(all, m.Precision, m.Recall, m.Density, m.Coverage), err
}
