package assess

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/gomlx/gomlx/ml/model"
)

// Denoising measures how well noise is taken away at each noise level: on held-out pictures with the judged and the raw weights, and on
// training pictures, whose distance from the held-out ones is the overfitting gap.
func (s *Subject) Denoising(ctx context.Context, c Settings) (report.Section, error) {
	section := report.Section{Title: "Denoising"}
	total := 1
	if s.Raw != nil {
		total++
	}
	if s.Train != nil {
		total++
	}
	part := 0
	measure := func(weights *model.Scope, set data.Set) (*diffusion.Curve, error) {
		defer func() { part++ }()
		return s.curve(ctx, c, weights, set, func(done, n int) { s.progress(part*n+done, total*n) })
	}
	heldOut := data.Subset(s.HeldOut, c.Images, c.Seed) // by name, the first would be of the first classes only
	held, err := measure(s.Weights, heldOut)
	if err != nil {
		return section, err
	}
	curves := []named{{"held out", held}}
	if section.Figures, err = s.errorFigures(held); err != nil {
		return section, err
	}
	yardstick, err := s.yardstick(ctx, c, heldOut)
	if err != nil {
		return section, err
	}
	skills, err := s.skills(held, yardstick)
	if err != nil {
		return section, err
	}
	section.Figures = append(section.Figures, skills...)
	if s.Train != nil {
		train, err := measure(s.Weights, data.Subset(s.Train, c.Images, c.Seed))
		if err != nil {
			return section, err
		}
		curves = append(curves, named{"training", train})
		section.Figures = append(section.Figures, s.gap(train, held))
	}
	if s.Raw != nil {
		raw, err := measure(s.Raw, heldOut)
		if err != nil {
			return section, err
		}
		curves = append(curves, named{"held out, raw weights", raw})
		f, err := s.rawDifference(raw, held)
		if err != nil {
			return section, err
		}
		section.Figures = append(section.Figures, f)
	}
	section.Charts = s.curveCharts(curves)
	section.Charts[0].Series = append(section.Charts[0].Series, yardstick.series(held.Sigmas))
	section.Summary = s.denoisingSummary(section.Figures)
	s.addReference(&section, held)
	return section, nil
}

// DenoisingCalls is how many pictures the network is given for Denoising with training pictures, and with raw weights beside the judged ones if there are.
func (c Settings) DenoisingCalls(raw bool) int {
	curves := 2
	if raw {
		curves = 3
	}
	return c.Images * c.Levels * curves
}

type named struct {
	name  string
	curve *diffusion.Curve
}

// curve measures weights on the first pictures of a set.
func (s *Subject) curve(ctx context.Context, c Settings, weights *model.Scope, set data.Set, progress func(done, total int)) (*diffusion.Curve, error) {
	net, err := s.compile(weights)
	if err != nil {
		return nil, err
	}
	defer net.Finalize()
	curve := &diffusion.Curve{Sigmas: s.levels(c.Levels)}
	n := min(c.Images, set.Len())
	return curve, s.batches(ctx, set, n, c.Batch, func(first int, x []float32, labels []int32) error {
		d, err := net.Denoiser(ctx, s.classes(labels))
		if err != nil {
			return err
		}
		err = curve.Measure(ctx, d, x, s.size(), s.noise(c.Seed, first).Fill)
		progress(first+len(labels), n)
		return err
	})
}

// errorFigures are the errors over all levels, as the usual predictions count them.
func (s *Subject) errorFigures(c *diffusion.Curve) (all []eval.Figure, err error) {
	for _, p := range []struct {
		name string
		of   diffusion.Prediction
	}{{"eps-MSE", diffusion.PredictEps}, {"x0-MSE", diffusion.PredictX0}, {"v-MSE", diffusion.PredictV}} {
		f, err := eval.MeanFigure(p.name, c.OverLevels(p.of, s.Model.Precond.SigmaData))
		if err != nil {
			return nil, err
		}
		f.Note = fmt.Sprintf("mean over %d noise levels", len(c.Sigmas))
		all = append(all, f)
	}
	return all, nil
}

// yardstick is the best linear denoiser of the held-out pictures that are measured.
func (s *Subject) yardstick(ctx context.Context, c Settings, heldOut data.Set) (wiener, error) {
	var all []float32
	err := s.batches(ctx, heldOut, heldOut.Len(), c.Batch, func(_ int, x []float32, _ []int32) error {
		all = append(all, x...)
		return nil
	})
	return newWiener(all, s.Model.Height, s.Model.Width, s.Model.Channels), err
}

