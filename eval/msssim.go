package eval

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
)

// msssimWeights are the exponents of the five scales (Wang, Simoncelli and Bovik 2003, section 3.2).
var msssimWeights = [5]float64{0.0448, 0.2856, 0.3001, 0.2363, 0.1333}

// MSSSIMScales is how many of the five scales of MS-SSIM fit pictures of a size: the window needs 11 pixels at the coarsest. All five
// need 176 pixels. It is 0 where not even one fits.
func MSSSIMScales(height, width int) int {
	n := 0
	for side := min(height, width); side >= 11 && n < len(msssimWeights); side /= 2 {
		n++
	}
	return n
}

// MSSSIM is the multi-scale structural similarity (Wang, Simoncelli and Bovik 2003, equation 7) with the Gaussian window. With
// 5 scales it equals torchmetrics' multiscale_structural_similarity_index_measure(data_range=255) for each picture: its last scale
// counts windows that reach over the border, on mirrored pixels, the others do not (pytorch-msssim leaves those windows out
// everywhere), and negative terms are taken as 0. Fewer scales are torchmetrics' with the first betas alone, scaled to sum to one:
// a measure of its own, for small pictures.
func MSSSIM(a, b *data.Picture, scales int) (float64, error) {
	p, q, err := pair(a, b)
	if err != nil {
		return 0, err
	}
	return p.msssim(q, scales)
}

func (p planes) msssim(q planes, scales int) (float64, error) {
	if most := MSSSIMScales(p.height, p.width); scales < 1 || scales > most {
		return 0, fmt.Errorf("eval: MS-SSIM with %d scales of pictures of %d x %d pixels: at most %d fit (5 need 176 pixels)", scales, p.width, p.height, most)
	}
	total := 0.0
	for _, w := range msssimWeights[:scales] {
		total += w
	}
	product := 1.0
	for scale := range scales {
		term := p.scaleTerm(q, scale == scales-1)
		product *= math.Pow(max(term, 0), msssimWeights[scale]/total)
		if scale < scales-1 {
			p, q = p.halve(), q.halve()
		}
	}
	return product, nil
}

// scaleTerm is the mean contrast-and-structure of a scale, or at the last one the mean similarity of the mirrored planes.
func (p planes) scaleTerm(q planes, last bool) float64 {
	weights, _ := Gaussian.taps()
	width, radius := p.width, len(weights)/2
	if last {
		width += 2 * radius
	}
	f := newFilter(weights, width)
	sum := 0.0
	for c := range p.channel {
		x, y := p.channel[c], q.channel[c]
		if last {
			x, y = mirror(x, p.width, radius), mirror(y, p.width, radius)
		}
		ssim, contrast := f.similarity(x, y, width, 1)
		if last {
			contrast = ssim
		}
		sum += contrast / float64(len(p.channel))
	}
	return sum
}

// mirror adds a border of r pixels on each side, reflected without repeating the edge.
func mirror(x []float64, width, r int) []float64 {
	height := len(x) / width
	fold := func(i, n int) int {
		if i < 0 {
			i = -i
		}
		if i >= n {
			i = 2*(n-1) - i
		}
		return i
	}
	out := make([]float64, 0, (height+2*r)*(width+2*r))
	for row := -r; row < height+r; row++ {
		line := x[fold(row, height)*width:][:width]
		for col := -r; col < width+r; col++ {
			out = append(out, line[fold(col, width)])
		}
	}
	return out
}

// halve averages blocks of 2 x 2 pixels; an odd last row or column is dropped, as torch's avg_pool2d does.
func (p planes) halve() planes {
	out := planes{p.height / 2, p.width / 2, make([][]float64, len(p.channel))}
	for c, x := range p.channel {
		v := make([]float64, 0, out.height*out.width)
		for row := range out.height {
			for col := range out.width {
				i := 2*row*p.width + 2*col
				v = append(v, (x[i]+x[i+1]+x[i+p.width]+x[i+p.width+1])/4)
			}
		}
		out.channel[c] = v
	}
	return out
}
