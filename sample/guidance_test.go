package sample_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// weaker is the network of the samples that knows no class, in numbers samples of the given size.
func weaker(t *testing.T, size int) *sample.Generator {
	t.Helper()
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.EDM}.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := diffusion.Precond{Schedule: schedule, Prediction: diffusion.PredictEps, SigmaData: 0.5}
	engine, err := backend.Open(backend.Options{Name: "go"})
	if err != nil {
		t.Fatal(err)
	}
	net := func(weights *model.Scope, x, cNoise, _ *graph.Node) *graph.Node {
		none := graph.Const(x.Graph(), slices.Repeat([]int32{classes}, x.Shape().Dim(0)))
		return exact(p)(weights, x, cNoise, none)
	}
	g, err := sample.New(engine, model.NewStore().Scope("/net"), net, sample.Model{Precond: p, Shape: []int{size}, Null: classes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Finalize)
	return g
}

// Autoguidance by the model without its class is classifier-free guidance, everywhere or in an interval, rescaled or not; by the model
// itself it changes nothing.
func TestAutoguidance(t *testing.T) {
	g, levels := generator(t)
	base := weaker(t, 3)
	for _, guidance := range []diffusion.Guidance{{Scale: 2}, {Scale: 3, SigmaMin: 0.3, SigmaMax: 5}, {Scale: 3, Rescale: 0.7}, {Scale: 1}} {
		r := sample.Request{Seed: 3, Count: 5, Batch: 2, Sampler: diffusion.NewSampler(diffusion.Heun), Levels: levels, Guidance: guidance,
			Classes: func(int) int32 { return 1 }}
		want := draw(t, g, r)
		r.Base = base
		near(t, "away from the model without class", draw(t, g, r), want)
		r.Guidance.Scale = 1
		alone := draw(t, g, r)
		r.Guidance, r.Base = diffusion.Guidance{Scale: 4}, g
		near(t, "away from itself", draw(t, g, r), alone)
		if guidance.Scale != 1 && slices.Equal(alone, want) {
			t.Errorf("%+v changes nothing", guidance)
		}
	}
	r := sample.Request{Count: 1, Batch: 1, Sampler: diffusion.NewSampler(diffusion.Heun), Levels: levels, Guidance: diffusion.Guidance{Scale: 2}, Base: weaker(t, 2)}
	if err := g.Draw(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), "draws 2 numbers, this one 3") {
		t.Error(err)
	}
}

// Dynamic thresholding keeps samples that guidance drives out of ±1 inside, without pressing all of their numbers to the edge.
func TestThreshold(t *testing.T) {
	g, levels := generator(t)
	r := sample.Request{Seed: 3, Count: 20, Batch: 20, Sampler: diffusion.NewSampler(diffusion.Heun), Levels: levels, Guidance: diffusion.Guidance{Scale: 2},
		Classes: func(int) int32 { return 1 }, Threshold: 1}
	inside := 0
	for _, v := range draw(t, g, r) {
		if v > 1.0001 || v < -1.0001 {
			t.Fatalf("a number is %v", v)
		} else if v < 0.99 {
			inside++
		}
	}
	if inside < 20 {
		t.Errorf("%d of 60 numbers are away from the edge", inside)
	}
	r.Threshold = 1.5
	if err := g.Draw(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), "quantile 1.5") {
		t.Error(err)
	}
}
