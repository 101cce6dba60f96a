package diffusion

import (
	"math"
	"slices"
	"testing"
)

// The oracle: for data of known distribution the denoiser is a formula, so nothing needs training.

// gaussian is E[x0|x] for x0 ~ N(0, 1). Its probability-flow ODE has the solution x(sigma) = x(sigma_0)·√(1+sigma²)/√(1+sigma_0²).
func gaussian(dst, x []float32, sigma float64) error {
	scale(dst, 1/(1+sigma*sigma), x)
	return nil
}

// evenLambda returns n steps from high to low, even in ln sigma.
func evenLambda(high, low float64, n int) []float64 {
	out := make([]float64, n+1)
	for i := range out {
		out[i] = high * math.Pow(low/high, float64(i)/float64(n))
	}
	return out
}

// odeError is the relative error of n steps on the Gaussian. The start is so noisy that the low order of the first multistep
// steps does not show.
func odeError(t *testing.T, s Sampler, n int) float64 {
	t.Helper()
	levels := evenLambda(300, 0.5, n)
	x := []float32{float32(math.Hypot(1, 300))}
	if err := s.Sample(gaussian, x, levels, nil); err != nil {
		t.Fatal(err)
	}
	return math.Abs(float64(x[0])/math.Hypot(1, 0.5) - 1)
}

// TestOrderOfConvergence measures each deterministic sampler's order between n and 2n steps.
func TestOrderOfConvergence(t *testing.T) {
	for _, c := range []struct {
		s     Sampler
		n     int
		order float64
	}{
		{Sampler{Method: DDIM}, 200, 1},
		{Sampler{Method: Euler}, 200, 1},
		{Sampler{Method: Heun}, 100, 2},
		{Sampler{Method: DPMpp2M}, 100, 2},
		{Sampler{Method: DPMpp3M}, 60, 3},
		{Sampler{Method: UniPC, Order: 1}, 100, 2},
		{Sampler{Method: UniPC, Order: 2}, 60, 3},
		{Sampler{Method: UniPC, Order: 3}, 30, 4},
		{Sampler{Method: LMS, Order: 1}, 200, 1},
		{Sampler{Method: LMS, Order: 2}, 100, 2},
		{Sampler{Method: LMS, Order: 3}, 80, 3},
		{Sampler{Method: LMS, Order: 4}, 80, 4},
	} {
		a, b := odeError(t, c.s, c.n), odeError(t, c.s, 2*c.n)
		order := math.Log2(a / b)
		t.Logf("%v order %d: error %.2g at %d steps, %.2g at %d: order %.2f", c.s.Method, c.s.Order, a, c.n, b, 2*c.n, order)
		if order < c.order-0.35 || order > c.order+1.5 { // above: the leading error terms still cancel at few steps
			t.Errorf("%v (Order %d): measured order %.2f, want %v", c.s.Method, c.s.Order, order, c.order)
		}
	}
}

