package diffusion

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng"
	"github.com/ebb-ml/ebb/internal/rng/rngtest"
)

// mixtureVJP is the mixture of oracle_test.go with its derivative, in float64 so that orders of convergence can be seen.
func mixtureVJP(dst, grad, x, v []float32, sigma float64) error {
	variance := 0.09 + sigma*sigma
	for i, xi := range x {
		high := 1 / (1 + 0.3/0.7*math.Exp(-2*float64(xi)/variance))
		dst[i] = float32((0.09*float64(xi) + sigma*sigma*(2*high-1)) / variance)
		grad[i] = v[i] * float32((0.09+sigma*sigma*4*high*(1-high)/variance)/variance)
	}
	return nil
}

// mixtureLogDensity of the mixture plus noise of level sigma.
func mixtureLogDensity(x, sigma float64) float64 {
	s := math.Hypot(0.3, sigma)
	n := func(m float64) float64 { return math.Exp(-0.5*(x-m)*(x-m)/(s*s)) / (s * math.Sqrt(2*math.Pi)) }
	return math.Log(0.3*n(-1) + 0.7*n(1))
}

func edmODE(t *testing.T, size int) ODE {
	return NewODE(mustBuild(t, ScheduleConfig{Family: EDM}), size)
}

// TestLogLikelihoodOfMixture: every solver gives the true density, with the gradient and with differences, and one probe is exact in
// one dimension.
func TestLogLikelihoodOfMixture(t *testing.T) {
	points := []float32{-1.9, -1, -0.4, 0, 0.3, 0.9, 1.6}
	for _, c := range []struct {
		solver Solver
		steps  int
		tol    float64
		probes int
		d      DenoiserVJP
	}{
		{SolveAdaptive, 1000, 1e-4, 0, mixtureVJP},
		{SolveAdaptive, 1000, 1e-4, 1, mixtureVJP},
		{SolveHeun, 700, 1e-3, 0, mixtureVJP},
		{SolveRK4, 60, 1e-3, 0, mixtureVJP},
		{SolveRK4, 60, 1e-3, 2, NumericVJP(mixture, 0.01)},
	} {
		o := edmODE(t, 1)
		o.SigmaMax, o.Prior = 1000, 1000 // where the mean of the data is nothing beside the noise
		o.Solver, o.Steps, o.Tolerance, o.Probes = c.solver, c.steps, c.tol, c.probes
		x := append([]float32(nil), points...)
		got, calls, err := o.LogLikelihood(context.Background(), c.d, x, 0)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i, p := range points {
			worst = math.Max(worst, math.Abs(got[i]-mixtureLogDensity(float64(p), o.SigmaMin)))
		}
		t.Logf("%v, %d probes: %d calls, error %.2g nats", c.solver, c.probes, calls, worst)
		if worst > 0.006 {
			t.Errorf("%v: log-density misses by %.3g nats", c.solver, worst)
		}
	}
}

// correlated is E[x0|x] for x0 ~ N(0, A), A = [[1, 0.8], [0.8, 1]], with its Jacobian A(A+sigma²)⁻¹.
func correlated(dst, grad, x, v []float32, sigma float64) error {
	s := 1 + sigma*sigma
	det := s*s - 0.64
	a, b := (s-0.64)/det, (0.8*s-0.8)/det
	for i := 0; i < len(x); i += 2 {
		dst[i], dst[i+1] = float32(a*float64(x[i])+b*float64(x[i+1])), float32(b*float64(x[i])+a*float64(x[i+1]))
		grad[i], grad[i+1] = float32(a*float64(v[i])+b*float64(v[i+1])), float32(b*float64(v[i])+a*float64(v[i+1]))
	}
	return nil
}

