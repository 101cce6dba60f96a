package assess

import (
	"context"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

const copiesShown = 12

// CopySpace is the space of pixels in which copies are looked for; larger pictures are made small, which a copy survives and memory does not.
func CopySpace() eval.Space { return eval.PixelSpace(32) }

// Copies counts samples that are pictures of training, also mirrored, in each of some feature spaces. The first one decides on the summary.
func (s *Subject) Copies(ctx context.Context, samples data.Set, spaces ...eval.Space) (report.Section, error) {
	section := report.Section{Title: "Copies of training pictures"}
	for i, space := range spaces {
		found, train, err := s.findCopies(ctx, samples, space)
		if err != nil {
			return section, err
		}
		section.Figures = append(section.Figures, found.Rate, found.HeldOut)
		if i == 0 {
			section.Facts = []report.Fact{{Name: "rule", Value: found.Rule}}
			section.Summary = copiesSummary(found)
		}
		picture, err := pairs(samples, train, found.Matches, space.Name)
		if err != nil {
			return section, err
		}
		section.Pictures = append(section.Pictures, picture)
		section.Facts = append(section.Facts, report.Fact{Name: "feature space", Value: space.Name})
	}
	return section, nil
}

// findCopies holds samples against the training pictures, which it returns as the network sees them.
func (s *Subject) findCopies(ctx context.Context, samples data.Set, space eval.Space) (r eval.CopyReport, train data.Set, err error) {
	if s.Train == nil {
		return r, nil, fmt.Errorf("assess: copies cannot be looked for without the training pictures")
	}
	if train, err = s.seen(ctx, s.Train, s.Train.Len()); err != nil {
		return r, nil, err
	}
	held, err := s.seen(ctx, s.HeldOut, s.HeldOut.Len())
	if err != nil {
		return r, nil, err
	}
	config := eval.CopiesConfig{Space: space.Name}
	before, total := 0, train.Len()+2*samples.Len()+2*held.Len()
	for _, part := range []struct {
		to      *eval.Matrix
		from    data.Set
		extract func(context.Context, data.Set, eval.Space, func(int, int)) (eval.Matrix, error)
	}{{&config.Train, train, s.Store.Extract}, {&config.Samples, samples, s.Store.Extract}, {&config.SamplesFlipped, samples, s.Store.ExtractFlipped},
		{&config.HeldOut, held, s.Store.Extract}, {&config.HeldOutFlipped, held, s.Store.ExtractFlipped}} {
		if *part.to, err = part.extract(ctx, part.from, space, func(done, _ int) { s.progress(before+done, total) }); err != nil {
			return r, nil, err
		}
		before += part.from.Len()
	}
	r, err = eval.Copies(ctx, s.Engine, config)
	return r, train, err
}

func copiesSummary(r eval.CopyReport) string {
	if r.Rate.Interval.Low > r.HeldOut.Interval.High {
		return fmt.Sprintf("%.1f %% of the samples are copies of training pictures; of held-out pictures the same rule flags %.1f %%.",
			100*r.Rate.Value, 100*r.HeldOut.Value)
	}
	return fmt.Sprintf("No copying is shown: the rule flags %.1f %% of the samples and %.1f %% of the held-out pictures.", 100*r.Rate.Value, 100*r.HeldOut.Value)
}

// pairs shows the samples nearest to training above their neighbours there.
func pairs(samples, train data.Set, matches []eval.Match, space string) (report.Picture, error) {
	n := min(copiesShown, len(matches))
	all := make([]*image.NRGBA, 2*n)
	for i, m := range matches[:n] {
		for k, from := range []struct {
			set   data.Set
			index int
		}{{samples, m.Picture}, {train, m.Train}} {
			p, err := from.set.Picture(from.index)
			if err != nil {
				return report.Picture{}, err
			}
			if all[k*n+i], err = p.Image(); err != nil {
				return report.Picture{}, err
			}
		}
	}
	return gridPicture(all, n, "the samples nearest to a training picture, above that picture ("+space+")")
}
