package diffusion

import (
	"fmt"
	"math"
	"sort"

	"github.com/ebb-ml/ebb/internal/enum"
)

// MaxSigma stands for infinite noise. At zero terminal SNR and at t = 1 of the flow path nothing of the data is left and sigma is
// infinite; 65536 leaves 2^-32 of the signal's power, which no network can tell from nothing.
const MaxSigma = 65536

// noiseOnly is a level from which on data has less than 1e-6 of the power, so that the denoiser is the data's mean: samplers may cross the
// range above it in one first-order step.
const noiseOnly = 1000

// Family names a noise schedule.
type Family int

const (
	Linear           Family = iota // betas rise linearly (DDPM)
	ScaledLinear                   // √betas rise linearly (latent diffusion)
	Cosine                         // alphaBar falls as cos² (improved DDPM)
	Sigmoid                        // betas rise as a logistic curve (GeoDiff)
	Laplace                        // log-SNR is Laplace distributed, scale 0.5 (Hang et al. 2024)
	LaplaceDiffusers               // the curve that the diffusers library calls laplace
	EDM                            // VE, sigma between SigmaMin and SigmaMax, warped by Rho (Karras et al. 2022)
	FlowLinear                     // flow matching: x_t = (1-t)·x0 + t·eps
	Trigonometric                  // x_t = cos(πt/2)·x0 + sin(πt/2)·eps (Lu & Song 2024, arXiv 2410.11081)
)

var familyNames = enum.New[Family]("diffusion", "schedule", "linear", "scaled-linear", "cosine", "sigmoid", "laplace", "laplace-diffusers", "edm", "flow", "trigonometric")

// Families lists all schedules.
func Families() []Family { return familyNames.Values() }

// ParseFamily is the inverse of String.
func ParseFamily(name string) (Family, error) { return familyNames.Parse(name) }

// String returns the name of the schedule.
func (f Family) String() string { return familyNames.Name(f) }

// MarshalText writes the name.
func (f Family) MarshalText() ([]byte, error) { return familyNames.Marshal(f) }

// UnmarshalText reads the name.
func (f *Family) UnmarshalText(text []byte) error { return familyNames.Unmarshal(f, text) }

// discrete says whether the family is a table of N levels.
func (f Family) discrete() bool { return f < EDM }

// Schedule is a noise schedule: a rising map from time t in [0,1] to noise level sigma, with the path and the time input of the
// networks that it is used with. Discrete schedules are a table of N levels; level i sits at t = (i+1/2)/N, and ln sigma is
// interpolated in between. Make one with [ScheduleConfig.Build]; a Schedule is immutable and safe for concurrent use.
type Schedule struct {
	config   ScheduleConfig
	path     Path
	logSigma []float64 // discrete: ln sigma_i, strictly rising; nil when continuous
	min, max float64
}

// Config returns the configuration with all defaults filled in.
func (s *Schedule) Config() ScheduleConfig { return s.config }

// Path returns the scale at which networks of this schedule see their input.
func (s *Schedule) Path() Path { return s.path }

// Steps returns N of a discrete schedule and 0 of a continuous one.
func (s *Schedule) Steps() int { return len(s.logSigma) }

// SigmaRange returns the lowest and the highest noise level.
func (s *Schedule) SigmaRange() (lowest, highest float64) { return s.min, s.max }

// AlphasCumprod returns alphaBar_i = 1/(1+sigma_i²) of a discrete schedule, nil of a continuous one.
func (s *Schedule) AlphasCumprod() []float64 {
	if s.logSigma == nil {
		return nil
	}
	out := make([]float64, len(s.logSigma))
	for i, l := range s.logSigma {
		out[i] = 1 / (1 + math.Exp(2*l))
	}
	return out
}

