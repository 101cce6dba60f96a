package ttf

import (
	"math"
	"testing"

	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
)

func bounds(cs []Contour) (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range cs {
		for _, p := range c {
			x0, x1, y0, y1 = min(x0, p.X), max(x1, p.X), min(y0, p.Y), max(y1, p.Y)
		}
	}
	return
}

func TestGoRegular(t *testing.T) {
	f, err := Parse(goregular.TTF)
	if err != nil || f.UnitsPerEm != 2048 {
		t.Fatalf("error %v, units per em %d", err, f.UnitsPerEm)
	}
	for r, contours := range map[rune]int{'A': 2, 'B': 3, 'C': 1, 'I': 1, 'O': 2, 'Z': 1} {
		o, err := f.Outline(r)
		if err != nil || len(o) != contours {
			t.Errorf("%q: %d contours, error %v; want %d", r, len(o), err, contours)
		}
	}
	o, _ := f.Outline('H') // capitals stand on the base line and are 1480 units high in the Go fonts
	if x0, y0, x1, y1 := bounds(o); y0 != 0 || y1 < 1400 || y1 > 1500 || x0 < 0 || x1 > 1600 {
		t.Errorf("H spans %v %v to %v %v", x0, y0, x1, y1)
	}
	if _, err := f.Outline('\u4e00'); err == nil && len(o) == 0 {
		t.Error("a missing letter must be an error or the box glyph")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00head\x00\x00\x00\x00\x00\x00\x00\x1c\x00\x00\x00\x36"), uint16(3), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, v byte) {
		damaged := append([]byte(nil), gomono.TTF[:min(len(gomono.TTF), 60000)]...)
		damaged[int(at)%len(damaged)] = v
		for _, in := range [][]byte{b, damaged} {
			if font, err := Parse(in); err == nil {
				for r := 'A'; r <= 'Z'; r++ {
					font.Outline(r)
				}
			}
		}
	})
}
