package diffusion

import (
	"fmt"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Reconstruction names a way from data to noise and back.
type Reconstruction int

const (
	OneStep   Reconstruction = iota // noise to Levels[0], then the clean estimate D there: what the training loss sees
	Reverse                         // noise to Levels[0], then the whole reverse process from there
	Inversion                       // DDIM inversion up to Levels[0] without noise, then DDIM back: how far the two ways cancel
)

var reconstructionNames = enum.New[Reconstruction]("diffusion", "reconstruction", "one-step", "reverse", "inversion")

// Reconstructions lists all ways.
func Reconstructions() []Reconstruction { return reconstructionNames.Values() }

// ParseReconstruction is the inverse of String.
func ParseReconstruction(name string) (Reconstruction, error) { return reconstructionNames.Parse(name) }

// String returns the name of the way.
func (r Reconstruction) String() string { return reconstructionNames.Name(r) }

// MarshalText writes the name.
func (r Reconstruction) MarshalText() ([]byte, error) { return reconstructionNames.Marshal(r) }

// UnmarshalText reads the name.
func (r *Reconstruction) UnmarshalText(text []byte) error {
	return reconstructionNames.Unmarshal(r, text)
}

// Reconstructor makes originals anew from their noised selves, to be compared by MSE, PSNR, SSIM.
type Reconstructor struct {
	Kind       Reconstruction
	Levels     []float64 // falling; those of [Schedule.LevelsFrom] for Reverse and Inversion, of which OneStep takes the first
	Sampler    Sampler   // of Reverse
	Iterations int       // of each inversion step, see [Invert]; 0 for 3
}

// LevelsFrom returns the levels of a reverse process of n steps that begins at sigma: those of a sampler whose schedule ends there, evenly
// spread in sigma^(1/7) (Karras et al. 2022, equation 5), then 0.
func (s *Schedule) LevelsFrom(sigma float64, n int) ([]float64, error) {
	if n < 1 || !(sigma > s.min || n == 1 && sigma > 0) || sigma > s.max {
		return nil, fmt.Errorf("diffusion: %d steps from sigma %v on a schedule from %.4g to %.4g: need at least one step and a level in between",
			n, sigma, s.min, s.max)
	}
	levels := make([]float64, n+1)
	for i := range n {
		levels[i] = karras(float64(i)/float64(max(n-1, 1)), s.min, sigma, 7)
	}
	return levels, nil
}

// Run writes to dst the reconstruction of the batch x0, which is not changed. noise gives OneStep and Reverse their noise (step 0) and a
// stochastic sampler its own; sample i of a [Noise] gets the same whatever the way, so that ways and models can be compared in pairs.
func (r Reconstructor) Run(dst, x0 []float32, d Denoiser, noise NoiseFunc) error {
	if err := r.check(dst, x0, noise); err != nil {
		return err
	}
	if r.Kind == Inversion {
		iterations := r.Iterations
		if iterations == 0 {
			iterations = 3
		}
		copy(dst, x0)
		if err := Invert(d, dst, r.Levels, iterations); err != nil {
			return err
		}
		return NewSampler(DDIM).Sample(d, dst, r.Levels, nil)
	}
	noised := dst
	if r.Kind == OneStep {
		noised = make([]float32, len(x0))
	}
	AddNoise(noised, x0, r.Levels[0], noise)
	if r.Kind == OneStep {
		return d(dst, noised, r.Levels[0])
	}
	return r.Sampler.Sample(d, dst, r.Levels, noise)
}

func (r Reconstructor) check(dst, x0 []float32, noise NoiseFunc) error {
	if err := reconstructionNames.Check(r.Kind); err != nil {
		return err
	}
	switch {
	case len(r.Levels) == 0 || !(r.Levels[0] > 0):
		return fmt.Errorf("diffusion: reconstruction %v without a noise level: set Levels", r.Kind)
	case len(dst) != len(x0) || len(x0) == 0:
		return fmt.Errorf("diffusion: reconstruction of %d numbers with room for %d: need equal lengths above 0", len(x0), len(dst))
	case noise == nil && r.Kind != Inversion:
		return fmt.Errorf("diffusion: reconstruction %v without a source of noise: give it Noise{Seed: 1, Size: n}.Fill", r.Kind)
	case r.Kind == Inversion:
		return checkLevels(r.Levels)
	case r.Kind == Reverse:
		if err := checkLevels(r.Levels); err != nil {
			return err
		}
		return r.Sampler.Check()
	}
	return nil
}
