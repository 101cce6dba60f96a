package assess

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/text/judge"
)

// Text is what was measured of a model of text, as a report shows it.
type Text struct {
	judge.Report
	Rows   []RowLoss     // of the held-out windows, for the loss by how much is masked; empty for none
	Shown  []report.Text // samples, and real text beside them
	Charts []plot.Chart  // more about the likelihood, such as the held-out loss while training
}

// RowLoss is what one window cost.
type RowLoss struct {
	Rate float64 // how much of it was masked, or noise
	Loss float64 // nats per token that was to be told
}

// Sections are the parts of a report on the model: likelihood, samples, classes, as far as each was measured.
func (t *Text) Sections() []report.Section {
	all := []report.Section{t.likelihood()}
	if t.Samples != nil {
		all = append(all, t.samples())
	}
	if t.Classes != nil {
		all = append(all, t.classes())
	}
	return all
}

// Names of figures that advice looks at.
const (
	bitsName      = "bits per character"
	copiedName    = "20-grams copied from training"
	repeatedName  = "4-grams repeated within a text"
	wordsName     = "samples whose words speak for the class asked for"
	windowsName   = "held-out text named rightly"
	documentsName = "held-out documents named rightly"
)

// held is the name of a figure of real text.
func held(name string) string { return "held-out text: " + name }

func (t *Text) likelihood() report.Section {
	s := report.Section{Key: "likelihood", Title: "Likelihood of held-out text"}
	bars := plot.Series{Name: "bits per character", Style: plot.Bars}
	chart := plot.Chart{Title: "How many bits a character of held-out text costs", X: "by", Y: "bits per character", ZeroY: true}
	for _, m := range []struct {
		how, short string
		l          *judge.Likelihood
	}{{t.How, "model", &t.Likelihood}, {"bound by time", "by time", t.ByTime}, {"exact, from left to right", "exact", t.LeftToRight},
		{"autoregressive baseline, exact", "baseline", t.Baseline}, {"5-gram model", "5-gram", t.NGram}, {"unigram model", "unigram", t.Unigram}} {
		if m.l == nil {
			continue
		}
		s.Figures = append(s.Figures, bitsOf(m.how, m.l, s.Figures == nil)...)
		bars.X, bars.Y = append(bars.X, float64(len(bars.X))), append(bars.Y, float64(m.l.BitsPerChar))
		se := 1.96 * float64(m.l.StandardError)
		bars.Low, bars.High = append(bars.Low, float64(m.l.BitsPerChar)-se), append(bars.High, float64(m.l.BitsPerChar)+se)
		chart.Labels = append(chart.Labels, m.short)
	}
	chart.Series = []plot.Series{bars}
	s.Charts = append([]plot.Chart{chart}, t.Charts...)
	if c, ok := t.byRate(); ok {
		s.Charts = append(s.Charts, c)
	}
	s.Facts = []report.Fact{{Name: "process", Value: t.Process}, {Name: "windows", Value: fmt.Sprint(t.Windows)},
		{Name: "text", Value: fmt.Sprintf("%d tokens, %d characters, %d bytes", t.Tokens, t.Chars, t.Bytes)}}
	s.Summary = fmt.Sprintf("A character of held-out text costs %.3f bits, a byte %.3f; a token is as hard to tell as one of %.1f equally likely ones.",
		float64(t.BitsPerChar), float64(t.BitsPerByte), float64(t.Perplexity))
	if t.Agreement != nil && math.Abs(float64(*t.Agreement)) > 4 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("The two forms of the bound differ by %.1f standard errors: one of them is wrong.", float64(*t.Agreement)))
	}
	return s
}

// bitsOf are the figures of one score; the headline's are named plainly.
func bitsOf(how string, l *judge.Likelihood, headline bool) []eval.Figure {
	name := func(what string) string {
		if headline {
			return what
		}
		return how + ": " + what
	}
	figure := func(what string, v, se judge.Value, note string) eval.Figure {
		return about(name(what), float64(v), float64(se), l.Windows, note)
	}
	return []eval.Figure{figure(bitsName, l.BitsPerChar, l.StandardError, how),
		figure("bits per byte", l.BitsPerByte, l.StandardErrorBytes, how),
		figure("perplexity per token", l.Perplexity, l.StandardErrorPPL, "comparable with models of the same tokenizer only")}
}

// about is a figure whose error is about normal; an error of NaN gives no interval.
func about(name string, v, se float64, n int, note string) eval.Figure {
	return eval.Figure{Name: name, Value: eval.Number(v), StandardError: eval.Number(se), N: n, Note: note, Interval: eval.Interval{Low: v - 1.96*se, High: v + 1.96*se}}
}

// rateBins of the loss by rate.
const rateBins = 10

