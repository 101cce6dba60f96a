package diffusion

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/ebb-ml/ebb/internal/rng"
)

// stockBackend is GoMLX's own; with parallelism it hangs on larger graphs.
var stockBackend = sync.OnceValues(func() (compute.Backend, error) { return gobackend.New("parallelism=-1") })

func openBackend(t testing.TB) compute.Backend {
	t.Helper()
	b, err := stockBackend()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// execute runs a graph function once on tensors made of args.
func execute(t testing.TB, fn func(in []*graph.Node) []*graph.Node, args ...*tensors.Tensor) ([][]float32, error) {
	t.Helper()
	exec, err := graph.NewExec(openBackend(t), func(in []*graph.Node) []*graph.Node { return fn(in) })
	if err != nil {
		return nil, err
	}
	anyArgs := make([]any, len(args))
	for i, a := range args {
		anyArgs[i] = a
	}
	outputs, err := exec.Call(anyArgs...)
	if err != nil {
		return nil, err
	}
	flat := make([][]float32, len(outputs))
	for i, o := range outputs {
		if o.DType() != tensors.FromScalar(float32(0)).DType() {
			continue
		}
		flat[i] = tensors.MustCopyFlatData[float32](o)
	}
	return flat, nil
}

func tensor(data []float32, dims ...int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(data, dims...)
}

func TestLossesAgainstTorch(t *testing.T) {
	g := readGolden(t)
	n := len(g.Losses.F)
	terms := make([]float32, NumTerms)
	terms[termTargetX0], terms[termWeight] = 1, 1
	for kind, want := range map[LossKind]float64{MSE: g.Losses.MSE, L1: g.Losses.L1, Huber: g.Losses.Huber, PseudoHuber: g.Losses.PseudoHuber} {
		o := &Objective{LossKind: kind, Delta: 0.7}
		got, err := execute(t, func(in []*graph.Node) []*graph.Node {
			mean, _ := o.Loss(func(_, _, _ *graph.Node) *graph.Node { return in[2] }, Inputs{X0: in[0], Noise: in[0], Terms: in[1]})
			return []*graph.Node{mean}
		}, tensor(float32s(g.Losses.Target), 1, n), tensor(terms, 1, NumTerms), tensor(float32s(g.Losses.F), 1, n))
		if err != nil {
			t.Fatal(err)
		}
		near(t, kind.String(), float64(got[0][0]), want, 1e-6)
	}
}

// trueOutput is what a perfect network of each prediction returns, from the definitions and the denoiser's D.
func trueOutput(p Prediction, path Path, x, d, sigma, sigmaData float64) float64 {
	eps := (x - d) / sigma
	alpha, s := path.AlphaSigma(sigma)
	switch p {
	case PredictX0:
		return d
	case PredictV:
		return alpha*eps - s*d
	case PredictFlow:
		return eps - d
	case PredictEDM:
		v := sigma*sigma + sigmaData*sigmaData
		return (d - sigmaData*sigmaData/v*x) * math.Sqrt(v) / (sigma * sigmaData)
	default:
		return eps
	}
}

// denoiseGaussian is the denoiser of N(0, 0.8²), whose posterior is symmetric, so that it minimises every loss.
func denoiseGaussian(x, sigma float64) float64 { return x * 0.64 / (0.64 + sigma*sigma) }

func denoiseMixture(x, sigma float64) float64 {
	out := []float32{0}
	_ = mixture(out, []float32{float32(x)}, sigma)
	return float64(out[0])
}

// slope measures d loss/d delta at delta = 0 when the true output of the network is changed by delta·tanh(2x) on 4,000 images of one
// number, and its standard error, by differences of the loss per image; and GoMLX's own gradient.
func slope(t *testing.T, o *Objective, mixed bool, shrink float64) (mean, stderr, gradient float64) {
	t.Helper()
	const n = 4000
	var d Draws
	if err := o.Draw(&d, Batch{Seed: 3, Step: 1, Count: n, Total: n}); err != nil {
		t.Fatal(err)
	}
	x0, f, h := make([]float32, n), make([]float32, n), make([]float32, n)
	Noise{Seed: 99, Size: 1}.Fill(x0, 0)
	for i := range x0 {
		data, denoise := 0.8*float64(x0[i]), denoiseGaussian
		if mixed {
			data, denoise = 1+0.3*float64(x0[i]), denoiseMixture
			if (rng.Stream{Seed: 98, Index: uint64(i)}).Uniform(0) < 0.3 {
				data -= 2
			}
		}
		x := data + d.Sigma[i]*float64(d.Noise[i])
		alpha, _ := o.Precond.Schedule.Path().AlphaSigma(d.Sigma[i])
		x0[i] = float32(data)
		f[i] = float32(trueOutput(o.Precond.Prediction, o.Precond.Schedule.Path(), x, shrink*denoise(x, d.Sigma[i]), d.Sigma[i], o.Precond.SigmaData))
		h[i] = float32(math.Tanh(2 * alpha * x))
	}
	got, err := execute(t, func(in []*graph.Node) []*graph.Node {
		lossAt := func(delta *graph.Node) (mean, perImage *graph.Node) {
			f := graph.Add(in[3], graph.Mul(in[4], delta))
			return o.Loss(func(_, _, _ *graph.Node) *graph.Node { return f }, Inputs{X0: in[0], Noise: in[1], Terms: in[2]})
		}
		g := in[0].Graph()
		_, up := lossAt(graph.Const(g, float32(0.05)))
		_, down := lossAt(graph.Const(g, float32(-0.05)))
		mean, _ := lossAt(in[5])
		return []*graph.Node{up, down, graph.Gradient(mean, in[5])[0]}
	}, tensor(x0, n, 1), tensor(d.Noise, n, 1), tensor(d.Terms, n, NumTerms), tensor(f, n, 1), tensor(h, n, 1), tensors.FromScalar(float32(0)))
	if err != nil {
		t.Fatal(err)
	}
	squares := 0.0
	for i := range n {
		c := float64(got[0][i]-got[1][i]) / 0.1
		mean += c / n
		squares += c * c / n
	}
	return mean, math.Sqrt((squares - mean*mean) / n), float64(got[2][0])
}

// TestLossIsLeastAtTheTrueDenoiser: for every prediction and weight on a mixture with MSE, and for every loss on a Gaussian, the
// derivative of the loss in some direction is 0 within its error at the true output, and clearly is not at an output that comes from
// 0.7 times the true clean estimate.
func TestLossIsLeastAtTheTrueDenoiser(t *testing.T) {
	vp, flow := mustBuild(t, ScheduleConfig{Family: Cosine}), mustBuild(t, ScheduleConfig{Family: FlowLinear, SigmaMax: 200})
	check := func(name string, o *Objective, mixed bool) {
		t.Helper()
		mean, stderr, gradient := slope(t, o, mixed, 1)
		if math.Abs(mean) > 4*stderr {
			t.Errorf("%s: slope %.3g ± %.3g at the true denoiser, want 0", name, mean, stderr)
		}
		if o.LossKind != L1 && math.Abs(gradient-mean) > 0.02*stderr*math.Sqrt(4000)+1e-6 {
			t.Errorf("%s: gradient %.4g, differences give %.4g", name, gradient, mean)
		}
		if mean, stderr, _ := slope(t, o, mixed, 0.7); math.Abs(mean) < 4*stderr {
			t.Errorf("%s: slope %.3g ± %.3g at a wrong denoiser: the test cannot tell", name, mean, stderr)
		}
	}
	base := Objective{Size: 1, Channels: 1, Time: TimeSampling{Dist: TimeLogNormal, Mean: -0.5, Std: 0.8, LowDiscrepancy: true}}
	for _, p := range Predictions() {
		for _, w := range WeightKinds() {
			o := base
			o.Precond, o.Weight = Precond{Schedule: vp, Prediction: p, SigmaData: 0.5}, Weight{Kind: w}
			check(fmt.Sprintf("%v, weight %v", p, w), &o, true)
		}
		o := base
		o.Precond = Precond{Schedule: flow, Prediction: p, SigmaData: 0.5}
		check(fmt.Sprintf("%v on the flow path", p), &o, true)
	}
	for _, k := range LossKinds() {
		o := base
		o.Precond, o.LossKind = Precond{Schedule: vp, Prediction: PredictX0}, k
		check(k.String(), &o, false)
	}
}

// TestLossDoesNotDependOnTheSplit: 8 images in one piece or in 5 + 3 have the same loss each.
func TestLossDoesNotDependOnTheSplit(t *testing.T) {
	o := &Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{})}, Size: 6, Channels: 3, OffsetNoise: 0.1, InputPerturbation: 0.2,
		SelfCondition: 0.5, Time: TimeSampling{LowDiscrepancy: true}}
	x0 := make([]float32, 8*6)
	Noise{Seed: 4, Size: 6}.Fill(x0, 0)
	losses := func(first, count int) []float32 {
		var d Draws
		if err := o.Draw(&d, Batch{Seed: 1, Step: 7, First: first, Count: count, Total: 8}); err != nil {
			t.Fatal(err)
		}
		got, err := execute(t, func(in []*graph.Node) []*graph.Node {
			_, perImage := o.Loss(halfSum, Inputs{X0: in[0], Noise: in[1], InputNoise: in[2], Terms: in[3]})
			return []*graph.Node{perImage}
		}, tensor(x0[first*6:][:count*6], count, 2, 3), tensor(d.Noise, count, 2, 3), tensor(d.InputNoise, count, 2, 3), tensor(d.Terms, count, NumTerms))
		if err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
	whole, parts := losses(0, 8), append(losses(0, 5), losses(5, 3)...)
	for i := range whole {
		if whole[i] != parts[i] {
			t.Errorf("image %d: loss %v in one piece, %v in two", i, whole[i], parts[i])
		}
	}
}

