package sample_test

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// A network that sees its last estimate gets it behind the channels of each pixel, of its own sample, with guidance and without; the
// trajectory is the one that the same arithmetic gives on the host.
func TestSelfCondition(t *testing.T) {
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.EDM}.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := diffusion.Precond{Schedule: schedule, Prediction: diffusion.PredictX0, SigmaData: 0.5}
	engine, err := backend.Open(backend.Options{Name: "go"})
	if err != nil {
		t.Fatal(err)
	}
	const channels, size = 2, 6
	network := func(weights *model.Scope, x, _, class *graph.Node) *graph.Node {
		weights.VariableWithValue("unused", float32(0)).NodeValue(x)
		parts := graph.Split(x, -1, 2)
		c := graph.Reshape(graph.ConvertDType(class, x.DType()), -1, 1, 1, 1)
		now := graph.MulScalar(graph.Sin(parts[0]), 0.5)
		return graph.Add(graph.Add(now, graph.MulScalar(parts[1], 0.25)), graph.MulScalar(c, 0.1))
	}
	g, err := sample.New(engine, model.NewStore().Scope("/net"), network,
		sample.Model{Precond: p, Shape: []int{1, size / channels, channels}, Classed: true, Null: 2, SelfCondition: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Finalize()
	levels, err := schedule.Levels(diffusion.Karras, 6)
	if err != nil {
		t.Fatal(err)
	}
	for _, scale := range []float64{1, 3} {
		r := sample.Request{Seed: 4, Count: 3, Batch: 3, Sampler: diffusion.NewSampler(diffusion.Euler), Levels: levels,
			Guidance: diffusion.Guidance{Scale: scale}, Classes: func(i int) int32 { return int32(i % 2) }}
		var got []float32
		if err := g.Draw(t.Context(), r, func(_ int, x []float32) error { got = append(got, x...); return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range r.Count {
			class := float64(r.Classes(i))
			shift := 0.1 * (2 + scale*(class-2)) // of guided estimates: both see the same last one
			d := diffusion.SelfCondition(func(dst, x, previous []float32, sigma float64) error {
				in := p.At(sigma).CIn
				for k, v := range x {
					dst[k] = float32(0.5*math.Sin(in*float64(v)) + 0.25*float64(previous[k]) + shift)
				}
				return nil
			})
			x := make([]float32, size)
			noise := diffusion.Noise{Seed: 4, First: uint64(i), Size: size}
			schedule.Start(x, levels[0], noise.Fill)
			if err := r.Sampler.Sample(d, x, levels, noise.Fill); err != nil {
				t.Fatal(err)
			}
			for k, v := range x {
				if diff := math.Abs(float64(v - got[i*size+k])); diff > 1e-4 {
					t.Errorf("guidance %v, sample %d, number %d: %v, want %v", scale, i, k, got[i*size+k], v)
				}
			}
		}
	}
}
