package data

import (
	"fmt"
	"math"
)

// GlyphJudge names the letter in a picture by its nearest template: every letter of every font in several slants and
// strokes. Nothing of it is learnt, so it can judge what a network has drawn. It may be used by several goroutines.
type GlyphJudge struct {
	templates []float32 // judgeSide x judgeSide values each, of unit length
	labels    []int32
}

const (
	judgeSide   = 20   // pixels of a template
	judgeReach  = 2.2  // half side of a template in standard deviations of the ink
	judgeRender = 48   // pixels that templates are drawn with
	judgeFloor  = 0.15 // ink below this is noise
)

// NewGlyphJudge draws the templates.
func NewGlyphJudge() (*GlyphJudge, error) {
	outlines, err := glyphOutlines()
	if err != nil {
		return nil, err
	}
	j := &GlyphJudge{}
	for _, font := range outlines {
		for l, letter := range font {
			for _, slant := range []float64{-0.16, -0.08, 0, 0.08, 0.16} {
				for _, stroke := range []float64{minGlyphStroke / 2, 0.008, 0.027} {
					x := make([]float32, judgeRender*judgeRender)
					for i, v := range rasterise(letter, glyphStyle{height: 0.6, slant: slant, stroke: stroke}, judgeRender) {
						x[i] = float32(v) / 255
					}
					t, ok := canonical(x, judgeRender, judgeRender)
					if !ok {
						return nil, fmt.Errorf("data: the template of %c is empty", 'A'+l)
					}
					j.templates = append(j.templates, t...)
					j.labels = append(j.labels, int32(l))
				}
			}
		}
	}
	return j, nil
}

// Name returns the letter (0 for A … 25 for Z) that a picture of h x w values from 0 (paper) to 1 (ink) shows best, and
// how alike they are (cosine, at most 1). A picture without ink is -1.
func (j *GlyphJudge) Name(x []float32, h, w int) (label int32, likeness float64, err error) {
	if h <= 0 || w <= 0 || len(x) != h*w {
		return -1, 0, fmt.Errorf("data: %d values are not a grey picture of %d x %d", len(x), h, w)
	}
	q, ok := canonical(x, h, w)
	if !ok {
		return -1, 0, nil
	}
	const n = judgeSide * judgeSide
	best, label := float32(-1), int32(-1)
	for i, l := range j.labels {
		var a, b, c, d float32 // four sums, that additions need not wait for each other
		t := j.templates[i*n : (i+1)*n]
		for k := 0; k+3 < n; k += 4 {
			x, y := t[k:k+4:k+4], q[k:k+4:k+4]
			a += x[0] * y[0]
			b += x[1] * y[1]
			c += x[2] * y[2]
			d += x[3] * y[3]
		}
		if v := a + b + (c + d); v > best {
			best, label = v, l
		}
	}
	return label, float64(best), nil
}

// canonical moves the centre of the ink to the middle, scales its spread to a fixed size and its values to unit length,
// so that position, size and contrast do not matter.
func canonical(x []float32, h, w int) ([]float32, bool) {
	ink := make([]float64, len(x))
	var m, mx, my, mxx float64
	for i, v := range x {
		if !(v > judgeFloor) {
			continue
		}
		k := min(float64(v), 1)
		ink[i] = k
		px, py := float64(i%w), float64(i/w)
		m += k
		mx += k * px
		my += k * py
		mxx += k * (px*px + py*py)
	}
	if m < 1 {
		return nil, false
	}
	mx, my = mx/m, my/m
	step := judgeReach * math.Sqrt(max(mxx/m-mx*mx-my*my, 0.5)) / judgeSide
	out, sum := make([]float32, judgeSide*judgeSide), 0.0
	for i := range out {
		v := sampleInk(ink, h, w, my+step*(2*float64(i/judgeSide)+1-judgeSide), mx+step*(2*float64(i%judgeSide)+1-judgeSide))
		out[i] = float32(v)
		sum += v * v
	}
	if sum == 0 {
		return nil, false
	}
	for i := range out {
		out[i] /= float32(math.Sqrt(sum))
	}
	return out, true
}

// sampleInk reads between pixels; there is no ink outside.
func sampleInk(x []float64, h, w int, y, px float64) float64 {
	fy, fx := math.Floor(y), math.Floor(px)
	wy, wx := y-fy, px-fx
	at := func(r, c int) float64 {
		if r < 0 || c < 0 || r >= h || c >= w {
			return 0
		}
		return x[r*w+c]
	}
	r, c := int(fy), int(fx)
	return (at(r, c)*(1-wx)+at(r, c+1)*wx)*(1-wy) + (at(r+1, c)*(1-wx)+at(r+1, c+1)*wx)*wy
}
