package diffusion

import (
	"fmt"
	"math"
)

// Guidance pushes a denoiser away from a weaker one: D = base + Scale·(d - base).
//
// With the same network without its condition as base it is classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598, with
// Scale = 1 + w); with a smaller or less trained network as base it is autoguidance (Karras et al. 2024, arXiv 2406.02507, equation 3).
type Guidance struct {
	Scale    float64 // 1: d alone, 0: base alone, above 1: guided
	SigmaMin float64 // guide at levels in (SigmaMin, SigmaMax] only; elsewhere d alone and base is not called:
	SigmaMax float64 // Kynkäänniemi et al. 2024 (arXiv 2404.07724), algorithm 1. SigmaMax 0 means no upper end
	Rescale  float64 // 0 none … 1: bring each sample's standard deviation back to that of d: Lin et al. 2023 (arXiv 2305.08891), equations 15-16
	Size     int     // numbers per sample, for Rescale
}

// Check says whether the numbers make sense.
func (g Guidance) Check() error {
	switch {
	case math.IsNaN(g.Scale) || math.IsInf(g.Scale, 0):
		return fmt.Errorf("diffusion: guidance scale %v: it must be finite", g.Scale)
	case !(g.SigmaMin >= 0) || math.IsNaN(g.SigmaMax) || (g.SigmaMax != 0 && g.SigmaMax <= g.SigmaMin):
		return fmt.Errorf("diffusion: guidance interval (%v, %v]: need 0 <= SigmaMin < SigmaMax, or SigmaMax 0 for no end", g.SigmaMin, g.SigmaMax)
	case !(g.Rescale >= 0 && g.Rescale <= 1):
		return fmt.Errorf("diffusion: guidance rescale %v: it must be 0 to 1", g.Rescale)
	case g.Rescale > 0 && g.Size < 1:
		return fmt.Errorf("diffusion: guidance rescale needs the numbers per sample: set Guidance.Size")
	}
	return nil
}

// Active says whether base matters at this level; when it does not, d alone is the answer.
func (g Guidance) Active(sigma float64) bool {
	return g.Scale != 1 && sigma > g.SigmaMin && (g.SigmaMax == 0 || sigma <= g.SigmaMax)
}

// Combine writes the guided estimate to dst, which may be d or base. A caller that runs both networks in one batch uses it with
// [Guidance.Active]; others use [Guide]. The rescaling acts on clean estimates, so it means the same for every prediction.
func (g Guidance) Combine(dst, d, base []float32) {
	size := len(d)
	if g.Rescale > 0 {
		size = g.Size
	}
	for i := 0; i < len(d); i += size {
		j := min(i+size, len(d))
		g.combineOne(dst[i:j], d[i:j], base[i:j])
	}
}

func (g Guidance) combineOne(dst, d, base []float32) {
	factor := 1.0
	if g.Rescale > 0 {
		want := standardDeviation(d)
		combine(dst, g.Scale, d, 1-g.Scale, base)
		if have := standardDeviation(dst); have > 0 {
			factor = g.Rescale*want/have + 1 - g.Rescale
		}
		scale(dst, factor, dst)
		return
	}
	combine(dst, g.Scale, d, 1-g.Scale, base)
}

// Guide returns the guided denoiser. It keeps one scratch buffer: use it from one goroutine at a time.
func Guide(d, base Denoiser, g Guidance) (Denoiser, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	var other []float32
	return func(dst, x []float32, sigma float64) error {
		if err := d(dst, x, sigma); err != nil || !g.Active(sigma) {
			return err
		}
		other = resize(other, len(x))
		if err := base(other, x, sigma); err != nil {
			return fmt.Errorf("guiding network: %w", err)
		}
		g.Combine(dst, dst, other)
		return nil
	}, nil
}
