package interp

import (
	"math"
	"math/cmplx"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// fft transforms the last axes, as many as there are lengths. Inverse transforms are divided by the number of elements.
// Real transforms keep the first half of the last axis's spectrum, of which inverse ones restore the rest by symmetry.
func fft(c *call) error {
	a := c.attr.(ir.FFT)
	dims := c.in[0].Shape.Dimensions
	rank, k := len(dims), len(a.Lengths)
	full := append(append([]int{}, dims[:rank-k]...), a.Lengths...)
	data := make([]complex128, size(full))
	inverse := a.Kind == compute.FFTInverse || a.Kind == compute.FFTInverseReal
	switch in := c.in[0].Flat.(type) {
	case []float64:
		for i, x := range in {
			data[i] = complex(x, 0)
		}
	case []complex128:
		walk{dims: dims, to: strides(full), from: strides(dims)}.each(func(to, from int) { data[to] = in[from] })
	}
	for axis := rank - k; axis < rank-1; axis++ {
		transformAxis(data, full, axis, inverse)
	}
	if a.Kind == compute.FFTInverseReal {
		mirror(data, a.Lengths[k-1])
	}
	transformAxis(data, full, rank-1, inverse)
	outDims, to := c.result()
	w := walk{dims: outDims, to: to, from: strides(full)}
	switch out := c.out[0].Flat.(type) {
	case []float64:
		w.each(func(to, from int) { out[to] = real(data[from]) })
	case []complex128:
		w.each(func(to, from int) { out[to] = data[from] })
	}
	return nil
}

// mirror completes the spectra of real rows of n elements from their first halves. The bins at zero and at n/2 of such a
// spectrum are real; what else they hold is ignored.
func mirror(data []complex128, n int) {
	for ; len(data) > 0; data = data[n:] {
		for i := n/2 + 1; i < n; i++ {
			data[i] = cmplx.Conj(data[n-i])
		}
	}
}

// transformAxis transforms every line along one axis in place.
func transformAxis(data []complex128, dims []int, axis int, inverse bool) {
	n, stride := dims[axis], size(dims[axis+1:])
	sign := -1.0
	if inverse {
		sign = 1
	}
	roots := make([]complex128, n)
	for i := range roots {
		roots[i] = cmplx.Rect(1, sign*2*math.Pi*float64(i)/float64(n))
	}
	line, out := make([]complex128, n), make([]complex128, n)
	for base := range len(data) / max(n, 1) {
		first := base/stride*stride*n + base%stride
		for i := range line {
			line[i] = data[first+i*stride]
		}
		transform(out, line, 1, roots, 1)
		for i, z := range out {
			if inverse {
				z /= complex(float64(n), 0)
			}
			data[first+i*stride] = z
		}
	}
}

// transform computes the discrete Fourier transform of every stride-th element of x, one for each of out, splitting by the
// smallest prime factor (Cooley and Tukey 1965). roots holds the powers of the root of unity, every step-th of which is used.
func transform(out, x []complex128, stride int, roots []complex128, step int) {
	n := len(out)
	if n == 1 {
		out[0] = x[0]
		return
	}
	p := 2
	for n%p != 0 {
		p++
	}
	m := n / p
	parts := make([]complex128, n)
	for r := range p {
		transform(parts[r*m:(r+1)*m], x[r*stride:], stride*p, roots, step*p)
	}
	for k := range n {
		out[k] = 0
		for r := range p {
			out[k] += parts[r*m+k%m] * roots[k*r%n*step]
		}
	}
}