// TestHutchinsonIsUnbiased: where the Jacobian is not diagonal one probe is wrong, and the mean over many is right within its error.
func TestHutchinsonIsUnbiased(t *testing.T) {
	point := []float32{0.7, -0.2}
	exact := edmODE(t, 2)
	exact.Solver, exact.Steps, exact.Probes = SolveRK4, 60, 0
	got, _, err := exact.LogLikelihood(context.Background(), correlated, append([]float32(nil), point...), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := -0.5*(0.49+0.04+2*0.8*0.14)/0.36 - 0.5*math.Log(0.36) - math.Log(2*math.Pi)
	near(t, "exact log-density", got[0], want, 2e-3)
	const n = 400
	points := func(n int) (x []float32) {
		for range n {
			x = append(x, point...)
		}
		return x
	}
	exact.Probes = 1
	one, _, err := exact.LogLikelihood(context.Background(), correlated, points(n), 5)
	if err != nil {
		t.Fatal(err)
	}
	m := Mean(one)
	t.Logf("exact %.4f, one probe %.4f ± %.4f", got[0], m.Value, m.StandardError)
	if m.StandardError < 1e-3 || math.Abs(m.Value-got[0]) > 3.5*m.StandardError {
		t.Errorf("mean over probes %.4f ± %.4f, exact %.4f", m.Value, m.StandardError, got[0])
	}
	// a sample's probe is its own, wherever the batch is cut
	again, _, err := exact.LogLikelihood(context.Background(), correlated, points(10), 15)
	if err != nil || again[0] != one[10] {
		t.Errorf("sample 15 has log-density %v in one batch and %v in another (%v)", one[10], again, err)
	}
}

// TestSolverOrders on N(0, 1) data, where the density is known for any steps.
func TestSolverOrders(t *testing.T) {
	d := func(dst, grad, x, v []float32, sigma float64) error {
		scale(grad, 1/(1+sigma*sigma), v)
		return gaussian(dst, x, sigma)
	}
	miss := func(s Solver, steps int) float64 {
		o := edmODE(t, 1)
		o.Solver, o.Steps, o.SigmaMax, o.Prior = s, steps, 3, math.Sqrt(10)
		x := []float32{1}
		got, _, err := o.LogLikelihood(context.Background(), d, x, 0)
		if err != nil {
			t.Fatal(err)
		}
		variance := 1 + o.SigmaMin*o.SigmaMin
		return math.Abs(got[0] + 0.5*math.Log(2*math.Pi*variance) + 0.5/variance)
	}
	for s, want := range map[Solver]float64{SolveHeun: 2, SolveRK4: 4} {
		a, b := miss(s, 12), miss(s, 24)
		if order := math.Log2(a / b); order < want-0.5 || order > want+3 {
			t.Errorf("%v: error %.3g at 12 steps, %.3g at 24: order %.2f, want %v", s, a, b, order, want)
		}
	}
}

var testBins = Bins{Low: -3, High: 3, Count: 25}

// binMass is the probability of each bin under the mixture.
func binMass() []float64 {
	p, half := make([]float64, testBins.Count), testBins.Width()/2
	for k := range p {
		centre := testBins.Low + float64(k)*testBins.Width()
		p[k] = mixtureCDF(centre+half) - mixtureCDF(centre-half)
	}
	return p
}

// quantised draws n values of the mixture on the bins, and the bits that each costs: at best, and through densities averaged as the uniform
// dequantisation does, by quadrature.
func quantised(n int) (x []float32, best, dequantised []float64) {
	z, mass, w := make([]float32, n), binMass(), testBins.Width()
	Noise{Seed: 31, Size: n}.Fill(z, 0)
	for i, v := range z {
		m := 1.0
		if (rng.Stream{Seed: 32, Index: uint64(i)}).Uniform(0) < 0.3 {
			m = -1
		}
		k := math.Round((m + 0.3*float64(v) - testBins.Low) / w)
		centre, bits := testBins.Low+k*w, 0.0
		for q := range 100 {
			bits -= (mixtureLogDensity(centre+w*((float64(q)+0.5)/100-0.5), 0.002) + math.Log(w)) / math.Ln2 / 100
		}
		x, best, dequantised = append(x, float32(centre)), append(best, -math.Log2(mass[int(k)])), append(dequantised, bits)
	}
	return x, best, dequantised
}

// atoms is E[x0|x] for quantised data: what a network trained on it would learn.
func atoms(dst, x []float32, sigma float64) error {
	mass := binMass()
	for i, xi := range x {
		sum, mean, nearest := 0.0, 0.0, math.Inf(1)
		for k := range mass {
			d := float64(xi) - testBins.Low - float64(k)*testBins.Width()
			nearest = math.Min(nearest, d*d)
		}
		for k, p := range mass {
			v := testBins.Low + float64(k)*testBins.Width()
			w := p * math.Exp(-0.5*((float64(xi)-v)*(float64(xi)-v)-nearest)/(sigma*sigma))
			sum, mean = sum+w, mean+w*v
		}
		dst[i] = float32(mean / sum)
	}
	return nil
}

// TestBitsPerDimOfQuantisedData: the ODE gives the bits of dequantised data, and the variational bound lies just above the true code length.
func TestBitsPerDimOfQuantisedData(t *testing.T) {
	x, best, dequantised := quantised(1000)
	o := edmODE(t, 1)
	o.Solver, o.Steps, o.SigmaMax, o.Prior = SolveRK4, 60, 1000, 1000
	ode, _, err := o.BitsPerDim(context.Background(), mixtureVJP, x, 0, testBins, 4)
	if err != nil {
		t.Fatal(err)
	}
	schedule := mustBuild(t, ScheduleConfig{Family: EDM})
	variational := func(steps, draws int) []float64 {
		levels := schedule.Table(steps)
		b := Bound{Size: 1, Levels: levels, Prior: schedule.Path().Prior(levels[len(levels)-1]), Bins: testBins, Draws: draws}
		terms, err := b.BitsPerDim(context.Background(), atoms, x, 0)
		if err != nil {
			t.Fatal(err)
		}
		return terms.Total()
	}
	for _, c := range []struct {
		what        string
		bits, truth []float64
		most        float64 // above the truth
	}{
		{"ODE", ode, dequantised, 0.005},
		{"variational bound, 200 steps", variational(200, 0), best, 0.35},
		{"variational bound, 2000 steps", variational(2000, 400), best, 0.03},
	} {
		gap, err := PairedDifference(c.bits, c.truth)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.4f bits, truth %.4f, gap %.4f ± %.4f", c.what, Mean(c.bits).Value, Mean(c.truth).Value, gap.Value, gap.StandardError)
		if gap.Value < -3*gap.StandardError || gap.Value > c.most+3*gap.StandardError || gap.StandardError > 0.05 {
			t.Errorf("%s: %.4f ± %.4f bits above the truth, want 0 to %v", c.what, gap.Value, gap.StandardError, c.most)
		}
	}
}

// TestBoundOfSimpleTerms: prior and decoder against numbers worked out by hand.
func TestBoundOfSimpleTerms(t *testing.T) {
	b := Bound{Size: 1, Levels: []float64{0.75, 3}, Prior: 2, Bins: Bins{Low: 0, High: 2, Count: 3}}
	zero := func(dst, _ []float32, _ float64) error { clear(dst); return nil }
	terms, err := b.BitsPerDim(context.Background(), zero, []float32{0, 1, 2}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := 0.6 // 0.75/√(1+0.75²)
	phi := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	mass := []float64{phi(0.5 / s), phi(1.5/s) - phi(0.5/s), 1 - phi(1.5/s)}
	for i, x := range []float64{0, 1, 2} {
		near(t, "decoder", terms.Decoder[i], -math.Log2(mass[i]), 1e-9)
		near(t, "prior", terms.Prior[i], 0.5*(9./4-1-2*math.Log(1.5)+x*x/4)/math.Ln2, 1e-9)
		near(t, "diffusion", terms.Diffusion[i], 0.5*(16./9-1./9)*x*x/math.Ln2, 1e-9)
	}
	near(t, "total", terms.Total()[1], terms.Prior[1]+terms.Diffusion[1]+terms.Decoder[1], 1e-12)
}

func TestLikelihoodRefuses(t *testing.T) {
	ok := edmODE(t, 2)
	nan := func(dst, grad, _, _ []float32, _ float64) error {
		dst[0], grad[0] = float32(math.NaN()), 0
		return nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	run := func(ctx context.Context, o ODE, d DenoiserVJP, n int) error {
		_, _, err := o.LogLikelihood(ctx, d, make([]float32, n), 0)
		return err
	}
	change := func(f func(*ODE)) ODE { o := ok; f(&o); return o }
	bins, levels := Bins8(), []float64{0.1, 1}
	bound := func(b Bound) error {
		_, err := b.BitsPerDim(context.Background(), mixture, make([]float32, 2), 0)
		return err
	}
	_, _, err := ok.BitsPerDim(context.Background(), correlated, make([]float32, 2), 0, bins, 0)
	for want, err := range map[string]error{
		"whole samples":           run(context.Background(), ok, correlated, 3),
		"enough":                  run(ctx, ok, correlated, 2),
		"is not a number":         run(context.Background(), ok, nan, 2),
		"set Size":                run(context.Background(), change(func(o *ODE) { o.Size = 0 }), correlated, 2),
		"0 < SigmaMin < SigmaMax": run(context.Background(), change(func(o *ODE) { o.SigmaMin = 90 }), correlated, 2),
		"allow more Steps":        run(context.Background(), change(func(o *ODE) { o.Steps = 2 }), correlated, 2),
		"at least one step":       run(context.Background(), change(func(o *ODE) { o.Steps = 0 }), correlated, 2),
		"tolerance above 0":       run(context.Background(), change(func(o *ODE) { o.Tolerance = 0 }), correlated, 2),
		"dequantisations":         err,
		"rise strictly":           bound(Bound{Size: 1, Levels: []float64{1, 0.1}, Prior: 1, Bins: bins}),
		"0 for all":               bound(Bound{Size: 1, Levels: levels, Prior: 1, Bins: bins, Draws: 2}),
		"rising range":            bound(Bound{Size: 1, Levels: levels, Prior: 1}),
		"2 to 2^20 levels":        bound(Bound{Size: 1, Levels: levels[:1], Prior: 1, Bins: bins}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestBoundFromFewSteps: over the linear schedule, most of whose bits are in its first few steps, 32 of 999 steps give the same bound on average, and
// each time within a few per cent.
func TestBoundFromFewSteps(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{})
	levels := s.Table(0)
	b := Bound{Size: 256, Levels: levels, Prior: s.Path().Prior(levels[len(levels)-1]), Bins: Bins8()}
	x := make([]float32, b.Size)
	Noise{Seed: 8}.Fill(x, 0)
	total := func(first uint64) float64 {
		terms, err := b.BitsPerDim(context.Background(), gaussian, x, first)
		if err != nil {
			t.Fatal(err)
		}
		return terms.Diffusion[0]
	}
	var all, some []float64
	for first := range uint64(30) { // keys the noise
		all = append(all, total(first))
	}
	b.Draws = 32
	for first := range uint64(100) {
		some = append(some, total(first))
	}
	m, want := Mean(some), Mean(all)
	t.Logf("all %.4f ± %.4f bits, 32 steps %.4f ± %.4f", want.Value, want.StandardError, m.Value, m.StandardError)
	if math.Abs(m.Value-want.Value) > 4*math.Hypot(m.StandardError, want.StandardError) || 10*m.StandardError > 0.05*want.Value {
		t.Errorf("all steps %.4f ± %.4f bits, 32 of them %.4f ± %.4f of the mean of 100", want.Value, want.StandardError, m.Value, m.StandardError)
	}
}

// TestLikelihoodDrawsNeverChange: published figures must come out again. The digests are of the first version.
func TestLikelihoodDrawsNeverChange(t *testing.T) {
	if got := rngtest.Digest(t, signs(600, 300, 1<<40+9, 7, drawProbe+2)); got != "9f336ac6479be265" {
		t.Errorf("probes: digest %s", got)
	}
	zero, u := make([]float32, 40), make([]float32, 40)
	Bins{Low: -1, High: 1, Count: 3}.Dequantise(u, zero, 20, 1<<40+9, 7, 3)
	if got := rngtest.Digest(t, u); got != "a950f2125dd1c4d7" {
		t.Errorf("dequantisation: digest %s", got)
	}
	var levels []float32
	for _, s := range (Bound{Size: 1, Levels: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Draws: 4, Seed: 1<<40 + 9}).steps(7) {
		levels = append(levels, float32(s.level))
	}
	if got := rngtest.Digest(t, levels); got != "866d50b95f8e2328" {
		t.Errorf("steps of the bound: digest %s", got)
	}
}
