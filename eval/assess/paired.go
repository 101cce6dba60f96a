package assess

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/internal/rng"
	"github.com/gomlx/compute"
)

// jackknifeGroups are the groups of PairedDistance.
const jackknifeGroups = 20

// Draws of this package (see package rng).
const (
	drawGroup     = 0xE800_0000 // which group of a jackknife a picture is in
	drawReference = 0xE800_0001 // which pictures samples are held against
)

// PairedDistance is how much farther the samples b are from the reference than the samples a, by a measure of distributions such as
// [eval.Frechet] or [eval.KID], with a 95 % interval. Rows of a and b are pairs: drawn from the same noise with the same class. The interval is
// the delete-a-group jackknife's (Kott 2001, Journal of Official Statistics 17) over 20 random groups, which leave a, b and the reference
// together, so that what both models share, the choice of pictures above all, does not widen it.
func PairedDistance(ctx context.Context, b compute.Backend, measure eval.Measure, space string, first, other, reference eval.Matrix) (eval.Figure, error) {
	n := first.N
	if other.N != n {
		return eval.Figure{}, fmt.Errorf("assess: %d samples of one model and %d of the other cannot be compared: draw as many of both", n, other.N)
	}
	if n < 2*jackknifeGroups || reference.N < 2*jackknifeGroups {
		return eval.Figure{}, fmt.Errorf("assess: the difference of two distances needs at least %d samples and reference pictures, there are %d and %d",
			2*jackknifeGroups, n, reference.N)
	}
	difference := func(x, y, z eval.Matrix) (eval.Figure, error) {
		p, err := measure(ctx, b, space, x, z)
		if err != nil {
			return p, err
		}
		q, err := measure(ctx, b, space, y, z)
		if err != nil {
			return q, err
		}
		if err := p.Comparable(q); err != nil {
			return q, err
		}
		q.Value -= p.Value
		return q, nil
	}
	whole, err := difference(first, other, reference)
	if err != nil {
		return whole, err
	}
	var pseudo []float64
	for g := range jackknifeGroups {
		kept, keptReference := without(n, g), without(reference.N, g)
		d, err := difference(first.Take(kept), other.Take(kept), reference.Take(keptReference))
		if err != nil {
			return whole, err
		}
		pseudo = append(pseudo, jackknifeGroups*float64(whole.Value)-(jackknifeGroups-1)*float64(d.Value))
	}
	f, err := eval.MeanFigure(whole.Name, pseudo)
	if err != nil {
		return f, err
	}
	shift := float64(whole.Value - f.Value) // the jackknife's interval around the plain difference
	f.Interval.Low, f.Interval.High = f.Interval.Low+shift, f.Interval.High+shift
	f.Value, f.N, f.Reference, f.Space = whole.Value, n, reference.N, space
	f.Note = fmt.Sprintf("paired: the same noise and classes; jackknife over %d groups", jackknifeGroups)
	return f, nil
}

// without lists the indices below n that are not in group g, in a fixed random order of groups.
func without(n, g int) (kept []int) {
	perm := rng.NewPerm(n, 0, drawGroup, 0)
	for i := range n {
		if perm.At(i)%jackknifeGroups != g {
			kept = append(kept, i)
		}
	}
	return kept
}

// anyOf are n indices below of, in a random order.
func anyOf(of, n int, seed uint64) []int {
	perm := rng.NewPerm(of, seed, drawReference, 0)
	out := make([]int, n)
	for i := range out {
		out[i] = perm.At(i)
	}
	return out
}

// PlainFrechet is [eval.Frechet] without its standard error, which costs more than the distance.
func PlainFrechet(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
	f := eval.Figure{Name: "FD-" + space, Space: space, N: x.N, Reference: y.N}
	p, err := eval.NewMoments(ctx, b, space, x)
	if err != nil {
		return f, err
	}
	q, err := eval.NewMoments(ctx, b, space, y)
	if err != nil {
		return f, err
	}
	d, err := eval.FrechetSquared(ctx, b, p, q)
	f.Value = eval.Number(d)
	return f, err
}

// SampleFeatures draws samples first to first+n of a seed and returns their features. Sample i is the same however many are drawn.
func (s *Subject) SampleFeatures(ctx context.Context, space eval.Space, seed uint64, first, n int) (eval.Matrix, error) {
	from := *s
	from.Request.First = first
	from.Progress = func(done, _ int) { s.progress(done-first, n) }
	samples, err := from.Draw(ctx, n, seed)
	if err != nil {
		return eval.Matrix{}, err
	}
	return eval.Extract(ctx, samples, space, nil)
}

// HeldOutFeatures are the features of the first n held-out pictures, as the network sees them.
func (s *Subject) HeldOutFeatures(ctx context.Context, space eval.Space, n int) (eval.Matrix, error) {
	real, err := s.seen(ctx, s.HeldOut, n)
	if err != nil {
		return eval.Matrix{}, err
	}
	return eval.Extract(ctx, real, space, nil)
}
