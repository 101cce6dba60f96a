package main

import (
	"fmt"
	"strconv"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rowsVector is a vector of partial results, with the row that each lane belongs to.
type rowsVector struct {
	VecVirtual
	rows []int
}

// treeKernel reduces rows of 2^level floats, as many rows at a time as a vector has lanes: the n vectors that hold them
// are halved in number level times, by joining each with its neighbour. The terms of a row are joined in the order of
// rowKernel, so the two give the same bits.
func treeKernel(f *file, s isa, r reducer, level int) {
	g := f.kernel(s, "tree"+r.name+strconv.Itoa(1<<level), fmt.Sprintf("func(dst, %s)", slices32(r.inputs)))
	dst, rows := g.pointer("dst"), g.length("dst")
	var in []Register
	for _, name := range r.inputs {
		in = append(in, g.pointer(name))
	}
	g.SUBQ(Imm(uint64(g.lanes)), rows)
	g.JLT(LabelRef("done"))
	g.align()
	g.Label("group")
	v := g.node(r, level, level, 0, in)
	order := make([]uint32, g.lanes)
	for lane, row := range v.rows {
		order[row] = uint32(lane)
	}
	index, out := g.vec(), g.vec()
	g.VMOVUPS(g.words(fmt.Sprintf("order%s%d", s.name, level), order), index)
	g.VPERMPS(v.VecVirtual, index, out)
	g.VMOVUPS(out, Mem{Base: dst})
	g.ADDQ(Imm(uint64(g.bytes)), dst)
	for _, p := range in {
		g.ADDQ(I32(int32(g.bytes<<level)), p)
	}
	g.SUBQ(Imm(uint64(g.lanes)), rows)
	g.JGE(LabelRef("group"))
	g.Label("done")
	g.ret()
}

// node is the j-th vector after some levels of the tree of the given height; deep first, so that few are alive.
func (g *gen) node(r reducer, height, level, j int, in []Register) rowsVector {
	if level == 0 {
		var x []VecVirtual
		for _, p := range in {
			x = append(x, g.copy(Mem{Base: p, Disp: j * g.bytes}))
		}
		v := rowsVector{r.first(g, x), make([]int, g.lanes)}
		for i := range v.rows {
			v.rows[i] = (j*g.lanes + i) >> height
		}
		return v
	}
	a := g.node(r, height, level-1, 2*j, in)
	b := g.node(r, height, level-1, 2*j+1, in)
	even, odd := g.split(level, a, b)
	for i := range even.rows {
		if even.rows[i] != odd.rows[i] {
			panic("treeKernel: joins different rows")
		}
	}
	return rowsVector{r.join(g, even.VecVirtual, odd.VecVirtual), even.rows}
}

// split parts the elements of two vectors into those in even and in odd places: single elements within the quarters of
// 128 bits at the first two levels, whole quarters then.
func (g *gen) split(level int, a, b rowsVector) (even, odd rowsVector) {
	even, odd = rowsVector{VecVirtual: g.vec()}, rowsVector{VecVirtual: g.vec()}
	const quarter = 4
	if level <= 2 {
		g.VSHUFPS(Imm(0x88), b.VecVirtual, a.VecVirtual, even.VecVirtual)
		g.VSHUFPS(Imm(0xdd), b.VecVirtual, a.VecVirtual, odd.VecVirtual)
		for q := 0; q < g.lanes; q += quarter {
			even.rows = append(even.rows, a.rows[q], a.rows[q+2], b.rows[q], b.rows[q+2])
			odd.rows = append(odd.rows, a.rows[q+1], a.rows[q+3], b.rows[q+1], b.rows[q+3])
		}
		return even, odd
	}
	if g.isWide() {
		g.VSHUFF32X4(Imm(0x88), b.VecVirtual, a.VecVirtual, even.VecVirtual)
		g.VSHUFF32X4(Imm(0xdd), b.VecVirtual, a.VecVirtual, odd.VecVirtual)
	} else {
		g.VPERM2F128(Imm(0x20), b.VecVirtual, a.VecVirtual, even.VecVirtual)
		g.VPERM2F128(Imm(0x31), b.VecVirtual, a.VecVirtual, odd.VecVirtual)
	}
	for _, v := range [][]int{a.rows, b.rows} {
		for q := 0; q < g.lanes; q += 2 * quarter {
			even.rows = append(even.rows, v[q:q+quarter]...)
			odd.rows = append(odd.rows, v[q+quarter:q+2*quarter]...)
		}
	}
	return even, odd
}
