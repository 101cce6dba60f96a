package event

import "math"

// Histogram counts numbers in bins of equal width.
type Histogram struct {
	Min        Number  `json:"min"`
	Max        Number  `json:"max"`
	Sum        Number  `json:"sum"`
	SumSquares Number  `json:"sum_squares"`
	Counts     []int64 `json:"counts"`     // of the bins, which divide the range from Min to Max
	NonFinite  int64   `json:"non_finite"` // NaN and infinities, which are not among the counts
}

// bins is how many TensorBoard shows.
const bins = 30

// NewHistogram counts the values. All equal values are in one bin, and of none there are no bins.
func NewHistogram(values []float32) Histogram {
	h := Histogram{}
	lo, hi := math.Inf(1), math.Inf(-1)
	sum, squares := 0.0, 0.0
	for _, v := range values {
		x := float64(v)
		if x-x != 0 {
			h.NonFinite++
			continue
		}
		lo, hi = min(lo, x), max(hi, x)
		sum += x
		squares += x * x
	}
	if lo > hi {
		return h
	}
	h.Min, h.Max, h.Sum, h.SumSquares = Number(lo), Number(hi), Number(sum), Number(squares)
	h.Counts = make([]int64, bins)
	if lo == hi {
		h.Counts = h.Counts[:1]
	}
	n, width := len(h.Counts), max(hi-lo, math.SmallestNonzeroFloat64)
	for _, v := range values {
		if x := float64(v); x-x == 0 {
			h.Counts[min(int((x-lo)/width*float64(n)), n-1)]++
		}
	}
	return h
}

// edge returns the right end of bin i.
func (h Histogram) edge(i int) float64 {
	n := float64(len(h.Counts))
	return float64(h.Min)*(1-float64(i+1)/n) + float64(h.Max)*float64(i+1)/n
}