// halfSum is a network for self-conditioning: half of input plus previous estimate.
func halfSum(x, _, _ *graph.Node) *graph.Node {
	c := x.Shape().Dimensions[x.Rank()-1] / 2
	spec := func(from, to int) *graph.Node {
		return graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(from, to))
	}
	return graph.MulScalar(graph.Add(spec(0, c), spec(c, 2*c)), 0.5)
}

// TestSelfConditioning checks the second pass against the same computed by hand, for a coin that always says yes and one that never does.
func TestSelfConditioning(t *testing.T) {
	for _, probability := range []float64{1, 1e-12} {
		o := &Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{}), Prediction: PredictV}, Size: 3, Channels: 3, SelfCondition: probability}
		var d Draws
		if err := o.Draw(&d, Batch{Seed: 2, Count: 2, Total: 2}); err != nil {
			t.Fatal(err)
		}
		x0 := []float32{0.5, -20, 0.9, -1, 0.1, 30} // two that give estimates beyond the limit
		got, err := execute(t, func(in []*graph.Node) []*graph.Node {
			_, perImage := o.Loss(halfSum, Inputs{X0: in[0], Noise: in[1], Terms: in[2]})
			return []*graph.Node{perImage}
		}, tensor(x0, 2, 1, 3), tensor(d.Noise, 2, 1, 3), tensor(d.Terms, 2, NumTerms))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			alpha, s := VP.AlphaSigma(d.Sigma[i])
			want := 0.0
			for c := range 3 {
				clean, eps := float64(x0[3*i+c]), float64(d.Noise[3*i+c])
				xt := alpha*clean + s*eps
				estimate := clamp(alpha*xt-s*(0.5*xt), -selfLimit, selfLimit)
				if probability < 0.5 {
					estimate = 0
				}
				r := 0.5*(xt+estimate) - (alpha*eps - s*clean)
				want += r * r / 3
			}
			near(t, fmt.Sprintf("probability %v, image %d", probability, i), float64(got[0][i]), want, 1e-5)
		}
	}
}

