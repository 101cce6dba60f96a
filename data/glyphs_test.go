package data

import (
	"bytes"
	"math"
	"testing"
)

func TestGlyphsArePure(t *testing.T) {
	a, err := NewGlyphs(GlyphsConfig{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := NewGlyphs(GlyphsConfig{Seed: 1, Count: 100})
	other, _ := NewGlyphs(GlyphsConfig{Seed: 2})
	for _, i := range []int{0, 1, 57, 99} {
		p, _ := a.Picture(i)
		q, _ := b.Picture(i)
		r, _ := other.Picture(i)
		if !bytes.Equal(p.Pix, q.Pix) || bytes.Equal(p.Pix, r.Pix) {
			t.Errorf("picture %d depends on more or less than seed and index", i)
		}
		if p.check() != nil || p.Height != 24 || p.Channels != 1 || a.Entry(i).Label != int32(i%26) {
			t.Errorf("picture %d: %+v", i, p)
		}
		for k, v := range p.Pix { // letters never touch the edge
			if y, x := k/24, k%24; v != 0 && (y == 0 || x == 0 || y == 23 || x == 23) && v > 200 {
				t.Errorf("picture %d is cut off", i)
				break
			}
		}
	}
	if _, err := NewGlyphs(GlyphsConfig{Size: 8}); err == nil {
		t.Error("8 pixels were accepted")
	}
}

// The judge names more than 99 % of fresh letters, also faint, noisy and of another size; noise it does not know.
func TestGlyphJudge(t *testing.T) {
	j, err := NewGlyphJudge()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{24, 32} {
		g, err := NewGlyphs(GlyphsConfig{Seed: 12345, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		wrong, n := 0, 26*10
		for i := range n {
			p, _ := g.Picture(i)
			x := Norm{[]float64{0}, []float64{1}}.Apply(nil, p)
			for k := range x {
				x[k] = 0.9*x[k] + 0.05*float32(math.Sin(float64(k*k)))
			}
			if l, _, err := j.Name(x, size, size); err != nil || int(l) != i%26 {
				wrong++
			}
		}
		if float64(wrong) > 0.01*float64(n) {
			t.Errorf("size %d: %d of %d letters misnamed", size, wrong, n)
		}
	}
	if l, _, _ := j.Name(make([]float32, 24*24), 24, 24); l != -1 {
		t.Errorf("an empty picture is called %d", l)
	}
	if _, _, err := j.Name(make([]float32, 5), 24, 24); err == nil {
		t.Error("a wrong size was accepted")
	}
}

func TestPoints(t *testing.T) {
	for kind := Moons; kind <= Mixture; kind++ {
		p, err := NewPoints(kind, 4000, 1)
		if err != nil {
			t.Fatal(err)
		}
		var far, sx, sy float64
		for i := range p.Len() {
			x, y, class := p.At(i)
			best := math.Inf(1)
			for u := range 400 {
				cx, cy := kind.curve(class, float64(u)/400)
				best = min(best, math.Hypot(x-cx, y-cy))
			}
			if best > 5*kind.Noise() {
				far++
			}
			sx += x * x / 4000
			sy += y * y / 4000
		}
		if far > 0 || sx < 0.3 || sx > 2 || sy < 0.1 || sy > 2 {
			t.Errorf("%s: %v points lie off their curve; mean squares %v %v", kind, far, sx, sy)
		}
		l := newLoader(t, p, LoaderConfig{Batch: 5})
		b := batch(t, l, 0)
		x, y, class := p.At(int(b.Index[2]))
		if b.Images[4] != float32(x) || b.Images[5] != float32(y) || b.Labels[2] != int32(class) || len(p.Classes()) != kind.NumClasses() {
			t.Errorf("%s: a batch changes the points", kind)
		}
	}
	if _, err := NewPoints(Mixture+1, 5, 1); err == nil {
		t.Error("an unknown kind was accepted")
	}
}
