package diffusion

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Method names a sampling algorithm.
type Method int

const (
	DDPM           Method = iota // ancestral, variance of the posterior ("fixed small")
	DDPMLarge                    // ancestral, variance of the forward step ("fixed large")
	DDIM                         // Song et al. 2021; Eta 0 is deterministic, 1 is DDPM
	Euler                        // first-order ODE solver
	EulerAncestral               // Euler towards a lower level, then noise
	Heun                         // second order, two calls a step, with Churn: Karras et al. 2022
	DPMpp2M                      // DPM-Solver++(2M)
	DPMpp3M                      // DPM-Solver++(3M)
	DPMpp2MSDE                   // their stochastic forms
	DPMpp3MSDE
	UniPC // predictor-corrector, one call a step
	LMS   // linear multistep (Adams-Bashforth in sigma)
)

// method is one row of the table of samplers.
type method struct {
	name     string
	eta      float64 // default of Sampler.Eta
	order    int     // default of Sampler.Order
	maxOrder int     // 0: Order is not adjustable
	run      func(s Sampler, t *trajectory) error
}

// methods returns the table, in the order of the constants.
func methods() []method {
	return []method{
		DDPM:           {"ddpm", 1, 0, 0, runAncestral},
		DDPMLarge:      {"ddpm-large", 1, 0, 0, runDDPMLarge},
		DDIM:           {"ddim", 0, 0, 0, runAncestral},
		Euler:          {"euler", 0, 0, 0, runAncestral},
		EulerAncestral: {"euler-ancestral", 1, 0, 0, runAncestral},
		Heun:           {"heun", 0, 0, 0, runHeun},
		DPMpp2M:        {"dpmpp-2m", 0, 0, 0, runDPMpp2M},
		DPMpp3M:        {"dpmpp-3m", 0, 0, 0, runDPMpp3M},
		DPMpp2MSDE:     {"dpmpp-2m-sde", 1, 0, 0, runDPMpp2M},
		DPMpp3MSDE:     {"dpmpp-3m-sde", 1, 0, 0, runDPMpp3M},
		UniPC:          {"unipc", 0, 2, 3, runUniPC},
		LMS:            {"lms", 0, 4, 4, runLMS},
	}
}

func methodNames() enum.Names[Method] {
	rows := methods()
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.name
	}
	return enum.New[Method]("diffusion", "sampler", names...)
}

// Methods lists all samplers.
func Methods() []Method { return methodNames().Values() }

// ParseMethod is the inverse of String.
func ParseMethod(name string) (Method, error) { return methodNames().Parse(name) }

// String returns the name of the sampler, as on a command line.
func (m Method) String() string { return methodNames().Name(m) }

// MarshalText writes the name.
func (m Method) MarshalText() ([]byte, error) { return methodNames().Marshal(m) }

// UnmarshalText reads the name.
func (m *Method) UnmarshalText(text []byte) error { return methodNames().Unmarshal(m, text) }

// Sampler is a method with its settings. Start from [NewSampler], which fills in the method's defaults.
type Sampler struct {
	Method Method
	Eta    float64 // share of fresh noise of ddim, euler-ancestral and the SDE forms: 0 none, 1 full
	Order  int     // unipc 1-3 (2), lms 1-4 (4)
	Churn  Churn   // heun
}

// Churn adds noise before each Heun step: Karras et al. 2022, algorithm 2. The zero value adds none.
type Churn struct {
	Amount     float64 // S_churn, spread over the steps
	SigmaMin   float64 // S_tmin: at levels in [SigmaMin, SigmaMax] only
	SigmaMax   float64 // S_tmax, 0 for no upper end
	NoiseScale float64 // S_noise, 0 for 1
}

// NewSampler returns a method with its default settings.
func NewSampler(m Method) Sampler {
	rows := methods()
	if m < 0 || int(m) >= len(rows) {
		return Sampler{Method: m}
	}
	return Sampler{Method: m, Eta: rows[m].eta, Order: rows[m].order}
}

