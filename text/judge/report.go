package judge

import (
	"fmt"
	"io"
	"strings"
)

// Report is all that is measured of a model of text. Its JSON begins with the fields of the Likelihood that counts.
type Report struct {
	Likelihood
	Process string `json:"process,omitempty"` // of the model: absorbing, autoregressive, …
	How     string `json:"how"`               // how the Likelihood was had: "bound by count", "exact", …

	ByTime      *Likelihood `json:"by_time,omitempty"`       // the same bound in its other form
	Agreement   *Value      `json:"forms_differ,omitempty"`  // of the two forms, in standard errors
	Baseline    *Likelihood `json:"baseline,omitempty"`      // an autoregressive model's exact score
	LeftToRight *Likelihood `json:"left_to_right,omitempty"` // a masked model's exact score when it writes from left to right
	Unigram     *Likelihood `json:"unigram,omitempty"`       // what a model without context achieves on the same windows
	NGram       *Likelihood `json:"five_gram,omitempty"`     // and one of the last four tokens

	Samples *SampleStats `json:"samples,omitempty"`  // of what the model writes
	HeldOut *SampleStats `json:"held_out,omitempty"` // the same numbers of as much held-out text: what to be near to
	Classes *Classes     `json:"classes,omitempty"`  // of samples of a class-conditional model: whether their words speak for the class asked for
}

// WriteText writes a table for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d windows, %d tokens, %d characters, %d bytes\n\n", r.Windows, r.Tokens, r.Chars, r.Bytes)
	fmt.Fprintf(&b, "%-28s %18s %18s %20s\n", "", "bits per character", "bits per byte", "perplexity per token")
	row := func(name string, l *Likelihood) {
		if l != nil {
			fmt.Fprintf(&b, "%-28s %18s %18s %20s\n", name, plusMinus(l.BitsPerChar, l.StandardError, 4), plusMinus(l.BitsPerByte, l.StandardErrorBytes, 4),
				plusMinus(l.Perplexity, l.StandardErrorPPL, 2))
		}
	}
	row(r.How, &r.Likelihood)
	row("bound by time", r.ByTime)
	row(windowsOf("left to right, exact", r.LeftToRight), r.LeftToRight)
	row("autoregressive baseline", r.Baseline)
	row("5-gram model", r.NGram)
	row("unigram model", r.Unigram)
	if r.Agreement != nil {
		fmt.Fprintf(&b, "\nThe two forms of the bound differ by %.1f standard errors: %s.\n", *r.Agreement, verdict(float64(*r.Agreement)))
	}
	if r.Samples != nil {
		b.WriteString("\n")
		r.Samples.table(&b, r.HeldOut)
	}
	if r.Classes != nil {
		b.WriteString("\n")
		r.Classes.table(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func windowsOf(name string, l *Likelihood) string {
	if l == nil {
		return name
	}
	return fmt.Sprintf("%s (%d)", name, l.Windows)
}

func verdict(sigmas float64) string {
	if sigmas > 4 || sigmas < -4 {
		return "too much, one of them is wrong"
	}
	return "they agree"
}

func plusMinus(v, e Value, digits int) string {
	return fmt.Sprintf("%.*f ± %.*f", digits, float64(v), digits, float64(e))
}
