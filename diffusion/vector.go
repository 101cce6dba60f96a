package diffusion

import "math"

// Element-wise arithmetic of the host side. Each result is formed in float64 and rounded once, so a sampler's own error stays far below
// that of the network. dst may be one of the operands.

// scale: dst = a·x.
func scale(dst []float32, a float64, x []float32) {
	for i, v := range x {
		dst[i] = float32(a * float64(v))
	}
}

// combine: dst = a·x + b·y.
func combine(dst []float32, a float64, x []float32, b float64, y []float32) {
	for i, v := range x {
		dst[i] = float32(a*float64(v) + b*float64(y[i]))
	}
}

// combineAll: dst = a·x + sum_k b_k·y_k.
func combineAll(dst []float32, a float64, x []float32, b []float64, y [][]float32) {
	for i, v := range x {
		sum := a * float64(v)
		for k, bk := range b {
			sum += bk * float64(y[k][i])
		}
		dst[i] = float32(sum)
	}
}

// addScaled: dst += a·x.
func addScaled(dst []float32, a float64, x []float32) { combine(dst, 1, dst, a, x) }

// standardDeviation of the elements of x, about their mean.
func standardDeviation(x []float32) float64 {
	mean, squares := 0.0, 0.0
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	return math.Sqrt(squares / float64(len(x)))
}

// resize returns a slice of n numbers, reusing buffer where it is long enough.
func resize(buffer []float32, n int) []float32 {
	if cap(buffer) < n {
		return make([]float32, n)
	}
	return buffer[:n]
}