// Stochastic says whether the sampler draws noise after the start.
func (s Sampler) Stochastic() bool { return s.Eta > 0 || s.Churn.Amount > 0 }

// Evaluations returns how often a trajectory of n steps, the last one to level 0, calls the denoiser.
func (s Sampler) Evaluations(n int) int {
	if s.Method == Heun {
		return 2*n - 1
	}
	return n
}

// Check says whether the settings make sense for the method.
func (s Sampler) Check() error {
	if err := methodNames().Check(s.Method); err != nil {
		return err
	}
	row := methods()[s.Method]
	takesEta := s.Method == DDIM || row.eta > 0
	switch {
	case !(s.Eta >= 0 && s.Eta <= 1):
		return fmt.Errorf("diffusion: sampler %s: Eta is %v: it must be 0 to 1", row.name, s.Eta)
	case !takesEta && s.Eta != 0:
		return fmt.Errorf("diffusion: sampler %s draws no noise: leave Eta 0, or choose ddim, euler-ancestral or an SDE form", row.name)
	case s.Method <= DDPMLarge && s.Eta != 1:
		return fmt.Errorf("diffusion: sampler %s has Eta 1 by definition, not %v: ddim takes other values", row.name, s.Eta)
	case row.maxOrder == 0 && s.Order != 0:
		return fmt.Errorf("diffusion: sampler %s has a fixed order: leave Order 0", row.name)
	case row.maxOrder > 0 && (s.Order < 1 || s.Order > row.maxOrder):
		return fmt.Errorf("diffusion: sampler %s: Order is %d: it must be 1 to %d", row.name, s.Order, row.maxOrder)
	case s.Method != Heun && s.Churn != (Churn{}):
		return fmt.Errorf("diffusion: sampler %s: only heun takes Churn", row.name)
	}
	return s.Churn.check()
}

func (c Churn) check() error {
	for _, v := range []float64{c.Amount, c.SigmaMin, c.SigmaMax, c.NoiseScale} {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("diffusion: churn %+v: all four numbers must be finite and at least 0", c)
		}
	}
	return nil
}

// Sample takes x, a batch at level sigmas[0], to level sigmas[n] in place. sigmas falls strictly; only the last may be 0. noise may be
// nil for deterministic settings. All samples of the batch share the levels; nothing else couples them.
func (s Sampler) Sample(d Denoiser, x []float32, sigmas []float64, noise NoiseFunc) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := checkLevels(sigmas); err != nil {
		return err
	}
	if len(x) == 0 {
		return fmt.Errorf("diffusion: sampler %v: an empty batch", s.Method)
	}
	if noise == nil && s.Stochastic() {
		return fmt.Errorf("diffusion: sampler %v with Eta %v, churn %v draws noise: give it a source such as Noise{Seed: 1, Size: n}.Fill",
			s.Method, s.Eta, s.Churn.Amount)
	}
	return methods()[s.Method].run(s, &trajectory{denoise: d, x: x, sigmas: sigmas, noise: noise, z: make([]float32, len(x))})
}

// trajectory is the state that all samplers share.
type trajectory struct {
	denoise Denoiser
	x       []float32 // the batch, changed in place
	sigmas  []float64
	noise   NoiseFunc
	z       []float32 // scratch for noise
}

// steps returns the number of transitions.
func (t *trajectory) steps() int { return len(t.sigmas) - 1 }

// clean writes D(x, sigma_i) to dst.
func (t *trajectory) clean(dst []float32, i int) error {
	if err := t.denoise(dst, t.x, t.sigmas[i]); err != nil {
		return fmt.Errorf("sampling step %d of %d: %w", i+1, t.steps(), err)
	}
	return nil
}

// addNoise adds amount·z, z the noise of transition i.
func (t *trajectory) addNoise(amount float64, i int) {
	if amount > 0 {
		t.noise(t.z, i+1)
		addScaled(t.x, amount, t.z)
	}
}
