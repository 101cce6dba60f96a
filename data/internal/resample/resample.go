// Package resample scales pictures with the arithmetic of Pillow's Image.resize, so that pictures prepared here equal,
// to the bit, those that other trainers prepare and that published figures (FID above all) were measured on.
// It is a separable filter that widens when it shrinks (antialiasing), horizontal pass first, rounded between the passes.
// (Pillow 13 swaps the passes for some shapes, a rounding difference; the order here is that of all versions before.)
package resample

import (
	"math"

	"github.com/ebb-ml/ebb/internal/enum"
)

// Filter is a reconstruction kernel.
type Filter int

// The kernels of Pillow, in rising quality and cost; Lanczos has three lobes, Bicubic has a = -1/2.
const (
	Lanczos Filter = iota
	Bicubic
	Bilinear
	Box
)

var filterNames = enum.New[Filter]("data", "filter", "lanczos", "bicubic", "bilinear", "box")

// String returns the name.
func (f Filter) String() string { return filterNames.Name(f) }

// MarshalText writes the name.
func (f Filter) MarshalText() ([]byte, error) { return filterNames.Marshal(f) }

// UnmarshalText reads lanczos, bicubic, bilinear or box.
func (f *Filter) UnmarshalText(text []byte) error { return filterNames.Unmarshal(f, text) }

func (f Filter) support() float64 {
	return [...]float64{3, 2, 1, 0.5}[f]
}

func (f Filter) at(x float64) float64 {
	switch f {
	case Lanczos:
		if -3 <= x && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	case Bicubic: // Keys 1981, equation 15, with a = -1/2
		const a = -0.5
		switch x = math.Abs(x); {
		case x < 1:
			return float64(((a+2)*x-(a+3))*x)*x + 1
		case x < 2:
			return float64(float64(float64(float64(float64(x-5)*x)+8)*x)-4) * a
		}
		return 0
	case Bilinear:
		return max(0, 1-math.Abs(x))
	}
	if -0.5 < x && x <= 0.5 {
		return 1
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// window is one output position's input range and weights.
type window struct {
	first   int
	weights []float64
}

// windows lists the weights of scaling in samples to out. Conversions to float64 keep a compiler from fusing
// multiply and add, which would change last bits on some processors.
func windows(f Filter, in, out int) []window {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support, inv := f.support()*wide, 1/wide
	ws := make([]window, out)
	for o := range ws {
		centre := float64((float64(o) + 0.5) * scale)
		lo := max(int(centre-support+0.5), 0)
		hi := min(int(centre+support+0.5), in)
		w := make([]float64, hi-lo)
		sum := 0.0
		for i := range w {
			w[i] = f.at(float64((float64(i+lo) - centre + 0.5) * inv))
			sum += w[i]
		}
		for i := range w {
			if sum != 0 {
				w[i] /= sum
			}
		}
		ws[o] = window{lo, w}
	}
	return ws
}

// Bytes scales an 8-bit picture of h rows, w columns and c interleaved channels to oh rows and ow columns.
// Weights have 22 fractional bits and sums are rounded to 8 bits after each pass. All sizes must be positive.
func Bytes(f Filter, pix []uint8, h, w, c, oh, ow int) []uint8 {
	if w != ow {
		pix = rows8(pix, h, w, c, ow, fixed(windows(f, w, ow)))
	}
	if h != oh {
		pix = columns8(pix, ow*c, fixed(windows(f, h, oh)))
	}
	return pix
}

type fixedWindow struct {
	first   int
	weights []int32
}

const bits = 32 - 8 - 2 // as Pillow: 8 bits of result, 2 of head room for negative lobes

func fixed(ws []window) []fixedWindow {
	out := make([]fixedWindow, len(ws))
	for i, w := range ws {
		k := make([]int32, len(w.weights))
		for j, v := range w.weights {
			k[j] = int32(float64(v*(1<<bits)) + math.Copysign(0.5, v))
		}
		out[i] = fixedWindow{w.first, k}
	}
	return out
}

func clip8(v int32) uint8 { return uint8(min(max(v>>bits, 0), 255)) }

func rows8(pix []uint8, h, w, c, ow int, ws []fixedWindow) []uint8 {
	out := make([]uint8, h*ow*c)
	for y := range h {
		row, dst := pix[y*w*c:(y+1)*w*c], out[y*ow*c:(y+1)*ow*c]
		for x, win := range ws {
			for ch := range c {
				sum := int32(1) << (bits - 1)
				at := win.first*c + ch
				for _, k := range win.weights {
					sum += int32(row[at]) * k
					at += c
				}
				dst[x*c+ch] = clip8(sum)
			}
		}
	}
	return out
}

// columns8 runs along whole rows, so that memory is read in order.
func columns8(pix []uint8, stride int, ws []fixedWindow) []uint8 {
	out := make([]uint8, len(ws)*stride)
	sums := make([]int32, stride)
	for y, win := range ws {
		for i := range sums {
			sums[i] = 1 << (bits - 1)
		}
		for j, k := range win.weights {
			for i, v := range pix[(win.first+j)*stride : (win.first+j+1)*stride] {
				sums[i] += int32(v) * k
			}
		}
		for i, v := range sums {
			out[y*stride+i] = clip8(v)
		}
	}
	return out
}

// Floats scales a picture of floating-point samples; results are rounded by the given function after each pass
// (Round16 for 16-bit pictures, nil to keep float32 values as they are). Sums are taken in float64.
func Floats(f Filter, pix []float32, h, w, c, oh, ow int, round func(float64) float32) []float32 {
	if round == nil {
		round = func(v float64) float32 { return float32(v) }
	}
	if w != ow {
		pix = rowsF(pix, h, w, c, windows(f, w, ow), round)
	}
	if h != oh {
		pix = columnsF(pix, ow*c, windows(f, h, oh), round)
	}
	return pix
}

// Round16 rounds half away from zero and clips to 0 … 65535.
func Round16(v float64) float32 { return float32(min(max(math.Round(v), 0), 65535)) }

func rowsF(pix []float32, h, w, c int, ws []window, round func(float64) float32) []float32 {
	out := make([]float32, h*len(ws)*c)
	for y := range h {
		row := pix[y*w*c : (y+1)*w*c]
		for x, win := range ws {
			for ch := range c {
				sum := 0.0
				for j, k := range win.weights {
					sum += float64(float64(row[(win.first+j)*c+ch]) * k)
				}
				out[(y*len(ws)+x)*c+ch] = round(sum)
			}
		}
	}
	return out
}

func columnsF(pix []float32, stride int, ws []window, round func(float64) float32) []float32 {
	out := make([]float32, len(ws)*stride)
	for y, win := range ws {
		for i := range stride {
			sum := 0.0
			for j, k := range win.weights {
				sum += float64(float64(pix[(win.first+j)*stride+i]) * k)
			}
			out[y*stride+i] = round(sum)
		}
	}
	return out
}
