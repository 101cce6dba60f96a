package assess

import (
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

func figure(name string, value, low, high float64) eval.Figure {
	return eval.Figure{Name: name, Value: eval.Number(value), Interval: eval.Interval{Low: low, High: high}, N: 100}
}

// healthy is a report that calls for no advice.
func healthy() map[string]eval.Figure {
	all := map[string]eval.Figure{}
	for _, f := range []eval.Figure{figure("eps-MSE", 0.03, 0.029, 0.031), figure(referenceName, 1.12, 1.05, 1.19), figure(gapName, 0.0001, -0.0002, 0.0004), figure(rawName, 0.001, 0.0005, 0.002),
		figure(leakName, 0, 0, 0.001), figure("copy rate-pixels", 0, 0, 0.01), figure("held-out copy rate-pixels", 0, 0, 0.01),
		figure(skillName("low"), 0.3, 0.28, 0.32), figure(skillName("middle"), 0.5, 0.48, 0.52), figure(skillName("high"), 0.4, 0.38, 0.42),
		figure("precision-dct8-1k", 0.7, 0.65, 0.75), figure("recall-dct8-1k", 0.6, 0.55, 0.65)} {
		for _, space := range []string{"pixels", "dct8"} {
			if strings.Contains(f.Name, "-"+space) {
				f.Space = space
			}
		}
		all[f.Name] = f
	}
	return all
}

func advised(figures map[string]eval.Figure, c Context) []report.Advice {
	var s report.Section
	for _, f := range figures {
		s.Figures = append(s.Figures, f)
	}
	return Advise([]report.Section{s}, c)
}

func TestAdvice(t *testing.T) {
	context := Context{Run: "runs/mine", Data: "pictures", Recipe: "folder", Guidance: 3, Images: 1000,
		History: History{HeldOut: []float64{0.05, 0.04, 0.0399, 0.0398, 0.03979}}}
	if a := advised(healthy(), context); len(a) != 0 {
		t.Errorf("a healthy run is advised: %+v", a)
	}
	for _, c := range []struct {
		rule    string
		figures []eval.Figure
		context func(*Context)
		want    string // in the command
	}{
		{"leak", []eval.Figure{figure(leakName, 0.05, 0.04, 0.06)}, nil, "ebb eval leaks pictures"},
		{"what recipe folder reaches", []eval.Figure{figure(referenceName, 1.3, 1.25, 1.35)}, nil, "ebb tune runs/mine --time 30m"},
		{"Overfitting", []eval.Figure{figure(gapName, 0.003, 0.002, 0.004)}, nil, "--set data.augment"},
		{"Copying", []eval.Figure{{Name: "copy rate-pixels", Space: "pixels", Value: 0.5, Interval: eval.Interval{Low: 0.4, High: 0.6}}}, nil, "augment"},
		{"low noise", []eval.Figure{figure(skillName("low"), 0.02, 0.01, 0.03)}, nil, "diffusion.shift=0.5"},
		{"high noise", []eval.Figure{figure(skillName("high"), -0.1, -0.2, 0)}, nil, "diffusion.shift=2"},
		{"average", []eval.Figure{figure(rawName, -0.001, -0.002, -0.0005)}, nil, "--config runs/mine/config.toml --set 'train.averages"},
		{"guidance", []eval.Figure{{Name: "precision-dct8-1k", Space: "dct8", Value: 0.9, Interval: eval.Interval{Low: 0.88, High: 0.92}},
			{Name: "recall-dct8-1k", Space: "dct8", Value: 0.1, Interval: eval.Interval{Low: 0.08, High: 0.12}}}, nil, "--guidance"},
		{"falling", nil, func(c *Context) { c.History.HeldOut = []float64{0.05, 0.045, 0.04, 0.035} }, "--images 2000"},
	} {
		figures, with := healthy(), context
		for _, f := range c.figures {
			figures[f.Name] = f
		}
		if c.context != nil {
			c.context(&with)
		}
		a := advised(figures, with)
		if len(a) != 1 || !strings.Contains(strings.ToLower(a[0].Finding), strings.ToLower(c.rule)) && c.rule != "leak" || !strings.Contains(a[0].Command, c.want) {
			t.Errorf("%s: %+v", c.rule, a)
		}
	}
}
