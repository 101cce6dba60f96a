package kernel

//go:generate go -C _gen run ./vector -family reduce -out ../reduce_amd64.s -stubs ../reduce_stubs_amd64.go -pkg kernel

import "math"

// Reductions holds sums and extrema over rows, columns and whole blocks.
//
// A matrix is contiguous: rows of n floats, and as many rows as the arguments say. Every reduction adds in an order that
// depends on the lengths alone, and a row's result does not depend on its neighbours. With u = 2^-24 the error of a sum is
// at most 80·u·Σ|x| over a row or a whole block of any length (chains of at most 64 terms, blocks of 4096 added in
// float64), and (rows/4+3)·u·Σ|x| for a column. Extrema are exact; a NaN in the input gives NaN.
type Reductions struct {
	RowSum, RowMax, RowMin func(dst, x []float32, n int) // dst[r] = op over x[r·n : (r+1)·n], for r < len(dst)
	RowSumProduct          func(dst, a, b []float32, n int)

	// The column kernels work on rows of len(acc) floats: acc[c] = acc[c] op x[0][c] op x[1][c] ...
	ColumnSum, ColumnMax, ColumnMin func(acc, x []float32)
	ColumnSumProduct                func(acc, a, b []float32)

	Sum, SumSquares func(x []float32) float64
	Max, Min        func(x []float32) float32 // -Inf and +Inf of nothing
}

// rowBlock is the longest run that is summed in float32 alone.
const rowBlock = 4096

func reductionsReference() Reductions {
	return Reductions{
		RowSum: func(dst, x []float32, n int) {
			for r := range dst {
				dst[r] = float32(sum64(x[r*n : r*n+n]))
			}
		},
		RowMax: func(dst, x []float32, n int) {
			for r := range dst {
				dst[r] = maxOf(x[r*n : r*n+n])
			}
		},
		RowMin: func(dst, x []float32, n int) {
			for r := range dst {
				dst[r] = minOf(x[r*n : r*n+n])
			}
		},
		RowSumProduct: func(dst, a, b []float32, n int) {
			for r := range dst {
				dst[r] = float32(dot64(a[r*n:r*n+n], b[r*n:r*n+n]))
			}
		},
		ColumnSum:        columns(func(acc, x float32) float32 { return acc + x }),
		ColumnMax:        columns(func(acc, x float32) float32 { return max(acc, x) }),
		ColumnMin:        columns(func(acc, x float32) float32 { return min(acc, x) }),
		ColumnSumProduct: columnSumProduct,
		Sum:              sum64,
		SumSquares:       func(x []float32) float64 { return dot64(x, x) },
		Max:              maxOf,
		Min:              minOf,
	}
}

func sum64(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func dot64(a, b []float32) float64 {
	var s float64
	for i, v := range a {
		s += float64(float64(v) * float64(b[i]))
	}
	return s
}

func maxOf(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func minOf(x []float32) float32 {
	m := float32(math.Inf(1))
	for _, v := range x {
		m = min(m, v)
	}
	return m
}

func columns(op func(acc, x float32) float32) func(acc, x []float32) {
	return func(acc, x []float32) {
		for len(x) >= len(acc) && len(acc) > 0 {
			for c := range acc {
				acc[c] = op(acc[c], x[c])
			}
			x = x[len(acc):]
		}
	}
}

func columnSumProduct(acc, a, b []float32) {
	for len(a) >= len(acc) && len(acc) > 0 {
		for c := range acc {
			acc[c] = fma32(a[c], b[c], acc[c])
		}
		a, b = a[len(acc):], b[len(acc):]
	}
}
