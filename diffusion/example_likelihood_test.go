package diffusion_test

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
)

// The density of data under a denoiser, here the exact one of N(0, 1), whose density at 0 is 1/√(2π): -0.919 in logarithms.
func ExampleODE_LogLikelihood() {
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.EDM}.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	denoiser := func(dst, grad, x, v []float32, sigma float64) error { // x/(1+sigma²), and its derivative
		for i := range x {
			dst[i], grad[i] = x[i]/float32(1+sigma*sigma), v[i]/float32(1+sigma*sigma)
		}
		return nil
	}
	ode := diffusion.NewODE(schedule, 1)
	logP, _, err := ode.LogLikelihood(context.Background(), denoiser, []float32{0}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", logP[0])
	// Output: -0.92
}
