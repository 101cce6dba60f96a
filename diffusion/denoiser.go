package diffusion

import (
	"fmt"
	"math"
	"slices"
)

// Denoiser writes to dst the expected clean data E[x0 | x] of a batch x = x0 + sigma·eps, all samples at one level sigma > 0. len(dst)
// = len(x); x is not changed. Class, text or masks are captured by the function. An error ends the sampler that called it: that is how
// a run is cancelled. A wrapper that looks at x and dst is how a trajectory is shown or recorded.
type Denoiser func(dst, x []float32, sigma float64) error

func checkCall(dst, x []float32, sigma float64) error {
	if len(dst) != len(x) || len(x) == 0 {
		return fmt.Errorf("diffusion: denoiser called with %d numbers in and room for %d: need equal lengths above 0", len(x), len(dst))
	}
	return checkSigma(sigma)
}

// Clip limits the clean estimate to [lo, hi], the range of the data (Ho et al. 2020, "clip denoised").
func Clip(d Denoiser, lo, hi float32) Denoiser {
	return func(dst, x []float32, sigma float64) error {
		if err := d(dst, x, sigma); err != nil {
			return err
		}
		for i, v := range dst {
			dst[i] = min(max(v, lo), hi)
		}
		return nil
	}
}

// Threshold is dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487, section 2.3): each sample of size numbers is clipped to ±q
// and divided by q, where q is the given quantile (0.995) of its absolute values, kept within [1, limit].
func Threshold(d Denoiser, size int, quantile, limit float64) (Denoiser, error) {
	if size < 1 || !(quantile > 0 && quantile <= 1) || !(limit >= 1) {
		return nil, fmt.Errorf("diffusion: dynamic thresholding with size %d, quantile %v, limit %v: need size >= 1, quantile in (0, 1], limit >= 1",
			size, quantile, limit)
	}
	sorted := make([]float32, size)
	return func(dst, x []float32, sigma float64) error {
		if err := d(dst, x, sigma); err != nil {
			return err
		}
		for sample := range slices.Chunk(dst, size) {
			for i, v := range sample {
				sorted[i] = max(v, -v)
			}
			q := float32(clamp(quantileOf(sorted[:len(sample)], quantile), 1, limit))
			for i, v := range sample {
				sample[i] = min(max(v, -q), q) / q
			}
		}
		return nil
	}, nil
}

// quantileOf sorts v and interpolates linearly, as torch.quantile does.
func quantileOf(v []float32, q float64) float64 {
	slices.Sort(v)
	p := q * float64(len(v)-1)
	i := int(p)
	j := min(i+1, len(v)-1)
	f := p - math.Floor(p)
	return float64(v[i])*(1-f) + float64(v[j])*f
}

// Inpaint keeps the known part of a picture: where mask is 1 the clean estimate is replaced by known, where it is 0 it is the model's, and
// values between mix. Every sampler then carries the known part along at the right noise level by itself, since it moves x towards
// the estimate; start it with [AddNoise] on known. known and mask have the length of the batch.
func Inpaint(d Denoiser, known, mask []float32) Denoiser {
	return func(dst, x []float32, sigma float64) error {
		if len(known) != len(x) || len(mask) != len(x) {
			return fmt.Errorf("diffusion: inpainting a batch of %d numbers with %d known and a mask of %d: need equal lengths",
				len(x), len(known), len(mask))
		}
		if err := d(dst, x, sigma); err != nil {
			return err
		}
		for i, m := range mask {
			dst[i] += m * (known[i] - dst[i])
		}
		return nil
	}
}

// selfLimit bounds the estimates that a network sees of itself, in training as in sampling. An untrained network's, computed from a guess of
// the noise, would be as large as the noise; data lies in ±1 or has unit variance.
const selfLimit = 2

// SelfCondition gives a network its own last clean estimate as second input, limited to ±2, and zeros at first (Chen et al. 2022, arXiv
// 2208.04202). The denoiser remembers: make a new one for each trajectory.
func SelfCondition(d func(dst, x, previous []float32, sigma float64) error) Denoiser {
	var previous []float32
	return func(dst, x []float32, sigma float64) error {
		if len(previous) != len(x) {
			previous = make([]float32, len(x))
		}
		if err := d(dst, x, previous, sigma); err != nil {
			return err
		}
		for i, v := range dst {
			previous[i] = min(max(v, -selfLimit), selfLimit)
		}
		return nil
	}
}
