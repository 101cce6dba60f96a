package diffusion_test

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/diffusion"
)

// A network trained to predict noise becomes a denoiser, and a denoiser becomes samples. The "network" here is the exact answer for data
// from N(3, 0.5²), so the samples must have that mean and deviation.
func Example() {
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.Cosine}.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	abar := schedule.AlphasCumprod()
	network := func(dst, x []float32, cNoise float64) error { // eps of x_t = √abar·x0 + √(1-abar)·eps at index cNoise
		a := abar[int(math.Round(cNoise))]
		for i, v := range x {
			dst[i] = float32((float64(v) - 3*math.Sqrt(a)) * math.Sqrt(1-a) / (0.25*a + 1 - a))
		}
		return nil
	}
	denoiser, err := diffusion.Precond{Schedule: schedule, Prediction: diffusion.PredictEps}.Denoiser(network)
	if err != nil {
		fmt.Println(err)
		return
	}
	levels, err := schedule.Levels(diffusion.Trailing, 50)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float32, 10_000) // ten thousand samples of one number
	noise := diffusion.Noise{Seed: 7, Size: 1}
	schedule.Start(x, levels[0], noise.Fill)
	if err := diffusion.NewSampler(diffusion.DPMpp2M).Sample(denoiser, x, levels, noise.Fill); err != nil {
		fmt.Println(err)
		return
	}
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
		square += float64(v) * float64(v) / float64(len(x))
	}
	fmt.Printf("mean %.1f, deviation %.1f\n", mean, math.Sqrt(square-mean*mean))
	// Output: mean 3.0, deviation 0.5
}

// The draws of a batch are the same in one piece or in several.
func ExampleObjective_Draw() {
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.FlowLinear}.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	objective := &diffusion.Objective{
		Precond:  diffusion.Precond{Schedule: schedule, Prediction: diffusion.PredictFlow},
		Time:     diffusion.TimeSampling{Dist: diffusion.TimeLogitNormal, Std: 1},
		Size:     32 * 32 * 3,
		Channels: 3,
	}
	var whole, second diffusion.Draws
	if err := objective.Draw(&whole, diffusion.Batch{Seed: 1, Step: 100, Count: 8, Total: 8}); err != nil {
		fmt.Println(err)
		return
	}
	if err := objective.Draw(&second, diffusion.Batch{Seed: 1, Step: 100, First: 4, Count: 4, Total: 8}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(whole.Sigma[5] == second.Sigma[1], whole.Noise[5*objective.Size] == second.Noise[objective.Size])
	// Output: true true
}
