package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// reducer is a reduction: terms made of one or two inputs, joined.
type reducer struct {
	name     string
	inputs   []string
	identity float32
	first    func(g *gen, x []VecVirtual) VecVirtual                 // the first term
	more     func(g *gen, acc VecVirtual, x []VecVirtual) VecVirtual // one term more
	join     func(g *gen, a, b VecVirtual) VecVirtual
}

func only(_ *gen, x []VecVirtual) VecVirtual { return x[0] }

func plus(g *gen, a, b VecVirtual) VecVirtual { return g.add(a, b) }

func extremum(name string, identity float64, join func(g *gen, a, b VecVirtual) VecVirtual) reducer {
	more := func(g *gen, acc VecVirtual, x []VecVirtual) VecVirtual { return join(g, acc, x[0]) }
	return reducer{name, []string{"x"}, float32(identity), only, more, join}
}

func times(g *gen, x []VecVirtual) VecVirtual { return g.mul(x[0], x[len(x)-1]) }

func addProduct(g *gen, acc VecVirtual, x []VecVirtual) VecVirtual {
	return g.fma(x[0], x[len(x)-1], acc)
}

var (
	sumOf = reducer{"Sum", []string{"x"}, 0, only,
		func(g *gen, acc VecVirtual, x []VecVirtual) VecVirtual { return g.add(acc, x[0]) }, plus}
	sumProduct = reducer{"SumProduct", []string{"a", "b"}, 0, times, addProduct, plus}
	sumSquares = reducer{"SumSquares", []string{"x"}, 0, times, addProduct, plus}
	maxOf      = extremum("Max", math.Inf(-1), maximum)
	minOf      = extremum("Min", math.Inf(1), minimum)
)

func reduceFamily(f *file) {
	for _, s := range isas {
		for _, r := range []reducer{sumOf, sumProduct, maxOf, minOf} {
			rowKernel(f, s, r, false)
			for level := 1; 1<<level <= s.lanes; level++ {
				treeKernel(f, s, r, level)
			}
			columnKernel(f, s, r)
		}
		for _, r := range []reducer{sumOf, sumSquares, maxOf, minOf} {
			rowKernel(f, s, r, true)
		}
	}
}

// slices lists parameters of slice type.
func slices32(names []string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s + " []float32"
}

// chains is the number of sums that run side by side along a row.
const chains = 4

// rowLoop is the state of a reduction along rows.
type rowLoop struct {
	*gen
	r     reducer
	in    []Register
	i     Register // bytes of the row done
	bytes Register // of a row
	acc   [chains]VecVirtual
}

// rowKernel reduces rows of n floats, or the only row there is.
func rowKernel(f *file, s isa, r reducer, whole bool) {
	l := &rowLoop{r: r}
	if whole {
		l.gen = f.kernel(s, "block"+r.name, fmt.Sprintf("func(%s) float32", slices32(r.inputs)))
		l.bytes = l.length(r.inputs[0])
	} else {
		l.gen = f.kernel(s, "row"+r.name, fmt.Sprintf("func(dst, %s, n int)", slices32(r.inputs)))
		l.bytes = l.Load(l.Param("n"), l.GP64())
	}
	for _, name := range r.inputs {
		l.in = append(l.in, l.pointer(name))
	}
	l.hoist(func(g *gen) { g.identity(r); r.join(g, g.vec(), g.vec()) })
	rest := l.GP64()
	l.MOVQ(l.bytes, rest)
	l.ANDQ(Imm(uint64(l.lanes-1)), rest)
	mask := l.tailMask(rest)
	l.SHLQ(Imm(2), l.bytes)
	l.i = l.GP64()
	if whole {
		y := l.row(rest, mask)
		l.Store(y.AsX(), l.ReturnIndex(0))
		l.ret()
		return
	}
	dst, rows := l.pointer("dst"), l.length("dst")
	l.TESTQ(rows, rows)
	l.JEQ(LabelRef("done"))
	l.Label("row")
	y := l.row(rest, mask)
	l.VMOVSS(y.AsX(), Mem{Base: dst})
	l.ADDQ(Imm(4), dst)
	for _, p := range l.in {
		l.ADDQ(l.bytes, p)
	}
	l.DECQ(rows)
	l.JNE(LabelRef("row"))
	l.Label("done")
	l.ret()
}

// identity returns the reduction of nothing in a register of its own.
func (g *gen) identity(r reducer) VecVirtual {
	if r.identity == 0 {
		return g.zero()
	}
	return g.copy(g.c(r.identity))
}

// row reduces one row: four vectors at a time, then one, then the lanes that are left.
func (l *rowLoop) row(rest, mask Register) VecVirtual {
	for j := range l.acc {
		l.acc[j] = l.identity(l.r)
	}
	l.XORQ(l.i, l.i)
	for _, u := range []int{chains, 1} {
		begin, end := fmt.Sprintf("by%d", u), fmt.Sprintf("less%d", u)
		last := l.GP64()
		l.LEAQ(Mem{Base: l.bytes, Disp: -u * l.gen.bytes}, last)
		l.CMPQ(l.i, last)
		l.JGT(LabelRef(end))
		l.Label(begin)
		for j := range u {
			l.take(j, func(p Register) VecVirtual { return l.copy(l.at(p, l.i, j)) })
		}
		l.ADDQ(I32(int32(u*l.gen.bytes)), l.i)
		l.CMPQ(l.i, last)
		l.JLE(LabelRef(begin))
		l.Label(end)
	}
	l.TESTQ(rest, rest)
	l.JEQ(LabelRef("whole"))
	l.take(0, func(p Register) VecVirtual {
		x := l.loadMasked(l.at(p, l.i, 0), mask)
		if l.r.identity == 0 {
			return x
		}
		return l.sel(mask, x, l.reg(l.c(l.r.identity)))
	})
	l.Label("whole")
	y := l.r.join(l.gen, l.r.join(l.gen, l.acc[0], l.acc[1]), l.r.join(l.gen, l.acc[2], l.acc[3]))
	return l.across(l.r, y)
}

