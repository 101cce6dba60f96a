package diffusion

import "math"

// runAncestral is one formula for DDPM, DDIM, Euler and Euler ancestral, which differ only in eta. In the coordinate x = x0 + sigma·eps,
//
//	x' = D + sigma_down·(x - D)/sigma + sigma_up·z,  sigma_down² + sigma_up² = sigma'²,
//	sigma_up² = eta²·sigma'²·(sigma² - sigma'²)/sigma²
//
// is equation 12 of Song et al. 2021 (DDIM, arXiv 2010.02502) with equation 16's variance, divided by alpha'; eta = 1 is the posterior
// of DDPM with variance beta-tilde (Ho et al. 2020, equation 7), and eta = 0 Euler's step on dx/dsigma = (x - D)/sigma, on the flow path
// as well as here. k-diffusion's ancestral Euler has the same sigma_up.
func runAncestral(s Sampler, t *trajectory) error {
	d := make([]float32, len(t.x))
	for i := range t.steps() {
		if err := t.clean(d, i); err != nil {
			return err
		}
		down, up := ancestralLevels(t.sigmas[i], t.sigmas[i+1], s.Eta)
		r := down / t.sigmas[i]
		combine(t.x, r, t.x, 1-r, d)
		t.addNoise(up, i)
	}
	return nil
}

// ancestralLevels splits the next level into what is kept of the old noise and what is fresh.
func ancestralLevels(sigma, next, eta float64) (down, up float64) {
	up = eta * next * math.Sqrt((sigma-next)*(sigma+next)) / sigma
	return math.Sqrt(math.Max(0, (next-up)*(next+up))), up
}

// runDDPMLarge is DDPM with the forward step's own variance beta (Ho et al. 2020, section 3.2), which is optimal for data of unit
// variance: divided by alpha'² it is (1 + sigma'²)·(sigma² - sigma'²)/(1 + sigma²). The mean is the posterior's, and the step to
// level 0 adds nothing.
func runDDPMLarge(_ Sampler, t *trajectory) error {
	d := make([]float32, len(t.x))
	for i := range t.steps() {
		if err := t.clean(d, i); err != nil {
			return err
		}
		sigma, next := t.sigmas[i], t.sigmas[i+1]
		r := next * next / (sigma * sigma)
		combine(t.x, r, t.x, 1-r, d)
		if next > 0 {
			t.addNoise(math.Sqrt((1+next*next)*(sigma-next)*(sigma+next)/(1+sigma*sigma)), i)
		}
	}
	return nil
}
