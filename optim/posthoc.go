package optim

import (
	"fmt"
	"math"
)

// Profile is a power-function average: at time Time (images seen) the weights of time τ count with
// (γ+1)·τ^γ / Time^(γ+1), γ being Gamma of SigmaRel (Karras et al. 2024, equation 121).
type Profile struct {
	Time, SigmaRel float64
}

// Reconstruction is a wanted average as a mixture of stored ones.
type Reconstruction struct {
	// Weights of the stored averages; they sum to one, and some are negative.
	Weights []float64
	// Error is the distance of the profile that the mixture has from the wanted one, relative to
	// its size: above some per cent the stored averages do not reach that far.
	Error float64
}

// Reconstruct finds the mixture of stored averages that comes nearest to the wanted one, by
// least squares over their profiles (Karras et al. 2024, section 3.2 and algorithm 3). So any
// width can be had after training from a few snapshots of two widths.
func Reconstruct(stored []Profile, want Profile) (Reconstruction, error) {
	if len(stored) == 0 {
		return Reconstruction{}, fmt.Errorf("no snapshots to reconstruct from")
	}
	for _, p := range append([]Profile{want}, stored...) {
		if !(p.Time > 0) || math.IsInf(p.Time, 0) || math.IsNaN(Gamma(p.SigmaRel)) {
			return Reconstruction{}, fmt.Errorf("average at %v images of width %v: time must be positive, width above 0 and at most %v", p.Time, p.SigmaRel, maxSigmaRel)
		}
	}
	n := len(stored)
	a := make([][]float64, n) // the normal equations, each row with its right-hand side
	scale := make([]float64, n)
	for i, p := range stored {
		scale[i] = 1 / math.Sqrt(overlap(p, p)) // to unit profiles, for the conditioning
	}
	for i, p := range stored {
		a[i] = make([]float64, n+1)
		for j, q := range stored {
			a[i][j] = overlap(p, q) * scale[i] * scale[j]
		}
		a[i][n] = overlap(p, want) * scale[i]
	}
	x, ok := solve(a)
	if !ok {
		return Reconstruction{}, fmt.Errorf("the %d snapshots repeat each other: the same time and width twice?", n)
	}
	sum := 0.0
	for i := range x {
		x[i] *= scale[i]
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum // an average of equal weights must be those weights
	}
	return Reconstruction{Weights: x, Error: distance(stored, x, want)}, nil
}

// distance is ‖Σ x·p − want‖ / ‖want‖ of the profiles.
func distance(stored []Profile, x []float64, want Profile) float64 {
	size := overlap(want, want)
	d := size
	for i, p := range stored {
		d -= 2 * x[i] * overlap(p, want)
		for j, q := range stored {
			d += x[i] * x[j] * overlap(p, q)
		}
	}
	return math.Sqrt(max(d, 0) / size)
}

// overlap is the integral of the product of two profiles (Karras et al. 2024, equation 151).
func overlap(p, q Profile) float64 {
	a, b := Gamma(p.SigmaRel), Gamma(q.SigmaRel)
	m := min(p.Time, q.Time)
	return (a + 1) * (b + 1) / (a + b + 1) * math.Pow(m/p.Time, a) * math.Pow(m/q.Time, b) * m / (p.Time * q.Time)
}

// solve runs Gaussian elimination with partial pivoting on rows [A | b], which it overwrites.
func solve(a [][]float64) (x []float64, ok bool) {
	n := len(a)
	for k := range n {
		p := k
		for i := k; i < n; i++ {
			if math.Abs(a[i][k]) > math.Abs(a[p][k]) {
				p = i
			}
		}
		if math.Abs(a[p][k]) < 1e-15 {
			return nil, false
		}
		a[k], a[p] = a[p], a[k]
		for i := k + 1; i < n; i++ {
			f := a[i][k] / a[k][k]
			for j := k; j <= n; j++ {
				a[i][j] -= f * a[k][j]
			}
		}
	}
	x = make([]float64, n)
	for k := n - 1; k >= 0; k-- {
		x[k] = a[k][n]
		for j := k + 1; j < n; j++ {
			x[k] -= a[k][j] * x[j]
		}
		x[k] /= a[k][k]
	}
	return x, true
}

// Mix adds up stored values of one weight, one slice per snapshot, with the weights of a
// reconstruction.
func (r Reconstruction) Mix(stored [][]float32) ([]float32, error) {
	if len(stored) != len(r.Weights) {
		return nil, fmt.Errorf("%d snapshots for a mixture of %d", len(stored), len(r.Weights))
	}
	out := make([]float32, len(stored[0]))
	for k := range stored {
		if len(stored[k]) != len(out) {
			return nil, fmt.Errorf("snapshot %d has %d values, the first has %d", k, len(stored[k]), len(out))
		}
	}
	for i := range out {
		sum := 0.0 // float64: the weights are large and of both signs
		for k, w := range r.Weights {
			sum += w * float64(stored[k][i])
		}
		out[i] = float32(sum)
	}
	return out, nil
}
