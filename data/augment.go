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
func sym6() [12]float64 {
	return [12]float64{
		0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466, 0.787641141030194,
		0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
	}
}

// resample2 applies an affine map at twice the resolution, as the paper does: the picture, mirrored at its edges without
// end, is doubled with sym6, read bilinearly, and halved with sym6.
func resample2(x []float32, h, w, c int, m affine) {
	const reach = 6 // half the filter: extra samples around the output for the last filtering
	up, uh, uw := double(x, h, w, c)
	gh, gw := 2*h+2*reach, 2*w+2*reach
	grid := make([]float32, gh*gw*c)
	for y := range gh {
		for i := range gw {
			qx, qy := float64(i-reach)/2, float64(y-reach)/2
			bilinear(grid[(y*gw+i)*c:][:c], up, uh, uw, c, 2*(m[3]*qx+m[4]*qy+m[5]), 2*(m[0]*qx+m[1]*qy+m[2]))
		}
	}
	halve(x, grid, h, w, c)
}

// double returns one period of the doubled picture: sample u stands at position u/2 of the mirrored one.
func double(x []float32, h, w, c int) (out []float32, oh, ow int) {
	ph, pw := period(h), period(w)
	oh, ow = 2*ph, 2*pw
	across, down := taps(pw, w), taps(ph, h)
	wide := make([]float32, h*ow*c)
	for y := range h {
		across.apply(wide[y*ow*c:][:ow*c], x[y*w*c:][:w*c], c)
	}
	out = make([]float32, oh*ow*c)
	down.apply(out, wide, ow*c)
	return out, oh, ow
}

// period is after how many pixels a side of n pixels, mirrored at both ends, repeats.
func period(n int) int { return max(2*n-2, 1) }

// doubling says for each position of a doubled side from which six pixels it comes.
type doubling [][6]int

// taps is the doubling of a side of n pixels, mirrored with period p.
func taps(p, n int) doubling {
	d := make(doubling, 2*p)
	for u := range d {
		for t := range d[u] {
			d[u][t] = fold((u+5-(u+5)&1)/2-t, p, n)
		}
	}
	return d
}

// apply doubles a side whose positions are of width samples each.
func (d doubling) apply(dst, src []float32, width int) {
	f := sym6()
	for u, from := range d {
		k := (u + 5) & 1
		f0, f1, f2, f3, f4, f5 := f[k], f[k+2], f[k+4], f[k+6], f[k+8], f[k+10]
		out := dst[u*width:][:width]
		s0, s1, s2 := src[from[0]*width:][:len(out)], src[from[1]*width:][:len(out)], src[from[2]*width:][:len(out)]
		s3, s4, s5 := src[from[3]*width:][:len(out)], src[from[4]*width:][:len(out)], src[from[5]*width:][:len(out)]
		for j := range out {
			out[j] = float32(f0*float64(s0[j]) + f1*float64(s1[j]) + f2*float64(s2[j]) + f3*float64(s3[j]) + f4*float64(s4[j]) + f5*float64(s5[j]))
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
	y1, x1 := next(y0, h)*w, next(x0, w)*c
	y0, x0 = y0*w, x0*c
	a, b := src[y0*c+x0:][:len(dst)], src[y0*c+x1:][:len(dst)]
	d, e := src[y1*c+x0:][:len(dst)], src[y1*c+x1:][:len(dst)]
	for ch := range dst {
		top := a[ch]*(1-wx) + b[ch]*wx
		bottom := d[ch]*(1-wx) + e[ch]*wx
		dst[ch] = top*(1-wy) + bottom*wy
	}
}

// wrap brings a whole position into 0 … n-1; most are there or a period away.
func wrap(v float64, n int) int {
	i := int(v)
	if uint(i) < uint(n) {
		return i
	}
	return ((i % n) + n) % n
}

func next(i, n int) int {
	if i+1 == n {
		return 0
	}
	return i + 1
}

// halve filters a grid that starts 6 samples before the picture, and keeps every second sample.
func halve(x, grid []float32, h, w, c int) {
	f, wide := sym6(), (2*w+12)*c
	rows := make([]float64, len(grid)/wide*w*c)
	for y := range len(grid) / wide {
		row, to := grid[y*wide:][:wide], rows[y*w*c:][:w*c]
		for i := range to {
			s := row[(2*(i/c)+1)*c+i%c:]
			sum := 0.0
			for k, v := range f {
				sum += v * float64(s[k*c])
			}
			to[i] = sum
		}
	}
	sums := make([]float64, w*c)
	for y := range h {
		clear(sums)
		for k, v := range f {
			for i, r := range rows[(2*y+k+1)*w*c:][:len(sums)] {
				sums[i] += v * r
			}
		}
		for i, v := range sums {
			x[y*w*c+i] = float32(v)
		}
	}
}
