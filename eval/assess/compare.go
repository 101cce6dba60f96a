package assess

import (
	"context"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/gomlx/compute"
)

// Contest is a measure by which models are compared.
type Contest int

const (
	ContestEps    Contest = iota // mean squared error of the estimate of the noise, picture by picture
	ContestPSNR                  // likeness of the picture estimated in one step, picture by picture
	ContestSSIM                  // the same
	ContestFDDCT                 // Fréchet distance of samples in the space of DCT statistics
	ContestKID                   // kernel distance there
	ContestCopies                // share of samples that are pictures of training
)

var contestNames = enum.New[Contest]("assess", "measure to compare by", "eps", "psnr", "ssim", "fd-dct", "kid", "copy")

// Contests lists all of them.
func Contests() []Contest { return contestNames.Values() }

// String returns the name, as on a command line.
func (c Contest) String() string { return contestNames.Name(c) }

// MarshalText writes the name.
func (c Contest) MarshalText() ([]byte, error) { return contestNames.Marshal(c) }

// UnmarshalText reads the name.
func (c *Contest) UnmarshalText(text []byte) error { return contestNames.Unmarshal(c, text) }

// OfSamples says whether samples must be drawn for it.
func (c Contest) OfSamples() bool { return c >= ContestFDDCT }

// HigherIsBetter says which way is better.
func (c Contest) HigherIsBetter() bool { return c == ContestPSNR || c == ContestSSIM }

// Contestant is what one model showed.
type Contestant struct {
	Name     string
	Each     *Individual // nil unless a contest is picture by picture
	Features eval.Matrix // of samples, in the DCT space
	Copied   []float64   // of each sample, 1 if it is a copy
}

// SharedLevels are the noise levels at which models are compared: those of the first that every other one knows. Models trained on
// other schedules, or to predict other things, can be compared there, for the error of the noise means the same for all.
func SharedLevels(first *Subject, n int, others ...*Subject) ([]float64, error) {
	var shared []float64
	for _, sigma := range first.levels(n) {
		known := true
		for _, o := range others {
			low, high := o.Model.Precond.Schedule.SigmaRange()
			known = known && sigma >= low && sigma <= high
		}
		if known {
			shared = append(shared, sigma)
		}
	}
	if len(shared) == 0 {
		return nil, fmt.Errorf("assess: the models know no noise level in common")
	}
	return shared, nil
}

