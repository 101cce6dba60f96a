package report

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
)

// Fact is something that a reader needs to know besides the figures: a setting, a file, a count.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Picture is a picture of a section.
type Picture struct {
	Caption string
	PNG     []byte
	// Pixelated keeps the edges of small pictures sharp when they are shown larger.
	Pixelated bool
}

// Section is one kind of measurement.
type Section struct {
	Key      string // short name, such as denoising: unique in a report
	Title    string
	Summary  string // what was found, in a sentence or two
	Facts    []Fact // how it was measured: sampler, steps, seed, data
	Figures  []eval.Figure
	Charts   []plot.Chart
	Pictures []Picture
	Warnings []string
	Texts    []Text
	Seconds  float64 // that it took
}

// Text is a piece of generated text, shown as it is.
type Text struct {
	Caption string
	Body    string
}

// Report is all that was found out about a model.
type Report struct {
	Title    string
	Facts    []Fact // model, weights, data with its hash, program
	Sections []Section
	Advice   []Advice
}

// Advice is one thing to try next.
type Advice struct {
	Finding string `json:"finding"` // what the figures show
	Try     string `json:"try"`     // what may help, and why
	Command string `json:"command"` // that does it
}

// Warned lists the warnings of all sections.
func (r *Report) Warned() (all []string) {
	for _, s := range r.Sections {
		all = append(all, s.Warnings...)
	}
	return all
}

// jsonSection is a section as a program reads it: pictures are in the page alone.
type jsonSection struct {
	Title    string        `json:"title"`
	Summary  string        `json:"summary,omitempty"`
	Facts    []Fact        `json:"facts,omitempty"`
	Figures  []eval.Figure `json:"figures"`
	Curves   []jsonChart   `json:"curves,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
	Seconds  eval.Number   `json:"seconds"`
}

type jsonChart struct {
	Title  string      `json:"title"`
	X      string      `json:"x"`
	Y      string      `json:"y"`
	Series []jsonCurve `json:"series"`
}

type jsonCurve struct {
	Name string        `json:"name"`
	X    []eval.Number `json:"x"`
	Y    []eval.Number `json:"y"`
	Low  []eval.Number `json:"low,omitempty"`
	High []eval.Number `json:"high,omitempty"`
}

func numbers(v []float64) []eval.Number {
	out := make([]eval.Number, len(v))
	for i, x := range v {
		out[i] = eval.Number(x)
	}
	return out
}

func (s *Section) json() jsonSection {
	j := jsonSection{Title: s.Title, Summary: s.Summary, Facts: s.Facts, Figures: s.Figures, Warnings: s.Warnings, Seconds: eval.Number(s.Seconds)}
	for _, c := range s.Charts {
		chart := jsonChart{Title: c.Title, X: c.X, Y: c.Y}
		for _, v := range c.Series {
			curve := jsonCurve{Name: v.Name, X: numbers(v.X), Y: numbers(v.Y)}
			if len(v.Low) > 0 {
				curve.Low, curve.High = numbers(v.Low), numbers(v.High)
			}
			chart.Series = append(chart.Series, curve)
		}
		j.Curves = append(j.Curves, chart)
	}
	return j
}

// JSON writes the report for programs: facts, then each section under its key with figures and curves.
func (r *Report) JSON(w io.Writer) error {
	sections := map[string]jsonSection{}
	for i := range r.Sections {
		sections[r.Sections[i].Key] = r.Sections[i].json()
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Title    string                 `json:"title"`
		Facts    []Fact                 `json:"facts"`
		Sections map[string]jsonSection `json:"sections"`
		Advice   []Advice               `json:"advice,omitempty"`
	}{r.Title, r.Facts, sections, r.Advice})
}

// Table writes the figures as a short table for a terminal.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.DiscardEmptyColumns)
	for _, s := range r.Sections {
		fmt.Fprintf(t, "%s\n", s.Title)
		for _, f := range s.Figures {
			fmt.Fprintf(t, "  %s\t%s\t%s\tn = %d\n", f.Name, short(float64(f.Value)), span(f.Interval), f.N)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range r.Warned() {
		if _, err := fmt.Fprintln(w, "warning:", m); err != nil {
			return err
		}
	}
	for _, a := range r.Advice {
		if _, err := fmt.Fprintf(w, "%s\n  try: %s\n  %s\n", a.Finding, a.Try, a.Command); err != nil {
			return err
		}
	}
	return nil
}
