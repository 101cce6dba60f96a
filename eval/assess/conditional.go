package assess

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
)

// Conditional measures how many samples a classifier takes for the class that was asked for, beside the same share of held-out pictures.
func (s *Subject) Conditional(ctx context.Context, samples data.Set, classifier *features.Classifier) (report.Section, error) {
	section := report.Section{Title: "Classes asked for"}
	if len(classifier.Classes()) == 0 || len(s.Model.Classes) == 0 {
		return section, fmt.Errorf("assess: the data has no classes to ask for")
	}
	requested, err := classifier.Requested(samples)
	if err != nil {
		return section, err
	}
	a, err := classifier.Agreement(ctx, samples, requested, s.progress)
	if err != nil {
		return section, err
	}
	a.Share.Name, a.HeldOut.Name = "samples of the class asked for", "held-out pictures assigned rightly"
	section.Figures = []eval.Figure{a.Share, a.HeldOut}
	series := plot.Series{Name: "samples", Style: plot.Bars}
	chart := plot.Chart{Title: "Samples taken for the class asked for", X: "class", Y: "share", ZeroY: true}
	for i, f := range a.PerClass {
		if f.N == 0 {
			continue
		}
		chart.Labels = append(chart.Labels, shorten(classifier.Classes()[i]))
		series.X, series.Y = append(series.X, float64(len(series.X))), append(series.Y, float64(f.Value))
		series.Low, series.High = append(series.Low, f.Interval.Low), append(series.High, f.Interval.High)
	}
	chart.Series = []plot.Series{series}
	section.Charts = []plot.Chart{chart}
	if err := s.classDistances(ctx, &section, samples, requested, classifier); err != nil {
		return section, err
	}
	section.Summary = fmt.Sprintf("A classifier that is right on %.0f %% of held-out pictures takes %.0f %% of the samples for the class asked for.",
		100*a.HeldOut.Value, 100*a.Share.Value)
	return section, nil
}

// fewestOfClass is how many samples and held-out pictures a class needs for a distance of its own.
const fewestOfClass = 10

// classDistances adds the kernel distance of each class from its held-out pictures, in the classifier's features: of few pictures it is the one
// that is not biased.
func (s *Subject) classDistances(ctx context.Context, section *report.Section, samples data.Set, requested []int32, classifier *features.Classifier) error {
	real, err := s.seen(ctx, s.HeldOut, s.HeldOut.Len())
	if err != nil {
		return err
	}
	known, err := classifier.Requested(real)
	if err != nil {
		return nil // held-out pictures of other classes, or of none, have no distance by class
	}
	space := classifier.Space()
	x, err := s.extract(ctx, samples, space)
	if err != nil {
		return err
	}
	y, err := s.extract(ctx, real, space)
	if err != nil {
		return err
	}
	bars := plot.Series{Name: "KID", Style: plot.Bars}
	chart := plot.Chart{Title: "Distance of each class from its held-out pictures", X: "class", Y: "KID in the classifier's features", ZeroY: true}
	for k, name := range classifier.Classes() {
		of, among := rowsOf(x, requested, int32(k)), rowsOf(y, known, int32(k))
		if min(of.N, among.N) < fewestOfClass {
			continue
		}
		f, err := eval.KID(ctx, s.Engine, space.Name, of, among)
		if err != nil {
			return err
		}
		f.Name += " of " + name
		section.Figures = append(section.Figures, f)
		chart.Labels, bars.X = append(chart.Labels, shorten(name)), append(bars.X, float64(len(bars.X)))
		bars.Y, bars.Low, bars.High = append(bars.Y, float64(f.Value)), append(bars.Low, f.Interval.Low), append(bars.High, f.Interval.High)
	}
	if len(bars.X) > 0 {
		chart.Series = []plot.Series{bars}
		section.Charts = append(section.Charts, chart)
	}
	return nil
}

// rowsOf are the vectors of one class.
func rowsOf(m eval.Matrix, classes []int32, class int32) eval.Matrix {
	var index []int
	for i, c := range classes {
		if c == class {
			index = append(index, i)
		}
	}
	return m.Take(index)
}

// shorten keeps names of classes apart below narrow bars.
func shorten(name string) string {
	const most = 8
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
