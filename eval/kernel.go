package eval

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute"
)

// kernelSums are what the unbiased estimate of a squared maximum mean discrepancy and its jackknife need: for each vector, the sum of the
// kernel with the other vectors of its own sample and with those of the other one.
type kernelSums struct {
	xx, xy []float64 // for each row of x
	yy, yx []float64 // for each row of y
}

// kernelFunc is a kernel as a function of the product of two vectors and their squared lengths.
type kernelFunc func(xy, xx, yy float64) float64

// sumKernel fills the sums.
func sumKernel(ctx context.Context, b compute.Backend, x, y Matrix, k kernelFunc) (s kernelSums, err error) {
	s = kernelSums{xx: make([]float64, x.N), xy: make([]float64, x.N), yy: make([]float64, y.N), yx: make([]float64, y.N)}
	if err = addKernel(ctx, b, x, x, k, s.xx, nil, true); err != nil {
		return s, err
	}
	if err = addKernel(ctx, b, y, y, k, s.yy, nil, true); err != nil {
		return s, err
	}
	return s, addKernel(ctx, b, x, y, k, s.xy, s.yx, false)
}

// addKernel adds the kernel's sums over rows to rows and, unless nil, over columns to columns. self leaves out the diagonal.
func addKernel(ctx context.Context, b compute.Backend, x, y Matrix, k kernelFunc, rows, columns []float64, self bool) error {
	xx, yy := squaredNorms(x), squaredNorms(y)
	return products(ctx, b, x, y, func(block productBlock) error {
		values := make([]float64, len(block.values))
		eachRow(block.rows, func(i int) {
			to, from := values[i*block.columns:][:block.columns], block.values[i*block.columns:][:block.columns]
			norm, sum := float64(xx[block.first+i]), 0.0
			for j, v := range from {
				if self && block.first+i == block.firstY+j {
					continue
				}
				to[j] = k(float64(v), norm, float64(yy[block.firstY+j]))
				sum += to[j]
			}
			rows[block.first+i] += sum
		})
		for i := 0; i < block.rows && columns != nil; i++ {
			to := columns[block.firstY:][:block.columns]
			for j, v := range values[i*block.columns:][:block.columns] {
				to[j] += v
			}
		}
		return nil
	})
}

func total(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum
}

// unbiased is the estimate of Gretton et al. 2012 (JMLR 13, lemma 6), and its standard error by the jackknife of both samples
// (Arvesen 1969: the variances add). A jackknife counts the interaction of two vectors twice (Efron and Stein 1981). That is kept: with it
// the 95 % intervals of KID covered the truth in 92 to 95 % of draws of 50 and 200 pictures of CIFAR-10, equal distributions included, and
// without it in 83 to 94 %.
func (s kernelSums) unbiased() (value, se float64) {
	m, n := float64(len(s.xx)), float64(len(s.yy))
	kxx, kyy, kxy := total(s.xx), total(s.yy), total(s.xy)
	estimate := func(kxx, kyy, kxy, m, n float64) float64 { return kxx/(m*(m-1)) + kyy/(n*(n-1)) - 2*kxy/(m*n) }
	without := make([]float64, len(s.xx))
	for i := range without {
		without[i] = estimate(kxx-2*s.xx[i], kyy, kxy-s.xy[i], m-1, n)
	}
	_, vx := meanAndVariance(without)
	without = make([]float64, len(s.yy))
	for i := range without {
		without[i] = estimate(kxx, kyy-2*s.yy[i], kxy-s.yx[i], m, n-1)
	}
	_, vy := meanAndVariance(without)
	return estimate(kxx, kyy, kxy, m, n), math.Sqrt((m-1)*(m-1)/m*vx + (n-1)*(n-1)/n*vy)
}

