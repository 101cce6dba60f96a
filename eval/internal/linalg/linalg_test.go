package linalg

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng"
)

func random(rows, columns int, seed uint64) []float64 {
	s := rng.NewSequence(seed, 0, 0)
	out := make([]float64, rows*columns)
	for i := range out {
		out[i] = s.Normal()
	}
	return out
}

// gram is x·xᵀ of a rows x columns matrix.
func gram(x []float64, rows, columns int) []float64 {
	out := make([]float64, rows*rows)
	for i := range rows {
		for j := range rows {
			out[i*rows+j] = dot(x[i*columns:][:columns], x[j*columns:][:columns])
		}
	}
	return out
}

// Toeplitz's second difference matrix has the eigenvalues 2 - 2cos(kπ/(n+1)).
func TestEigenvaluesOfTheSecondDifference(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 77} {
		a := make([]float64, n*n)
		for i := range n {
			a[i*n+i] = 2
			if i > 0 {
				a[i*n+i-1] = -1
			}
		}
		values, err := Eigenvalues(a, n)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range values {
			if want := 2 - 2*math.Cos(float64(k+1)*math.Pi/float64(n+1)); math.Abs(v-want) > 1e-13 {
				t.Errorf("n = %d: eigenvalue %d is %v, want %v", n, k, v, want)
			}
		}
	}
}

// Trace and squared norm are sums of eigenvalues and of their squares; a Gram matrix of fewer columns has as many zeros. 300 rows use
// several cores.
func TestEigenvaluesOfGramMatrices(t *testing.T) {
	for _, c := range []struct{ n, rank int }{{5, 5}, {40, 7}, {300, 290}} {
		a := gram(random(c.n, c.rank, 3), c.n, c.rank)
		trace, norm := 0.0, 0.0
		for i, v := range a {
			norm += v * v
			if i%(c.n+1) == 0 {
				trace += v
			}
		}
		values, err := Eigenvalues(a, c.n)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			trace -= v
			norm -= v * v
			if zero := i < c.n-c.rank; zero != (math.Abs(v) < 1e-10) {
				t.Errorf("n = %d, rank %d: eigenvalue %d is %v", c.n, c.rank, i, v)
			}
		}
		if math.Abs(trace) > 1e-9 || math.Abs(norm) > 1e-6 {
			t.Errorf("n = %d: trace is off by %v, squared norm by %v", c.n, trace, norm)
		}
	}
	if _, err := Eigenvalues([]float64{1, math.NaN(), math.NaN(), 1}, 2); err == nil {
		t.Error("NaN gave eigenvalues")
	}
	if _, err := Eigenvalues(make([]float64, 5), 2); err == nil {
		t.Error("five numbers gave eigenvalues")
	}
}

// Covariances of features fall over many orders of magnitude, down into rounding errors.
func TestEigenvaluesOfGradedMatrices(t *testing.T) {
	const n = 200
	for _, decay := range []float64{0.05, 0.2, 1} {
		x := random(n, 2*n, 5)
		trace := 0.0
		for i := range x {
			x[i] *= math.Exp(-decay * float64(i/(2*n)))
			trace += x[i] * x[i]
		}
		values, err := Eigenvalues(gram(x, n, 2*n), n)
		if err != nil {
			t.Fatal(decay, err)
		}
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		if math.Abs(sum-trace) > 1e-12*trace || values[0] < -1e-13*trace {
			t.Errorf("decay %v: sum %v, trace %v, least %v", decay, sum, trace, values[0])
		}
	}
}

func TestSemiCholesky(t *testing.T) {
	for _, c := range []struct{ n, rank int }{{1, 1}, {6, 6}, {30, 4}, {300, 120}} {
		a := gram(random(c.n, c.rank, 4), c.n, c.rank)
		lt, pivots, err := SemiCholesky(append([]float64(nil), a...), c.n)
		if err != nil {
			t.Fatal(err)
		}
		if len(pivots) != c.rank || len(lt) != c.rank*c.n {
			t.Fatalf("n = %d: rank %d, want %d", c.n, len(pivots), c.rank)
		}
		for i := range c.n {
			for j := range c.n {
				sum := 0.0
				for k := range c.rank {
					sum += lt[k*c.n+i] * lt[k*c.n+j]
				}
				if math.Abs(sum-a[i*c.n+j]) > 1e-10*float64(c.n) {
					t.Fatalf("n = %d: element %d, %d is %v, want %v", c.n, i, j, sum, a[i*c.n+j])
				}
			}
		}
		for k := range pivots {
			for _, p := range pivots[:k] {
				if lt[k*c.n+p] != 0 {
					t.Errorf("row %d is not zero at pivot %d", k, p)
				}
			}
		}
	}
	if lt, _, err := SemiCholesky(make([]float64, 9), 3); err != nil || len(lt) != 0 {
		t.Error("a matrix of zeros has rank 0", lt, err)
	}
}
