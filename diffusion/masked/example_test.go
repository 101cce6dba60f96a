package masked_test

import (
	"fmt"

	"github.com/ebb-ml/ebb/diffusion/masked"
)

// A model that counts: every token is the one before it plus one. Real models are networks; see package nets.
func count(dst []float32, tokens []int32, _ []float64) error {
	const vocab = 10
	for i := range tokens {
		for k := range vocab {
			dst[i*vocab+k] = 0
			if i > 0 && tokens[i-1] < vocab && k == int(tokens[i-1]+1)%vocab {
				dst[i*vocab+k] = 100
			}
		}
	}
	return nil
}

// A prompt is what stands on the canvas already.
func ExampleSampler_Sample() {
	canvas := masked.NewCanvas(1, 6, 10)
	copy(canvas.Tokens, []int32{7, 8})
	sampler := masked.Sampler{Steps: 6, Block: 1, Seed: 1}
	calls, err := sampler.Sample(count, canvas)
	fmt.Println(canvas.Row(0), calls, err)
	// Output: [7 8 9 0 1 2] 4 <nil>
}

// Draw masks a batch for training; the network sees Input and the loss counts Weight.
func ExampleObjective_Draw() {
	o := masked.DefaultObjective(10, 8)
	var d masked.Draws
	err := o.Draw(&d, []int32{3, 1, 4, 1, 5, 9, 2, 6}, nil, masked.Batch{Seed: 1, Step: 5, Count: 1, Total: 1})
	fmt.Println(d.Input, err)
	fmt.Println(d.Weight)
	// Output:
	// [10 10 10 10 5 10 10 6] <nil>
	// [0.16666667 0.16666667 0.16666667 0.16666667 0 0.16666667 0.16666667 0]
}
