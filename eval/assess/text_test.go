package assess

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/text/judge"
)

// measured is a report on an imaginary class-conditional model.
func measured() *Text {
	l := func(bits float64) *judge.Likelihood {
		return &judge.Likelihood{BitsPerChar: judge.Value(bits), StandardError: 0.01, BitsPerByte: judge.Value(bits), Perplexity: 9, Windows: 20, Tokens: 200}
	}
	stats := func(repeated, copied float64) *judge.SampleStats {
		return &judge.SampleStats{Rows: 10, Tokens: 100, Distinct: []judge.Value{0.5}, Divergence: []judge.Value{0.1}, Repetition: judge.Value(repeated), Copied: judge.Value(copied)}
	}
	named := func(guidance, share float64) judge.Named {
		return judge.Named{Guidance: judge.Value(guidance), Texts: 100, Share: judge.Value(share), StandardError: 0.05, PerClass: []judge.Value{0.5, 0.6}}
	}
	t := &Text{Report: judge.Report{Likelihood: *l(2.5), How: "bound by count", Process: "absorbing", Baseline: l(2.1),
		Samples: stats(0.3, 0.4), HeldOut: stats(0.02, 0.01),
		Classes: &judge.Classes{Names: []string{"neg", "pos"}, Documents: named(0, 0.8), Windows: named(0, 0.7), Samples: []judge.Named{named(1, 0.5), named(3, 0.9)}}},
		Shown: []report.Text{{Caption: "sample 0", Body: "<b>bold</b> text"}}}
	for i := range 40 {
		t.Rows = append(t.Rows, RowLoss{Rate: float64(i+1) / 40, Loss: float64(i)})
	}
	return t
}

// The page and the JSON hold all that was measured, and what is generated is shown as it is.
func TestTextReport(t *testing.T) {
	r := &report.Report{Title: "runs/imaginary", Sections: measured().Sections()}
	var page, plain bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := r.JSON(&plain); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bits per character", "autoregressive baseline, exact: bits per byte", "What a token costs by how much", "held-out text: 20-grams copied",
		"guidance 3", "&lt;b&gt;bold"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	back, err := report.Read(&plain)
	if err != nil || len(back.Sections) != 3 {
		t.Fatalf("%+v (%v)", back, err)
	}
	for _, s := range back.Sections {
		if len(s.Figures) == 0 {
			t.Errorf("section %s has no figures", s.Key)
		}
	}
}

// Each rule speaks when its figures say so, and only then, from the figures in memory or read back.
func TestTextAdvice(t *testing.T) {
	context := Context{Text: true, Run: "r", Recipe: "text-folder", Images: 1000, History: History{HeldOut: []float64{5, 4, 3.5, 3.7}}}
	all := Advise(measured().Sections(), context)
	var said strings.Builder
	for _, a := range all {
		said.WriteString(a.Finding + " " + a.Command + "\n")
	}
	for _, want := range []string{"Copying: 40 %", "fell to 3.500 and rose to 3.700", "Repetition: 30 %", "Without guidance the words of 50 %"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said:\n%s", want, said.String())
		}
	}
	good := measured()
	good.Samples, good.Classes = good.HeldOut, nil
	context.History.HeldOut = []float64{5, 4.5, 4, 3.5}
	if all := Advise(good.Sections(), context); len(all) != 1 || !strings.Contains(all[0].Command, "--tokens 2000") {
		t.Errorf("of a good model: %+v", all)
	}
}
