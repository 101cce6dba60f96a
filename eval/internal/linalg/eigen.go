package linalg

import (
	"fmt"
	"math"
	"slices"
)

// Eigenvalues returns the eigenvalues of a symmetric n x n matrix in rising order: Householder's reduction to a tridiagonal matrix, then
// QL iterations with implicit shifts (Golub and Van Loan 2013, sections 8.3.1 and 8.3.5). a is destroyed; only its lower triangle is read.
func Eigenvalues(a []float64, n int) ([]float64, error) {
	if n < 1 || len(a) != n*n {
		return nil, fmt.Errorf("linalg: %d numbers are not a matrix of %d x %d", len(a), n, n)
	}
	for i := range n { // both triangles, so that all work is along rows
		for j := range i {
			a[j*n+i] = a[i*n+j]
		}
	}
	diagonal, off := tridiagonal(a, n)
	if err := implicitQL(diagonal, off); err != nil {
		return nil, err
	}
	slices.Sort(diagonal)
	return diagonal, nil
}

// tridiagonal reduces a from its last row up: H = I - β·v·vᵀ turns row i into one number beside the diagonal, and the leading block A
// becomes A - v·wᵀ - w·vᵀ with w = p - (β/2)(pᵀv)·v, p = β·A·v.
func tridiagonal(a []float64, n int) (diagonal, off []float64) {
	diagonal, off = make([]float64, n), make([]float64, n)
	w := make([]float64, n)
	for i := n - 1; i > 0; i-- {
		diagonal[i] = a[i*n+i]
		v := a[i*n:][:i]
		var beta float64
		off[i], beta = householder(v)
		if beta == 0 {
			continue
		}
		split(i, 128, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				w[r] = beta * dot(a[r*n:][:i], v)
			}
		})
		half := beta / 2 * dot(w[:i], v)
		for r := range i {
			w[r] -= half * v[r]
		}
		split(i, 128, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				row, x, y := a[r*n:][:i], v[r], w[r]
				for c, vc := range v {
					row[c] -= x*w[c] + y*vc
				}
			}
		})
	}
	diagonal[0] = a[0]
	return diagonal, off
}

// householder replaces x by v such that (I - β·v·vᵀ)·x = (0, …, 0, e).
func householder(x []float64) (e, beta float64) {
	largest := 0.0
	for _, v := range x[:len(x)-1] {
		largest = max(largest, math.Abs(v))
	}
	last := len(x) - 1
	if largest == 0 {
		return x[last], 0
	}
	scale := max(largest, math.Abs(x[last]))
	sum := 0.0
	for i := range x {
		x[i] /= scale
		sum += x[i] * x[i]
	}
	root := -math.Copysign(math.Sqrt(sum), x[last])
	beta = 1 / (sum - x[last]*root) // vᵀv = 2(sum - x·root)
	x[last] -= root
	return root * scale, beta
}

func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d float64 // four sums, so that additions need not wait for each other
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += x[i] * y[i]
		b += x[i+1] * y[i+1]
		c += x[i+2] * y[i+2]
		d += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return (a + b) + (c + d)
}

// implicitQL turns a tridiagonal matrix, off[i] beside diagonal[i] and diagonal[i-1], into its eigenvalues.
func implicitQL(d, off []float64) error {
	n := len(d)
	if sum := dot(d, d) + dot(off, off); math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("linalg: a matrix with numbers that are not finite, or too large to square, has no eigenvalues")
	}
	e := append(off[1:len(off):len(off)], 0) // e[i] between i and i+1
	largest := 0.0
	for i := range d {
		largest = max(largest, math.Abs(d[i])+math.Abs(e[i]))
	}
	// The reduction has left errors of this size everywhere: elements below are as good as zero. A test against the neighbours on
	// the diagonal alone never ends where those are rounding errors themselves.
	noise := 0x1p-53 * largest
	for l := range n {
		for tries := 0; ; tries++ {
			m := l
			for m < n-1 && math.Abs(e[m]) > max(noise, 0x1p-52*(math.Abs(d[m])+math.Abs(d[m+1]))) {
				m++
			}
			if m == l {
				break
			}
			if tries == 60 {
				return fmt.Errorf("linalg: eigenvalue %d of %d does not converge", l, n)
			}
			chase(d, e, l, m)
		}
	}
	return nil
}

// chase does one QL step on rows l … m with Wilkinson's shift.
func chase(d, e []float64, l, m int) {
	g := (d[l+1] - d[l]) / (2 * e[l])
	g = d[m] - d[l] + e[l]/(g+math.Copysign(math.Hypot(g, 1), g))
	s, c, p := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := s*e[i], c*e[i]
		r := math.Hypot(f, g)
		e[i+1] = r
		if r == 0 { // the matrix falls apart here: go on with the upper part later
			d[i+1] -= p
			e[m] = 0
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = (d[i]-g)*s + 2*c*b
		p = s * r
		d[i+1] = g + p
		g = c*r - b
	}
	d[l] -= p
	e[l], e[m] = g, 0
}
