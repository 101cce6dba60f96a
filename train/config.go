package train

import (
	"fmt"

	"github.com/ebb-ml/ebb/optim"
)

// Config says how long and how to train. Lengths and intervals count images, or tokens of text.
type Config struct {
	Images int64  `toml:"images,omitempty"` // to train on in all
	Tokens int64  `toml:"tokens,omitempty"` // to train on in all, instead of images, where the data is text
	Batch  int    `toml:"batch"`            // rows in a step: images, or rows of tokens
	Parts  int    `toml:"parts"`            // pieces that a batch is computed in (gradient accumulation): memory of batch/parts
	Seed   uint64 `toml:"seed"`             // of weights, order, noise, dropout

	Clip      float64 `toml:"clip"`       // joint norm that gradients are scaled down to; 0: no clipping
	DropClass float64 `toml:"drop_class"` // share of rows trained without their class, for guidance

	AdamW    optim.AdamW    `toml:"adamw"`
	Rate     optim.Schedule `toml:"rate"`
	Averages []optim.EMA    `toml:"averages"` // of the weights; the first is the one that is judged and exported

	LogEvery    int64 `toml:"log_every"`
	EvalEvery   int64 `toml:"eval_every"`   // held-out loss; 0: only at the end
	SampleEvery int64 `toml:"sample_every"` // samples to look at; 0: only at the end
	SaveEvery   int64 `toml:"save_every"`   // checkpoint; 0: only at the end or when stopped
	Snapshots   int   `toml:"snapshots"`    // of the sigma_rel averages to keep, spread over the run, for ebb average; 0: none

	Patience int `toml:"patience,omitempty"` // held-out losses in a row that do not beat the best, after which training ends early; 0: never
}

// Target is how much to train on in all, in images or tokens.
func (c Config) Target() int64 { return c.Images + c.Tokens }

// Validate says what is wrong with the configuration, if anything.
func (c Config) Validate() error {
	switch {
	case c.Images > 0 && c.Tokens > 0:
		return fmt.Errorf("train.images is %d and train.tokens %d: set images for pictures, tokens for text", c.Images, c.Tokens)
	case c.Tokens < 0:
		return fmt.Errorf("train.tokens is %d, must be at least 1", c.Tokens)
	case c.Images < 1 && c.Tokens == 0:
		return fmt.Errorf("train.images is %d, must be at least 1", c.Images)
	case c.Batch < 1:
		return fmt.Errorf("train.batch is %d, must be at least 1", c.Batch)
	case c.Parts < 1 || c.Batch%c.Parts != 0:
		return fmt.Errorf("train.parts is %d, must divide train.batch, %d", c.Parts, c.Batch)
	case !(c.Clip >= 0):
		return fmt.Errorf("train.clip is %v, must not be negative", c.Clip)
	case !(c.DropClass >= 0 && c.DropClass <= 1):
		return fmt.Errorf("train.drop_class is %v, must be from 0 to 1", c.DropClass)
	case c.Patience < 0:
		return fmt.Errorf("train.patience is %d, must not be negative (0: no early stopping)", c.Patience)
	case min(c.LogEvery, c.EvalEvery, c.SampleEvery, c.SaveEvery) < 0:
		return fmt.Errorf("train.log_every, eval_every, sample_every and save_every must not be negative")
	}
	if err := c.AdamW.Validate(); err != nil {
		return fmt.Errorf("train.adamw: %w", err)
	}
	if err := c.checkSnapshots(); err != nil {
		return err
	}
	if err := c.Rate.Validate(); err != nil {
		return fmt.Errorf("train.rate: %w", err)
	}
	seen := map[string]bool{}
	for i, e := range c.Averages {
		if err := e.Validate(); err != nil {
			return fmt.Errorf("train.averages, number %d: %w", i+1, err)
		}
		if seen[e.String()] {
			return fmt.Errorf("train.averages: %s is there twice", e)
		}
		seen[e.String()] = true
	}
	return nil
}

func (c Config) step() StepConfig {
	return StepConfig{AdamW: c.AdamW, Clip: c.Clip, Averages: c.Averages, Parts: c.Parts}
}

// decays are the factors of the averages for the step of perStep images or tokens that brings their count to seen.
func (c Config) decays(seen, perStep int64) []float64 {
	d := make([]float64, len(c.Averages))
	for i, e := range c.Averages {
		d[i] = e.At(seen, perStep)
	}
	return d
}
