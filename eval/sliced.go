package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/internal/rng"
	"github.com/gomlx/compute"
)

// jackknifeGroups is how many groups of vectors a grouped jackknife leaves out, one at a time, on each side.
const jackknifeGroups = 10

// SlicedWasserstein is the sliced 2-Wasserstein distance (Rabin et al. 2012; Bonneel et al. 2015): the root of the mean, over random
// directions, of the squared distance between the sorted projections. The numbers of vectors may differ. Directions depend on the seed and
// on the size of a vector alone. It is biased upwards by about 1/√N: compare equal N. The standard error is a jackknife over ten groups of
// vectors on each side, vector i in group i mod 10.
func SlicedWasserstein(ctx context.Context, b compute.Backend, space string, x, y Matrix, directions int, seed uint64) (Figure, error) {
	f := Figure{Name: "SW2-" + space + "-" + countName(x.N), Space: space, N: x.N, Reference: y.N}
	if err := checkTwo(f.Name, x, y, 2*jackknifeGroups); err != nil {
		return f, err
	}
	if directions < 1 || directions > 1<<16 {
		return f, fmt.Errorf("eval: sliced Wasserstein distance along %d directions: give 1 to 65536", directions)
	}
	d := NewMatrix(directions, x.D)
	for i := range directions {
		direction(d.Row(i), seed, uint64(i))
	}
	px, err := project(ctx, b, d, x)
	if err != nil {
		return f, err
	}
	py, err := project(ctx, b, d, y)
	if err != nil {
		return f, err
	}
	// the squared distance of everything, then without each group
	squared := make([][1 + 2*jackknifeGroups]float64, directions)
	eachRow(directions, func(i int) { squared[i] = squaredWithout(px.Row(i), py.Row(i)) })
	var mean [1 + 2*jackknifeGroups]float64
	for _, s := range squared {
		for k, v := range s {
			mean[k] += v / float64(directions)
		}
	}
	var vx, vy float64
	for k, v := range mean {
		mean[k] = math.Sqrt(v)
	}
	_, vx = meanAndVariance(mean[1 : 1+jackknifeGroups])
	_, vy = meanAndVariance(mean[1+jackknifeGroups:])
	const g = jackknifeGroups
	f = f.withError(mean[0], math.Sqrt((g-1)*(g-1)*(vx+vy)/g))
	f.Interval.Low = max(f.Interval.Low, 0)
	f.Note = fmt.Sprintf("%d directions; jackknife over %d groups of both samples; the bias of a finite N is not in the interval", directions, g)
	return f, nil
}

// direction fills d with a point of the unit sphere.
func direction(d []float32, seed, k uint64) {
	rng.Stream{Seed: seed, Index: k, Draw: drawProjection}.Normals(d)
	sum := 0.0
	for _, v := range d {
		sum += float64(v) * float64(v)
	}
	for i := range d {
		d[i] /= float32(math.Sqrt(sum))
	}
}

// project returns the products of each direction with all vectors, [directions, x.N].
func project(ctx context.Context, b compute.Backend, directions, x Matrix) (Matrix, error) {
	out := NewMatrix(directions.N, x.N)
	return out, products(ctx, b, directions, x, func(block productBlock) error {
		for i := range block.rows {
			copy(out.Row(block.first + i)[block.firstY:], block.values[i*block.columns:][:block.columns])
		}
		return nil
	})
}

// placed is a projection and the group of its vector.
type placed struct {
	value float64
	group int
}

func sorted(v []float32) []placed {
	out := make([]placed, len(v))
	for i, x := range v {
		out[i] = placed{float64(x), i % jackknifeGroups}
	}
	slices.SortFunc(out, func(a, b placed) int { return cmp.Compare(a.value, b.value) })
	return out
}

// squaredWithout returns the squared distance of two projected samples, then without each group of the first, then of the second.
func squaredWithout(x, y []float32) (out [1 + 2*jackknifeGroups]float64) {
	px, py := sorted(x), sorted(y)
	a, b := make([]float64, 0, len(x)), make([]float64, 0, len(y))
	without := func(dst []float64, p []placed, group int) []float64 {
		for _, v := range p {
			if v.group != group {
				dst = append(dst, v.value)
			}
		}
		return dst
	}
	a, b = without(a, px, -1), without(b, py, -1)
	out[0] = squaredWasserstein(a, b)
	for g := range jackknifeGroups {
		out[1+g] = squaredWasserstein(without(make([]float64, 0, len(x)), px, g), b)
		out[1+jackknifeGroups+g] = squaredWasserstein(a, without(make([]float64, 0, len(y)), py, g))
	}
	return out
}

// squaredWasserstein is the integral of the squared difference of two quantile functions, given as sorted values.
func squaredWasserstein(a, b []float64) float64 {
	sum, at := 0.0, 0.0
	na, nb := float64(len(a)), float64(len(b))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		endA, endB := float64(i+1)/na, float64(j+1)/nb
		end := min(endA, endB)
		d := a[i] - b[j]
		sum += (end - at) * d * d
		at = end
		// compared as integers, so that equal ends are equal
		left, right := (i+1)*len(b), (j+1)*len(a)
		if left <= right {
			i++
		}
		if right <= left {
			j++
		}
	}
	return sum
}

// InceptionScore is exp(mean KL(p(class | picture) ‖ p(class))) of class probabilities, [pictures, classes] (Salimans et al. 2016, arXiv
// 1606.03498, section 4), over all pictures at once and not averaged over ten parts, as its authors did. The interval is the
// infinitesimal jackknife's, on the logarithm. It is biased downwards by a finite N: compare equal N.
func InceptionScore(space string, probabilities Matrix) (Figure, error) {
	f := Figure{Name: "IS-" + space + "-" + countName(probabilities.N), Space: space, N: probabilities.N}
	if err := probabilities.check(f.Name); err != nil {
		return f, err
	}
	if probabilities.N < 2 {
		return f, tooFew(f.Name, probabilities.N, 2)
	}
	mean := make([]float64, probabilities.D)
	for i := range probabilities.N {
		sum := 0.0
		for j, p := range probabilities.Row(i) {
			if p < 0 {
				return f, fmt.Errorf("eval: %s: picture %d has the probability %v for class %d", f.Name, i, p, j)
			}
			sum += float64(p)
			mean[j] += float64(p) / float64(probabilities.N)
		}
		if math.Abs(sum-1) > 1e-3 {
			return f, fmt.Errorf("eval: %s: the probabilities of picture %d add up to %v: give softmax outputs, not logits", f.Name, i, sum)
		}
	}
	divergence := make([]float64, probabilities.N)
	for i := range divergence {
		for j, p := range probabilities.Row(i) {
			if p > 0 {
				divergence[i] += float64(p) * math.Log(float64(p)/mean[j])
			}
		}
	}
	log, variance := meanAndVariance(divergence)
	se := math.Sqrt(variance / float64(probabilities.N))
	f.Value, f.StandardError = Number(math.Exp(log)), Number(math.Exp(log)*se)
	f.Interval = Interval{math.Exp(log - z95*se), math.Exp(log + z95*se)}
	f.Note = "over all pictures at once; infinitesimal jackknife"
	return f, nil
}
