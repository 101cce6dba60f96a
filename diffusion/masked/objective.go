package masked

import (
	"fmt"

	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/internal/rng"
)

// Form names one of two expressions of the same bound on the negative log-likelihood.
type Form int

const (
	ByTime  Form = iota // draw t, mask each token with probability Rate(t)
	ByCount             // draw how many tokens are masked, uniform in 1…L: the same expectation with less variance
)

var formNames = enum.New[Form]("masked", "form of the bound", "time", "count")

// ParseForm is the inverse of String.
func ParseForm(name string) (Form, error) { return formNames.Parse(name) }

// String returns the name of the form.
func (f Form) String() string { return formNames.Name(f) }

// MarshalText writes the name.
func (f Form) MarshalText() ([]byte, error) { return formNames.Marshal(f) }

// UnmarshalText reads the name.
func (f *Form) UnmarshalText(text []byte) error { return formNames.Unmarshal(f, text) }

// Objective is what a network is trained for. [DefaultObjective] is a good one.
type Objective struct {
	Schedule Schedule `toml:"schedule" json:"schedule"`
	Form     Form     `toml:"form" json:"form"`
	// LowDiscrepancy spreads t or k evenly over a batch with one common offset: Kingma et al. 2021 (arXiv 2107.00630), appendix I.1.
	LowDiscrepancy bool `toml:"low_discrepancy" json:"low_discrepancy"`
	// MinRate keeps weights finite in the form by time: a lower masking rate is drawn as this one, with the weight that keeps the
	// loss unbiased up to terms of MinRate². Without it the variance of the loss is infinite. 0 stands for 0.001.
	MinRate float64 `toml:"min_rate" json:"min_rate"`
	Vocab   int     `toml:"-" json:"-"` // tokens that can be predicted; the mask's id
	Length  int     `toml:"-" json:"-"` // tokens in a row
}

// DefaultObjective is the form by count, evenly spread.
func DefaultObjective(vocab, length int) Objective {
	return Objective{Form: ByCount, LowDiscrepancy: true, Vocab: vocab, Length: length}
}

// Check says whether the numbers make sense; call it before the first draw.
func (o *Objective) Check() error {
	if err := o.Schedule.Check(); err != nil {
		return err
	}
	if err := formNames.Check(o.Form); err != nil {
		return err
	}
	if !(o.MinRate >= 0 && o.MinRate < 0.5) {
		return fmt.Errorf("masked: min_rate %v: need 0 (for 0.001) to 0.5", o.MinRate)
	}
	return checkSize(o.Vocab, o.Length)
}

func checkSize(vocab, length int) error {
	if vocab < 2 || vocab >= 1<<30 || length < 1 || length > 1<<24 {
		return fmt.Errorf("masked: vocabulary of %d tokens and rows of %d: need at least 2 and 1", vocab, length)
	}
	return nil
}

// Batch names rows of a batch: Count of them from First on, out of Total in the step's whole batch. Four pieces of 16 rows (First 0, 16,
// 32, 48, Total 64) are masked exactly as one piece of 64. Step is below 2^40, Total below 2^24.
type Batch struct {
	Seed, Step          uint64
	First, Count, Total int
}

func (b Batch) check() error {
	if b.First < 0 || b.Count < 1 || b.First+b.Count > b.Total || b.Total >= 1<<24 || b.Step >= 1<<40 {
		return fmt.Errorf("masked: rows %d to %d of a batch of %d at step %d: need 0 <= First, 1 <= Count, First+Count <= Total < 2^24, Step < 2^40",
			b.First, b.First+b.Count, b.Total, b.Step)
	}
	return nil
}

// spread is the quantile in (0, 1) that row i of the piece is drawn at.
func (b Batch) spread(i int, even bool) float64 { return b.quantile(b.First+i, even) }

// quantile is that of item index of Total.
func (b Batch) quantile(index int, even bool) float64 {
	if !even {
		return rng.ForStep(b.Seed, b.Step, index, drawTime).Uniform(0)
	}
	return rng.Spread(rng.ForStep(b.Seed, b.Step, 0, drawBatch).Uniform(0), index, b.Total)
}
