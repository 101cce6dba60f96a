package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The methods here are the instructions that kernels are written in: operands in the order of the formula, a new register
// for each result. The second operand may lie in memory.

func (g *gen) add(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VADDPS(b, a, d); return d }
func (g *gen) sub(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VSUBPS(b, a, d); return d }
func (g *gen) mul(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VMULPS(b, a, d); return d }
func (g *gen) div(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VDIVPS(b, a, d); return d }
func (g *gen) and(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VANDPS(b, a, d); return d }
func (g *gen) or(a VecVirtual, b Op) VecVirtual  { d := g.vec(); g.VORPS(b, a, d); return d }
func (g *gen) xor(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VXORPS(b, a, d); return d }
func (g *gen) sqrt(a Op) VecVirtual              { d := g.vec(); g.VSQRTPS(a, d); return d }

// iadd and isub work on 32-bit integers.
func (g *gen) iadd(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VPADDD(b, a, d); return d }
func (g *gen) isub(a VecVirtual, b Op) VecVirtual { d := g.vec(); g.VPSUBD(b, a, d); return d }

func (g *gen) shl(a VecVirtual, n uint64) VecVirtual { d := g.vec(); g.VPSLLD(Imm(n), a, d); return d }
func (g *gen) sar(a VecVirtual, n uint64) VecVirtual { d := g.vec(); g.VPSRAD(Imm(n), a, d); return d }
func (g *gen) shr(a VecVirtual, n uint64) VecVirtual { d := g.vec(); g.VPSRLD(Imm(n), a, d); return d }

// toInt rounds, toFloat is exact below 2^24.
func (g *gen) toInt(a VecVirtual) VecVirtual   { d := g.vec(); g.VCVTPS2DQ(a, d); return d }
func (g *gen) toFloat(a VecVirtual) VecVirtual { d := g.vec(); g.VCVTDQ2PS(a, d); return d }

// fma is a·b + c, fms a·b - c, fnma c - a·b.
func (g *gen) fma(a Op, b VecVirtual, c Op) VecVirtual {
	d := g.copy(a)
	g.VFMADD213PS(c, b, d)
	return d
}

func (g *gen) fms(a Op, b VecVirtual, c Op) VecVirtual {
	d := g.copy(a)
	g.VFMSUB213PS(c, b, d)
	return d
}

func (g *gen) fnma(a Op, b VecVirtual, c Op) VecVirtual {
	d := g.copy(a)
	g.VFNMADD213PS(c, b, d)
	return d
}

// horner evaluates a polynomial in t, coefficients from the highest down.
func (g *gen) horner(t VecVirtual, coefficients ...float32) VecVirtual {
	p := g.copy(g.c(coefficients[0]))
	for _, c := range coefficients[1:] {
		g.VFMADD213PS(g.c(c), t, p)
	}
	return p
}

// atLeast and atMost clamp x and let NaN pass: the instructions return their last operand when one is NaN.
func (g *gen) atLeast(x VecVirtual, c float32) VecVirtual {
	d := g.vec()
	g.VMAXPS(x, g.reg(g.c(c)), d)
	return d
}

func (g *gen) atMost(x VecVirtual, c float32) VecVirtual {
	d := g.vec()
	g.VMINPS(x, g.reg(g.c(c)), d)
	return d
}

// Modes of round.
const (
	nearest = 8 | iota
	down
	up
	truncate
)

func (g *gen) round(x VecVirtual, mode uint64) VecVirtual {
	d := g.vec()
	if g.isWide() {
		g.VRNDSCALEPS(Imm(mode), x, d)
	} else {
		g.VROUNDPS(Imm(mode), x, d)
	}
	return d
}

// Predicates of comparisons: all quiet; only the negated one is true of NaN.
const (
	equal        = 0x00
	unordered    = 0x03
	notEqual     = 0x04
	less         = 0x11
	lessEqual    = 0x12
	orderedNot   = 0x0c // not equal, and neither is NaN
	greaterEqual = 0x1d
	greater      = 0x1e
	notLessEqual = 0x16
)

// cmp returns a mask: a register of bits, or on AVX2 a vector of all ones and all zeros.
func (g *gen) cmp(predicate uint64, a VecVirtual, b Op) Register {
	d := g.newMask()
	g.VCMPPS(Imm(predicate), b, a, d)
	return d
}

func (g *gen) newMask() Register {
	if g.isWide() {
		return g.K()
	}
	return g.YMM()
}

// negative returns the mask of the lanes whose sign bit is set.
func (g *gen) negative(x VecVirtual) Register {
	if !g.isWide() {
		return x
	}
	k := g.K()
	g.VPMOVD2M(x, k)
	return k
}

// sel returns yes where the mask is set, else no.
func (g *gen) sel(mask Register, yes Op, no VecVirtual) VecVirtual {
	d := g.vec()
	if g.isWide() {
		g.VBLENDMPS(yes, no, mask, d)
	} else {
		g.VBLENDVPS(mask, yes, no, d)
	}
	return d
}

// truth turns a mask into ones and zeros.
func (g *gen) truth(mask Register) VecVirtual {
	d := g.vec()
	one := g.reg(g.c(1))
	if g.isWide() {
		g.VMOVAPS_Z(one, mask, d)
	} else {
		g.VANDPS(one, mask, d)
	}
	return d
}

const (
	signBit = 1 << 31
	absBits = signBit - 1
)

func (g *gen) abs(x VecVirtual) VecVirtual    { return g.and(x, g.bits(absBits)) }
func (g *gen) signOf(x VecVirtual) VecVirtual { return g.and(x, g.bits(signBit)) }

// integer is a vector of integers held as floats. On AVX2 bits has them too, in the low 9 bits of each lane.
type integer struct{ float, bits VecVirtual }

// roundingShift added to a float below 2^22 leaves no fraction; the integer stands in the lowest bits then.
const roundingShift = 3 << 22

// roundProduct rounds x·c to integers, below 2^22.
func (g *gen) roundProduct(x VecVirtual, c float32) integer {
	if g.isWide() {
		return integer{float: g.round(g.mul(x, g.c(c)), nearest)}
	}
	t := g.fma(x, g.reg(g.c(c)), g.c(roundingShift))
	return integer{g.sub(t, g.c(roundingShift)), t}
}

// pow2 returns 2^(k+more), in the range of normal numbers.
func (g *gen) pow2(k integer, more int) VecVirtual {
	if g.isWide() {
		if more != 0 {
			k.float = g.sub(k.float, g.c(float32(-more)))
		}
		return g.pow2Float(k.float)
	}
	return g.iadd(g.shl(k.bits, 23), g.bits(uint32(127+more)<<23))
}

// pow2Float returns 2^k for integers k held as floats, in the range of normal numbers.
func (g *gen) pow2Float(k VecVirtual) VecVirtual {
	if g.isWide() {
		return g.scale(g.reg(g.c(1)), integer{float: k})
	}
	return g.pow2Int(g.toInt(k))
}

func (g *gen) pow2Int(k VecVirtual) VecVirtual { return g.shl(g.iadd(k, g.bits(127)), 23) }

// scale returns p·2^k for any integer k. AVX2 takes two steps, so that denormals and infinity come out right.
func (g *gen) scale(p VecVirtual, k integer) VecVirtual {
	if g.isWide() {
		d := g.vec()
		g.VSCALEFPS(k.float, p, d)
		return d
	}
	i := g.isub(k.bits, g.c(roundingShift))
	half := g.sar(i, 1)
	p = g.mul(p, g.pow2Int(half))
	return g.mul(p, g.pow2Int(g.isub(i, half)))
}
