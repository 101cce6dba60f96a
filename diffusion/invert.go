package diffusion

import (
	"fmt"
	"slices"
)

// Invert is DDIM inversion: it takes clean data x at level sigmas[n] up to level sigmas[0] in place, the noise from which DDIM (Eta 0)
// on the same falling levels returns to x. Each step x' = x + (sigma'-sigma)·(x'-D(x',sigma'))/sigma' is implicit; one iteration puts
// x in place of x' on the right (Mokady et al. 2023, arXiv 2211.09794, section 3.2; diffusers' DDIMInverseScheduler), more approach
// the exact inverse (Pan et al. 2023, arXiv 2309.04907). Three suffice for smooth denoisers.
func Invert(d Denoiser, x []float32, sigmas []float64, iterations int) error {
	if err := checkLevels(sigmas); err != nil {
		return err
	}
	if iterations < 1 || len(x) == 0 {
		return fmt.Errorf("diffusion: inversion of %d numbers with %d iterations a step: need at least 1 of each", len(x), iterations)
	}
	from, clean := slices.Clone(x), make([]float32, len(x))
	for i := len(sigmas) - 2; i >= 0; i-- {
		next := sigmas[i]
		r := (next - sigmas[i+1]) / next
		copy(from, x)
		for range iterations {
			if err := d(clean, x, next); err != nil {
				return fmt.Errorf("inversion to sigma %.4g: %w", next, err)
			}
			// x' = from + r·(x' - D): the guess on the right is x
			combineAll(x, 1, from, []float64{r, -r}, [][]float32{x, clean})
		}
	}
	return nil
}
