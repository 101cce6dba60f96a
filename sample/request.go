package sample

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
)

// Request says what to draw.
type Request struct {
	Seed    uint64
	First   int // number of the first sample
	Count   int
	Batch   int                    // samples drawn at once; less where Count does not divide
	Classes func(sample int) int32 // class of each sample; nil: none
	Sampler diffusion.Sampler
	Levels  []float64 // falling noise levels, from diffusion.Schedule.Levels
	// Guidance pushes samples towards their class (or with no class, nowhere). Scale 1 is none. Its Size is set by the generator.
	Guidance diffusion.Guidance
	// Base is a weaker model of the same samples that Guidance pushes away from instead of from no class (autoguidance, Karras et al.
	// 2024); nil: none.
	Base *Generator
	// Clip limits the clean estimate to ±Clip, the range of the data; 0: no limit.
	Clip float32
	// Threshold is the quantile of dynamic thresholding, for data in ±1, which goes before Clip; 0: none. See diffusion.Threshold.
	Threshold float64

	// From is a clean sample that every trajectory begins from, noised to the first level (image to image: see diffusion.Truncate);
	// nil: trajectories begin from noise alone.
	From []float32
	// Mask has a number for each of From: 1 where From is kept, 0 where it is drawn anew, and between to mix; nil: nothing is kept.
	Mask []float32
	// Towards is a second seed: over the Count samples the noise turns from that of sample First of Seed to that of sample First of
	// Towards, and the class stays that of sample First. The sampler must draw no noise on its way.
	Towards *uint64
	// Watch, if set, is shown the way: before each call of the network the samples from first on as they are at level sigma, x = x0 +
	// sigma·eps. The slice must not be changed or kept.
	Watch func(first int, x []float32, sigma float64)
}

// Check says what is wrong with the request, if anything.
func (r Request) Check() error {
	switch {
	case r.Count < 1 || r.Batch < 1 || r.First < 0:
		return fmt.Errorf("sample: %d samples from number %d on in batches of %d: give at least 1 of each", r.Count, r.First, r.Batch)
	case len(r.Levels) < 2:
		return fmt.Errorf("sample: a trajectory of %d noise levels: two are needed", len(r.Levels))
	}
	if err := r.checkEdit(); err != nil {
		return err
	}
	if !(r.Threshold >= 0 && r.Threshold <= 1) {
		return fmt.Errorf("sample: dynamic thresholding at quantile %v: give a number above 0 up to 1, or 0 for none", r.Threshold)
	}
	guidance := r.Guidance
	guidance.Size = 1 // known to the generator only
	return errors.Join(r.Sampler.Check(), guidance.Check())
}

// checkEdit checks what changes the start or the way of a trajectory.
func (r Request) checkEdit() error {
	switch {
	case r.Mask != nil && len(r.Mask) != len(r.From):
		return fmt.Errorf("sample: a mask of %d numbers for a sample of %d", len(r.Mask), len(r.From))
	case r.Towards != nil && r.From != nil:
		return fmt.Errorf("sample: the way between two seeds begins from noise, not from a given sample: leave one of them out")
	case r.Towards != nil && r.Sampler.Stochastic():
		return fmt.Errorf("sample: the way between two seeds needs a sampler without noise of its own, such as ddim, heun or dpmpp-2m, not %v with eta %g",
			r.Sampler.Method, r.Sampler.Eta)
	}
	return nil
}

// fits says whether given samples and the base have the size of the network's.
func (r Request) fits(size int) error {
	if r.Base != nil && r.Base.size != size {
		return fmt.Errorf("sample: the model to be guided away from draws %d numbers, this one %d", r.Base.size, size)
	}
	if r.From != nil && len(r.From) != size {
		return fmt.Errorf("sample: the given sample has %d numbers, those of this network have %d", len(r.From), size)
	}
	return nil
}
