package ttf

import "encoding/binary"

// Flag bits of a simple glyph's points.
const (
	onCurve, xShort, yShort, repeat, xSame, ySame = 1, 2, 4, 8, 16, 32
)

// simple decodes a glyph of n contours: end points, instructions (skipped), flags, then x and y as differences.
func simple(b []byte, n int) ([]Contour, error) {
	if len(b) < 2*n+2 {
		return nil, errShort
	}
	ends := make([]int, n)
	for i := range ends {
		ends[i] = int(binary.BigEndian.Uint16(b[2*i:]))
		if i > 0 && ends[i] <= ends[i-1] {
			return nil, errShort
		}
	}
	skip := 2*n + 2 + int(binary.BigEndian.Uint16(b[2*n:]))
	if len(b) < skip {
		return nil, errShort
	}
	r := reader{b: b[skip:]}
	flags := r.flags(ends[n-1] + 1)
	xs := r.coordinates(flags, xShort, xSame)
	ys := r.coordinates(flags, yShort, ySame)
	if r.short {
		return nil, errShort
	}
	out, first := make([]Contour, n), 0
	for i, end := range ends {
		for j := first; j <= end; j++ {
			out[i] = append(out[i], Point{float64(xs[j]), float64(ys[j]), flags[j]&onCurve != 0})
		}
		first = end + 1
	}
	return out, nil
}

// reader takes bytes and remembers, instead of failing, that there were too few.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.short = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) flags(n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		f := r.byte()
		out = append(out, f)
		if f&repeat != 0 {
			for k := r.byte(); k > 0 && len(out) < n; k-- {
				out = append(out, f)
			}
		}
	}
	return out
}

func (r *reader) coordinates(flags []byte, short, same byte) []int {
	out, v := make([]int, len(flags)), 0
	for i, f := range flags {
		switch {
		case f&short != 0 && f&same != 0:
			v += int(r.byte())
		case f&short != 0:
			v -= int(r.byte())
		case f&same == 0:
			hi := r.byte()
			v += int(int16(uint16(hi)<<8 | uint16(r.byte())))
		}
		out[i] = v
	}
	return out
}
