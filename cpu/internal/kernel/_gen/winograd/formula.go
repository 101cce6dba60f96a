package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The finite points besides 0, each with both signs. They and the constants of the input and output transforms are exact
// in float32; compared with 1 and 2 they halve the mean error (shared/reference/kernels.md §3).
const (
	pa = 5. / 8
	pb = 3. / 2
)

// The weights of the filter transform: 1/N of the Lagrange polynomials at 0, ±pa and ±pb.
const (
	n0 = 1 / (pa * pa * pb * pb)
	na = 1 / (2 * pa * pa * (pa*pa - pb*pb))
	nb = 1 / (2 * pb * pb * (pb*pb - pa*pa))
)

// formula is a one-dimensional transform: it reads elements by get, as often as it likes, and hands over those results
// that are wanted.
type formula struct {
	in, out int
	apply   func(get func(i int) Op, wanted func(i int) bool, put func(i int, v VecVirtual))
}

// inputFormula is B^T d.
func inputFormula(s isa) formula {
	a, a2, b, b2 := s.held(pa), s.held(pa*pa), s.held(pb), s.held(pb*pb)
	product, sum := s.rare(pa*pa*pb*pb), s.rare(pa*pa+pb*pb)
	return formula{6, 6, func(get func(i int) Op, wanted func(i int) bool, put func(i int, v VecVirtual)) {
		var d [6]VecVirtual
		for i := range d {
			if i > 0 && i < 5 || wanted(i) {
				d[i] = s.register(get(i))
			}
		}
		edge := func(i int) {
			if !wanted(i) {
				return
			}
			first := min(i, 1)
			o := s.copyOf(d[first+4])
			s.fma(product, d[first], o)
			s.fnma(sum, d[first+2], o)
			put(i, o)
		}
		pair := func(i int, p, q2 constant) {
			if !wanted(i) && !wanted(i+1) {
				return
			}
			even, odd := s.copyOf(d[4]), s.copyOf(d[3])
			s.fnma(q2, d[2], even)
			s.fnma(q2, d[1], odd)
			minus := s.copyOf(even)
			s.fma(p, odd, even)
			put(i, even)
			s.fnma(p, odd, minus)
			put(i+1, minus)
		}
		edge(0)
		pair(1, a, b2)
		pair(3, b, a2)
		edge(5)
	}}
}

// signs returns x1+x2, x1−x2, x3+x4 and x3−x4.
func (s isa) signs(get func(i int) Op) (sumA, diffA, sumB, diffB VecVirtual) {
	one, two := s.register(get(1)), get(2)
	sumA, diffA = s.plus(one, two), s.minus(one, two)
	three, four := s.register(get(3)), get(4)
	return sumA, diffA, s.plus(three, four), s.minus(three, four)
}

// outputFormula is A^T m.
func outputFormula(s isa) formula {
	a, b := s.held(pa), s.held(pb)
	a2, b2, a3, b3 := s.rare(pa*pa), s.rare(pb*pb), s.rare(pa*pa*pa), s.rare(pb*pb*pb)
	return formula{6, 4, func(get func(i int) Op, _ func(i int) bool, put func(i int, v VecVirtual)) {
		sumA, diffA, sumB, diffB := s.signs(get)
		o := s.plus(sumA, get(0))
		put(0, s.plus(o, sumB))
		o = s.mul(a, diffA)
		s.fma(b, diffB, o)
		put(1, o)
		o = s.mul(a2, sumA)
		s.fma(b2, sumB, o)
		put(2, o)
		o = s.mul(a3, diffA)
		s.fma(b3, diffB, o)
		put(3, s.plus(o, get(5)))
	}}
}

// gradientFormula is A y.
func gradientFormula(s isa) formula {
	a, a2, b, b2 := s.held(pa), s.rare(pa*pa), s.held(pb), s.rare(pb*pb)
	return formula{4, 6, func(get func(i int) Op, _ func(i int) bool, put func(i int, v VecVirtual)) {
		var d [4]VecVirtual
		for i := range d {
			d[i] = s.register(get(i))
		}
		put(0, d[0])
		for i, p := range [][2]constant{{a, a2}, {b, b2}} {
			even, odd := s.copyOf(d[0]), s.copyOf(d[1])
			s.fma(p[1], d[2], even)
			s.fma(p[1], d[3], odd)
			minus := s.copyOf(even)
			s.fma(p[0], odd, even)
			put(2*i+1, even)
			s.fnma(p[0], odd, minus)
			put(2*i+2, minus)
		}
		put(5, d[3])
	}}
}

// filterWeights are the entries of G: for ±p the row N, ±pN, p²N.
type filterWeights struct{ zero, a, ap, app, b, bp, bpp constant }

func newFilterWeights(s isa) filterWeights {
	return filterWeights{
		zero: s.held(n0),
		a:    s.held(na), ap: s.held(pa * na), app: s.held(pa * pa * na),
		b: s.held(nb), bp: s.held(pb * nb), bpp: s.held(pb * pb * nb),
	}
}

// filterFormula is G g.
func filterFormula(s isa) formula {
	w := newFilterWeights(s)
	return formula{3, 6, func(get func(i int) Op, _ func(i int) bool, put func(i int, v VecVirtual)) {
		var d [3]VecVirtual
		for i := range d {
			d[i] = s.register(get(i))
		}
		put(0, s.mul(w.zero, d[0]))
		for i, p := range [][3]constant{{w.a, w.ap, w.app}, {w.b, w.bp, w.bpp}} {
			even := s.mul(p[0], d[0])
			s.fma(p[2], d[2], even)
			odd := s.mul(p[1], d[1])
			put(2*i+1, s.plus(even, odd))
			put(2*i+2, s.minus(even, odd))
		}
		put(5, d[2])
	}}
}

// filterGradientFormula is G^T u.
func filterGradientFormula(s isa) formula {
	w := newFilterWeights(s)
	return formula{6, 3, func(get func(i int) Op, _ func(i int) bool, put func(i int, v VecVirtual)) {
		sumA, diffA, sumB, diffB := s.signs(get)
		o := s.mul(w.zero, get(0))
		s.fma(w.a, sumA, o)
		s.fma(w.b, sumB, o)
		put(0, o)
		o = s.mul(w.ap, diffA)
		s.fma(w.bp, diffB, o)
		put(1, o)
		o = s.mul(w.app, sumA)
		s.fma(w.bpp, sumB, o)
		put(2, s.plus(o, get(5)))
	}}
}
