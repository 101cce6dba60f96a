package diffusion

import (
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Path is the scale at which a network sees the mixture of data and noise: x_t = alpha·x0 + s·eps with s/alpha = sigma.
type Path int

const (
	VE   Path = iota // variance exploding: alpha = 1 (EDM)
	VP               // variance preserving: alpha² + s² = 1 (DDPM; the trigonometric path is the same curve)
	Flow             // linear interpolation: alpha + s = 1 (flow matching, rectified flow)
)

var pathNames = enum.New[Path]("diffusion", "path", "ve", "vp", "flow")

// String returns the name of the path.
func (p Path) String() string { return pathNames.Name(p) }

// AlphaSigma returns the factors of data and noise at noise level sigma, x_t = alpha·x0 + s·eps. Source: Kingma et al. 2021
// (arXiv 2107.00630) section 3.1 for VP, Lipman et al. 2023 (arXiv 2210.02747) equation 20 with sigma_min = 0 for Flow.
func (p Path) AlphaSigma(sigma float64) (alpha, s float64) {
	switch p {
	case VP:
		alpha = 1 / math.Hypot(1, sigma)
	case Flow:
		alpha = 1 / (1 + sigma)
	default:
		alpha = 1
	}
	return alpha, alpha * sigma
}

// Prior returns the standard deviation of pure noise in the coordinate x at the first noise level of a sampler. A VP model
// starts from x_t ~ N(0, 1), which is √(1+sigma²) there; the others start from sigma.
func (p Path) Prior(sigma float64) float64 {
	if p == VP {
		return math.Hypot(1, sigma)
	}
	return sigma
}