// byRate draws the loss by how much was masked: the counterpart of the error by noise level of pictures.
func (t *Text) byRate() (plot.Chart, bool) {
	var sum, squares, n [rateBins]float64
	kinds := map[float64]bool{}
	for _, r := range t.Rows {
		k := min(int(r.Rate*rateBins), rateBins-1)
		sum[k], squares[k], n[k] = sum[k]+r.Loss, squares[k]+r.Loss*r.Loss, n[k]+1
		kinds[r.Rate] = true
	}
	line := plot.Series{Name: "loss"}
	for k := range n {
		if n[k] < 2 {
			continue
		}
		mean := sum[k] / n[k]
		se := math.Sqrt(max(squares[k]/n[k]-mean*mean, 0) / (n[k] - 1))
		line.X, line.Y = append(line.X, (float64(k)+0.5)/rateBins), append(line.Y, mean)
		line.Low, line.High = append(line.Low, mean-1.96*se), append(line.High, mean+1.96*se)
	}
	chart := plot.Chart{Title: "What a token costs by how much of the text is hidden", X: "share hidden", Y: "nats per token", Series: []plot.Series{line}}
	return chart, len(kinds) > 1 && len(line.X) > 1
}

func (t *Text) samples() report.Section {
	s := report.Section{Key: "samples", Title: "Samples beside held-out text", Texts: t.Shown,
		Summary: "None of these numbers means anything alone: text that repeats itself is likely to every judge, noise is varied. They are to be near those of real text of the same amount."}
	row := func(name string, of func(*judge.SampleStats) judge.Value) {
		s.Figures = append(s.Figures, about(name, float64(of(t.Samples)), math.NaN(), t.Samples.Rows, ""))
		if t.HeldOut != nil {
			s.Figures = append(s.Figures, about(held(name), float64(of(t.HeldOut)), math.NaN(), t.HeldOut.Rows, ""))
		}
	}
	row("bits per token to a unigram model", func(s *judge.SampleStats) judge.Value { return s.Unigram })
	row("bits per token to a 5-gram model", func(s *judge.SampleStats) judge.Value { return s.NGram })
	if t.Samples.Baseline != nil && t.HeldOut != nil && t.HeldOut.Baseline != nil {
		row("bits per token to the baseline", func(s *judge.SampleStats) judge.Value { return *s.Baseline })
	}
	row("entropy of the tokens, bits", func(s *judge.SampleStats) judge.Value { return s.Entropy })
	for n := range t.Samples.Distinct {
		row(fmt.Sprintf("distinct %d-grams", n+1), func(s *judge.SampleStats) judge.Value { return s.Distinct[n] })
	}
	row(repeatedName, func(s *judge.SampleStats) judge.Value { return s.Repetition })
	for n := range t.Samples.Divergence {
		row(fmt.Sprintf("divergence of %d-grams from held-out text, bits", n+1), func(s *judge.SampleStats) judge.Value { return s.Divergence[n] })
	}
	row(copiedName, func(s *judge.SampleStats) judge.Value { return s.Copied })
	s.Facts = []report.Fact{{Name: "samples", Value: fmt.Sprintf("%d texts, %d tokens", t.Samples.Rows, t.Samples.Tokens)}}
	return s
}

func (t *Text) classes() report.Section {
	c := t.Classes
	s := report.Section{Key: "classes", Title: "Classes asked for"}
	named := func(name string, n judge.Named, note string) {
		s.Figures = append(s.Figures, about(name, float64(n.Share), float64(n.StandardError), n.Texts, note))
	}
	named(documentsName, c.Documents, "how good the judge is: naive Bayes on words, learnt from the training text")
	named(windowsName, c.Windows, "text of the length of samples")
	chart := plot.Chart{Title: "Texts whose words speak for their class", X: "class", Y: "share", ZeroY: true}
	for _, name := range c.Names {
		chart.Labels = append(chart.Labels, shorten(name))
	}
	bars := func(name string, n judge.Named) {
		b := plot.Series{Name: name, Style: plot.Bars}
		for k, v := range n.PerClass {
			b.X, b.Y = append(b.X, float64(k)), append(b.Y, float64(v))
		}
		chart.Series = append(chart.Series, b)
	}
	bars("held-out text", c.Windows)
	for _, n := range c.Samples {
		g := fmt.Sprintf("guidance %g", float64(n.Guidance))
		named(fmt.Sprintf("%s, %s", wordsName, g), n, "")
		bars(g, n)
	}
	s.Charts = []plot.Chart{chart}
	s.Summary = fmt.Sprintf("A judge that counts words names the class of %.0f %% of held-out documents rightly, and of %.0f %% of held-out texts as long as samples.",
		100*float64(c.Documents.Share), 100*float64(c.Windows.Share))
	return s
}
