package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// strip is the state of transposeStrip.
type strip struct {
	*gen
	dst, src, ldd, lds Register
	rows, cols         Register // floats left
}

// transposeStrip transposes at most as many rows as a vector has lanes, square by square: whole squares without masks, what
// is left at the right or below with them.
func transposeStrip(f *file, s isa) {
	t := &strip{gen: f.kernel(s, "transposeStrip", "func(dst []float32, ldd int, src []float32, lds, rows, cols int)")}
	t.dst, t.src = t.pointer("dst"), t.pointer("src")
	t.ldd, t.lds = t.stride("ldd"), t.stride("lds")
	t.rows = t.Load(t.Param("rows"), t.GP64())
	t.cols = t.Load(t.Param("cols"), t.GP64())
	t.Label("square")
	t.CMPQ(t.cols, Imm(0))
	t.JLE(LabelRef("done"))
	for _, n := range []Register{t.rows, t.cols} {
		t.CMPQ(n, Imm(uint64(t.lanes)))
		t.JLT(LabelRef("part"))
	}
	t.square(false)
	t.JMP(LabelRef("square"))
	t.Label("part")
	t.square(true)
	t.JMP(LabelRef("square"))
	t.Label("done")
	t.ret()
}

func (t *strip) square(part bool) {
	v := t.load(part)
	v = t.pairs(v)
	v = t.quarters(v)
	t.store(v, part)
	t.ADDQ(Imm(uint64(t.bytes)), t.src)
	t.SUBQ(Imm(uint64(t.lanes)), t.cols)
}

// load reads the rows of a square; of a part, those there are.
func (t *strip) load(part bool) []VecVirtual {
	v := make([]VecVirtual, t.lanes)
	p := t.GP64()
	t.MOVQ(t.src, p)
	if !part {
		for i := range v {
			v[i] = t.copy(Mem{Base: p})
			t.ADDQ(t.lds, p)
		}
		return v
	}
	mask := t.tailMask(t.cols)
	for i := range v {
		v[i] = t.zero()
	}
	for i := range v {
		t.CMPQ(t.rows, Imm(uint64(i)))
		t.JLE(LabelRef("loaded"))
		if t.isWide() {
			t.VMOVUPS_Z(Mem{Base: p}, mask, v[i])
		} else {
			t.VMASKMOVPS(Mem{Base: p}, mask, v[i])
		}
		t.ADDQ(t.lds, p)
	}
	t.Label("loaded")
	return v
}

// pairs transposes the 4×4 blocks: afterwards v[4q+c] holds, in its quarter l, rows 4q to 4q+3 of column 4l+c.
func (t *strip) pairs(v []VecVirtual) []VecVirtual {
	out := make([]VecVirtual, len(v))
	for q := 0; q < len(v); q += 4 {
		var low, high [2]VecVirtual
		for h := range 2 {
			low[h], high[h] = t.vec(), t.vec()
			t.VUNPCKLPS(v[q+2*h+1], v[q+2*h], low[h])
			t.VUNPCKHPS(v[q+2*h+1], v[q+2*h], high[h])
		}
		for h, u := range [][2]VecVirtual{low, high} {
			even, odd := t.vec(), t.vec()
			t.VUNPCKLPD(u[1], u[0], even)
			t.VUNPCKHPD(u[1], u[0], odd)
			out[q+2*h], out[q+2*h+1] = even, odd
		}
	}
	return out
}

// quarters transposes the quarters of 128 bits of the vectors of one column index c.
func (t *strip) quarters(v []VecVirtual) []VecVirtual {
	out := make([]VecVirtual, len(v))
	for c := range 4 {
		if !t.isWide() {
			out[c], out[4+c] = t.vec(), t.vec()
			t.VPERM2F128(Imm(0x20), v[4+c], v[c], out[c])
			t.VPERM2F128(Imm(0x31), v[4+c], v[c], out[4+c])
			continue
		}
		var even, odd [2]VecVirtual
		for h := range 2 {
			even[h], odd[h] = t.vec(), t.vec()
			t.VSHUFF32X4(Imm(0x88), v[8*h+4+c], v[8*h+c], even[h])
			t.VSHUFF32X4(Imm(0xdd), v[8*h+4+c], v[8*h+c], odd[h])
		}
		for h, u := range [][2]VecVirtual{even, odd} {
			out[4*h+c], out[4*h+8+c] = t.vec(), t.vec()
			t.VSHUFF32X4(Imm(0x88), u[1], u[0], out[4*h+c])
			t.VSHUFF32X4(Imm(0xdd), u[1], u[0], out[4*h+8+c])
		}
	}
	return out
}

// store writes the columns; of a part, those there are.
func (t *strip) store(v []VecVirtual, part bool) {
	if !part {
		for _, x := range v {
			t.VMOVUPS(x, Mem{Base: t.dst})
			t.ADDQ(t.ldd, t.dst)
		}
		return
	}
	mask := t.tailMask(t.rows)
	for j, x := range v {
		t.CMPQ(t.cols, Imm(uint64(j)))
		t.JLE(LabelRef("stored"))
		t.storeMasked(x, mask, Mem{Base: t.dst})
		t.ADDQ(t.ldd, t.dst)
	}
	t.Label("stored")
}
