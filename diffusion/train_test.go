package diffusion

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/ebb-ml/ebb/internal/rng"
)

// mlp is a small network of one number: layers 4-48-48-1 over x and three features of the time input. Weights are graph inputs.
func mlp(weights []*graph.Node) Network {
	return func(x, cNoise, _ *graph.Node) *graph.Node {
		n := x.Shape().Dimensions[0]
		c := graph.Reshape(cNoise, n, 1)
		h := graph.Concatenate([]*graph.Node{x, c, graph.Sin(graph.MulScalar(c, 3)), graph.Cos(graph.MulScalar(c, 3))}, 1)
		for i := 0; i < len(weights); i += 2 {
			if i > 0 {
				h = graph.Mul(h, graph.Logistic(h))
			}
			h = graph.Add(graph.DotGeneral(h, []int{1}, nil, weights[i], []int{0}, nil), graph.Reshape(weights[i+1], 1, -1))
		}
		return h
	}
}

// TestTrainsAndSamples is the whole road: an MLP learns the mixture from draws, loss and gradient, becomes a denoiser, and its samples follow the
// distribution. Adam on the host keeps it to this package.
func TestTrainsAndSamples(t *testing.T) {
	const batch, steps, samples = 256, 600, 2000
	o := &Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{Family: EDM}), Prediction: PredictEDM, SigmaData: 1}, Size: 1, Channels: 1,
		Time: TimeSampling{Dist: TimeLogNormal, Mean: -0.8, Std: 1.2, LowDiscrepancy: true}}
	dims := [][]int{{4, 48}, {48}, {48, 48}, {48}, {48, 1}, {1}}
	weights, moment1, moment2 := make([][]float32, 6), make([][]float32, 6), make([][]float32, 6)
	args := func(extra ...*tensors.Tensor) []any {
		out := make([]any, 0, 9)
		for i, w := range weights {
			out = append(out, tensor(w, dims[i]...))
		}
		for _, e := range extra {
			out = append(out, e)
		}
		return out
	}
	for i, d := range dims {
		size := d[0]
		if len(d) == 2 {
			size *= d[1]
		}
		weights[i], moment1[i], moment2[i] = make([]float32, size), make([]float32, size), make([]float32, size)
		if len(d) == 2 {
			Noise{Seed: uint64(i)}.Fill(weights[i], 0)
			scale(weights[i], 1/math.Sqrt(float64(d[0])), weights[i])
		}
	}
	step := graph.MustNewExec(openBackend(t), func(in []*graph.Node) []*graph.Node {
		mean, _ := o.Loss(mlp(in[:6]), Inputs{X0: in[6], Noise: in[7], Terms: in[8]})
		return append(graph.Gradient(mean, in[:6]...), mean)
	})
	var d Draws
	x0 := make([]float32, batch)
	for k := range steps {
		if err := o.Draw(&d, Batch{Seed: 1, Step: uint64(k), Count: batch, Total: batch}); err != nil {
			t.Fatal(err)
		}
		drawMixture(x0, uint64(k))
		got, err := step.Call(args(tensor(x0, batch, 1), tensor(d.Noise, batch, 1), tensor(d.Terms, batch, NumTerms))...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range weights {
			adam(weights[i], moment1[i], moment2[i], tensors.MustCopyFlatData[float32](got[i]), k+1, 0.008*(1-float64(k)/steps))
		}
	}
	network := graph.MustNewExec(openBackend(t), func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{mlp(in[:6])(in[6], graph.BroadcastToDims(in[7], samples), nil)}
	})
	denoise, err := o.Precond.Denoiser(func(dst, x []float32, cNoise float64) error {
		got, err := network.Call(args(tensor(x, samples, 1), tensors.FromScalar(float32(cNoise)))...)
		if err == nil {
			copy(dst, tensors.MustCopyFlatData[float32](got[0]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	levels := append(evenLambda(80, 0.01, 24), 0)
	noise := Noise{Seed: 9, Size: 1}
	x := make([]float32, samples)
	o.Precond.Schedule.Start(x, levels[0], noise.Fill)
	if err := NewSampler(DPMpp2M).Sample(denoise, x, levels, nil); err != nil {
		t.Fatal(err)
	}
	ks := kolmogorovSmirnov(x, mixtureCDF)
	t.Logf("KS of samples of the trained network: %.3f", ks)
	if ks > 0.08 {
		t.Errorf("samples of the trained network miss the data's distribution: KS %.3f", ks)
	}
}

// drawMixture fills x0 with data of the mixture.
func drawMixture(x0 []float32, step uint64) {
	Noise{Seed: 1000, First: step, Size: len(x0)}.Fill(x0, 0)
	for i := range x0 {
		x0[i] = 1 + 0.3*x0[i]
		if (rng.Stream{Seed: 2000 + step, Index: uint64(i)}).Uniform(0) < 0.3 {
			x0[i] -= 2
		}
	}
}

// adam is one step of Kingma & Ba 2015, betas 0.9 and 0.99.
func adam(w, m, v, g []float32, step int, rate float64) {
	c1, c2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.99, float64(step))
	for i, gi := range g {
		m[i] += 0.1 * (gi - m[i])
		v[i] += 0.01 * (gi*gi - v[i])
		w[i] -= float32(rate * float64(m[i]) / c1 / (math.Sqrt(float64(v[i])/c2) + 1e-8))
	}
}
