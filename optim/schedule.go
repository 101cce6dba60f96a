package optim

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Shape is how the learning rate goes on after its warm-up.
type Shape int

const (
	// Constant stays at the peak.
	Constant Shape = iota
	// Linear falls to Floor at Horizon.
	Linear
	// Cosine falls to Floor at Horizon along half a cosine (Loshchilov & Hutter 2017).
	Cosine
	// InverseSqrt stays at the peak up to Horizon and then falls as 1/√images (Karras et al. 2024,
	// equation 67): no end needs to be known.
	InverseSqrt
)

var shapeNames = enum.New[Shape]("optim", "learning-rate shape", "constant", "linear", "cosine", "inverse-sqrt")

// MarshalText writes the name used in configuration files.
func (s Shape) MarshalText() ([]byte, error) { return shapeNames.Marshal(s) }

// UnmarshalText reads the name used in configuration files.
func (s *Shape) UnmarshalText(b []byte) error { return shapeNames.Unmarshal(s, b) }

// String is the name used in configuration files.
func (s Shape) String() string { return shapeNames.Name(s) }

// Schedule is a learning rate as a function of the images (or tokens) seen.
type Schedule struct {
	Shape Shape   `toml:"shape" json:"shape"`
	Peak  float64 `toml:"peak" json:"peak"`
	// Floor is the rate that Linear and Cosine end at.
	Floor float64 `toml:"floor" json:"floor"`
	// Warmup is the number of images over which the rate rises linearly from nothing.
	Warmup int64 `toml:"warmup" json:"warmup"`
	// Horizon is where Linear and Cosine reach Floor, and where InverseSqrt begins to fall.
	Horizon int64 `toml:"horizon" json:"horizon"`
}

// Validate says what is wrong with the schedule, if anything.
func (s Schedule) Validate() error {
	if err := shapeNames.Check(s.Shape); err != nil {
		return err
	}
	switch {
	case !(s.Peak > 0) || math.IsInf(s.Peak, 0):
		return fmt.Errorf("learning rate: peak is %v, must be positive", s.Peak)
	case !(s.Floor >= 0 && s.Floor <= s.Peak):
		return fmt.Errorf("learning rate: floor is %v, must be between 0 and the peak, %v", s.Floor, s.Peak)
	case s.Warmup < 0:
		return fmt.Errorf("learning rate: warmup is %d, must not be negative", s.Warmup)
	case s.Shape != Constant && s.Horizon <= s.Warmup:
		return fmt.Errorf("learning rate: horizon %d of a %s schedule must be beyond the warmup, %d", s.Horizon, s.Shape, s.Warmup)
	}
	return nil
}

// At is the rate of the step that brings the count of images to images.
func (s Schedule) At(images int64) float64 {
	return s.Peak * s.ramp(images) * s.fall(images)
}

func (s Schedule) ramp(images int64) float64 {
	if s.Warmup <= 0 {
		return 1
	}
	return min(1, float64(images)/float64(s.Warmup))
}

// fall is the part of the peak that is left.
func (s Schedule) fall(images int64) float64 {
	floor := s.Floor / s.Peak
	x := float64(images-s.Warmup) / float64(s.Horizon-s.Warmup)
	x = min(max(x, 0), 1)
	switch s.Shape {
	case Linear:
		return 1 - x*(1-floor)
	case Cosine:
		return floor + (1-floor)*(1+math.Cos(math.Pi*x))/2
	case InverseSqrt:
		return 1 / math.Sqrt(max(float64(images)/float64(s.Horizon), 1))
	default:
		return 1
	}
}
