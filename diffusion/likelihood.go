package diffusion

import (
	"context"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Bins says how data is quantised: a number v stands for the interval [v - Width/2, v + Width/2]. Densities become probabilities, in which
// bits per dimension are counted, by its width. 8-bit pictures on a scale of ±1 have 256 bins of Width 2/255 whose outer ones are centred
// at the ends.
type Bins struct {
	Low, High float64 // centres of the outer bins
	Count     int
}

// Bins8 are those of 8-bit pictures normalised to ±1.
func Bins8() Bins { return Bins{Low: -1, High: 1, Count: 256} }

// Width returns the distance of neighbouring centres.
func (b Bins) Width() float64 { return (b.High - b.Low) / float64(b.Count-1) }

// Check says what is wrong with the bins.
func (b Bins) Check() error {
	if b.Count < 2 || !(b.High > b.Low) || math.IsInf(b.High-b.Low, 0) {
		return fmt.Errorf("diffusion: %d bins from %v to %v: need at least 2 and a rising range (Bins8 for 8-bit pictures in ±1)", b.Count, b.Low, b.High)
	}
	return nil
}

// Dequantise sets dst = x + u with u uniform over a bin, so that a density model of dst bounds the probability of the quantised x from
// below: Theis et al. 2016 (arXiv 1511.01844), equation 1. draw numbers independent draws of the same samples, below 65536.
func (b Bins) Dequantise(dst, x []float32, size int, seed, first uint64, draw int) {
	for i := range x {
		s := rng.Stream{Seed: seed, Index: first + uint64(i/size), Draw: drawDequantise + uint32(draw)}
		dst[i] = float32(float64(x[i]) + b.Width()*(s.Uniform(uint32(i%size))-0.5))
	}
}

// BitsPerDim turns the natural logarithm of a density at a sample of size numbers into bits per number of the quantised sample.
func (b Bins) BitsPerDim(logDensity float64, size int) float64 {
	return -(logDensity/float64(size) + math.Log(b.Width())) / math.Ln2
}

// BitsPerDim returns for each sample of x, whose numbers lie on the bins, an upper bound on its bits per dimension under the
// probability-flow ODE: the mean over draws uniform dequantisations. Figures in the literature are made so (one draw; Song et al. 2021,
// arXiv 2011.13456, table 2). x is not changed. first is the index of the first sample, which keys its random numbers.
func (o ODE) BitsPerDim(ctx context.Context, d DenoiserVJP, x []float32, first uint64, bins Bins, draws int) (bits []float64, calls int, err error) {
	if err := bins.Check(); err != nil {
		return nil, 0, err
	}
	if draws < 1 || draws >= 1<<16 {
		return nil, 0, fmt.Errorf("diffusion: bits per dimension from %d dequantisations: need 1 to 65535", draws)
	}
	if err := o.Check(); err != nil {
		return nil, 0, err
	}
	bits, y := make([]float64, len(x)/o.Size), make([]float32, len(x))
	for k := range draws {
		bins.Dequantise(y, x, o.Size, o.Seed, first, k)
		logP, n, err := o.LogLikelihood(ctx, d, y, first)
		calls += n
		if err != nil {
			return nil, calls, err
		}
		for i, l := range logP {
			bits[i] += bins.BitsPerDim(l, o.Size) / float64(draws)
		}
	}
	return bits, calls, nil
}
