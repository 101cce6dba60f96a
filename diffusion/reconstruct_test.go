package diffusion

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// TestReconstructions on N(0, 1) data: one step gives the posterior mean, the reverse ODE a draw of the right spread, and inversion the original.
func TestReconstructions(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{Family: EDM})
	const n, sigma = 4000, 2.0
	x0, dst, eps := make([]float32, n), make([]float32, n), make([]float32, n)
	Noise{Seed: 1, Size: 1}.Fill(x0, 0)
	noise := Noise{Seed: 2, Size: 1}
	noise.Fill(eps, 0)
	levels, err := s.LevelsFrom(sigma, 60)
	if err != nil {
		t.Fatal(err)
	}
	run := func(r Reconstructor) {
		t.Helper()
		if err := r.Run(dst, x0, gaussian, noise.Fill); err != nil {
			t.Fatal(err)
		}
	}
	run(Reconstructor{Kind: OneStep, Levels: levels})
	near(t, "one step", float64(dst[7]), (float64(x0[7])+sigma*float64(eps[7]))/5, 1e-6)
	run(Reconstructor{Kind: Reverse, Levels: levels, Sampler: NewSampler(Heun)})
	near(t, "reverse ODE", float64(dst[7]), (float64(x0[7])+sigma*float64(eps[7]))/math.Sqrt(5), 0.01)
	run(Reconstructor{Kind: Reverse, Levels: levels, Sampler: NewSampler(DDPM)})
	near(t, "spread of the reverse SDE", standardDeviation(dst), 1, 0.05)
	run(Reconstructor{Kind: Inversion, Levels: levels})
	near(t, "inversion", math.Sqrt(squaredDistance(dst, x0)/n), 0, 0.02)
}

