package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// begin starts a kernel. Strides are in floats.
func begin(s isa, name, signature string) {
	TEXT("winograd"+name+s.name, NOSPLIT, signature)
	Pragma("noescape")
}

// loop repeats body until count, reduced by step each time, is used up.
func loop(count string, step int, body func()) {
	n := Load(Param(count), GP64())
	align64()
	Label("loop")
	body()
	SUBQ(Imm(uint64(step)), n)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// separable applies a formula to rows and then to columns. between holds the rows' results where registers are too few.
// columns lists which columns are done together: fewer need fewer registers but read the source again.
func separable(s isa, f formula, load func(r int) func(i int) Op, between, out grid, columns ...[]int) {
	for _, group := range columns {
		wanted := func(j int) bool { return j >= group[0] && j <= group[len(group)-1] }
		var rows [6][6]VecVirtual
		for r := range f.in {
			put := func(j int, v VecVirtual) { rows[r][j] = v }
			if !s.wide {
				to := between.row(r)
				put = func(j int, v VecVirtual) { VMOVUPS(v, to(j)) }
			}
			f.apply(load(r), wanted, put)
		}
		for _, j := range group {
			get := func(r int) Op { return rows[r][j] }
			if !s.wide {
				from := between.col(j)
				get = func(r int) Op { return from(r) }
			}
			to := out.col(j)
			f.apply(get, func(int) bool { return true }, func(r int, v VecVirtual) { VMOVUPS(v, to(r)) })
		}
	}
}

func loads(g grid) func(r int) func(i int) Op {
	return func(r int) func(i int) Op {
		at := g.row(r)
		return func(i int) Op { return at(i) }
	}
}

// input writes V = B^T d B for one tile. Each of the 36 pixels has its own pointer: beyond an image's edge it leads to zeros.
// Meanwhile it fetches the next tile's pixels, except the two columns that the tiles share: a pixel's channels are too short
// a run for the processor to foresee the next.
func input(s isa) {
	begin(s, "Input", "func(c int, x, next *[36]*float32, v *float32, xi int)")
	table, ahead := Load(Param("x"), GP64()), Load(Param("next"), GP64())
	v := grid36(s, "v", "xi")
	channel := GP64()
	XORQ(channel, channel)
	f := inputFormula(s)
	columns := [][]int{{0, 1, 2}, {3, 4, 5}}
	if !s.wide {
		columns = [][]int{{0, 1, 2, 3, 4, 5}}
	}
	pixels := func(r int) func(i int) Op {
		return func(i int) Op {
			p := GP64()
			MOVQ(Mem{Base: table, Disp: 8 * (6*r + i)}, p)
			return Mem{Base: p, Index: channel, Scale: 1}
		}
	}
	loop("c", s.bytes/4, func() {
		for i := range 36 {
			if i%6 >= 2 {
				p := GP64()
				MOVQ(Mem{Base: ahead, Disp: 8 * i}, p)
				PREFETCHT0(Mem{Base: p, Index: channel, Scale: 1})
			}
		}
		separable(s, f, pixels, v, v, columns...)
		ADDQ(Imm(uint64(s.bytes)), channel)
		v.advance()
	})
}

// output writes y = A^T m A for one tile of 4×4 pixels.
func output(s isa) {
	begin(s, "Output", "func(c int, m *float32, xi int, y *float32, px, row int)")
	m := grid36(s, "m", "xi")
	y := grid{base: Load(Param("y"), GP64()), x: strideOf("px"), y: strideOf("row"), bytes: s.bytes}
	f := outputFormula(s)
	loop("c", s.bytes/4, func() {
		separable(s, f, loads(m), m, y, []int{0, 1, 2, 3})
		m.advance()
		y.advance()
	})
}

// gradient writes Z = A dY A^T for one tile of 4×4 pixels and fetches the next tile's.
func gradient(s isa) {
	begin(s, "Gradient", "func(c int, y, next *float32, px, row int, z *float32, xi int)")
	y := grid{base: Load(Param("y"), GP64()), x: strideOf("px"), y: strideOf("row"), bytes: s.bytes}
	ahead := grid{base: Load(Param("next"), GP64()), x: y.x, y: y.y, bytes: s.bytes}
	z := grid36(s, "z", "xi")
	f := gradientFormula(s)
	loop("c", s.bytes/4, func() {
		for r := range 4 {
			at := ahead.row(r)
			for i := range 4 {
				PREFETCHT0(at(i))
			}
		}
		ahead.advance()
		separable(s, f, loads(y), z, z, []int{0, 1, 2, 3, 4, 5})
		y.advance()
		z.advance()
	})
}

// taps is the 3×3 grid of a filter.
func taps(s isa) grid {
	x := strideOf("tap")
	return grid{base: Load(Param("w"), GP64()), x: x, y: tripled(x.three), bytes: s.bytes}
}

// nextRow goes to the next input channel of a filter.
func nextRow(g grid, row string) func() {
	d := Load(Param(row), GP64())
	SHLQ(Imm(2), d)
	return func() { ADDQ(d, g.base) }
}

// filter writes U = G g G^T for n rows, a vector of output channels each.
func filter(s isa) {
	begin(s, "Filter", "func(n int, w *float32, tap, wrow int, u *float32, xi, urow int)")
	w, u := taps(s), grid36(s, "u", "xi")
	nextW, nextU := nextRow(w, "wrow"), nextRow(u, "urow")
	f := filterFormula(s)
	loop("n", 1, func() {
		separable(s, f, loads(w), u, u, []int{0, 1, 2, 3, 4, 5})
		nextW()
		nextU()
	})
}

// filterGradient writes dW = G^T dU G for n rows, a vector of output channels each.
func filterGradient(s isa) {
	begin(s, "FilterGradient", "func(n int, u *float32, xi, urow int, w *float32, tap, wrow int)")
	w, u := taps(s), grid36(s, "u", "xi")
	nextW, nextU := nextRow(w, "wrow"), nextRow(u, "urow")
	f := filterGradientFormula(s)
	loop("n", 1, func() {
		separable(s, f, loads(u), u, w, []int{0, 1, 2})
		nextW()
		nextU()
	})
}