// Contest measures what the contests need of a model. Samples, n of them, are drawn as its Request says.
func (s *Subject) Contest(ctx context.Context, name string, c Settings, sigmas []float64, contests []Contest, pictures bool) (*Contestant, error) {
	m := &Contestant{Name: name}
	var samples data.Set
	for _, contest := range contests {
		var err error
		switch {
		case !contest.OfSamples() && m.Each == nil:
			m.Each, err = s.EachPicture(ctx, c, sigmas, pictures)
		case contest.OfSamples() && samples == nil:
			samples, err = s.Draw(ctx, c.Samples, c.Seed)
		}
		if err != nil {
			return nil, err
		}
		switch {
		case contest == ContestCopies:
			m.Copied, err = s.copied(ctx, samples)
		case contest.OfSamples() && m.Features.N == 0:
			m.Features, err = eval.Extract(ctx, samples, eval.DCTSpace(), nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// copied says of each sample whether it is a copy.
func (s *Subject) copied(ctx context.Context, samples data.Set) ([]float64, error) {
	r, _, err := s.findCopies(ctx, samples, CopySpace())
	out := make([]float64, samples.Len())
	for _, m := range r.Matches {
		if m.Score < r.Threshold {
			out[m.Picture] = 1
		}
	}
	return out, err
}

// Comparison is what a contest showed.
type Comparison struct {
	Contest     Contest
	Values      []eval.Figure // of each model
	Differences []eval.Figure // of the second model, the third, …: it minus the first
}

// Verdict is what the difference of model i, counted from 1, shows: better, worse, or nothing.
func (c Comparison) Verdict(i int) string {
	v := c.Differences[i-1].Interval
	switch {
	case !(v.Low > 0 || v.High < 0):
		return "no difference shown"
	case (v.Low > 0) == c.Contest.HigherIsBetter():
		return "better"
	}
	return "worse"
}

// Compare holds all models against the first, in pairs: the same pictures, noise and seeds. reference are the features of held-out pictures,
// as many as there are samples, for the contests of samples.
func Compare(ctx context.Context, b compute.Backend, contests []Contest, models []*Contestant, reference eval.Matrix) ([]Comparison, error) {
	if len(models) < 2 {
		return nil, fmt.Errorf("assess: a comparison of %d models: name at least 2", len(models))
	}
	var all []Comparison
	for _, contest := range contests {
		c := Comparison{Contest: contest}
		for i, m := range models {
			value, err := m.value(ctx, b, contest, reference)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			c.Values = append(c.Values, value)
			if i == 0 {
				continue
			}
			if err := c.Values[0].Comparable(value); err != nil {
				return nil, fmt.Errorf("%s and %s: %w", models[0].Name, m.Name, err)
			}
			d, err := difference(ctx, b, contest, models[0], m, reference)
			if err != nil {
				return nil, fmt.Errorf("%s and %s: %w", models[0].Name, m.Name, err)
			}
			d.Name = fmt.Sprintf("%s: %s minus %s", value.Name, m.Name, models[0].Name)
			c.Differences = append(c.Differences, d)
		}
		all = append(all, c)
	}
	return all, nil
}

// value is a model's own figure.
func (m *Contestant) value(ctx context.Context, b compute.Backend, c Contest, reference eval.Matrix) (eval.Figure, error) {
	space := eval.DCTSpace().Name
	switch c {
	case ContestFDDCT:
		return eval.Frechet(ctx, b, space, m.Features, reference)
	case ContestKID:
		return eval.KID(ctx, b, space, m.Features, reference)
	case ContestCopies:
		return eval.ShareFigure("copy rate", int(math.Round(mean(m.Copied)*float64(len(m.Copied)))), len(m.Copied))
	}
	values, name := m.each(c)
	if len(values) == 0 {
		return eval.Figure{}, fmt.Errorf("assess: %v cannot be measured on these samples: leave it out", c)
	}
	return eval.MeanFigure(name, values)
}

// each are the numbers of a contest picture by picture, the mean over the noise levels.
func (m *Contestant) each(c Contest) (values []float64, name string) {
	switch c {
	case ContestPSNR:
		return overLevels(m.Each.PSNR), "PSNR in one step"
	case ContestSSIM:
		return overLevels(m.Each.SSIM), "SSIM in one step"
	case ContestCopies:
		return m.Copied, "copy rate"
	}
	return overLevels(m.Each.Eps), "eps-MSE"
}

// difference is that of two models in pairs.
func difference(ctx context.Context, b compute.Backend, c Contest, first, other *Contestant, reference eval.Matrix) (eval.Figure, error) {
	space := eval.DCTSpace().Name
	switch c {
	case ContestFDDCT:
		return PairedDistance(ctx, b, PlainFrechet, space, first.Features, other.Features, reference)
	case ContestKID:
		return PairedDistance(ctx, b, eval.KID, space, first.Features, other.Features, reference)
	}
	x, _ := other.each(c)
	y, _ := first.each(c)
	if len(x) != len(y) {
		return eval.Figure{}, fmt.Errorf("assess: %d values of one model and %d of the other cannot be paired: measure both on the same pictures", len(y), len(x))
	}
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	f, err := eval.MeanFigure(c.String(), d)
	f.Note = "paired: the same pictures and noise"
	if c == ContestCopies && f.StandardError == 0 && err == nil { // no pair differs: the rule of three bounds how many could
		f.Interval = eval.Interval{Low: float64(f.Value) - 3/float64(f.N), High: float64(f.Value) + 3/float64(f.N)}
	}
	return f, err
}

// CurvesOf draws the error of the noise of all models by noise level.
func CurvesOf(models []*Contestant) plot.Chart {
	chart := plot.Chart{Title: "Error of the estimated noise", X: "noise level sigma", Y: "mean squared error", LogX: true, LogY: true}
	for _, m := range models {
		if m.Each == nil {
			continue
		}
		s := plot.Series{Name: m.Name, X: m.Each.Sigmas}
		for k := range m.Each.Sigmas {
			e := diffusion.Mean(m.Each.Eps[k])
			lo, hi := e.Interval()
			s.Y, s.Low, s.High = append(s.Y, e.Value), append(s.Low, lo), append(s.High, hi)
		}
		chart.Series = append(chart.Series, s)
	}
	return chart
}
