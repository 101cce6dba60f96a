// Package linalg has the two factorizations that Fréchet distances need and a library for graphs does not have: the Cholesky factor of a
// covariance that may be singular, and the eigenvalues of a symmetric matrix. Matrices are row-major float64 slices.
package linalg

import (
	"fmt"
	"math"
	"runtime"
	"sync"
)

// SemiCholesky factors a symmetric positive semi-definite n x n matrix with complete pivoting: a = L·Lᵀ to rounding, where L is n x rank
// (Higham 2002, "Accuracy and stability of numerical algorithms", section 10.3). It stops where all remaining pivots are below n·2^-52
// times the largest one. Lᵀ is returned, rank x n, and the pivots: row k of Lᵀ has zeros at pivots[0 … k-1], and L restricted to the rows
// pivots[0 … rank-1] is lower triangular. a is destroyed.
func SemiCholesky(a []float64, n int) (lt []float64, pivots []int, err error) {
	if len(a) != n*n {
		return nil, nil, fmt.Errorf("linalg: %d numbers are not a matrix of %d x %d", len(a), n, n)
	}
	diagonal := make([]float64, n)
	largest := 0.0
	for i := range diagonal {
		diagonal[i] = a[i*n+i]
		largest = max(largest, diagonal[i])
	}
	done := make([]bool, n)
	for range n {
		p, pivot := -1, float64(n)*0x1p-52*largest
		for i, d := range diagonal {
			if !done[i] && d > pivot {
				p, pivot = i, d
			}
		}
		if p < 0 {
			break
		}
		row := make([]float64, n)
		pivotRow(row, a[p*n:][:n], lt, p, pivot, done)
		done[p] = true
		for i := range diagonal {
			diagonal[i] -= row[i] * row[i]
		}
		lt, pivots = append(lt, row...), append(pivots, p)
	}
	return lt, pivots, nil
}

// pivotRow computes a row of Lᵀ from the rows before it: what is left of row p of the matrix, divided by the root of the pivot.
func pivotRow(row, a, lt []float64, p int, pivot float64, done []bool) {
	n := len(row)
	copy(row, a)
	split(n, 256, func(lo, hi int) {
		for k := 0; k < len(lt); k += n {
			if w := lt[k+p]; w != 0 {
				part, from := row[lo:hi], lt[k+lo:k+hi]
				for i := range part {
					part[i] -= w * from[i]
				}
			}
		}
	})
	root := math.Sqrt(pivot)
	for i := range row {
		switch {
		case done[i]:
			row[i] = 0
		case i == p:
			row[i] = root
		default:
			row[i] /= root
		}
	}
}

// split runs f over parts of 0 … n-1 on all cores, in parts of at least least.
func split(n, least int, f func(lo, hi int)) {
	workers := max(1, min(runtime.GOMAXPROCS(0), n/least))
	var all sync.WaitGroup
	for w := 1; w < workers; w++ {
		all.Go(func() { f(n*w/workers, n*(w+1)/workers) })
	}
	f(0, n/workers)
	all.Wait()
}
