package sample

import (
	"math"

	"github.com/ebb-ml/ebb/diffusion"
)

// subject is the number of the sample whose class and noise sample i takes.
func (r Request) subject(i int) int {
	if r.Towards != nil {
		return r.First
	}
	return i
}

// start fills x with the beginnings of the trajectories of samples first, first+1, ….
func (r Request) start(x []float32, first, size int, schedule *diffusion.Schedule) {
	noise := diffusion.Noise{Seed: r.Seed, First: uint64(first), Size: size}
	switch {
	case r.From != nil:
		repeat(x, r.From)
		diffusion.AddNoise(x, x, r.Levels[0], noise.Fill)
	case r.Towards != nil:
		schedule.Start(x, r.Levels[0], func(dst []float32, step int) { r.between(dst, first, size, step) })
	default:
		schedule.Start(x, r.Levels[0], noise.Fill)
	}
}

// between fills dst with noise on the way from sample First of Seed to the same of Towards.
func (r Request) between(dst []float32, first, size, step int) {
	a, b := make([]float32, size), make([]float32, size)
	diffusion.Noise{Seed: r.Seed, First: uint64(r.First), Size: size}.Fill(a, step)
	diffusion.Noise{Seed: *r.Towards, First: uint64(r.First), Size: size}.Fill(b, step)
	for i := 0; i*size < len(dst); i++ {
		t := float64(first-r.First+i) / float64(max(r.Count-1, 1))
		slerp(dst[i*size:(i+1)*size], a, b, min(t, 1))
	}
}

// slerp goes from a to b along a great circle, so that what is between two draws of noise has the length of noise (Shoemake 1985,
// "Animating rotation with quaternion curves", section 3.3). Where a and b have no angle or are opposite it goes straight.
func slerp(dst, a, b []float32, t float64) {
	var aa, bb, ab float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	wa, wb := 1-t, t
	if angle := math.Acos(max(-1, min(1, ab/math.Sqrt(aa*bb)))); math.Sin(angle) > 1e-6 {
		wa, wb = math.Sin((1-t)*angle)/math.Sin(angle), math.Sin(t*angle)/math.Sin(angle)
	}
	for i := range dst {
		dst[i] = float32(wa*float64(a[i]) + wb*float64(b[i]))
	}
}

// inpainted keeps what the mask keeps, in a batch of n numbers.
func (r Request) inpainted(d diffusion.Denoiser, n int) diffusion.Denoiser {
	if r.Mask == nil {
		return d
	}
	known, mask := make([]float32, n), make([]float32, n)
	repeat(known, r.From)
	repeat(mask, r.Mask)
	return diffusion.Inpaint(d, known, mask)
}

// watched shows the trajectory to Watch. Samples that only fill the last batch up are not shown.
func (r Request) watched(d diffusion.Denoiser, first, size int) diffusion.Denoiser {
	if r.Watch == nil {
		return d
	}
	return func(dst, x []float32, sigma float64) error {
		r.Watch(first, x[:min(len(x), (r.First+r.Count-first)*size)], sigma)
		return d(dst, x, sigma)
	}
}

// repeat fills dst with copies of one sample.
func repeat(dst, one []float32) {
	for i := 0; i < len(dst); i += len(one) {
		copy(dst[i:], one)
	}
}
