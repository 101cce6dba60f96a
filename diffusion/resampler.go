package diffusion

import (
	"fmt"
	"math"
)

// Resampler draws noise levels where the loss is large: bin k of the quantile range is drawn with probability in proportion to
// √E[loss²], and the loss is divided by the bin's probability relative to uniform, so that its expectation stays: Nichol & Dhariwal
// 2021 (arXiv 2102.09672), section 3.3. In place of their last ten losses a bin keeps an exponential average. Its exported fields are
// the whole state, to be saved with a checkpoint.
type Resampler struct {
	Squares []float64 // running mean of loss² by bin
	Counts  []uint64  // losses seen by bin
}

const (
	resamplerWarm    = 10    // losses that every bin must have seen before draws stop being uniform
	resamplerMemory  = 0.9   // weight of the past in the running mean
	resamplerUniform = 0.001 // share of uniform draws, so that no bin is forgotten
)

// NewResampler returns one with the given number of bins (100 suits most; a discrete schedule may have one per level).
func NewResampler(bins int) (*Resampler, error) {
	if bins < 1 || bins > 1_000_000 {
		return nil, fmt.Errorf("diffusion: loss-aware time sampling with %d bins: need 1 to 1000000", bins)
	}
	return &Resampler{Squares: make([]float64, bins), Counts: make([]uint64, bins)}, nil
}

func (r *Resampler) check() error {
	if len(r.Squares) == 0 || len(r.Squares) != len(r.Counts) {
		return fmt.Errorf("diffusion: loss-aware time sampling with %d squares and %d counts: need one of each per bin; use NewResampler", len(r.Squares), len(r.Counts))
	}
	for k, v := range r.Squares {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("diffusion: loss-aware time sampling: bin %d holds %v: the saved state is damaged", k, v)
		}
	}
	return nil
}

// Probabilities returns the chance of each bin; they sum to 1.
func (r *Resampler) Probabilities() []float64 {
	n := float64(len(r.Squares))
	p := make([]float64, len(r.Squares))
	total := 0.0
	for k, s := range r.Squares {
		if r.Counts[k] < resamplerWarm {
			return uniformProbabilities(p)
		}
		p[k] = math.Sqrt(s)
		total += p[k]
	}
	if total == 0 {
		return uniformProbabilities(p)
	}
	for k := range p {
		p[k] = p[k]/total*(1-resamplerUniform) + resamplerUniform/n
	}
	return p
}

func uniformProbabilities(p []float64) []float64 {
	for k := range p {
		p[k] = 1 / float64(len(p))
	}
	return p
}

// warp maps a uniform u to the quantile that the bins' probabilities ask for, and returns the importance weight 1/(bins·p).
func warp(u float64, p []float64) (quantile, importance float64) {
	n := float64(len(p))
	for k, pk := range p {
		if u < pk || k == len(p)-1 {
			within := clamp(u/pk, 0x1p-53, 1-0x1p-53)
			return (float64(k) + within) / n, 1 / (n * pk)
		}
		u -= pk
	}
	return u, 1
}

// Update records the losses of a whole batch, once a step after all its pieces are drawn, in the order of its images: losses[i] is
// that of quantile u[i], without its importance weight (divide what [Objective.Loss] returns by [Draws].Importance). Losses that are
// not finite are left out.
func (r *Resampler) Update(u []float64, losses []float32) error {
	if len(u) != len(losses) {
		return fmt.Errorf("diffusion: loss-aware time sampling: %d quantiles and %d losses", len(u), len(losses))
	}
	for i, q := range u {
		square := float64(losses[i]) * float64(losses[i])
		if math.IsNaN(square) || math.IsInf(square, 0) {
			continue
		}
		k := int(clamp(q*float64(len(r.Squares)), 0, float64(len(r.Squares)-1)))
		memory := math.Min(resamplerMemory, float64(r.Counts[k])/float64(r.Counts[k]+1))
		r.Squares[k] = memory*r.Squares[k] + (1-memory)*square
		r.Counts[k]++
	}
	return nil
}
