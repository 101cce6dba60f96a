package main

import (
	"math/bits"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func moveFamily(f *file) {
	for _, s := range isas {
		spread(f, s)
		fillRows(f, s)
		copy2D(f, s)
		transposeStrip(f, s)
		prefetch(f, s)
		stream(f, s)
		fence(f, s)
	}
}

// spread repeats each element n times, 2 <= n <= lanes: a vector of elements becomes n vectors by permutations that depend
// on n alone and lie in a table. len(s) is a multiple of the lanes.
func spread(f *file, s isa) {
	g := f.kernel(s, "spread", "func(dst, s []float32, n int)")
	dst, src, rows := g.pointer("dst"), g.pointer("s"), g.length("s")
	n := g.Load(g.Param("n"), g.GP64())
	var table []uint32 // for n = 2, 3, ...: n·lanes bytes, which element each lane takes
	for k := 2; k <= s.lanes; k++ {
		for i := 0; i < k*s.lanes; i += 4 {
			table = append(table, uint32(i/k|(i+1)/k<<8|(i+2)/k<<16|(i+3)/k<<24))
		}
	}
	offset := g.GP64() // of the table for n: lanes·(2+...+(n-1))
	g.LEAQ(Mem{Base: n, Disp: -1}, offset)
	g.IMULQ(n, offset)
	g.SHRQ(Imm(1), offset)
	g.DECQ(offset)
	g.SHLQ(Imm(uint64(bits.TrailingZeros(uint(s.lanes)))), offset)
	index := g.GP64()
	g.LEAQ(g.words("spread"+s.name, table), index)
	g.ADDQ(offset, index)
	g.SUBQ(Imm(uint64(g.lanes)), rows)
	g.JLT(LabelRef("done"))
	g.Label("group")
	v := g.copy(Mem{Base: src})
	at, left := g.GP64(), g.GP64()
	g.MOVQ(index, at)
	g.MOVQ(n, left)
	g.align()
	g.Label("vector")
	p, y := g.vec(), g.vec()
	g.VPMOVZXBD(Mem{Base: at}, p)
	g.VPERMPS(v, p, y)
	g.VMOVUPS(y, Mem{Base: dst})
	g.ADDQ(Imm(uint64(g.lanes)), at)
	g.ADDQ(Imm(uint64(g.bytes)), dst)
	g.DECQ(left)
	g.JNE(LabelRef("vector"))
	g.ADDQ(Imm(uint64(g.bytes)), src)
	g.SUBQ(Imm(uint64(g.lanes)), rows)
	g.JGE(LabelRef("group"))
	g.Label("done")
	g.ret()
}

// runs is the state of a kernel that writes rows of n floats.
type runs struct {
	*gen
	n, rest  Register // bytes of a row; floats beyond whole vectors
	mask     Register
	dst, src Register
}

func (g *gen) newRuns(n Register) *runs {
	r := &runs{gen: g, n: n, rest: g.GP64()}
	g.MOVQ(n, r.rest)
	g.ANDQ(Imm(uint64(g.lanes-1)), r.rest)
	r.mask = g.tailMask(r.rest)
	g.SHLQ(Imm(2), n)
	return r
}

// row writes one row of what load gives for the places that store writes to.
func (r *runs) row(load func(i, mask Register) VecVirtual) {
	i, last := r.GP64(), r.GP64()
	r.XORQ(i, i)
	r.MOVQ(r.n, last)
	r.SUBQ(Imm(uint64(r.bytes)), last)
	r.JLT(LabelRef("short"))
	r.align()
	r.Label("vector")
	r.VMOVUPS(load(i, nil), r.at(r.dst, i, 0))
	r.ADDQ(Imm(uint64(r.bytes)), i)
	r.CMPQ(i, last)
	r.JLE(LabelRef("vector"))
	r.Label("short")
	r.TESTQ(r.rest, r.rest)
	r.JEQ(LabelRef("whole"))
	r.storeMasked(load(i, r.mask), r.mask, r.at(r.dst, i, 0))
	r.Label("whole")
}

// fillRows writes dst[r·n+i] = s[r].
func fillRows(f *file, s isa) {
	g := f.kernel(s, "fillRows", "func(dst, s []float32, n int)")
	rows := g.length("s")
	r := g.newRuns(g.Load(g.Param("n"), g.GP64()))
	r.dst, r.src = g.pointer("dst"), g.pointer("s")
	g.TESTQ(rows, rows)
	g.JEQ(LabelRef("done"))
	g.Label("row")
	v := g.vec()
	g.VBROADCASTSS(Mem{Base: r.src}, v)
	r.row(func(_, _ Register) VecVirtual { return v })
	g.ADDQ(Imm(4), r.src)
	g.ADDQ(r.n, r.dst)
	g.DECQ(rows)
	g.JNE(LabelRef("row"))
	g.Label("done")
	g.ret()
}

// copy2D copies rows of cols floats between matrices of other strides.
func copy2D(f *file, s isa) {
	g := f.kernel(s, "copy2D", "func(dst []float32, ldd int, src []float32, lds, rows, cols int)")
	r := g.newRuns(g.Load(g.Param("cols"), g.GP64()))
	rows := g.Load(g.Param("rows"), g.GP64())
	r.dst, r.src = g.pointer("dst"), g.pointer("src")
	ldd, lds := g.stride("ldd"), g.stride("lds")
	g.TESTQ(rows, rows)
	g.JLE(LabelRef("done"))
	g.Label("row")
	r.row(func(i, mask Register) VecVirtual {
		if mask != nil {
			return g.loadMasked(g.at(r.src, i, 0), mask)
		}
		return g.copy(g.at(r.src, i, 0))
	})
	g.ADDQ(ldd, r.dst)
	g.ADDQ(lds, r.src)
	g.DECQ(rows)
	g.JNE(LabelRef("row"))
	g.Label("done")
	g.ret()
}

// stride loads a distance of rows and turns floats into bytes.
func (g *gen) stride(param string) Register {
	r := g.Load(g.Param(param), g.GP64())
	g.SHLQ(Imm(2), r)
	return r
}

// prefetch asks for the lines of a block; nothing waits for them.
func prefetch(f *file, s isa) {
	const line, floats = 64, 16
	g := f.kernel(s, "prefetch", "func(x []float32)")
	n, p := g.length("x"), g.pointer("x")
	g.TESTQ(n, n)
	g.JLE(LabelRef("done"))
	g.Label("line")
	g.PREFETCHT0(Mem{Base: p})
	g.ADDQ(Imm(line), p)
	g.SUBQ(Imm(floats), n)
	g.JGT(LabelRef("line"))
	g.Label("done")
	g.RET()
}

// stream copies whole lines past the caches, none if dst does not begin on one, and returns how many floats it has done.
// Other processors may see them only after a fence.
func stream(f *file, s isa) {
	const line = 64
	g := f.kernel(s, "stream", "func(dst, src []float32) (done int)")
	n, dst, src := g.length("dst"), g.pointer("dst"), g.pointer("src")
	i := g.GP64()
	g.XORQ(i, i)
	g.TESTQ(U32(line-1), dst)
	g.JNE(LabelRef("done"))
	g.SHLQ(Imm(2), n)
	g.SUBQ(Imm(line), n)
	g.JLT(LabelRef("done"))
	g.align()
	g.Label("line")
	for u := range line / g.bytes {
		g.VMOVNTPS(g.copy(g.at(src, i, u)), g.at(dst, i, u))
	}
	g.ADDQ(Imm(line), i)
	g.CMPQ(i, n)
	g.JLE(LabelRef("line"))
	g.Label("done")
	g.SHRQ(Imm(2), i)
	g.Store(i, g.ReturnIndex(0))
	g.ret()
}

// fence waits until everybody sees what was streamed.
func fence(f *file, s isa) {
	g := f.kernel(s, "fence", "func()")
	g.SFENCE()
	g.RET()
}
