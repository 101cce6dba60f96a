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

// Copies counts samples that are pictures of training, also mirrored, in a feature space.
func (s *Subject) Copies(ctx context.Context, samples data.Set, space eval.Space) (report.Section, error) {
	section := report.Section{Title: "Copies of training pictures", Facts: []report.Fact{{Name: "feature space", Value: space.Name}}}
	found, train, err := s.findCopies(ctx, samples, space)
	if err != nil {
		return section, err
	}
	section.Figures = []eval.Figure{found.Rate, found.HeldOut}
	section.Facts = append(section.Facts, report.Fact{Name: "rule", Value: found.Rule})
	section.Summary = copiesSummary(found)
	picture, err := pairs(samples, train, found.Matches)
	section.Pictures = []report.Picture{picture}
	return section, err
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
	for i, part := range []struct {
		to      *eval.Matrix
		from    data.Set
		extract func(context.Context, data.Set, eval.Space, func(int, int)) (eval.Matrix, error)
	}{{&config.Train, train, eval.Extract}, {&config.Samples, samples, eval.Extract}, {&config.SamplesFlipped, samples, eval.ExtractFlipped},
		{&config.HeldOut, held, eval.Extract}, {&config.HeldOutFlipped, held, eval.ExtractFlipped}} {
		if *part.to, err = part.extract(ctx, part.from, space, nil); err != nil {
			return r, nil, err
		}
		s.progress(i+1, 6)
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
func pairs(samples, train data.Set, matches []eval.Match) (report.Picture, error) {
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
	return gridPicture(all, n, "the samples nearest to a training picture, above that picture")
}
