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
	section.Summary = fmt.Sprintf("A classifier that is right on %.0f %% of held-out pictures takes %.0f %% of the samples for the class asked for.",
		100*a.HeldOut.Value, 100*a.Share.Value)
	return section, nil
}

// shorten keeps names of classes apart below narrow bars.
func shorten(name string) string {
	const most = 8
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
