package recipe

import (
	"fmt"
	"reflect"

	"github.com/ebb-ml/ebb/data"
)

// validText checks a resolved configuration of text.
func (c Config) validText() error {
	if err := c.onlyText(); err != nil {
		return err
	}
	for _, check := range []func() error{c.validTextData, c.validTextSample, c.Train.Validate} {
		if err := check(); err != nil {
			return err
		}
	}
	m, err := c.TextModel()
	if err != nil {
		return err
	}
	task, err := c.TextTask(m)
	if err != nil {
		return err
	}
	return task.Check()
}

// onlyText refuses settings that are about pictures, which would do nothing.
func (c Config) onlyText() error {
	d := c.Data
	switch {
	case c.Train.Images != 0:
		return fmt.Errorf("train.images is %d, but recipe %s is about text: set train.tokens (--tokens)", c.Train.Images, c.Recipe)
	case len(d.Paths) > 0 || d.Source != Files || d.Height != 0 || d.Fit != data.Fit(0) || c.Diffusion != (Diffusion{}) || c.HeldOut != (HeldOut{}) || !reflect.ValueOf(c.Eval).IsZero() || c.Sample != (Sample{}):
		return fmt.Errorf("recipe %s is about text: the keys of [data], [diffusion], [held_out], [eval] and [sample] are about pictures; use those of [text]", c.Recipe)
	}
	return nil
}

func (c Config) validTextData() error {
	t := c.Text
	switch {
	case t.Source == TextFiles && len(t.Paths) == 0:
		return fmt.Errorf("text.paths is empty: name a file, a folder or an archive of text with --data")
	case c.Network.Text != nil && c.Network.Text.Positions > 0 && c.Network.Text.Positions < t.Length:
		return fmt.Errorf("network.text.positions is %d, rows have text.length %d places: give as many, or 0 for rotary positions alone", c.Network.Text.Positions, t.Length)
	case t.Length < 1:
		return fmt.Errorf("text.length is %d, must be at least 1", t.Length)
	case !(t.HeldOut.Share >= 0 && t.HeldOut.Share <= 0.5):
		return fmt.Errorf("text.held_out.share is %v, must be from 0 to 0.5", t.HeldOut.Share)
	case t.HeldOut.Windows < 0 || t.HeldOut.Windows > 0 && t.HeldOut.Batch < 1:
		return fmt.Errorf("text.held_out.windows and batch are %d and %d: give at least 1 of each, or 0 windows for none", t.HeldOut.Windows, t.HeldOut.Batch)
	}
	return t.Tokenizer.Check()
}

func (c Config) validTextSample() error {
	s := c.Text.Sample
	switch {
	case s.Rows < 1 || s.Batch < 1 || s.Length < 0:
		return fmt.Errorf("text.sample.rows, batch and length are %d, %d and %d, must be at least 1, 1 and 0", s.Rows, s.Batch, s.Length)
	case !(s.Guidance >= 0):
		return fmt.Errorf("text.sample.guidance is %v, must not be negative", s.Guidance)
	}
	sampler := s.Sampling()
	if err := sampler.Check(); err != nil {
		return fmt.Errorf("text.sample: %w", err)
	}
	return nil
}
