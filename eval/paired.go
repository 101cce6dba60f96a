package eval

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
)

// planes are the channels of a picture as float64 on the 0…255 scale, each height*width long.
type planes struct {
	height, width int
	channel       [][]float64
}

// white returns the sample value that means white.
func white(d data.Depth) float64 {
	switch d {
	case data.Bits8:
		return 255
	case data.Bits16:
		return 65535
	}
	return 1
}

// planesOf takes the channels apart. It refuses numbers that are not finite.
func planesOf(p *data.Picture) (planes, error) {
	out := planes{p.Height, p.Width, make([][]float64, p.Channels)}
	samples := p.Samples(nil)
	if n := p.Height * p.Width * p.Channels; n == 0 || len(samples) != n {
		return out, fmt.Errorf("eval: a picture of %d x %d x %d has %d samples", p.Height, p.Width, p.Channels, len(samples))
	}
	scale := 255 / white(p.Depth) // 1 for 8 bits
	for c := range out.channel {
		v := make([]float64, p.Height*p.Width)
		for i := range v {
			x := float64(samples[i*p.Channels+c]) * scale
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return out, fmt.Errorf("eval: sample %d of channel %d is %v: the picture is broken, or the model that made it diverged", i, c, x)
			}
			v[i] = x
		}
		out.channel[c] = v
	}
	return out, nil
}

// sameShape says how two pictures differ in size or channels, if they do.
func sameShape(a, b *data.Picture) error {
	if a.Height != b.Height || a.Width != b.Width || a.Channels != b.Channels {
		return fmt.Errorf("eval: a picture of %d x %d pixels with %d channels cannot be compared with one of %d x %d with %d: resize or convert them first",
			a.Width, a.Height, a.Channels, b.Width, b.Height, b.Channels)
	}
	return nil
}

// pair takes two pictures of one shape apart.
func pair(a, b *data.Picture) (p, q planes, err error) {
	if err = sameShape(a, b); err != nil {
		return p, q, err
	}
	if p, err = planesOf(a); err != nil {
		return p, q, err
	}
	q, err = planesOf(b)
	return p, q, err
}

// MSE is the mean squared difference of two pictures of one shape, on the 0…255 scale (skimage.metrics.mean_squared_error).
func MSE(a, b *data.Picture) (float64, error) {
	p, q, err := pair(a, b)
	if err != nil {
		return 0, err
	}
	return p.mse(q), nil
}

func (p planes) mse(q planes) float64 {
	sum := 0.0
	for c, v := range p.channel {
		for i, x := range v {
			d := x - q.channel[c][i]
			sum += d * d
		}
	}
	return sum / float64(len(p.channel)*p.height*p.width)
}

// PSNR is 10·log10(255²/MSE) in decibels (skimage.metrics.peak_signal_noise_ratio with data_range=255): +Inf for equal pictures.
func PSNR(a, b *data.Picture) (float64, error) {
	m, err := MSE(a, b)
	return psnr(m), err
}

func psnr(mse float64) float64 { return 10 * math.Log10(255*255/mse) }
