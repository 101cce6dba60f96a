package data

import (
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// AugmentDim is the number of conditioning values that augmentation makes for each picture.
const AugmentDim = 9

// transform holds the parameters of Karras et al. 2022, "Elucidating the design space of diffusion-based generative
// models", appendix F.2, table 6; zero means untouched.
type transform struct {
	flipX, flipY   bool
	scale          float64 // a2, exponent of 2^0.2
	rotate         float64 // a3, radians
	axis, squeeze  float64 // a4 angle, a5 exponent of the anisotropic scaling
	shiftX, shiftY float64 // a6, a7, in eighths of the width and height
}

const (
	augmentScale = 0.2   // log2 of A_scale and of A_aniso
	augmentShift = 0.125 // A_trans
)

// drawTransform draws all parameters, each group switched on with probability c.Augment; left-right mirroring, harmless
// for most pictures, is always on as in the paper.
func drawTransform(s *rng.Sequence, c *Preprocess) transform {
	on := func() bool { return s.Float64() < c.Augment }
	fx, fy := s.Uint32()&1 == 1, s.Uint32()&1 == 1 && on()
	t := transform{flipX: fx && c.FlipX, flipY: fy && c.FlipY}
	if v := s.Normal(); on() {
		t.scale = v
	}
	if v := s.Uniform(-math.Pi, math.Pi); on() {
		t.rotate = v
	}
	if a, v := s.Uniform(-math.Pi, math.Pi), s.Normal(); on() {
		t.axis, t.squeeze = a, v
	}
	if x, y := s.Normal(), s.Normal(); on() {
		t.shiftX, t.shiftY = x, y
	}
	return t
}

// parameters writes the AugmentDim values that the network sees (the last column of table 6).
func (t *transform) parameters(out []float32) {
	sin, cos := math.Sincos(t.rotate)
	as, ac := math.Sincos(t.axis)
	for i, v := range [AugmentDim]float64{bit(t.flipX), bit(t.flipY), t.scale, cos - 1, sin, t.squeeze * ac, t.squeeze * as, t.shiftX, t.shiftY} {
		out[i] = float32(v)
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// affine maps output pixel positions to input positions: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5].
type affine [6]float64

func (a affine) then(b affine) affine { // first b, then a
	return affine{
		a[0]*b[0] + a[1]*b[3], a[0]*b[1] + a[1]*b[4], a[0]*b[2] + a[1]*b[5] + a[2],
		a[3]*b[0] + a[4]*b[3], a[3]*b[1] + a[4]*b[4], a[3]*b[2] + a[4]*b[5] + a[5],
	}
}

func rotation(angle float64) affine {
	s, c := math.Sincos(angle)
	return affine{c, -s, 0, s, c, 0}
}

func scaling(x, y float64) affine { return affine{x, 0, 0, 0, y, 0} }

func translation(x, y float64) affine { return affine{1, 0, x, 0, 1, y} }

// inverse is the map from output to input positions, about the centre of an h by w picture.
func (t *transform) inverse(h, w int) affine {
	cx, cy := float64(w-1)/2, float64(h-1)/2
	zoom, squeeze := math.Exp2(-augmentScale*t.scale), math.Exp2(-augmentScale*t.squeeze)
	m := translation(cx, cy)
	m = m.then(scaling(zoom, zoom))
	m = m.then(rotation(t.rotate))
	m = m.then(rotation(-t.axis)).then(scaling(squeeze, 1/squeeze)).then(rotation(t.axis))
	m = m.then(translation(-augmentShift*t.shiftX*float64(w), -augmentShift*t.shiftY*float64(h)))
	return m.then(translation(-cx, -cy))
}

// apply transforms a picture of h x w x c samples in place. Mirroring moves pixels; the rest is resampled.
func (t *transform) apply(x []float32, h, w, c int) {
	mirror(x, h, w, c, t.flipX, t.flipY)
	if t.scale == 0 && t.rotate == 0 && t.squeeze == 0 && t.shiftX == 0 && t.shiftY == 0 {
		return
	}
	resample2(x, h, w, c, t.inverse(h, w))
}

// sym6 is the scaling filter of the symlet with six vanishing moments (Daubechies 1992, table 8.2). It is orthonormal to
// its even shifts, so that doubling and halving a picture with it, without a transformation between, changes nothing.
func sym6() []float64 {
	return []float64{
		0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466, 0.787641141030194,
		0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
	}
}

// resample2 applies an affine map at twice the resolution, as the paper does: the picture, mirrored at its edges without
// end, is doubled with sym6, read bilinearly, and halved with sym6.
func resample2(x []float32, h, w, c int, m affine) {
	const reach = 6 // half the filter: extra samples around the output for the last filtering
	f := sym6()
	up, uh, uw := double(x, h, w, c, f)
	gh, gw := 2*h+2*reach, 2*w+2*reach
	grid := make([]float32, gh*gw*c)
	for y := range gh {
		for i := range gw {
			qx, qy := float64(i-reach)/2, float64(y-reach)/2
			bilinear(grid[(y*gw+i)*c:][:c], up, uh, uw, c, 2*(m[3]*qx+m[4]*qy+m[5]), 2*(m[0]*qx+m[1]*qy+m[2]))
		}
	}
	halve(x, grid, h, w, c, gw, reach, f)
}

// double returns one period of the doubled picture: sample u stands at position u/2 of the mirrored one.
func double(x []float32, h, w, c int, f []float64) (out []float32, oh, ow int) {
	ph, pw := period(h), period(w)
	oh, ow = 2*ph, 2*pw
	wide := make([]float32, h*ow*c)
	for y := range h {
		line(wide[y*ow*c:], x[y*w*c:], pw, w, c, c, c, f)
	}
	out = make([]float32, oh*ow*c)
	line(out, wide, ph, h, ow*c, ow*c, ow*c, f)
	return out, oh, ow
}

// period is after how many pixels a side of n pixels, mirrored at both ends, repeats.
func period(n int) int { return max(2*n-2, 1) }

// line doubles along one axis: n positions, each of width samples, lie stride apart; the result is 2·p positions.
func line(dst, src []float32, p, n, width, srcStride, dstStride int, f []float64) {
	acc := make([]float64, width)
	for u := range 2 * p {
		clear(acc)
		for k := (u + 5) & 1; k < len(f); k += 2 {
			i := fold((u+5-k)/2, p, n) * srcStride
			for j := range acc {
				acc[j] += f[k] * float64(src[i+j])
			}
		}
		for j, v := range acc {
			dst[u*dstStride+j] = float32(v)
		}
	}
}

// fold brings a position of the mirrored picture back into 0 … n-1.
func fold(i, p, n int) int {
	i = ((i % p) + p) % p
	if i >= n {
		i = p - i
	}
	return i
}

// bilinear reads one pixel of a periodic picture.
func bilinear(dst, src []float32, h, w, c int, y, x float64) {
	fy, fx := math.Floor(y), math.Floor(x)
	wy, wx := float32(y-fy), float32(x-fx)
	y0, x0 := wrap(fy, h), wrap(fx, w)
	y1, x1 := (y0+1)%h, (x0+1)%w
	for ch := range c {
		top := src[(y0*w+x0)*c+ch]*(1-wx) + src[(y0*w+x1)*c+ch]*wx
		bottom := src[(y1*w+x0)*c+ch]*(1-wx) + src[(y1*w+x1)*c+ch]*wx
		dst[ch] = top*(1-wy) + bottom*wy
	}
}

func wrap(v float64, n int) int { return ((int(v) % n) + n) % n }

// halve filters grid, which starts reach samples before the picture, and keeps every second sample.
func halve(x, grid []float32, h, w, c, gw, reach int, f []float64) {
	gh := 2*h + 2*reach
	rows := make([]float64, gh*w*c)
	for y := range gh {
		for i := range w {
			for k, v := range f {
				at := (y*gw + 2*i + k - 5 + reach) * c
				for ch := range c {
					rows[(y*w+i)*c+ch] += v * float64(grid[at+ch])
				}
			}
		}
	}
	for y := range h {
		for i := range w * c {
			sum := 0.0
			for k, v := range f {
				sum += v * rows[(2*y+k-5+reach)*w*c+i]
			}
			x[y*w*c+i] = float32(sum)
		}
	}
}
