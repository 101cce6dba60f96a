package eval

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/inorder"
)

// PixelSpace is the picture itself, scaled down by averaging until no side is longer than side: samples from 0 (black) to 1 (white) in
// HWC order. With side 0 nothing is scaled.
func PixelSpace(side int) Space {
	name := "pixels"
	if side > 0 {
		name = fmt.Sprintf("pixels-%d", side)
	}
	return perPicture(name, func(p *data.Picture) ([]float32, error) {
		h, w := p.Height, p.Width
		if long := max(h, w); side > 0 && long > side {
			h, w = max(1, h*side/long), max(1, w*side/long)
		}
		q, err := p.Resize(h, w, data.Box)
		if err != nil {
			return nil, err
		}
		v := q.Samples(nil)
		for i := range v {
			v[i] /= float32(white(p.Depth))
		}
		return v, nil
	})
}

// perPicture is the space of a function of one picture, run on all cores.
func perPicture(name string, f func(p *data.Picture) ([]float32, error)) Space {
	return Space{Name: name, Batch: 256, Cheap: true, Features: func(ctx context.Context, batch []*data.Picture) (Matrix, error) {
		var out Matrix
		items := func(yield func(*data.Picture, error) bool) {
			for _, p := range batch {
				if !yield(p, context.Cause(ctx)) {
					return
				}
			}
		}
		for v, err := range inorder.Map(runtime.GOMAXPROCS(0), items, f) {
			if err != nil {
				return Matrix{}, err
			}
			out.Data = append(out.Data, v...)
			out.N, out.D = out.N+1, len(v)
		}
		return out, nil
	}}
}

// DCTSpace is the space of FD-dct: how strong each spatial frequency is, with no network. A picture's channels (of colour pictures Y, Cb
// and Cr of ITU-R BT.601, opacity left as it is), with white at 1, are cut into blocks of 8 x 8 pixels from the top left corner on, what is
// left over at the right and at the bottom is dropped, and each block is transformed by the orthonormal DCT-II, the transform of JPEG. The
// vector holds for each channel
//
//	the mean and the standard deviation over blocks of coefficient (0, 0), divided by 8: brightness and its variation
//	ln(1 + 255·RMS over blocks) of the 63 others, row by row: the strength of each frequency, 0 for none
//
// 65 numbers a channel, 195 for colour. It sees blur, noise, blocks and wrong contrast or colour, not what is in a picture.
// Pictures need at least 8 x 8 pixels.
func DCTSpace() Space {
	basis := dctBasis()
	return perPicture("dct8", func(p *data.Picture) ([]float32, error) {
		if p.Height < 8 || p.Width < 8 {
			return nil, fmt.Errorf("eval: the DCT features need pictures of at least 8 x 8 pixels, not %d x %d", p.Width, p.Height)
		}
		q, err := planesOf(p)
		if err != nil {
			return nil, err
		}
		if len(q.channel) >= 3 {
			q.toYCbCr()
		}
		var v []float32
		for _, x := range q.channel {
			v = append(v, dctStatistics(&basis, x, q.height, q.width)...)
		}
		return v, nil
	})
}

// toYCbCr replaces the first three channels by luma and the colour differences, without offset (ITU-R BT.601, as in JPEG's JFIF).
func (p planes) toYCbCr() {
	for i := range p.channel[0] {
		r, g, b := p.channel[0][i], p.channel[1][i], p.channel[2][i]
		y := 0.299*r + 0.587*g + 0.114*b
		p.channel[0][i], p.channel[1][i], p.channel[2][i] = y, 0.564*(b-y), 0.713*(r-y)
	}
}

// dctBasis holds the orthonormal DCT-II: basis[u][x] = c(u)·cos((2x+1)uπ/16), c(0) = √(1/8), else √(2/8).
func dctBasis() (basis [8][8]float64) {
	for u := range basis {
		c := 0.5
		if u == 0 {
			c = math.Sqrt(1.0 / 8)
		}
		for x := range basis[u] {
			basis[u][x] = c * math.Cos(float64((2*x+1)*u)*math.Pi/16)
		}
	}
	return basis
}

// dctStatistics are the 65 numbers of one channel on the 0…255 scale.
func dctStatistics(basis *[8][8]float64, x []float64, height, width int) []float32 {
	var squares [64]float64
	var means []float64
	for top := 0; top+8 <= height; top += 8 {
		for left := 0; left+8 <= width; left += 8 {
			block := dctBlock(basis, x[top*width+left:], width)
			for i, v := range block {
				squares[i] += v * v
			}
			means = append(means, block[0]/(8*255))
		}
	}
	mean, _ := meanAndVariance(means)
	deviation := 0.0
	for _, m := range means {
		deviation += (m - mean) * (m - mean) / float64(len(means))
	}
	out := []float32{float32(mean), float32(math.Sqrt(deviation))}
	for _, s := range squares[1:] {
		out = append(out, float32(math.Log1p(math.Sqrt(s/float64(len(means))))))
	}
	return out
}

// dctBlock transforms the 8 x 8 block that begins at x[0] of rows of the given width.
func dctBlock(basis *[8][8]float64, x []float64, width int) (out [64]float64) {
	var half [64]float64 // rows transformed
	for y := range 8 {
		row := x[y*width:][:8]
		for u := range 8 {
			for i, v := range row {
				half[y*8+u] += basis[u][i] * v
			}
		}
	}
	for v := range 8 {
		for y := range 8 {
			for u := range 8 {
				out[v*8+u] += basis[v][y] * half[y*8+u]
			}
		}
	}
	return out
}

// centred subtracts the mean of the second matrix from copies of both: distances stay, and lose fewer digits in matrix products.
func centred(x, y Matrix) (Matrix, Matrix) {
	mean := columnMeans(y)
	shift := func(m Matrix) Matrix {
		out := NewMatrix(m.N, m.D)
		eachRow(m.N, func(i int) {
			to := out.Row(i)
			for j, v := range m.Row(i) {
				to[j] = v - mean[j]
			}
		})
		return out
	}
	return shift(x), shift(y)
}

// columnMeans sums columns of a matrix in double precision, a range of columns on each core, so that their number changes nothing.
func columnMeans(m Matrix) []float32 {
	const width = 256
	out := make([]float32, m.D)
	eachRow((m.D+width-1)/width, func(part int) {
		first, last := part*width, min((part+1)*width, m.D)
		sum := make([]float64, last-first)
		for i := range m.N {
			for j, v := range m.Row(i)[first:last] {
				sum[j] += float64(v)
			}
		}
		for j, s := range sum {
			out[first+j] = float32(s / float64(m.N))
		}
	})
	return out
}
