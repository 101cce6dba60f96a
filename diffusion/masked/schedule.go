package masked

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Family names a masking schedule.
type Family int

const (
	Linear     Family = iota // Rate = t
	Cosine                   // Rate = cos(π/2·(1-t)): sampling starts slowly (Chang et al. 2022; Shi et al. 2024, table 4)
	Polynomial               // Rate = t^Power (Shi et al. 2024, table 4)
)

var familyNames = enum.New[Family]("masked", "schedule", "linear", "cosine", "polynomial")

// ParseFamily is the inverse of String.
func ParseFamily(name string) (Family, error) { return familyNames.Parse(name) }

// String returns the name of the schedule.
func (f Family) String() string { return familyNames.Name(f) }

// MarshalText writes the name.
func (f Family) MarshalText() ([]byte, error) { return familyNames.Marshal(f) }

// UnmarshalText reads the name.
func (f *Family) UnmarshalText(text []byte) error { return familyNames.Unmarshal(f, text) }

// Schedule says how much is masked at time t in [0, 1]: nothing at 0, everything at 1. The zero value is linear. The bound on the
// likelihood is the same for all; they differ in the variance of its estimate and in the pace of sampling.
type Schedule struct {
	Family Family  `toml:"family" json:"family"`
	Power  float64 `toml:"power" json:"power"` // of polynomial, above 0
}

// Check says whether the numbers make sense.
func (s Schedule) Check() error {
	if err := familyNames.Check(s.Family); err != nil {
		return err
	}
	if s.Family == Polynomial && !(s.Power >= 0.1 && s.Power <= 100) {
		return fmt.Errorf("masked: polynomial schedule of power %v: need 0.1 to 100", s.Power)
	}
	if s.Family != Polynomial && s.Power != 0 {
		return fmt.Errorf("masked: schedule %v has no power: leave it 0", s.Family)
	}
	return nil
}

// Rate is the probability 1 - alpha(t) that a token is masked at time t.
func (s Schedule) Rate(t float64) float64 {
	switch s.Family {
	case Cosine:
		return math.Sin(math.Pi / 2 * t) // = cos(π/2·(1-t)), exactly 0 at 0
	case Polynomial:
		return math.Pow(t, s.Power)
	default:
		return t
	}
}

// Slope is the derivative of Rate.
func (s Schedule) Slope(t float64) float64 {
	switch s.Family {
	case Cosine:
		return math.Pi / 2 * math.Cos(math.Pi/2*t)
	case Polynomial:
		return s.Power * math.Pow(t, s.Power-1)
	default:
		return 1
	}
}

// Time is the inverse of Rate.
func (s Schedule) Time(rate float64) float64 {
	switch s.Family {
	case Cosine:
		return 2 / math.Pi * math.Asin(rate)
	case Polynomial:
		return math.Pow(rate, 1/s.Power)
	default:
		return rate
	}
}