// TestDrawInGraph: levels and noise made in the graph follow the distributions of the host's, and a gradient passes through the loss.
func TestDrawInGraph(t *testing.T) {
	for _, lowDiscrepancy := range []bool{false, true} {
		o := &Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{})}, Size: 3, Channels: 3, OffsetNoise: 0.5, InputPerturbation: 0.3,
			SelfCondition: 0.25, Time: TimeSampling{LowDiscrepancy: lowDiscrepancy}}
		table, err := o.Table(1000)
		if err != nil {
			t.Fatal(err)
		}
		const n = 3001 // odd
		rng, err := graph.RNGStateFromSeed(5)
		if err != nil {
			t.Fatal(err)
		}
		got, err := execute(t, func(in []*graph.Node) []*graph.Node {
			newRNG, draws := o.DrawInGraph(in[0], in[1], in[2])
			_, again := o.DrawInGraph(newRNG, in[1], in[2])
			scaled := func(x, _, _ *graph.Node) *graph.Node { return graph.Mul(halfSum(x, nil, nil), in[3]) }
			mean, _ := o.Loss(scaled, draws)
			return []*graph.Node{draws.Terms, draws.Noise, draws.InputNoise, again.Noise, graph.Gradient(mean, in[3])[0]}
		}, rng, tensor(table, 1000, NumTerms), tensor(make([]float32, n*3), n, 1, 3), tensors.FromScalar(float32(1)))
		if err != nil {
			t.Fatal(err)
		}
		checkGraphDraws(t, got, n, lowDiscrepancy)
	}
}

