package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
)

// Texts of a report that are shown whole.
const (
	shownTexts = 8
	shownRunes = 2000 // of each at most
)

// page is the report that --out asks for.
func (e *textReport) page() (*report.Report, error) {
	t := assess.Text{Report: e.r}
	for i, rate := range e.score.Rate {
		t.Rows = append(t.Rows, assess.RowLoss{Rate: float64(rate), Loss: e.score.Nats[i] / float64(max(e.score.Free[i], 1))})
	}
	context := textContext(e.Path, e.t.config)
	if h := context.History; len(h.Seen) > 1 {
		t.Charts = append(t.Charts, plot.Chart{Title: "Held-out loss while training", X: "tokens trained on", Y: "nats per token",
			Series: []plot.Series{{Name: "held-out loss", X: h.Seen, Y: h.HeldOut}}})
	}
	var err error
	if t.Shown, err = e.shown(); err != nil {
		return nil, err
	}
	r := &report.Report{Title: e.t.seen, Facts: e.facts(), Sections: t.Sections()}
	r.Advice = assess.Advise(r.Sections, context)
	return r, nil
}

// textContext is what advice on a model of text needs to know besides figures.
func textContext(dir string, config recipe.Config) assess.Context {
	c := assess.Context{Text: true, Run: dir, Recipe: config.Recipe, Guidance: config.Text.Sample.Guidance, Images: config.Train.Tokens,
		History: history(dir, config), Data: strings.Join(config.Text.Paths, " --data ")}
	if n := len(c.History.Seen); n > 0 {
		c.Images = int64(c.History.Seen[n-1])
	}
	return c
}

// shown are some samples, and a text that was held out.
func (e *textReport) shown() (all []report.Text, err error) {
	add := func(caption string, row []int32) {
		s, failed := readable(e.t.tokenizer, row)
		if runes := []rune(s); len(runes) > shownRunes {
			s = string(runes[:shownRunes]) + " …"
		}
		if failed != nil {
			err = failed
		}
		all = append(all, report.Text{Caption: caption, Body: s})
	}
	for _, d := range e.drawn {
		for i, row := range d.rows[:min(shownTexts, len(d.rows))] {
			caption := fmt.Sprintf("sample %d", i)
			if d.classes != nil {
				caption += fmt.Sprintf(", %s, guidance %g", e.t.text.Classes[d.classes[i]], d.guidance)
			}
			add(caption, row)
		}
	}
	if len(e.drawn) > 0 {
		add("a held-out text of the same length", e.window(len(e.extents)/2))
	}
	return all, err
}

func (e *textReport) facts() []report.Fact {
	c := e.t.config
	s := c.Text.Sample
	facts := []report.Fact{{Name: "recipe", Value: c.Recipe}, {Name: "weights", Value: e.t.seen}, {Name: "parameters", Value: fmt.Sprint(e.t.text.Parameters)},
		{Name: "process", Value: c.Text.Process.String()}, {Name: "tokens of a row", Value: fmt.Sprint(e.t.text.Length)},
		{Name: "tokenizer", Value: fmt.Sprintf("%s, %d tokens, %s", c.Text.Tokenizer.Kind, e.t.text.Vocab, c.Text.Fingerprint)},
		{Name: "held-out text", Value: fmt.Sprintf("%d windows of %s", len(e.extents), orOwn(e.Data))}}
	if len(e.drawn) > 0 {
		facts = append(facts, report.Fact{Name: "sampler", Value: fmt.Sprintf("%v, %d steps, temperature %g, top-p %g", s.Sampler, s.Steps, s.Temperature, s.TopP)},
			report.Fact{Name: "seed", Value: fmt.Sprint(s.Seed)})
	}
	return append(facts, report.Fact{Name: "made", Value: time.Now().UTC().Format("2006-01-02 15:04 MST")}, report.Fact{Name: "by", Value: "ebb " + version})
}
