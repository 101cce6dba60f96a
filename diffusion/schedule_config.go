package diffusion

import (
	"fmt"
	"math"
)

// ScheduleConfig says which noise schedule to build. Zero values mean the default of the family, which stands in brackets.
//
// Shift moves a schedule to another resolution: a picture d times as wide averages noise over d² pixels, so the same destruction needs d
// times the sigma. It is logSNR + 2·ln(64/d) of Hoogeboom et al. 2023 (arXiv 2301.11093, equation 3) with Shift = d/64, and
// t' = Shift·t/(1+(Shift-1)·t) of Esser et al. 2024 (arXiv 2403.03206, equation 23) on the flow path.
type ScheduleConfig struct {
	Family          Family  // which curve
	Steps           int     // number of levels of a discrete family (1000); continuous families have none
	BetaStart       float64 // first beta of linear, scaled-linear and sigmoid (1e-4; scaled-linear 0.00085)
	BetaEnd         float64 // last beta (0.02; scaled-linear 0.012)
	ZeroTerminalSNR bool    // discrete: rescale so that the last level holds no signal (Lin et al. 2023)
	Shift           float64 // resolution shift: sigma is multiplied by it (1)
	SigmaMin        float64 // continuous: lowest level (EDM 0.002, else 0.001)
	SigmaMax        float64 // continuous: highest level (EDM 80, else MaxSigma)
	Rho             float64 // EDM: warp of the levels (7)
}

// Build checks the configuration, fills in its defaults and makes the schedule.
func (c ScheduleConfig) Build() (*Schedule, error) {
	if err := familyNames.Check(c.Family); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	if !c.Family.discrete() {
		path := map[Family]Path{EDM: VE, FlowLinear: Flow, Trigonometric: VP}[c.Family]
		lowest, highest := c.SigmaMin, c.SigmaMax
		if c.Family == EDM { // its range is part of the curve, and moves with the shift
			lowest, highest = lowest*c.Shift, math.Min(highest*c.Shift, MaxSigma)
		}
		return &Schedule{config: c, path: path, min: lowest, max: highest}, nil
	}
	s := &Schedule{config: c, path: VP, logSigma: c.logSigmas()}
	for i := 1; i < len(s.logSigma); i++ {
		if !(s.logSigma[i] > s.logSigma[i-1]) {
			return nil, fmt.Errorf("diffusion: schedule %v does not rise at step %d of %d: use fewer steps or other betas",
				c.Family, i, c.Steps)
		}
	}
	s.min, s.max = math.Exp(s.logSigma[0]), math.Exp(s.logSigma[len(s.logSigma)-1])
	if !(s.min > 0) || s.max > 1e9 {
		return nil, fmt.Errorf("diffusion: schedule %v with %d steps "+
			"goes from sigma %.3g to %.3g: choose steps and betas so that it stays between 0 and 1e9", c.Family, c.Steps, s.min, s.max)
	}
	return s, nil
}

func (c ScheduleConfig) withDefaults() ScheduleConfig {
	setDefault(&c.Shift, 1)
	if c.Family.discrete() {
		if c.Steps == 0 {
			c.Steps = 1000
		}
		switch c.Family {
		case Linear, Sigmoid:
			setDefault(&c.BetaStart, 1e-4)
			setDefault(&c.BetaEnd, 0.02)
		case ScaledLinear:
			setDefault(&c.BetaStart, 0.00085)
			setDefault(&c.BetaEnd, 0.012)
		}
		return c
	}
	if c.Family == EDM {
		setDefault(&c.SigmaMin, 0.002)
		setDefault(&c.SigmaMax, 80)
		setDefault(&c.Rho, 7)
	}
	setDefault(&c.SigmaMin, 0.001)
	setDefault(&c.SigmaMax, MaxSigma)
	return c
}

