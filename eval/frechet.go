package eval

import (
	"context"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/eval/internal/linalg"
	"github.com/gomlx/compute"
)

// Moments are the mean and covariance of feature vectors, as the Fréchet distance needs them: the covariance as a factor, S = FᵀF, with as
// few rows as it can have. Compute those of a reference once with [NewMoments].
type Moments struct {
	Space string // name of the feature space
	N, D  int
	mean  []float64
	trace float64 // of the covariance
	rows  int
	f     []float64 // rows x D
	// Where there are more vectors than numbers in one, F is the transposed Cholesky factor with these pivots; else F is the centred
	// vectors themselves, divided by √(N-1), and there are none.
	pivots []int
}

// NewMoments computes mean and covariance (with the divisor N-1) in double precision.
func NewMoments(ctx context.Context, b compute.Backend, space string, x Matrix) (*Moments, error) {
	if err := x.check("FD-" + space); err != nil {
		return nil, err
	}
	if x.N < 2 {
		return nil, tooFew("FD-"+space, x.N, 2)
	}
	m := &Moments{Space: space, N: x.N, D: x.D, mean: make([]float64, x.D)}
	for i := range x.N {
		for j, v := range x.Row(i) {
			m.mean[j] += float64(v)
		}
	}
	for j := range m.mean {
		m.mean[j] /= float64(x.N)
	}
	if x.N <= x.D {
		m.rows, m.f = x.N, m.residuals(x, 0, x.N)
		for _, v := range m.f {
			m.trace += v * v
		}
		return m, nil
	}
	covariance, err := m.covariance(ctx, b, x)
	if err != nil {
		return nil, err
	}
	for j := range x.D {
		m.trace += covariance[j*x.D+j]
	}
	m.f, m.pivots, err = linalg.SemiCholesky(covariance, x.D)
	m.rows = len(m.pivots)
	return m, err
}

// residuals are the vectors first … last-1 less the mean, divided by √(N-1).
func (m *Moments) residuals(x Matrix, first, last int) []float64 {
	out := make([]float64, (last-first)*m.D)
	scale := 1 / math.Sqrt(float64(m.N-1))
	for i := first; i < last; i++ {
		to := out[(i-first)*m.D:][:m.D]
		for j, v := range x.Row(i) {
			to[j] = (float64(v) - m.mean[j]) * scale
		}
	}
	return out
}

// covariance sums over pieces of the vectors, which bounds the memory.
func (m *Moments) covariance(ctx context.Context, b compute.Backend, x Matrix) ([]float64, error) {
	p, err := newProduct64(b, true)
	if err != nil {
		return nil, err
	}
	defer p.close()
	sum := make([]float64, m.D*m.D)
	const piece = 4096
	for first := 0; first < x.N; first += piece {
		last := min(first+piece, x.N)
		r := m.residuals(x, first, last)
		if err := p.run(ctx, r, r, last-first, m.D, last-first, m.D, sum); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// FrechetSquared is the squared Fréchet distance of two normal distributions with these moments (Dowson and Landau 1982; Heusel et al.
// 2017, arXiv 1706.08500, equation 6), the number that is called FID in the Inception space:
//
//	|m1 - m2|² + tr S1 + tr S2 - 2·tr (S1·S2)^½
//
// With S = FᵀF the last trace is the sum of the singular values of F1·F2ᵀ: exact also where there are fewer vectors than numbers in one.
func FrechetSquared(ctx context.Context, b compute.Backend, x, y *Moments) (float64, error) {
	root, _, err := traceRoot(ctx, b, x, y)
	if err != nil {
		return 0, err
	}
	return x.apart(y) + x.trace + y.trace - 2*root, nil
}

// apart is the squared distance of the means.
func (m *Moments) apart(y *Moments) float64 {
	sum := 0.0
	for j, v := range m.mean {
		sum += (v - y.mean[j]) * (v - y.mean[j])
	}
	return sum
}

// traceRoot returns tr (S1·S2)^½ and the cross product C = F1·F2ᵀ.
func traceRoot(ctx context.Context, b compute.Backend, x, y *Moments) (root float64, cross []float64, err error) {
	if x.Space != y.Space || x.D != y.D {
		return 0, nil, fmt.Errorf("eval: moments of the feature spaces %s (%d numbers) and %s (%d) cannot be compared", x.Space, x.D, y.Space, y.D)
	}
	if x.rows == 0 || y.rows == 0 { // all vectors of a side are equal
		return 0, nil, nil
	}
	p, err := newProduct64(b, false)
	if err != nil {
		return 0, nil, err
	}
	defer p.close()
	cross = make([]float64, x.rows*y.rows)
	if err = p.run(ctx, x.f, y.f, x.rows, x.D, y.rows, y.D, cross); err != nil {
		return 0, nil, err
	}
	gram, n, err := smallGram(ctx, b, cross, x.rows, y.rows)
	if err != nil {
		return 0, nil, err
	}
	values, err := linalg.Eigenvalues(gram, n)
	for _, v := range values {
		root += math.Sqrt(max(v, 0))
	}
	return root, cross, err
}

// smallGram is C·Cᵀ or Cᵀ·C, whichever is smaller: both have the same eigenvalues, but for zeros.
func smallGram(ctx context.Context, b compute.Backend, c []float64, rows, columns int) ([]float64, int, error) {
	n := min(rows, columns)
	p, err := newProduct64(b, columns < rows)
	if err != nil {
		return nil, 0, err
	}
	defer p.close()
	gram := make([]float64, n*n)
	return gram, n, p.run(ctx, c, c, rows, columns, rows, columns, gram)
}

// Frechet is the squared Fréchet distance between the features of generated pictures x and real ones y, with its standard error. It is
// biased upwards by about a constant over N: compare equal N only, or use [ExtrapolateFrechet]. The error is the infinitesimal
// jackknife's (Efron 1982, chapter 6): the distance's derivative in the weight of each vector, which for the covariance term is a quadratic
// form with the map of optimal transport. It does not count the bias.
func Frechet(ctx context.Context, b compute.Backend, space string, x, y Matrix) (Figure, error) {
	f := Figure{Name: "FD-" + space + "-" + countName(x.N), Space: space, N: x.N, Reference: y.N}
	if err := checkTwo(f.Name, x, y, 2); err != nil {
		return f, err
	}
	p, err := NewMoments(ctx, b, space, x)
	if err != nil {
		return f, err
	}
	q, err := NewMoments(ctx, b, space, y)
	if err != nil {
		return f, err
	}
	root, cross, err := traceRoot(ctx, b, p, q)
	if err != nil {
		return f, err
	}
	vx, err := frechetVariance(ctx, b, p, q, x, cross, false)
	if err != nil {
		return f, err
	}
	vy, err := frechetVariance(ctx, b, q, p, y, cross, true)
	if err != nil {
		return f, err
	}
	f = f.withError(p.apart(q)+p.trace+q.trace-2*root, math.Sqrt(vx+vy))
	f.Interval.Low = max(f.Interval.Low, 0)
	f.Note = "infinitesimal jackknife over both samples; the bias of a finite N is not in the interval"
	if n := min(x.N, y.N); n <= x.D {
		f.Note += fmt.Sprintf(", and is large: %d pictures are no more than the %d features", n, x.D)
	}
	return f, nil
}
