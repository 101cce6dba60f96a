package diffusion

import "math"

// The DPM-Solver++ multistep family (Lu et al. 2022, arXiv 2211.01095) solves, with lambda = -ln sigma and c = 1 + eta,
//
//	x' = e^{-c·h}·x + c·∫_0^h e^{-c·(h-τ)} D(lambda+τ) dτ + sigma'·√(1-e^{-2·eta·h})·z,  h = lambda' - lambda,
//
// by a polynomial through the last denoised values. eta = 0 is the ODE, eta = 1 the reverse SDE (their section 5, algorithm 2 of the
// appendix; k-diffusion's form for eta between). The step to level 0 is first order, as h is infinite there.

// history holds the last denoised values, newest first, and the h of the steps between them.
type history struct {
	d     [][]float32
	h     []float64
	depth int
}

// push makes room for a new value and returns its buffer; h is the step that led to it.
func (p *history) push(h float64, n int) []float32 {
	var buffer []float32
	if len(p.d) < p.depth {
		buffer = make([]float32, n)
		p.d = append(p.d, nil)
	} else {
		buffer = p.d[p.depth-1]
	}
	copy(p.d[1:], p.d)
	p.d[0] = buffer
	p.h = append([]float64{h}, p.h[:min(len(p.h), p.depth-1)]...)
	return buffer
}

func runDPMpp2M(s Sampler, t *trajectory) error { return runDPMpp(s, t, 2) }
func runDPMpp3M(s Sampler, t *trajectory) error { return runDPMpp(s, t, 3) }

func runDPMpp(s Sampler, t *trajectory, order int) error {
	past := history{depth: order}
	lastH := 0.0
	for i := range t.steps() {
		if err := t.clean(past.push(lastH, len(t.x)), i); err != nil {
			return err
		}
		sigma, next := t.sigmas[i], t.sigmas[i+1]
		if next == 0 {
			copy(t.x, past.d[0])
			continue
		}
		lastH = math.Log(sigma / next)
		c := dpmppWeights(lastH, past.h[:len(past.d)-1], s.Eta)
		combineAll(t.x, math.Exp(-(1+s.Eta)*lastH), t.x, c, past.d[:len(c)])
		t.addNoise(next*math.Sqrt(-math.Expm1(-2*s.Eta*lastH)), i)
	}
	return nil
}

// dpmppWeights returns the factors of the last denoised values, newest first, for a step of length h after steps of lengths past
// (newest first).
//
// Third order is the exact integral of the interpolating parabola. The published 3M codes (k-diffusion, diffusers) give the second
// difference half its weight, which leaves them second order; the convergence test of this package shows 3 for this form.
func dpmppWeights(h float64, past []float64, eta float64) []float64 {
	ch := (1 + eta) * h
	phi1 := -math.Expm1(-ch) // weight of D
	switch len(past) {
	case 0:
		return []float64{phi1}
	case 1: // the midpoint form of the paper's algorithm 2
		k := phi1 / 2 * h / past[0]
		return []float64{phi1 + k, -k}
	}
	phi2 := 1 - phi1/ch         // weight of h·D'
	phi3 := 2 * (0.5 - phi2/ch) // weight of h²·D''/2
	r0, r1 := past[0]/h, past[1]/h
	a := phi2 + (phi2*r0+phi3)/(r0+r1)
	b := (phi2*r0 + phi3) / (r0 + r1)
	// Newton's form: a·(D0-D1)/r0 - b·(D1-D2)/r1
	return []float64{phi1 + a/r0, -a/r0 - b/r1, b / r1}
}
