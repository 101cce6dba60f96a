package assess

import (
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
)

const referenceName = "eps-MSE over the recipe's reference"

// usual is how far an error lies from the reference for reasons that mean nothing: another seed, other held-out pictures.
const usual = 0.1

// addReference holds the error against what the recipe reaches after as many images, if that is known: is this loss normal?
func (s *Subject) addReference(section *report.Section, held *diffusion.Curve) {
	r, ok := s.Config.Reference()
	if !ok || s.Seen == 0 {
		return
	}
	eps, at, ok := r.At(s.Seen)
	if !ok || len(eps) != len(held.Sigmas) {
		return
	}
	mean := 0.0
	for _, e := range eps {
		mean += e / float64(len(eps))
	}
	whole := section.Figures[0]
	f := whole
	f.Name, f.Value, f.StandardError = referenceName, eval.Number(float64(whole.Value)/mean), eval.Number(float64(whole.StandardError)/mean)
	f.Interval = eval.Interval{Low: whole.Interval.Low / mean, High: whole.Interval.High / mean}
	f.Note = fmt.Sprintf("%s, after %d images: %.4g; the interval is of this model's error alone", r.About, at, mean)
	section.Figures = append(section.Figures, f)
	section.Charts[0].Series = append(section.Charts[0].Series, plot.Series{Name: fmt.Sprintf("reference, %d images", at), X: held.Sigmas, Y: eps, Style: plot.Dashed})
	how := "that is normal"
	switch {
	case f.Interval.Low > 1+usual:
		how = "that is more than chance makes of it"
	case f.Interval.High < 1-usual:
		how = "that is better than usual"
	}
	section.Summary += fmt.Sprintf(" The error is %.2f times what recipe %s is known to reach after %d images: %s.", float64(f.Value), s.Config.Recipe, at, how)
}