// sdeVariance is the exact variance that a stochastic sampler gives to N(0, 1) data. The sampler is linear there, so a batch whose
// element k carries nothing but the k-th noise source at unit strength ends with the factors of all sources.
func sdeVariance(t *testing.T, s Sampler, n int) float64 {
	t.Helper()
	levels := evenLambda(300, 0.05, n)
	x := make([]float32, n+1)
	x[0] = float32(math.Hypot(1, levels[0]))
	unit := func(dst []float32, step int) {
		clear(dst)
		dst[step] = 1
	}
	if err := s.Sample(gaussian, x, levels, unit); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func TestStochasticOrder(t *testing.T) {
	want := 1 + 0.05*0.05
	for _, c := range []struct {
		s     Sampler
		n     int
		order float64
	}{
		{NewSampler(DDPM), 400, 1},
		{NewSampler(EulerAncestral), 400, 1},
		{Sampler{Method: DDIM, Eta: 0.5}, 400, 1},
		{NewSampler(DPMpp2MSDE), 100, 2},
		{NewSampler(DPMpp3MSDE), 60, 2},
		{Sampler{Method: Heun, Churn: Churn{Amount: 10}}, 200, 2},
	} {
		a, b := math.Abs(sdeVariance(t, c.s, c.n)-want), math.Abs(sdeVariance(t, c.s, 2*c.n)-want)
		order := math.Log2(a / b)
		t.Logf("%v: error of the variance %.2g at %d steps, %.2g at %d: order %.2f", c.s.Method, a, c.n, b, 2*c.n, order)
		if math.Abs(order-c.order) > 0.45 {
			t.Errorf("%v: measured weak order %.2f, want %v", c.s.Method, order, c.order)
		}
	}
	// "fixed large" is made for unit variance and is exact there at any number of steps (Ho et al. 2020, section 3.2).
	if v := sdeVariance(t, NewSampler(DDPMLarge), 25); math.Abs(v-want) > 1e-4 {
		t.Errorf("ddpm-large: variance %v of unit data in 25 steps, want %v", v, want)
	}
}

// mixture is N(-1, 0.3²) with weight 0.3 and N(1, 0.3²) with weight 0.7.
func mixture(dst, x []float32, sigma float64) error {
	v := 0.09 + sigma*sigma
	for i, xi := range x {
		x := float64(xi)
		high := 1 / (1 + 0.3/0.7*math.Exp(-2*x/v)) // posterior weight of the mode at 1
		dst[i] = float32((0.09*x + sigma*sigma*(2*high-1)) / v)
	}
	return nil
}

func mixtureCDF(x float64) float64 {
	phi := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	return 0.3*phi((x+1)/0.3) + 0.7*phi((x-1)/0.3)
}

// kolmogorovSmirnov is the largest distance between the empirical and the true distribution function.
func kolmogorovSmirnov(x []float32, cdf func(float64) float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	worst := 0.0
	for i, v := range sorted {
		f, n := cdf(float64(v)), float64(len(sorted))
		worst = max(worst, math.Abs(f-float64(i)/n), math.Abs(f-float64(i+1)/n))
	}
	return worst
}

// TestSamplersReachTheMixture: 4,000 samples of each method follow the true distribution (1 % point of the Kolmogorov-Smirnov
// statistic: 0.026), and the test can fail: half the noise misses by far.
func TestSamplersReachTheMixture(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{Family: EDM})
	draw := func(m Method, steps int, start float64) float64 {
		levels, err := s.Levels(Karras, steps)
		if err != nil {
			t.Fatal(err)
		}
		noise := Noise{Seed: 11, Size: 1}
		x := make([]float32, 4000)
		s.Start(x, start*levels[0], noise.Fill)
		if err := NewSampler(m).Sample(mixture, x, levels, noise.Fill); err != nil {
			t.Fatal(err)
		}
		return kolmogorovSmirnov(x, mixtureCDF)
	}
	for _, m := range Methods() {
		steps := 40
		if m <= DDPMLarge || m == EulerAncestral || m == DDIM || m == Euler {
			steps = 250
		}
		ks := draw(m, steps, 1)
		t.Logf("%v, %d steps: KS %.4f", m, steps, ks)
		if ks > 0.035 {
			t.Errorf("%v: distance %.3f from the true distribution", m, ks)
		}
	}
	if ks := draw(Heun, 40, 0.5); ks < 0.05 {
		t.Errorf("half the starting noise goes unnoticed: KS %.3f", ks)
	}
}

// TestEverySchedule reaches the mixture by 50 Heun steps over every schedule and spacing.
func TestEverySchedule(t *testing.T) {
	for _, f := range Families() {
		s := mustBuild(t, ScheduleConfig{Family: f})
		for _, spacing := range Spacings() {
			if spacing == LinearSigma || (spacing >= Trailing && (f == Laplace || f == LaplaceDiffusers)) {
				continue // too coarse near 0 for modes of width 0.3
			}
			levels, err := s.Levels(spacing, 50)
			if err != nil {
				t.Fatal(err)
			}
			noise := Noise{Seed: 5, Size: 1}
			x := make([]float32, 1500)
			s.Start(x, levels[0], noise.Fill)
			if err := (Sampler{Method: Heun}).Sample(mixture, x, levels, nil); err != nil {
				t.Fatal(err)
			}
			if ks := kolmogorovSmirnov(x, mixtureCDF); ks > 0.06 {
				t.Errorf("schedule %v, spacing %v: KS %.3f, levels %.3g", f, spacing, ks, levels)
			}
		}
	}
}

// TestInversionReturns: noise found by inversion leads DDIM back to the data.
func TestInversionReturns(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{})
	levels, err := s.Levels(Leading, 50)
	if err != nil {
		t.Fatal(err)
	}
	worst := func(iterations int) float64 {
		x := float32s(goldenStart)
		if err := Invert(mixture, x, levels, iterations); err != nil {
			t.Fatal(err)
		}
		if err := NewSampler(DDIM).Sample(mixture, x, levels, nil); err != nil {
			t.Fatal(err)
		}
		w := 0.0
		for i, v := range x {
			w = max(w, math.Abs(float64(v)-goldenStart[i]))
		}
		return w
	}
	one, ten := worst(1), worst(10)
	t.Logf("round trip error: %.3g with 1 iteration, %.3g with 10", one, ten)
	if ten > 2e-3 || ten > one/10 {
		t.Errorf("round trip error %.3g with 1 iteration, %.3g with 10: want below 0.002", one, ten)
	}
}
