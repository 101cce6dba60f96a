package diffusion

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// golden holds testdata/golden.json, written by testdata/golden.py with diffusers, torch and NumPy.
type golden struct {
	At        []int
	Schedules map[string]struct {
		AlphasCumprod []float64 `json:"alphas_cumprod"`
	}
	Timesteps           map[string][]int
	Karras, Exponential []float64
	Samplers            []struct {
		Method    string
		Sigmas, X []float64
		Eta       *float64
		Order     *int
		Churn     []float64
	}
	Inversion struct{ Sigmas, X []float64 }
	Guidance  struct{ Cond, Uncond, Plain, Rescaled []float64 }
	Threshold struct{ X, Want []float64 }
	Losses    struct {
		F, Target      []float64
		MSE, L1, Huber float64
		PseudoHuber    float64 `json:"pseudo_huber"`
	}
	Velocity struct {
		T          []int
		X0, Eps, V []float64
		Xt         []float64 `json:"x_t"`
	}
	MinSNR  struct{ Eps, V []float64 } `json:"min_snr"`
	Normals []float64
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// near fails when got is further from want than tol·(1 + |want|).
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*(1+math.Abs(want))) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

// nearRelative fails when got is further from want than tol·|want|.
func nearRelative(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

func nearAll(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		near(t, fmt.Sprintf("%s[%d]", what, i), float64(got[i]), want[i], tol)
	}
}

