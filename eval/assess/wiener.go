package assess

import (
	"math"

	"github.com/ebb-ml/ebb/eval/plot"
)

// wiener is the best linear denoiser of pictures whose spectrum is known, and its error: a yardstick that every network should beat. It
// takes each spatial frequency of each channel for an independent normal variable, of the variance it has over the pictures: of power P the
// noise of variance sigma² leaves P·sigma²/(P+sigma²) (Wiener 1949).
type wiener struct {
	power []float64 // variance of each coefficient of the orthonormal cosine transform
}

// newWiener measures the spectrum of n pictures of h x w pixels and c interleaved channels.
func newWiener(x []float32, h, w, c int) wiener {
	size := h * w * c
	rows, columns := cosines(h), cosines(w)
	mean, square := make([]float64, size), make([]float64, size)
	plane, half := make([]float64, h*w), make([]float64, h*w)
	n := len(x) / size
	for i := range n {
		for ch := range c {
			for p := range plane {
				plane[p] = float64(x[i*size+p*c+ch])
			}
			transform(half, plane, rows, h, w)
			transformRows(plane, half, columns, h, w)
			for p, v := range plane {
				mean[p*c+ch] += v / float64(n)
				square[p*c+ch] += v * v / float64(n)
			}
		}
	}
	power := make([]float64, size)
	for i, m := range mean {
		power[i] = max(square[i]-m*m, 0)
	}
	return wiener{power}
}

// eps is the error of the noise that the best linear denoiser makes at a noise level.
func (w wiener) eps(sigma float64) float64 {
	sum := 0.0
	for _, p := range w.power {
		sum += p / (p + sigma*sigma)
	}
	return sum / float64(len(w.power))
}

// series is its error by noise level.
func (w wiener) series(sigmas []float64) plot.Series {
	s := plot.Series{Name: "best linear denoiser", X: sigmas, Style: plot.Dashed}
	for _, sigma := range sigmas {
		s.Y = append(s.Y, w.eps(sigma))
	}
	return s
}

// cosines is the orthonormal DCT-II matrix, [n, n].
func cosines(n int) []float64 {
	m := make([]float64, n*n)
	for u := range n {
		scale := math.Sqrt(2 / float64(n))
		if u == 0 {
			scale = math.Sqrt(1 / float64(n))
		}
		for x := range n {
			m[u*n+x] = scale * math.Cos(float64(2*x+1)*float64(u)*math.Pi/float64(2*n))
		}
	}
	return m
}

// transform multiplies the columns of a plane of h x w numbers by m.
func transform(dst, plane, m []float64, h, w int) {
	clear(dst)
	for u := range h {
		out := dst[u*w : (u+1)*w]
		for y := range h {
			f := m[u*h+y]
			for x, v := range plane[y*w : (y+1)*w] {
				out[x] += f * v
			}
		}
	}
}

// transformRows multiplies the rows of a plane by m.
func transformRows(dst, plane, m []float64, h, w int) {
	for y := range h {
		row := plane[y*w : (y+1)*w]
		for u := range w {
			sum := 0.0
			for x, f := range m[u*w : (u+1)*w] {
				sum += f * row[x]
			}
			dst[y*w+u] = sum
		}
	}
}