// bands are the thirds of the noise levels, by name.
func bands() []string { return []string{"low", "middle", "high"} }

func skillName(band string) string { return "skill at " + band + " noise" }

// skills are the shares of the best linear denoiser's error that the network does away with, by band of noise levels: 1 were perfect, 0 is
// no better than linear.
func (s *Subject) skills(c *diffusion.Curve, yardstick wiener) (all []eval.Figure, err error) {
	n := len(c.Sigmas)
	for b, band := range bands() {
		var skill []float64
		first, last := b*n/3, (b+1)*n/3
		for k := first; k < last; k++ {
			best := yardstick.eps(c.Sigmas[k])
			for i, e := range c.Samples(k, diffusion.PredictEps, s.Model.Precond.SigmaData) {
				if k == first {
					skill = append(skill, 0)
				}
				skill[i] += (1 - e/best) / float64(last-first)
			}
		}
		if len(skill) == 0 {
			continue
		}
		f, err := eval.MeanFigure(skillName(band), skill)
		if err != nil {
			return nil, err
		}
		f.Note = "share of the best linear denoiser's error that the network does away with"
		all = append(all, f)
	}
	return all, nil
}

const (
	gapName = "overfitting gap of the eps-MSE"
	rawName = "eps-MSE of the raw weights, minus the average's"
)

// gap is how much worse held-out pictures are than those of training.
func (s *Subject) gap(train, held *diffusion.Curve) eval.Figure {
	sigmaData := s.Model.Precond.SigmaData
	g := diffusion.Gap(train.OverLevels(diffusion.PredictEps, sigmaData), held.OverLevels(diffusion.PredictEps, sigmaData))
	return estimated(gapName, g, "held-out minus training, with the same noise")
}

func (s *Subject) rawDifference(raw, held *diffusion.Curve) (eval.Figure, error) {
	sigmaData := s.Model.Precond.SigmaData
	d, err := diffusion.PairedDifference(raw.OverLevels(diffusion.PredictEps, sigmaData), held.OverLevels(diffusion.PredictEps, sigmaData))
	return estimated(rawName, d, "paired: the same pictures and noise"), err
}

func estimated(name string, e diffusion.Estimate, note string) eval.Figure {
	lo, hi := e.Interval()
	return eval.Figure{Name: name, Value: eval.Number(e.Value), StandardError: eval.Number(e.StandardError), Interval: eval.Interval{Low: lo, High: hi},
		N: e.N, Note: note}
}

// curveCharts draws the errors by noise level, once as error of the noise and once of the picture.
func (s *Subject) curveCharts(curves []named) []plot.Chart {
	eps := plot.Chart{Title: "Error of the estimated noise", X: "noise level sigma", Y: "mean squared error", LogX: true, LogY: true}
	x0 := plot.Chart{Title: "Error of the estimated picture", X: "noise level sigma", Y: "mean squared error", LogX: true, LogY: true}
	for _, c := range curves {
		eps.Series = append(eps.Series, s.levelSeries(c, diffusion.PredictEps))
		x0.Series = append(x0.Series, s.levelSeries(c, diffusion.PredictX0))
	}
	return []plot.Chart{eps, x0}
}

func (s *Subject) levelSeries(c named, p diffusion.Prediction) plot.Series {
	series := plot.Series{Name: c.name, X: c.curve.Sigmas}
	for k := range c.curve.Sigmas {
		e := diffusion.Mean(c.curve.Samples(k, p, s.Model.Precond.SigmaData))
		lo, hi := e.Interval()
		series.Y, series.Low, series.High = append(series.Y, e.Value), append(series.Low, lo), append(series.High, hi)
	}
	return series
}

func (s *Subject) denoisingSummary(figures []eval.Figure) string {
	for _, f := range figures {
		if f.Name != gapName {
			continue
		}
		switch share := 100 * float64(f.Value/figures[0].Value); {
		case f.Interval.Low > 0:
			return fmt.Sprintf("Held-out pictures are denoised worse than those of training, by %.1f %% of the error: the model has begun to learn its pictures by heart.", share)
		case f.Interval.High < 0:
			return fmt.Sprintf("Held-out pictures are denoised better than those of training, by %.1f %%: they are easier, not unseen by luck. Are both sets of one kind?", -share)
		}
		return "Held-out pictures are denoised as well as those of training: no overfitting is shown."
	}
	return ""
}
