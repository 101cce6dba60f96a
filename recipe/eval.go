package recipe

import (
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Eval says which measures of ebb eval are taken while a run on pictures or points trains, and how often. They change nothing about the training.
type Eval struct {
	EveryImages int64     `toml:"every_images"` // 0: never; else also at the end
	Measures    []Measure `toml:"measures"`     // empty: those that cost little
	Images      int       `toml:"images"`       // held-out pictures, and as many of training beside them; 0: 64
	Samples     int       `toml:"samples"`      // to draw where a measure needs some; 0: 256
}

// Measure is a part of the report of ebb eval.
type Measure int

const (
	MeasureDenoising      Measure = iota // errors by noise level, overfitting gap, raw weights against the average
	MeasureOneStep                       // MSE, PSNR and SSIM of pictures that are noised and estimated in one step
	MeasureReconstruction                // the same also by the whole reverse process and after inversion
	MeasureLikelihood                    // bits per dimension
	MeasureDistribution                  // distances of samples from held-out pictures
	MeasureCopies                        // samples that are pictures of training
	MeasurePoints                        // distances of drawn points
)

var measureNames = enum.New[Measure]("recipe", "measure", "denoising", "one-step", "reconstruction", "likelihood", "distribution", "copies", "points")

func (m Measure) String() string { return measureNames.Name(m) }

// MarshalText returns the name.
func (m Measure) MarshalText() ([]byte, error) { return measureNames.Marshal(m) }

// UnmarshalText accepts the names of the parts of a report.
func (m *Measure) UnmarshalText(b []byte) error { return measureNames.Unmarshal(m, b) }

// Part is the part of the report that a measure stands in: OneStep is some of the reconstructions.
func (m Measure) Part() string {
	if m == MeasureOneStep {
		return MeasureReconstruction.String()
	}
	return m.String()
}

// Draws says whether samples have to be drawn for a measure.
func (m Measure) Draws() bool {
	return m == MeasureDistribution || m == MeasureCopies || m == MeasurePoints
}

// Draws says whether any of the measures needs samples.
func (e Eval) Draws() bool { return slices.ContainsFunc(e.Measures, Measure.Draws) }

// leastDrawn is how many samples a distance needs at least.
const leastDrawn = 50

// fillEval chooses what was left open: measures that cost little.
func (c *Config) fillEval() {
	e := &c.Eval
	if len(e.Measures) == 0 {
		e.Measures = []Measure{MeasureDenoising}
		if c.Data.Source != Points {
			e.Measures = append(e.Measures, MeasureOneStep)
		}
	}
	if e.Images == 0 {
		e.Images = 64
	}
	if e.Samples == 0 {
		e.Samples = 256
	}
}

func (c Config) validEval() error {
	e := c.Eval
	switch {
	case e.EveryImages < 0 || e.Images < 0 || e.Samples < 0:
		return fmt.Errorf("eval.every_images, images and samples are %d, %d and %d, must not be negative", e.EveryImages, e.Images, e.Samples)
	case e.EveryImages == 0:
		return nil
	case c.HeldOut.Images == 0 || c.HeldOut.Share == 0 && len(c.Data.Valid) == 0:
		return fmt.Errorf("eval.every_images is %d, but nothing is held out to measure on: set held_out.share and held_out.images, or data.valid", e.EveryImages)
	case e.Draws() && e.Samples < leastDrawn:
		return fmt.Errorf("eval.samples is %d, must be at least %d for %v", e.Samples, leastDrawn, e.Measures)
	}
	for _, m := range e.Measures {
		if err := c.suits(m); err != nil {
			return err
		}
	}
	return nil
}

// suits refuses measures that have no meaning for the data.
func (c Config) suits(m Measure) error {
	points := c.Data.Source == Points
	switch {
	case points && m != MeasureDenoising && m != MeasurePoints:
		return fmt.Errorf("eval.measures has %v, which is about pictures: for points there are denoising and points", m)
	case !points && m == MeasurePoints:
		return fmt.Errorf("eval.measures has points, which are not what this run trains on: take distribution")
	case m == MeasureDistribution && min(c.Data.Height, c.Data.Width) < 8:
		return fmt.Errorf("eval.measures has distribution, which needs pictures of at least 8 x 8 pixels; these have %d x %d", c.Data.Height, c.Data.Width)
	case m == MeasureLikelihood && (len(c.Data.Norm.Mean) != 1 || c.Data.Bits > 8):
		return fmt.Errorf("eval.measures has likelihood, which needs pictures of 8 bits with one mean and deviation for all channels")
	}
	return nil
}