// Sigma returns the noise level at time t; t outside [0,1] counts as the nearer end.
func (s *Schedule) Sigma(t float64) float64 {
	t = clamp(t, 0, 1)
	switch {
	case s.logSigma != nil:
		return math.Exp(interpolate(s.logSigma, t*float64(len(s.logSigma))-0.5))
	case s.config.Family == EDM:
		return s.limit(s.config.Shift * karras(1-t, s.config.SigmaMin, s.config.SigmaMax, s.config.Rho))
	case s.config.Family == Trigonometric:
		return s.limit(s.config.Shift * math.Tan(math.Pi/2*t))
	default:
		return s.limit(s.config.Shift * t / (1 - t))
	}
}

// Time is the inverse of Sigma: for levels within SigmaRange, Sigma(Time(sigma)) = sigma.
func (s *Schedule) Time(sigma float64) float64 {
	if s.logSigma != nil {
		return (s.position(sigma) + 0.5) / float64(len(s.logSigma))
	}
	base := sigma / s.config.Shift
	switch s.config.Family {
	case EDM:
		inv := 1 / s.config.Rho
		lo, hi := math.Pow(s.config.SigmaMin, inv), math.Pow(s.config.SigmaMax, inv)
		return clamp((math.Pow(base, inv)-lo)/(hi-lo), 0, 1)
	case Trigonometric:
		return math.Atan(base) * 2 / math.Pi
	default:
		return base / (1 + base)
	}
}

// CNoise returns the time input of the network at a noise level: the (fractional) index of a discrete schedule, ln(sigma)/4 for EDM
// (Karras et al. 2022, table 1), and 1000·t for the flow and trigonometric paths, so that embeddings made for indices fit.
func (s *Schedule) CNoise(sigma float64) float64 {
	switch {
	case s.logSigma != nil:
		return s.position(sigma)
	case s.config.Family == EDM:
		return math.Log(sigma) / 4
	case s.config.Family == Trigonometric:
		return 1000 * math.Atan(sigma) * 2 / math.Pi
	default:
		return 1000 * sigma / (1 + sigma)
	}
}

// Snap returns the time of the nearest level of a discrete schedule, and t itself for a continuous one.
func (s *Schedule) Snap(t float64) float64 {
	n := float64(len(s.logSigma))
	if n == 0 {
		return t
	}
	return (clamp(math.Floor(t*n), 0, n-1) + 0.5) / n
}

// position returns the fractional index of sigma in a discrete schedule, linear in ln sigma.
func (s *Schedule) position(sigma float64) float64 {
	l, n := math.Log(sigma), len(s.logSigma)
	i := sort.SearchFloat64s(s.logSigma, l)
	if i == 0 {
		return 0
	}
	if i == n {
		return float64(n - 1)
	}
	return float64(i-1) + (l-s.logSigma[i-1])/(s.logSigma[i]-s.logSigma[i-1])
}

func (s *Schedule) limit(sigma float64) float64 { return clamp(sigma, s.min, s.max) }

// checkSigma refuses levels at which the preconditioning has no value.
func checkSigma(sigma float64) error {
	if !(sigma > 0) || math.IsInf(sigma, 0) {
		return fmt.Errorf("diffusion: noise level %v: a denoiser needs a finite sigma above 0", sigma)
	}
	return nil
}

// karras returns the level at position u in [0,1] (0 = highest): Karras et al. 2022, equation 5.
func karras(u, lowest, highest, rho float64) float64 {
	lo, hi := math.Pow(lowest, 1/rho), math.Pow(highest, 1/rho)
	return math.Pow(hi+u*(lo-hi), rho)
}

// interpolate reads table at a fractional position, linearly, held constant outside.
func interpolate(table []float64, p float64) float64 {
	p = clamp(p, 0, float64(len(table)-1))
	i := min(int(p), max(len(table)-2, 0))
	j := min(i+1, len(table)-1)
	f := p - float64(i)
	return table[i]*(1-f) + table[j]*f
}

func clamp(v, lo, hi float64) float64 { return math.Min(math.Max(v, lo), hi) }