// take adds one vector of terms to chain j.
func (l *rowLoop) take(j int, load func(p Register) VecVirtual) {
	var x []VecVirtual
	for _, p := range l.in {
		x = append(x, load(p))
	}
	l.VMOVAPS(l.r.more(l.gen, l.acc[j], x), l.acc[j])
}

// across joins the lanes of a vector, neighbours first, as treeKernel does.
func (g *gen) across(r reducer, v VecVirtual) VecVirtual {
	for _, swap := range []uint64{0xb1, 0x4e} { // neighbours, then pairs
		t := g.vec()
		g.VPERMILPS(Imm(swap), v, t)
		v = r.join(g, v, t)
	}
	if !g.isWide() {
		t := g.vec()
		g.VPERM2F128(Imm(1), v, v, t)
		return r.join(g, v, t)
	}
	for _, swap := range []uint64{0xb1, 0x4e} {
		t := g.vec()
		g.VSHUFF32X4(Imm(swap), v, v, t)
		v = r.join(g, v, t)
	}
	return v
}

// columnKernel reduces the columns of a number of rows into acc, four rows at a time.
func columnKernel(f *file, s isa, r reducer) {
	g := f.kernel(s, "column"+r.name, fmt.Sprintf("func(acc, %s, rows int)", slices32(r.inputs)))
	acc, stride := g.pointer("acc"), g.length("acc")
	rows := g.Load(g.Param("rows"), g.GP64())
	in := make([][]Register, len(r.inputs))
	for i, name := range r.inputs {
		in[i] = []Register{g.pointer(name)}
	}
	rest := g.GP64()
	g.MOVQ(stride, rest)
	g.ANDQ(Imm(uint64(g.lanes-1)), rest)
	mask := g.tailMask(rest)
	g.SHLQ(Imm(2), stride)
	for _, u := range []int{4, 1} {
		g.columnRows(r, u, acc, stride, rows, mask, in)
	}
	g.ret()
}

// columnRows goes on by u rows at a time while as many are left.
func (g *gen) columnRows(r reducer, u int, acc, stride, rows, mask Register, in [][]Register) {
	begin, end := fmt.Sprintf("rows%d", u), fmt.Sprintf("fewer%d", u)
	g.SUBQ(Imm(uint64(u)), rows)
	g.JLT(LabelRef(end))
	g.Label(begin)
	for k := range in {
		in[k] = in[k][:1]
		for j := 1; j < u; j++ {
			p := g.GP64()
			g.LEAQ(Mem{Base: in[k][j-1], Index: stride, Scale: 1}, p)
			in[k] = append(in[k], p)
		}
	}
	i, left := g.GP64(), g.GP64()
	g.XORQ(i, i)
	g.MOVQ(stride, left)
	g.SUBQ(Imm(uint64(g.bytes)), left)
	g.JLT(LabelRef(begin + "tail"))
	next := g.GP64()
	g.MOVQ(stride, next)
	g.IMUL3Q(Imm(uint64(2*u)), next, next)
	g.align()
	g.Label(begin + "vector")
	if u > 1 {
		g.askRows(in, next)
	}
	g.VMOVUPS(g.columnTerms(r, acc, i, in, nil), g.at(acc, i, 0))
	g.ADDQ(Imm(uint64(g.bytes)), i)
	g.CMPQ(i, left)
	g.JLE(LabelRef(begin + "vector"))
	g.Label(begin + "tail")
	g.CMPQ(i, stride)
	g.JEQ(LabelRef(begin + "done"))
	g.storeMasked(g.columnTerms(r, acc, i, in, mask), mask, g.at(acc, i, 0))
	g.Label(begin + "done")
	for k := range in {
		g.LEAQ(Mem{Base: in[k][u-1], Index: stride, Scale: 1}, in[k][0])
	}
	g.SUBQ(Imm(uint64(u)), rows)
	g.JGE(LabelRef(begin))
	g.Label(end)
	g.ADDQ(Imm(uint64(u)), rows)
}

// askRows asks memory for the same places of the rows that come next: each stream is one row long, which is too short for the processor to
// find out by itself.
func (g *gen) askRows(in [][]Register, next Register) {
	for _, rows := range in {
		for _, p := range rows {
			g.PREFETCHT0(Mem{Base: p, Index: next, Scale: 1})
		}
	}
	g.ADDQ(Imm(uint64(g.bytes)), next)
}

func (g *gen) columnTerms(r reducer, acc, i Register, in [][]Register, mask Register) VecVirtual {
	load := func(p Register) VecVirtual {
		if mask != nil {
			return g.loadMasked(g.at(p, i, 0), mask)
		}
		return g.copy(g.at(p, i, 0))
	}
	row := func(j int) []VecVirtual {
		var x []VecVirtual
		for _, p := range in {
			x = append(x, load(p[j]))
		}
		return x
	}
	if len(in[0]) == 1 {
		return r.more(g, load(acc), row(0))
	}
	a := r.more(g, r.first(g, row(0)), row(1))
	b := r.more(g, r.first(g, row(2)), row(3))
	return r.join(g, load(acc), r.join(g, a, b))
}
