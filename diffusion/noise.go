package diffusion

import "github.com/ebb-ml/ebb/internal/rng"

// NoiseFunc fills dst with independent N(0, 1) numbers. step 0 is the start of a trajectory, step k the noise of its k-th transition.
type NoiseFunc func(dst []float32, step int)

// Noise is a source of normal noise in which every number is a function of the seed, the sample, the step and the place within the
// sample. A batch of samples First, First+1, … gets the same noise per sample however it is cut.
type Noise struct {
	Seed  uint64
	First uint64 // index of the first sample of the batch
	Size  int    // numbers per sample
}

// Fill is the source's [NoiseFunc]. A last, incomplete sample gets the beginning of its noise; Size below 1 means that dst is one sample.
func (n Noise) Fill(dst []float32, step int) {
	size := n.Size
	if size < 1 {
		size = max(len(dst), 1)
	}
	for i := uint64(0); len(dst) > 0; i++ {
		m := min(size, len(dst))
		rng.Stream{Seed: n.Seed, Index: n.First + i, Draw: uint32(step)}.Normals(dst[:m])
		dst = dst[m:]
	}
}

// Start fills x with pure noise for a trajectory that begins at level sigma: N(0, Prior(sigma)²).
func (s *Schedule) Start(x []float32, sigma float64, noise NoiseFunc) {
	noise(x, 0)
	scale(x, s.path.Prior(sigma), x)
}

// AddNoise sets x = x0 + sigma·eps, the start of image-to-image work at level sigma. x may be x0.
func AddNoise(x, x0 []float32, sigma float64, noise NoiseFunc) {
	eps := make([]float32, len(x0))
	noise(eps, 0)
	combine(x, 1, x0, sigma, eps)
}
