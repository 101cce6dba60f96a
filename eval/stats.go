package eval

import (
	"errors"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// z95 is the 97.5 % quantile of the normal distribution.
const z95 = 1.959963984540054

// TooFewError is the error of a measure that needs more pictures than there are.
type TooFewError struct {
	Measure    string
	Have, Need int
}

func (e *TooFewError) Error() string {
	return fmt.Sprintf("eval: %s needs at least %d pictures on each side, there are %d", e.Measure, e.Need, e.Have)
}

func tooFew(measure string, have, need int) error { return &TooFewError{measure, have, need} }

// meanAndVariance returns the mean and the unbiased variance (0 for a single number).
func meanAndVariance(v []float64) (mean, variance float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		variance += (x - mean) * (x - mean)
	}
	if len(v) < 2 {
		return mean, 0
	}
	return mean, variance / float64(len(v)-1)
}

// MeanFigure is the mean of independent values with Student's interval: mean ± t(n-1)·s/√n. A single value has an endless one.
func MeanFigure(name string, values []float64) (Figure, error) {
	if len(values) == 0 {
		return Figure{}, errors.New("eval: the mean of no values: " + name)
	}
	n := len(values)
	mean, variance := meanAndVariance(values)
	f := Figure{Name: name, N: n}.withError(mean, math.Sqrt(variance/float64(n)))
	f.Note = "mean over pictures, Student's interval"
	half := math.Inf(1)
	if n > 1 {
		half = studentQuantile(n-1) * float64(f.StandardError)
	}
	f.Interval = Interval{mean - half, mean + half}
	return f, nil
}

// studentQuantile is the 97.5 % quantile of Student's distribution: exact for one and two degrees of freedom, else the expansion of
// Cornish and Fisher (Abramowitz and Stegun 26.7.5), right to 0.5 % from three degrees on.
func studentQuantile(degrees int) float64 {
	v, z := float64(degrees), z95
	switch degrees {
	case 1:
		return 12.706204736432095
	case 2:
		return 4.302652729911275
	}
	z2 := z * z
	g1 := z * (z2 + 1) / 4
	g2 := z * (5*z2*z2 + 16*z2 + 3) / 96
	g3 := z * (3*z2*z2*z2 + 19*z2*z2 + 17*z2 - 15) / 384
	g4 := z * (79*z2*z2*z2*z2 + 776*z2*z2*z2 + 1482*z2*z2 - 1920*z2 - 945) / 92160
	return z + g1/v + g2/(v*v) + g3/(v*v*v) + g4/(v*v*v*v)
}

// ShareFigure is the share hits/n with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001 recommend it): it stays inside
// [0, 1] and is right at shares near the ends, where ± standard errors is not.
func ShareFigure(name string, hits, n int) (Figure, error) {
	if n < 1 || hits < 0 || hits > n {
		return Figure{}, fmt.Errorf("eval: %s: %d of %d is not a share", name, hits, n)
	}
	m := float64(n)
	p := float64(hits) / m
	centre := (p + z95*z95/(2*m)) / (1 + z95*z95/m)
	half := z95 / (1 + z95*z95/m) * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	return Figure{Name: name, N: n, Value: Number(p), StandardError: Number(math.Sqrt(p * (1 - p) / m)),
		Interval: Interval{min(max(centre-half, 0), p), max(min(centre+half, 1), p)}, Note: "Wilson's interval"}, nil
}

// Draws of this package (see package rng); Index is the number of the draw.
const (
	drawSubset     = 0xD000_0000 // subsets of feature vectors
	drawProjection = 0xD000_0001 // directions of the sliced Wasserstein distance
	drawBootstrap  = 0xD000_0002
)

// subset returns n of the indices 0 … of-1 without repetition, in a random order: the first n of permutation number k of seed.
func subset(of, n int, seed, k uint64) []int {
	perm := rng.NewPerm(of, seed, drawSubset, k)
	out := make([]int, n)
	for i := range out {
		out[i] = perm.At(i)
	}
	return out
}

// Bootstrap is the percentile interval of a statistic of n items under resampling with replacement (Efron 1979), and its standard error:
// for statistics without a formula. statistic gets the indices of a resample. Resample k of a seed is always the same.
func Bootstrap(n, resamples int, seed uint64, statistic func(index []int) (float64, error)) (Interval, float64, error) {
	if n < 2 || resamples < 40 {
		return Interval{}, 0, fmt.Errorf("eval: a bootstrap of %d items with %d resamples: needs at least 2 and 40", n, resamples)
	}
	values, index := make([]float64, resamples), make([]int, n)
	for k := range values {
		s := rng.NewSequence(seed, drawBootstrap, uint64(k))
		for i := range index {
			index[i] = s.IntN(n)
		}
		v, err := statistic(index)
		if err != nil {
			return Interval{}, 0, err
		}
		values[k] = v
	}
	_, variance := meanAndVariance(values)
	return Interval{quantile(values, 0.025), quantile(values, 0.975)}, math.Sqrt(variance), nil
}
