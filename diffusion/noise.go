package diffusion

import "math"

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
		stream{seed: n.Seed, index: n.First + i, draw: uint32(step)}.normals(dst[:m])
		dst = dst[m:]
	}
}

// normals fills dst with N(0, 1) numbers by Box & Muller 1958: four words make four numbers. u is a multiple of 2^-32 plus 2^-33, so
// the logarithm is finite and |z| at most 6.8.
func (s stream) normals(dst []float32) {
	for block := uint32(0); len(dst) > 0; block++ {
		w := s.words(block)
		var z [4]float32
		z[0], z[1] = boxMuller(w[0], w[1])
		z[2], z[3] = boxMuller(w[2], w[3])
		dst = dst[copy(dst, z[:]):]
	}
}

func boxMuller(a, b uint32) (float32, float32) {
	r := math.Sqrt(-2 * math.Log((float64(a)+0.5)/(1<<32)))
	sin, cos := math.Sincos(2 * math.Pi * (float64(b) + 0.5) / (1 << 32))
	return float32(r * cos), float32(r * sin)
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