// KID is the kernel distance of Bińkowski et al. 2018 (arXiv 1801.01401): the unbiased squared maximum mean discrepancy with the kernel
// (x·y/d + 1)³, over all vectors and not over random subsets, so that it has no randomness of its own. x are the features of generated
// pictures, y of real ones. It has no bias that depends on the number of pictures and may be a little below zero. The standard error is
// the jackknife's.
func KID(ctx context.Context, b compute.Backend, space string, x, y Matrix) (Figure, error) {
	d := float64(x.D)
	return discrepancy(ctx, b, Figure{Name: "KID-" + space, Space: space}, x, y, func(xy, _, _ float64) float64 {
		v := xy/d + 1
		return v * v * v
	})
}

// MMD is the unbiased squared maximum mean discrepancy with the Gaussian kernel exp(-|x-y|²/(2·width²)) (Gretton et al. 2012), for points
// in a few dimensions. A width of 0 means the median distance of the reference y to itself, on at most 1000 of its vectors.
func MMD(ctx context.Context, b compute.Backend, space string, x, y Matrix, width float64) (Figure, error) {
	if !(width >= 0) || math.IsInf(width, 0) {
		return Figure{}, fmt.Errorf("eval: MMD with a kernel of width %v", width)
	}
	if x.N > 0 && y.N > 0 {
		x, y = centred(x, y)
	}
	if width == 0 {
		width = medianDistance(y)
	}
	return discrepancy(ctx, b, Figure{Name: "MMD²-" + space, Space: space, Note: fmt.Sprintf("kernel width %.4g; ", width)}, x, y, func(xy, xx, yy float64) float64 {
		return math.Exp(-max(xx+yy-2*xy, 0) / (2 * width * width))
	})
}

// medianDistance is that of the first 1000 vectors; 1 where most are equal.
func medianDistance(y Matrix) float64 {
	n := min(y.N, 1000)
	var all []float64
	for i := range n {
		for j := range i {
			all = append(all, math.Sqrt(squaredDistance(y.Row(i), y.Row(j))))
		}
	}
	if len(all) == 0 {
		return 1
	}
	if m := quantile(all, 0.5); m > 0 {
		return m
	}
	return 1
}

func discrepancy(ctx context.Context, b compute.Backend, f Figure, x, y Matrix, k kernelFunc) (Figure, error) {
	if err := checkTwo(f.Name, x, y, 3); err != nil {
		return f, err
	}
	s, err := sumKernel(ctx, b, x, y, k)
	if err != nil {
		return f, err
	}
	f.N, f.Reference = x.N, y.N
	f = f.withError(s.unbiased())
	f.Note += "unbiased; jackknife over both samples"
	return f, nil
}

// checkTwo says what is wrong with two samples of feature vectors.
func checkTwo(measure string, x, y Matrix, need int) error {
	if err := x.check(measure + ": generated pictures"); err != nil {
		return err
	}
	if err := y.check(measure + ": reference pictures"); err != nil {
		return err
	}
	if x.D != y.D {
		return fmt.Errorf("eval: %s: vectors of %d and of %d numbers: both sides need the same feature space and pictures of one size", measure, x.D, y.D)
	}
	if n := min(x.N, y.N); n < need {
		return tooFew(measure, n, need)
	}
	return nil
}

// KIDSubsets is the mean and the standard deviation of KID over random subsets of the given size, as torchmetrics and the original code
// report it (100 subsets of 1000). [KID] is the more precise number and has an interval; this one is for comparison with other tools.
func KIDSubsets(ctx context.Context, b compute.Backend, space string, x, y Matrix, subsets, size int, seed uint64) (mean, deviation float64, err error) {
	if size < 3 || size > min(x.N, y.N) || subsets < 1 {
		return 0, 0, fmt.Errorf("eval: KID over %d subsets of %d vectors, of %d and %d: subsets have at least 3 and at most all", subsets, size, x.N, y.N)
	}
	var values []float64
	for k := range subsets {
		f, err := KID(ctx, b, space, x.Take(subset(x.N, size, seed, uint64(2*k))), y.Take(subset(y.N, size, seed, uint64(2*k+1))))
		if err != nil {
			return 0, 0, err
		}
		values = append(values, float64(f.Value))
	}
	mean, _ = meanAndVariance(values)
	for _, v := range values {
		deviation += (v - mean) * (v - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation), nil
}