func TestReconstructionRefuses(t *testing.T) {
	s, x := mustBuild(t, ScheduleConfig{Family: EDM}), make([]float32, 2)
	_, tooHigh := s.LevelsFrom(100, 5)
	_, noSteps := s.LevelsFrom(1, 0)
	for want, err := range map[string]error{
		"without a noise level":       Reconstructor{}.Run(x, x, gaussian, Noise{}.Fill),
		"without a source of noise":   Reconstructor{Levels: []float64{1, 0}}.Run(x, x, gaussian, nil),
		"equal lengths":               Reconstructor{Levels: []float64{1, 0}}.Run(x[:1], x, gaussian, Noise{}.Fill),
		"fall strictly":               Reconstructor{Kind: Inversion, Levels: []float64{1, 2}}.Run(x, x, gaussian, nil),
		"a schedule from 0.002 to 80": tooHigh,
		"at least one step":           noSteps,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestCurveOfGaussian: on N(0, 1) data the error of the best denoiser is sigma²/(1+sigma²), and every prediction's scale is that of its network.
func TestCurveOfGaussian(t *testing.T) {
	c := Curve{Sigmas: []float64{0.1, 1, 10}}
	const n, size = 400, 25
	x0 := make([]float32, n*size)
	Noise{Seed: 3, Size: size}.Fill(x0, 0)
	half := len(x0) / 2
	for i := range 2 {
		noise := Noise{Seed: 4, First: uint64(i * n / 2), Size: size}
		if err := c.Measure(context.Background(), gaussian, x0[i*half:][:half], size, noise.Fill); err != nil {
			t.Fatal(err)
		}
	}
	for k, sigma := range c.Sigmas {
		want := sigma * sigma / (1 + sigma*sigma)
		e := Mean(c.X0[k])
		if e.N != n || math.Abs(e.Value-want) > 4*e.StandardError || e.StandardError > 0.03*want {
			t.Errorf("sigma %v: error %.4f ± %.4f of %d samples, want %.4f", sigma, e.Value, e.StandardError, e.N, want)
		}
		near(t, "eps scale", c.Samples(k, PredictEps, 0)[3], c.X0[k][3]/(sigma*sigma), 1e-12)
	}
	near(t, "mean over levels", c.OverLevels(PredictX0, 0)[0], (c.X0[0][0]+c.X0[1][0]+c.X0[2][0])/3, 1e-12)
	vp, ve, flow := mustBuild(t, ScheduleConfig{}), mustBuild(t, ScheduleConfig{Family: EDM}), mustBuild(t, ScheduleConfig{Family: FlowLinear})
	for p, s := range map[Prediction]*Schedule{PredictEps: vp, PredictX0: vp, PredictV: vp, PredictFlow: flow, PredictEDM: ve} {
		out := Precond{Schedule: s, Prediction: p, SigmaData: 0.5}.At(1.7).COut
		near(t, p.String(), p.Scale(1.7, 0.5), 1/(out*out), 1e-12)
	}
}

// TestPairingSeesWhatMeansHide: a difference a hundredth of the spread shows in pairs and not between two means; the gap finds a planted one.
func TestPairingSeesWhatMeansHide(t *testing.T) {
	a, b := make([]float64, 500), make([]float64, 500)
	z := make([]float32, 1500)
	Noise{Seed: 5, Size: 1500}.Fill(z, 0)
	for i := range a {
		a[i] = float64(z[i])
		b[i] = a[i] - 0.01 + 0.02*float64(z[500+i])
	}
	d, err := PairedDifference(a, b)
	if lo, hi := d.Interval(); err != nil || lo > 0.01 || hi < 0.01 || lo < 0.005 {
		t.Errorf("paired difference in [%.4f, %.4f] (%v), want a narrow interval round 0.01", lo, hi, err)
	}
	if lo, hi := Gap(b, a).Interval(); lo > 0 || hi < 0.05 {
		t.Errorf("unpaired, the same difference lies in [%.4f, %.4f]: it should not show", lo, hi)
	}
	held := make([]float64, 500)
	for i := range held {
		held[i] = float64(z[1000+i]) + 0.5
	}
	if g := Gap(a, held); math.Abs(g.Value-0.5) > 3*g.StandardError || g.StandardError < 0.05 || g.StandardError > 0.08 {
		t.Errorf("gap %.3f ± %.3f, want 0.5 ± 0.063", g.Value, g.StandardError)
	}
	if _, err := PairedDifference(a, b[1:]); err == nil {
		t.Error("pairs of unequal length pass")
	}
	if e := Mean(a[:1]); !math.IsNaN(e.StandardError) {
		t.Errorf("one value has a standard error of %v", e.StandardError)
	}
}

// TestCompiledJacobian: the gradient of a network in a graph equals differences of its values, and classes reach it.
func TestCompiledJacobian(t *testing.T) {
	store := model.NewStore()
	w := store.Scope("/net").VariableWithValue("w", tensors.FromFlatDataAndDimensions([]float32{0.5, -1, 0.3, 0.8, 0.1, -0.4, 1, 0.2, 0.6}, 3, 3))
	network := func(x, cNoise, class *graph.Node) *graph.Node {
		g := x.Graph()
		h := graph.DotGeneral(x, []int{1}, nil, w.NodeValue(g), []int{0}, nil)
		h = graph.Add(h, graph.Reshape(graph.Add(cNoise, graph.ConvertDType(class, dtypes.Float32)), -1, 1))
		return graph.Tanh(h)
	}
	p := Precond{Schedule: mustBuild(t, ScheduleConfig{Family: EDM}), Prediction: PredictEDM, SigmaData: 0.5}
	c, err := Compile(openBackend(t), store, network, p, []int{3}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Finalize()
	classes := []int32{0, 2}
	d, err := c.Denoiser(context.Background(), classes)
	if err != nil {
		t.Fatal(err)
	}
	vjp, err := c.VJP(context.Background(), classes)
	if err != nil {
		t.Fatal(err)
	}
	x, v := []float32{0.1, -0.5, 0.9, 0.1, -0.5, 0.9}, []float32{1, -1, 1, 1, 1, -1}
	value, clean, grad, clean2, numeric := make([]float32, 6), make([]float32, 6), make([]float32, 6), make([]float32, 6), make([]float32, 6)
	if err := d(value, x, 0.7); err != nil {
		t.Fatal(err)
	}
	if err := vjp(clean, grad, x, v, 0.7); err != nil {
		t.Fatal(err)
	}
	if err := NumericVJP(d, 0.01)(clean2, numeric, x, v, 0.7); err != nil {
		t.Fatal(err)
	}
	if value[0] == value[3] {
		t.Error("the class does not reach the network")
	}
	for s := range 2 {
		exact, differences := 0.0, 0.0
		for i := 3 * s; i < 3*s+3; i++ {
			near(t, "value", float64(clean[i]), float64(value[i]), 1e-6)
			exact += float64(v[i]) * float64(grad[i])
			differences += float64(v[i]) * float64(numeric[i])
		}
		near(t, "v·J·v", exact, differences, 2e-3)
	}
	if err := d(value[:3], x[:3], 0.7); err == nil || !strings.Contains(err.Error(), "a class each") {
		t.Errorf("one sample with two classes: %v", err)
	}
}
