package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// conversion is a kernel from elements of one type to those of another, in whole vectors only.
type conversion struct {
	name     string
	dst, src string // types
	to, from int    // bytes of an element
	op       func(g *gen, x, y Mem)
}

// size16 and size8 are element sizes in bytes of the narrow types.
const (
	size32 = 4
	size16 = 2
	size8  = 1
)

func convertFamily(f *file) {
	conversions := []conversion{
		{"f32ToBF16", "uint16", "float32", size16, size32, func(g *gen, x, y Mem) { g.store16(bf16(g, g.copy(x)), y) }},
		{"bf16ToF32", "float32", "uint16", size32, size16, func(g *gen, x, y Mem) {
			v := g.vec()
			g.VPMOVZXWD(x, v)
			g.VMOVUPS(g.shl(v, 16), y)
		}},
		{"f32ToI32", "int32", "float32", size32, size32, func(g *gen, x, y Mem) { g.VMOVUPS(g.truncated(x), y) }},
		{"i32ToF32", "float32", "int32", size32, size32, func(g *gen, x, y Mem) { g.VMOVUPS(g.toFloat(g.copy(x)), y) }},
		{"f32ToU8", "uint8", "float32", size8, size32, func(g *gen, x, y Mem) { g.store8(g.truncated(x), y) }},
		{"u8ToF32", "float32", "uint8", size32, size8, func(g *gen, x, y Mem) {
			v := g.vec()
			g.VPMOVZXBD(x, v)
			g.VMOVUPS(g.toFloat(v), y)
		}},
		{"f32ToBool", "uint8", "float32", size8, size32, func(g *gen, x, y Mem) {
			one := g.truth(g.cmp(notEqual, g.copy(x), g.zero()))
			g.store8(g.shr(one, 29), y) // the bits of 1 are 0x3f800000
		}},
	}
	for _, s := range isas {
		for _, c := range conversions {
			c.emit(f, s)
		}
	}
	// Not in AVX2's tier: the instructions are a feature of their own there, which nothing reports.
	conversion{"f32ToF16", "uint16", "float32", size16, size32, func(g *gen, x, y Mem) {
		g.VCVTPS2PH(Imm(0), g.copy(x), y)
	}}.emit(f, avx512)
	conversion{"f16ToF32", "float32", "uint16", size32, size16, func(g *gen, x, y Mem) {
		v := g.vec()
		g.VCVTPH2PS(x, v)
		g.VMOVUPS(v, y)
	}}.emit(f, avx512)
}

func (c conversion) emit(f *file, s isa) {
	g := f.kernel(s, c.name, "func(dst []"+c.dst+", x []"+c.src+")")
	n, dst, x := g.length("dst"), g.pointer("dst"), g.pointer("x")
	g.hoist(func(g *gen) {
		p := Mem{Base: g.GP64()}
		c.op(g, p, p)
	})
	i := g.GP64()
	g.XORQ(i, i)
	g.SUBQ(Imm(uint64(g.lanes)), n)
	g.JLT(LabelRef("done"))
	g.align()
	g.Label("loop")
	c.op(g, Mem{Base: x, Index: i, Scale: uint8(c.from)}, Mem{Base: dst, Index: i, Scale: uint8(c.to)})
	g.ADDQ(Imm(uint64(g.lanes)), i)
	g.CMPQ(i, n)
	g.JLE(LabelRef("loop"))
	g.Label("done")
	g.ret()
}

// truncated drops the fraction.
func (g *gen) truncated(x Op) VecVirtual {
	d := g.vec()
	g.VCVTTPS2DQ(x, d)
	return d
}

// bf16 returns the rounded upper halves of the bits as integers: just under half a unit is added, or half if the lowest bit
// that stays is odd. NaN is made quiet instead, since it might be rounded to infinity.
func bf16(g *gen, x VecVirtual) VecVirtual {
	odd := g.and(g.shr(x, 16), g.bits(1))
	y := g.shr(g.iadd(g.iadd(x, g.bits(0x7fff)), odd), 16)
	return g.sel(g.cmp(unordered, x, x), g.or(g.shr(x, 16), g.bits(0x40)), y)
}

// store16 writes integers below 2^16 as two bytes each.
func (g *gen) store16(v VecVirtual, m Mem) {
	if g.isWide() {
		g.VPMOVDW(v, m)
		return
	}
	x, high := g.XMM(), g.XMM()
	g.VEXTRACTI128(Imm(1), v, high)
	g.VPACKUSDW(high, v.AsX(), x)
	g.VMOVDQU(x, m)
}

// store8 writes the lowest bytes of integers.
func (g *gen) store8(v VecVirtual, m Mem) {
	if g.isWide() {
		g.VPMOVDB(v, m)
		return
	}
	v = g.and(v, g.bits(0xff))
	x, high := g.XMM(), g.XMM()
	g.VEXTRACTI128(Imm(1), v, high)
	g.VPACKUSDW(high, v.AsX(), x)
	g.VPACKUSWB(x, x, x)
	g.VMOVQ(x, m)
}
