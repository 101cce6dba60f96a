package diffusion

import (
	"fmt"
	"math"
)

// runHeun: Karras et al. 2022 (arXiv 2206.00364), algorithm 2 (algorithm 1 without churn). The step to level 0 is Euler's. So is one from a
// level that stands for infinity: the trapezoid rule would multiply what D learns further down by sigma/sigma', to no end.
func runHeun(s Sampler, t *trajectory) error {
	d, slope, slope2 := make([]float32, len(t.x)), make([]float32, len(t.x)), make([]float32, len(t.x))
	start := make([]float32, len(t.x))
	for i := range t.steps() {
		sigma, next := s.Churn.raise(t, i), t.sigmas[i+1]
		if err := t.denoise(d, t.x, sigma); err != nil {
			return fmt.Errorf("sampling step %d of %d: %w", i+1, t.steps(), err)
		}
		combine(slope, 1/sigma, t.x, -1/sigma, d)
		copy(start, t.x)
		addScaled(t.x, next-sigma, slope)
		if next == 0 || sigma > noiseOnly {
			continue
		}
		if err := t.clean(d, i+1); err != nil {
			return err
		}
		combine(slope2, 1/next, t.x, -1/next, d)
		combineAll(t.x, 1, start, []float64{(next - sigma) / 2, (next - sigma) / 2}, [][]float32{slope, slope2})
	}
	return nil
}

// raise adds the churn noise of step i to x and returns its level after that.
func (c Churn) raise(t *trajectory, i int) float64 {
	sigma := t.sigmas[i]
	if c.Amount == 0 || sigma < c.SigmaMin || (c.SigmaMax > 0 && sigma > c.SigmaMax) {
		return sigma
	}
	gamma := math.Min(c.Amount/float64(t.steps()), math.Sqrt2-1)
	raised := sigma * (1 + gamma)
	noiseScale := c.NoiseScale
	setDefault(&noiseScale, 1)
	t.addNoise(noiseScale*math.Sqrt((raised-sigma)*(raised+sigma)), i)
	return raised
}
