package diffusion

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/internal/rng"
)

// TimeDist names the distribution that training draws noise levels from.
type TimeDist int

const (
	TimeUniform     TimeDist = iota // t uniform; a discrete schedule draws its indices
	TimeLogNormal                   // ln sigma ~ N(Mean, Std²): Karras et al. 2022, table 1 (-1.2, 1.2)
	TimeLogitNormal                 // logit t ~ N(Mean, Std²): Esser et al. 2024 (arXiv 2403.03206), equation 19 (0, 1)
)

var timeDistNames = enum.New[TimeDist]("diffusion", "time distribution", "uniform", "log-normal", "logit-normal")

// TimeDists lists all distributions.
func TimeDists() []TimeDist { return timeDistNames.Values() }

// ParseTimeDist is the inverse of String.
func ParseTimeDist(name string) (TimeDist, error) { return timeDistNames.Parse(name) }

// String returns the name of the distribution.
func (d TimeDist) String() string { return timeDistNames.Name(d) }

// MarshalText writes the name.
func (d TimeDist) MarshalText() ([]byte, error) { return timeDistNames.Marshal(d) }

// UnmarshalText reads the name.
func (d *TimeDist) UnmarshalText(text []byte) error { return timeDistNames.Unmarshal(d, text) }

// TimeSampling says how training draws noise levels. Everything goes through the quantile u in (0,1) of the distribution, so that even
// spreading over a batch and loss-aware draws work with any of them.
type TimeSampling struct {
	Dist           TimeDist
	Mean, Std      float64 // of log-normal and logit-normal; Std above 0
	LowDiscrepancy bool    // spread u evenly over a batch with one common offset: Kingma et al. 2021 (arXiv 2107.00630), appendix I.1
}

func (t TimeSampling) check() error {
	if err := timeDistNames.Check(t.Dist); err != nil {
		return err
	}
	switch {
	case t.Dist == TimeUniform && (t.Mean != 0 || t.Std != 0):
		return fmt.Errorf("diffusion: time distribution uniform has no Mean and Std: leave them 0")
	case t.Dist != TimeUniform && (!(t.Std > 0 && t.Std <= 100) || !(math.Abs(t.Mean) <= 100)):
		return fmt.Errorf("diffusion: time distribution %v with mean %v and standard deviation %v: need 0 < Std <= 100 and |Mean| <= 100", t.Dist, t.Mean, t.Std)
	}
	return nil
}

// Quantile returns the noise level at quantile u in (0,1), within the range of the schedule.
func (t TimeSampling) Quantile(u float64, s *Schedule) float64 {
	if t.Dist == TimeUniform {
		return s.Sigma(s.Snap(u))
	}
	z := t.Mean + t.Std*math.Sqrt2*math.Erfinv(2*u-1)
	if t.Dist == TimeLogNormal {
		return s.limit(math.Exp(z))
	}
	return s.Sigma(s.Snap(1 / (1 + math.Exp(-z))))
}

// quantile returns u of image index (of batch images in all) at a step.
func (t TimeSampling) quantile(seed, step uint64, index, batch int) float64 {
	if !t.LowDiscrepancy {
		return rng.ForStep(seed, step, index, drawTime).Uniform(0)
	}
	return rng.Spread(rng.ForStep(seed, step, 0, drawBatch).Uniform(0), index, batch)
}