// check refuses values that make no schedule, and settings that the family would ignore.
func (c ScheduleConfig) check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("diffusion: schedule %v: %s", c.Family, fmt.Sprintf(format, args...))
	}
	usesBetas := c.Family == Linear || c.Family == ScaledLinear || c.Family == Sigmoid
	switch {
	case !(c.Shift > 0) || c.Shift > 1e4:
		return fail("Shift is %v: it must be above 0 and at most 1e4 (1 for none)", c.Shift)
	case c.Family.discrete() && (c.Steps < 2 || c.Steps > 1_000_000):
		return fail("Steps is %d: it must be 2 to 1000000", c.Steps)
	case usesBetas && !(c.BetaStart > 0 && c.BetaStart <= c.BetaEnd && c.BetaEnd < 1):
		return fail("betas from %v to %v: need 0 < BetaStart <= BetaEnd < 1", c.BetaStart, c.BetaEnd)
	case !usesBetas && (c.BetaStart != 0 || c.BetaEnd != 0):
		return fail("BetaStart and BetaEnd have no meaning here: leave them out")
	case !c.Family.discrete() && (c.Steps != 0 || c.ZeroTerminalSNR):
		return fail("Steps and ZeroTerminalSNR belong to discrete schedules: leave them out")
	case c.Family.discrete() && (c.SigmaMin != 0 || c.SigmaMax != 0 || c.Rho != 0):
		return fail("SigmaMin, SigmaMax and Rho belong to continuous schedules: leave them out")
	case c.Family.discrete():
		return nil
	case !(c.SigmaMin > 0 && c.SigmaMin < c.SigmaMax && c.SigmaMax <= MaxSigma):
		return fail("sigma from %v to %v: need 0 < SigmaMin < SigmaMax <= %v", c.SigmaMin, c.SigmaMax, MaxSigma)
	case c.Family == EDM && !(c.Rho >= 1 && c.Rho <= 100):
		return fail("Rho is %v: it must be 1 to 100", c.Rho)
	case c.Family != EDM && c.Rho != 0:
		return fail("Rho belongs to edm: leave it out")
	}
	return nil
}

// logSigmas returns ln sigma_i of a discrete schedule, shifted. With zero terminal SNR the last, infinite one becomes MaxSigma, or twice
// the one before where that is more.
func (c ScheduleConfig) logSigmas() []float64 {
	alphaBar := c.alphaBars()
	if c.ZeroTerminalSNR {
		rescaleZeroTerminalSNR(alphaBar)
	}
	out := make([]float64, len(alphaBar))
	for i, a := range alphaBar {
		out[i] = 0.5*math.Log((1-a)/a) + math.Log(c.Shift)
	}
	if n := len(out); c.ZeroTerminalSNR {
		out[n-1] = math.Max(math.Log(MaxSigma), out[n-2]+math.Ln2)
	}
	return out
}

// alphaBars returns alphaBar_i of the family's own curve.
func (c ScheduleConfig) alphaBars() []float64 {
	switch c.Family {
	case ScaledLinear:
		return alphasCumprod(betasScaledLinear(c.Steps, c.BetaStart, c.BetaEnd))
	case Cosine:
		return alphasCumprod(betasOfAlphaBar(c.Steps, alphaBarCosine))
	case Sigmoid:
		return alphasCumprod(betasSigmoid(c.Steps, c.BetaStart, c.BetaEnd))
	case LaplaceDiffusers:
		return alphasCumprod(betasOfAlphaBar(c.Steps, alphaBarLaplaceDiffusers))
	case Laplace:
		out := make([]float64, c.Steps)
		for i := range out {
			out[i] = 1 / (1 + math.Exp(-logSNRLaplace((float64(i)+0.5)/float64(c.Steps), 0.5)))
		}
		return out
	default:
		return alphasCumprod(betasLinear(c.Steps, c.BetaStart, c.BetaEnd))
	}
}

func setDefault(v *float64, value float64) {
	if *v == 0 {
		*v = value
	}
}
