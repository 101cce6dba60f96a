package diffusion

import (
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Spacing says how a sampler's noise levels are spread between the schedule's ends.
type Spacing int

const (
	Karras      Spacing = iota // even in sigma^(1/rho), rho = 7 unless the schedule says otherwise: Karras et al. 2022, equation 5
	LinearSigma                // even in sigma
	Exponential                // even in ln sigma
	Trailing                   // even in time, last level of the schedule included: Lin et al. 2023, table 2
	Leading                    // even in time, first level included (DDIM's original)
	Linspace                   // even in time, both ends included
)

var spacingNames = enum.New[Spacing]("diffusion", "spacing", "karras", "linear", "exponential", "trailing", "leading", "linspace")

// Spacings lists all spacings.
func Spacings() []Spacing { return spacingNames.Values() }

// ParseSpacing is the inverse of String.
func ParseSpacing(name string) (Spacing, error) { return spacingNames.Parse(name) }

// String returns the name of the spacing.
func (s Spacing) String() string { return spacingNames.Name(s) }

// MarshalText writes the name.
func (s Spacing) MarshalText() ([]byte, error) { return spacingNames.Marshal(s) }

// UnmarshalText reads the name.
func (s *Spacing) UnmarshalText(text []byte) error { return spacingNames.Unmarshal(s, text) }

// Levels returns the noise levels of a sampler with n steps: n falling numbers above 0, then 0. The time spacings of a discrete
// schedule pick whole levels as the diffusers library does (steps_offset 0). The spacings in sigma begin at 1000 where the schedule goes
// further (flow, trigonometric, zero terminal SNR), lest most steps be spent where there is nothing but noise.
func (s *Schedule) Levels(spacing Spacing, n int) ([]float64, error) {
	if err := spacingNames.Check(spacing); err != nil {
		return nil, err
	}
	if n < 1 || n > 1_000_000 {
		return nil, fmt.Errorf("diffusion: %d sampling steps: need 1 to 1000000", n)
	}
	if spacing >= Trailing && s.Steps() > 0 && n > s.Steps() {
		return nil, fmt.Errorf("diffusion: %d sampling steps with spacing %v, but the schedule has %d levels: use at most that many, or spacing karras",
			n, spacing, s.Steps())
	}
	sigmas := make([]float64, n, n+1)
	for i := range sigmas {
		sigmas[i] = s.level(spacing, i, n)
	}
	return append(sigmas, 0), nil
}

// level returns level i of n, without the final 0.
func (s *Schedule) level(spacing Spacing, i, n int) float64 {
	u := 0.0 // position between the ends, both included
	if n > 1 {
		u = float64(i) / float64(n-1)
	}
	rho, top := s.config.Rho, math.Min(s.max, noiseOnly)
	setDefault(&rho, 7)
	switch spacing {
	case Karras:
		return karras(u, s.min, top, rho)
	case LinearSigma:
		return top + u*(s.min-top)
	case Exponential:
		return math.Exp(math.Log(top)*(1-u) + math.Log(s.min)*u)
	}
	if s.logSigma != nil {
		return math.Exp(s.logSigma[timestep(spacing, i, n, s.Steps())])
	}
	switch spacing {
	case Trailing:
		return s.Sigma(1 - float64(i)/float64(n))
	case Leading:
		return s.Sigma(float64(n-1-i) / float64(n))
	default:
		return s.Sigma(1 - u)
	}
}

// timestep returns the index of step i of n in a schedule of N levels, as diffusers' DDIMScheduler.set_timesteps rounds it.
func timestep(spacing Spacing, i, n, N int) int {
	var t float64
	switch spacing {
	case Trailing:
		t = math.RoundToEven(float64(N)-float64(i)*float64(N)/float64(n)) - 1
	case Leading:
		t = float64((n - 1 - i) * (N / n))
	default:
		if n == 1 {
			return N - 1
		}
		t = math.RoundToEven(float64(N-1) * float64(n-1-i) / float64(n-1))
	}
	return int(clamp(t, 0, float64(N-1)))
}

// Truncate cuts levels for image-to-image work: of n steps the last round(strength·n) are kept, strength in (0, 1]. Start from
// [AddNoise] at the first level that is left.
func Truncate(sigmas []float64, strength float64) ([]float64, error) {
	if err := checkLevels(sigmas); err != nil {
		return nil, err
	}
	n := len(sigmas) - 1
	keep := int(math.Round(strength * float64(n)))
	if !(strength > 0 && strength <= 1) || keep < 1 {
		return nil, fmt.Errorf("diffusion: strength %v of %d steps: it must be in (0, 1] and leave at least one step", strength, n)
	}
	return slices.Clone(sigmas[n-keep:]), nil
}

// checkLevels accepts at least two finite levels that fall strictly, the last of which may be 0.
func checkLevels(sigmas []float64) error {
	if len(sigmas) < 2 {
		return fmt.Errorf("diffusion: %d noise levels: a sampler needs at least 2 (one step)", len(sigmas))
	}
	for i, s := range sigmas {
		if math.IsNaN(s) || math.IsInf(s, 0) || s < 0 || (i > 0 && s >= sigmas[i-1]) {
			return fmt.Errorf("diffusion: noise level %d is %v: levels must be finite and fall strictly to 0 or above", i, s)
		}
	}
	return nil
}