func checkGraphDraws(t *testing.T, got [][]float32, n int, lowDiscrepancy bool) {
	t.Helper()
	index, coins := make([]float32, n), 0.0
	for i := range n {
		index[i] = got[0][i*NumTerms+termCNoise]
		if got[0][i*NumTerms+termSelfSkip] != 0 {
			coins++
		}
	}
	limit := 1.7 / math.Sqrt(float64(n))
	if lowDiscrepancy {
		limit = 0.002
	}
	uniform := func(v float64) float64 { return (v + 0.5) / 1000 }
	if ks := kolmogorovSmirnov(index, uniform); ks > limit {
		t.Errorf("indices drawn in the graph: KS %.4f, want below %.4f", ks, limit)
	}
	near(t, "share of self-conditioning", coins/float64(n), 0.25, 0.03)
	near(t, "standard deviation of noise with offset 0.5", standardDeviation(got[1]), math.Sqrt(1.25), 0.03)
	near(t, "standard deviation of perturbed noise", standardDeviation(got[2]), math.Sqrt(1.34), 0.03)
	normal := func(v float64) float64 { return 0.5 * math.Erfc(-v/math.Sqrt(2.5)) }
	if ks := kolmogorovSmirnov(got[1], normal); ks > 0.025 {
		t.Errorf("noise drawn in the graph: KS %.4f", ks)
	}
	if got[1][0] == got[3][0] {
		t.Error("the new random state repeats the noise")
	}
	if g := float64(got[4][0]); math.IsNaN(g) || g == 0 {
		t.Errorf("gradient %v", g)
	}
}

func TestLossRefusesWrongShapes(t *testing.T) {
	o := &Objective{}
	_, err := execute(t, func(in []*graph.Node) []*graph.Node {
		mean, _ := o.Loss(func(x, _, _ *graph.Node) *graph.Node { return x }, Inputs{X0: in[0], Noise: in[1], Terms: in[2]})
		return []*graph.Node{mean}
	}, tensor(make([]float32, 6), 2, 3), tensor(make([]float32, 3), 1, 3), tensor(make([]float32, 2*NumTerms), 2, NumTerms))
	if err == nil || !strings.Contains(err.Error(), "need [B") {
		t.Errorf("noise of another batch size: error %v", err)
	}
}

// TestHalfPrecisionKeepsTheTimeInput: with bfloat16 data the network sees bfloat16 pictures, but the exact index and a float32 loss.
func TestHalfPrecisionKeepsTheTimeInput(t *testing.T) {
	o := &Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{})}, Size: 2, Channels: 2}
	_, top := o.Precond.Schedule.SigmaRange()
	terms, err := o.TermsAt([]float64{top})
	if err != nil {
		t.Fatal(err)
	}
	got, err := execute(t, func(in []*graph.Node) []*graph.Node {
		var index *graph.Node
		network := func(x, cNoise, _ *graph.Node) *graph.Node {
			if x.DType() != dtypes.BFloat16 {
				t.Errorf("the network sees %s", x.DType())
			}
			index = cNoise
			return graph.ZerosLike(x)
		}
		mean, _ := o.Loss(network, Inputs{X0: graph.ConvertDType(in[0], dtypes.BFloat16), Noise: in[1], Terms: in[2]})
		return []*graph.Node{index, mean}
	}, tensor([]float32{1, 2}, 1, 2), tensor([]float32{0.5, -1}, 1, 2), tensor(terms, 1, NumTerms))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "time input", float64(got[0][0]), 999, 1e-7)
	near(t, "loss", float64(got[1][0]), 0.625, 1e-6)
}
