package eval

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute"
)

// ExtrapolateFrechet is the Fréchet distance for infinitely many pictures, FD∞ (Chong and Forsyth 2020, arXiv 1911.07023): the distance of
// random subsets of both samples is measured at sizes from a fifth of the smaller sample to all of it, and the straight line through the
// distances over 1/n is followed to 0. The interval is that of the line's intercept (least squares, Student): it knows how far
// the subsets scatter around the line, not that they share pictures. Both samples need at least 50 vectors.
func ExtrapolateFrechet(ctx context.Context, b compute.Backend, space string, x, y Matrix, seed uint64) (Figure, error) {
	f := Figure{Name: "FD∞-" + space, Space: space, N: x.N, Reference: y.N}
	most := min(x.N, y.N)
	if err := checkTwo(f.Name, x, y, 50); err != nil {
		return f, err
	}
	const points = 10
	var at, value []float64
	for k := range points {
		// evenly spaced in 1/n, so that no point decides alone
		inverse := (1 + 4*float64(points-1-k)/(points-1)) / float64(most)
		n := int(math.Round(1 / inverse))
		distance, err := frechetOf(ctx, b, space, x.Take(subset(x.N, n, seed, uint64(2*k))), y.Take(subset(y.N, n, seed, uint64(2*k+1))))
		if err != nil {
			return f, err
		}
		at, value = append(at, 1/float64(n)), append(value, distance)
	}
	intercept, se := lineAtZero(at, value)
	f = f.withError(intercept, se)
	half := studentQuantile(points-2) * se
	f.Interval = Interval{intercept - half, intercept + half}
	f.Note = fmt.Sprintf("line through %d sizes from %d to %d", points, most/5, most)
	return f, nil
}

func frechetOf(ctx context.Context, b compute.Backend, space string, x, y Matrix) (float64, error) {
	p, err := NewMoments(ctx, b, space, x)
	if err != nil {
		return 0, err
	}
	q, err := NewMoments(ctx, b, space, y)
	if err != nil {
		return 0, err
	}
	return FrechetSquared(ctx, b, p, q)
}

// lineAtZero is the intercept of the least-squares line and its standard error.
func lineAtZero(x, y []float64) (intercept, se float64) {
	mx, vx := meanAndVariance(x)
	my, _ := meanAndVariance(y)
	n := float64(len(x))
	sxx, sxy, rest := vx*(n-1), 0.0, 0.0
	for i := range x {
		sxy += (x[i] - mx) * (y[i] - my)
	}
	slope := sxy / sxx
	intercept = my - slope*mx
	for i := range x {
		e := y[i] - intercept - slope*x[i]
		rest += e * e
	}
	return intercept, math.Sqrt(rest / (n - 2) * (1/n + mx*mx/sxx))
}

// Measure is a measure between the features of generated and of real pictures, such as [Frechet] and [KID].
type Measure func(ctx context.Context, b compute.Backend, space string, x, y Matrix) (Figure, error)

// RealAgainstReal is the value of a measure between two disjoint random samples of n real pictures: what a perfect generator would get.
// Show it beside every distance. The reference must hold 2n vectors.
func RealAgainstReal(ctx context.Context, b compute.Backend, measure Measure, space string, reference Matrix, n int, seed uint64) (Figure, error) {
	if 2*n > reference.N {
		return Figure{}, fmt.Errorf("eval: real against real with %d pictures on each side needs %d real ones, there are %d", n, 2*n, reference.N)
	}
	index := subset(reference.N, 2*n, seed, math.MaxUint64)
	f, err := measure(ctx, b, space, reference.Take(index[:n]), reference.Take(index[n:]))
	f.Name += ", real against real"
	return f, err
}
