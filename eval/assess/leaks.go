package assess

import (
	"context"
	"fmt"
	"image"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

const leakName = "held-out pictures that are in the training set"

// Leaks looks for held-out pictures that are also training pictures: they would make everything else look better than it is.
func (s *Subject) Leaks(ctx context.Context) (report.Section, error) {
	section := report.Section{Title: "Pictures in both sets"}
	if s.Train == nil {
		return section, fmt.Errorf("assess: leaks cannot be looked for without the training pictures")
	}
	found, err := eval.FindLeaks(ctx, s.Engine, s.Train, s.HeldOut, s.progress)
	if err != nil {
		return section, err
	}
	share, err := eval.ShareFigure(leakName, len(found), s.HeldOut.Len())
	if err != nil {
		return section, err
	}
	section.Figures = []eval.Figure{share}
	if len(found) == 0 {
		section.Summary = "No held-out picture was found in the training set."
		return section, nil
	}
	section.Warnings = []string{fmt.Sprintf("%d of %d held-out pictures are also in the training set (%s is %s, for example): take them out, or figures on them flatter",
		len(found), s.HeldOut.Len(), s.HeldOut.Entry(found[0].HeldOut).Name, s.Train.Entry(found[0].Train).Name)}
	picture, err := s.leakPairs(found)
	if err != nil {
		return section, err
	}
	section.Pictures = []report.Picture{picture}
	return section, nil
}

// leakPairs shows held-out pictures above what they are copies of, as the network sees them.
func (s *Subject) leakPairs(found []eval.Leak) (report.Picture, error) {
	found = found[:min(copiesShown, len(found))]
	all := make([]*image.NRGBA, 2*len(found))
	for i, l := range found {
		for k, p := range []struct {
			set   data.Set
			index int
		}{{s.HeldOut, l.HeldOut}, {s.Train, l.Train}} {
			picture, err := p.set.Picture(p.index)
			if err != nil {
				return report.Picture{}, err
			}
			if picture, err = picture.Resize(s.Model.Height, s.Model.Width, data.Bicubic); err != nil {
				return report.Picture{}, err
			}
			if all[k*len(found)+i], err = picture.Image(); err != nil {
				return report.Picture{}, err
			}
		}
	}
	return gridPicture(all, len(found), "held-out pictures, above the training pictures that they are copies of")
}
