package judge

import (
	"fmt"
	"iter"
	"math"
	"strings"
)

const (
	maxDistinct = 4  // n-grams whose variety is reported
	maxDiverge  = 3  // n-grams whose distribution is compared
	repeatOf    = 4  // n-grams whose repetition within a row is counted
	copyOf      = 20 // tokens in a row that count as copied
)

// SampleStats are the numbers by which a text is judged without its model. None means anything alone: a text that repeats itself is likely
// to every judge, and noise is varied. They are to be near those of real text of the same amount.
type SampleStats struct {
	Rows       int     `json:"rows"`
	Tokens     int     `json:"tokens"`
	Unigram    Value   `json:"unigram_bits"`            // bits per token, to a unigram model of the training text
	NGram      Value   `json:"five_gram_bits"`          // to a 5-gram model of it
	Baseline   *Value  `json:"baseline_bits,omitempty"` // to an autoregressive model, where one was given
	Entropy    Value   `json:"entropy_bits"`            // of its own tokens, in bits
	Distinct   []Value `json:"distinct"`                // share of its 1-, 2-, 3-, 4-grams that are different ones
	Repetition Value   `json:"repetition"`              // share of its 4-grams that occurred before in the same row
	Divergence []Value `json:"divergence"`              // Jensen-Shannon, of its 1-, 2-, 3-grams from held-out text, in bits: 0 to 1
	Copied     Value   `json:"copied"`                  // share of its 20-grams that stand in the training text
}

// Against is what samples are compared with.
type Against struct {
	Unigram, NGram *NGram                                // of the training text
	HeldOut        [][]int32                             // as much real text as there are samples, but other text than any that is described itself
	Training       func() iter.Seq2[[]int32, error]      // the whole training text, in rows that overlap by CopyOverlap tokens
	Baseline       func(rows [][]int32) (float64, error) // nats per token to an autoregressive model; nil without one
}

// CopyOverlap is by how many tokens the rows of a training text must overlap, so that none of the sequences looked for is missed.
const CopyOverlap = copyOf - 1

// Describe measures sets of rows, the samples and real text for comparison, in one pass over the training text.
func (a *Against) Describe(sets ...[][]int32) ([]SampleStats, error) {
	copied, err := Copied(copyOf, a.Training(), sets...)
	if err != nil {
		return nil, err
	}
	out := make([]SampleStats, len(sets))
	for i, rows := range sets {
		if out[i], err = a.describe(rows); err != nil {
			return nil, err
		}
		out[i].Copied = Value(copied[i])
	}
	return out, nil
}

func (a *Against) describe(rows [][]int32) (SampleStats, error) {
	s := SampleStats{Rows: len(rows), Entropy: bits(Entropy(rows)), Repetition: Value(Repetition(rows, repeatOf))}
	for _, row := range rows {
		s.Tokens += len(row)
	}
	for n := 1; n <= maxDistinct; n++ {
		s.Distinct = append(s.Distinct, Value(Distinct(rows, n)))
	}
	for n := 1; n <= maxDiverge; n++ {
		d, err := Divergence(rows, a.HeldOut, n)
		if err != nil {
			d = math.NaN() // rows shorter than n have none
		}
		s.Divergence = append(s.Divergence, bits(d))
	}
	unigram, err := a.Unigram.Score(rows)
	if err != nil {
		return s, err
	}
	ngram, err := a.NGram.Score(rows)
	if err != nil {
		return s, err
	}
	s.Unigram, s.NGram = bits(unigram), bits(ngram)
	if a.Baseline != nil {
		nats, err := a.Baseline(rows)
		if err != nil {
			return s, err
		}
		b := bits(nats)
		s.Baseline = &b
	}
	return s, nil
}

func bits(nats float64) Value { return Value(nats / math.Ln2) }

// table writes the numbers next to those of real text.
func (s *SampleStats) table(b *strings.Builder, real *SampleStats) {
	fmt.Fprintf(b, "%-40s %10s %10s\n", fmt.Sprintf("%d samples of %d tokens in all", s.Rows, s.Tokens), "samples", "held out")
	row := func(name string, of func(*SampleStats) Value) {
		fmt.Fprintf(b, "%-40s %10.4f", name, float64(of(s)))
		if real != nil {
			fmt.Fprintf(b, " %10.4f", float64(of(real)))
		}
		b.WriteString("\n")
	}
	row("bits per token to a unigram model", func(s *SampleStats) Value { return s.Unigram })
	row("bits per token to a 5-gram model", func(s *SampleStats) Value { return s.NGram })
	if s.Baseline != nil && real != nil && real.Baseline != nil {
		row("bits per token to the baseline", func(s *SampleStats) Value { return *s.Baseline })
	}
	row("entropy of the tokens, bits", func(s *SampleStats) Value { return s.Entropy })
	for n := range s.Distinct {
		row(fmt.Sprintf("distinct %d-grams, share", n+1), func(s *SampleStats) Value { return s.Distinct[n] })
	}
	row("4-grams repeated within a sample, share", func(s *SampleStats) Value { return s.Repetition })
	for n := range s.Divergence {
		row(fmt.Sprintf("divergence of %d-grams from held-out text", n+1), func(s *SampleStats) Value { return s.Divergence[n] })
	}
	row("20-grams copied from training, share", func(s *SampleStats) Value { return s.Copied })
}