func float32s(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

func mustBuild(t testing.TB, c ScheduleConfig) *Schedule {
	t.Helper()
	s, err := c.Build()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchedulesAgainstDiffusers(t *testing.T) {
	g := readGolden(t)
	if len(g.Schedules) != 8 {
		t.Fatalf("%d schedules in the golden file", len(g.Schedules))
	}
	for name, want := range g.Schedules {
		base, _, zero := strings.Cut(name, "+")
		family, err := ParseFamily(base)
		if err != nil {
			t.Fatal(err)
		}
		got := mustBuild(t, ScheduleConfig{Family: family, ZeroTerminalSNR: zero}).AlphasCumprod()
		for i, at := range g.At {
			if zero && at == 999 { // 0 in the file, next to nothing here: see MaxSigma
				near(t, name, got[at], 0x1p-32, 1e-12)
				continue
			}
			// The file's betas are rounded to float32; 1-abar and abar both count, since sigma² is their ratio.
			nearRelative(t, fmt.Sprintf("%s alphaBar[%d]", name, at), got[at], want.AlphasCumprod[i], 2e-4)
			nearRelative(t, fmt.Sprintf("%s 1-alphaBar[%d]", name, at), 1-got[at], 1-want.AlphasCumprod[i], 2e-4)
		}
	}
}

func TestSpacingsAgainstDiffusers(t *testing.T) {
	g := readGolden(t)
	s := mustBuild(t, ScheduleConfig{})
	for name, want := range g.Timesteps {
		var spacingName string
		var n int
		if _, err := fmt.Sscanf(name, "%s %d", &spacingName, &n); err != nil {
			t.Fatal(err)
		}
		spacing, err := ParseSpacing(spacingName)
		if err != nil {
			t.Fatal(err)
		}
		if spacing == Linspace && n == 1 { // diffusers starts a single step at level 0; only the highest makes sense
			continue
		}
		levels, err := s.Levels(spacing, n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			near(t, name, s.CNoise(levels[i]), float64(want[i]), 1e-9)
		}
		if len(levels) != n+1 || levels[n] != 0 {
			t.Errorf("%s: levels %v do not end with 0", name, levels)
		}
	}
	edm := mustBuild(t, ScheduleConfig{Family: EDM})
	for spacing, want := range map[Spacing][]float64{Karras: g.Karras, Exponential: g.Exponential} {
		got, err := edm.Levels(spacing, len(want)-1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			near(t, spacing.String(), got[i], want[i], 1e-6)
		}
	}
}

// twoModes is E[x0|x] for an even mixture of N(-1, 0.3²) and N(1, 0.3²), as in golden.py.
func twoModes(dst, x []float32, sigma float64) error {
	v := 0.09 + sigma*sigma
	for i, xi := range x {
		dst[i] = float32((0.09*float64(xi) + sigma*sigma*math.Tanh(float64(xi)/v)) / v)
	}
	return nil
}

func sineNoise(dst []float32, step int) {
	for i := range dst {
		dst[i] = float32(1.2 * math.Sin(1.3*float64(step)+2.1*float64(i)+0.7))
	}
}

var goldenStart = []float64{0.3, -1.1, 0.05, 2.0, -0.6}

func TestSamplersAgainstDiffusers(t *testing.T) {
	g := readGolden(t)
	seen := map[Method]bool{}
	for _, row := range g.Samplers {
		m, err := ParseMethod(row.Method)
		if err != nil {
			t.Fatal(err)
		}
		seen[m] = true
		s := NewSampler(m)
		if row.Eta != nil {
			s.Eta = *row.Eta
		}
		if row.Order != nil {
			s.Order = *row.Order
		}
		if row.Churn != nil {
			s.Churn = Churn{row.Churn[0], row.Churn[1], row.Churn[2], row.Churn[3]}
		}
		x := float32s(goldenStart)
		scale(x, row.Sigmas[0], x)
		if err := s.Sample(twoModes, x, row.Sigmas, sineNoise); err != nil {
			t.Fatal(err)
		}
		nearAll(t, fmt.Sprintf("%v eta %v order %v", m, s.Eta, s.Order), x, row.X, 3e-5)
	}
	for _, m := range Methods() {
		if !seen[m] {
			t.Errorf("sampler %v has no golden trajectory", m)
		}
	}
}

func TestInversionAgainstDiffusers(t *testing.T) {
	g := readGolden(t)
	x := float32s(goldenStart)
	if err := Invert(twoModes, x, g.Inversion.Sigmas, 1); err != nil {
		t.Fatal(err)
	}
	nearAll(t, "inversion", x, g.Inversion.X, 3e-5)
}

func TestGuidanceAndThresholdGolden(t *testing.T) {
	g := readGolden(t)
	fixed := func(v []float64) Denoiser {
		return func(dst, x []float32, sigma float64) error { copy(dst, float32s(v)); return nil }
	}
	dst := make([]float32, len(g.Guidance.Cond))
	for rescale, want := range map[float64][]float64{0: g.Guidance.Plain, 0.7: g.Guidance.Rescaled} {
		d, err := Guide(fixed(g.Guidance.Cond), fixed(g.Guidance.Uncond), Guidance{Scale: 4, Rescale: rescale, Size: 6})
		if err != nil {
			t.Fatal(err)
		}
		if err := d(dst, dst, 1); err != nil {
			t.Fatal(err)
		}
		nearAll(t, fmt.Sprint("guidance rescale ", rescale), dst, want, 1e-6)
	}
	out := make([]float32, len(g.Threshold.X))
	d, err := Threshold(fixed(g.Threshold.X), 8, 0.9, 2.5)
	if err != nil {
		t.Fatal(err)
	}
	if err := d(out, out, 1); err != nil {
		t.Fatal(err)
	}
	nearAll(t, "threshold", out, g.Threshold.Want, 1e-6)
}

func TestPredictionAndWeightGolden(t *testing.T) {
	g := readGolden(t)
	s := mustBuild(t, ScheduleConfig{})
	eps, v := Precond{Schedule: s}, Precond{Schedule: s, Prediction: PredictV}
	for i, index := range g.Velocity.T {
		sigma := s.Sigma((float64(index) + 0.5) / 1000)
		alpha, sd := s.Path().AlphaSigma(sigma)
		near(t, "x_t", alpha*g.Velocity.X0[i]+sd*g.Velocity.Eps[i], g.Velocity.Xt[i], 1e-5)
		a, b := v.Target(sigma)
		near(t, "v", a*g.Velocity.X0[i]+b*g.Velocity.Eps[i], g.Velocity.V[i], 1e-5)
		w := Weight{Kind: WeightMinSNR}
		nearRelative(t, "min-snr eps", w.At(sigma, eps), g.MinSNR.Eps[i], 1e-4)
		nearRelative(t, "min-snr v", w.At(sigma, v), g.MinSNR.V[i], 1e-4)
	}
}

func TestNormalsGolden(t *testing.T) {
	g := readGolden(t)
	got := make([]float32, 7) // not a multiple of the block
	Noise{Seed: 0x0123456789ABCDEF, First: 7<<32 + 5, Size: 7}.Fill(got, 3)
	nearAll(t, "normals", got, g.Normals[:7], 1e-7)
}
