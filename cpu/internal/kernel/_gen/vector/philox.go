package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// philox is one kernel: it writes whole groups of blocks, one block for each 64 bits of a vector.
//
// Each of a block's four words sits in the lower half of a lane of 64 bits, where the multiplication of 32 by 32 bits wants
// it; the upper halves hold what earlier steps have left there and are never read.
type philox struct {
	*gen
	low           VecVirtual // 64-bit counters
	third, fourth VecVirtual // words of the upper half of the counter, the same for all blocks of a call
	mul0, mul1    Op
	keys          Mem // the two keys of each round, 64 bits apart
}

const (
	philoxRounds           = 10
	philoxMul0, philoxMul1 = 0xD2511F53, 0xCD9E8D57
	philoxKey0, philoxKey1 = 0x9E3779B9, 0xBB67AE85
)

// transform turns the first words of pairs and the second ones into results.
type transform func(g *gen, first, second VecVirtual) (a, b VecVirtual)

func philoxFamily(f *file) {
	words := func(_ *gen, a, b VecVirtual) (VecVirtual, VecVirtual) { return a, b }
	for _, s := range isas {
		philoxKernel(f, s, "philox", "uint32", words)
		philoxKernel(f, s, "uniform", "float32", uniform)
		philoxKernel(f, s, "normal", "float32", boxMuller)
	}
}

// uniform returns word>>8 · 2^-24.
func uniform(g *gen, a, b VecVirtual) (VecVirtual, VecVirtual) {
	unit := func(w VecVirtual) VecVirtual { return g.mul(g.toFloat(g.shr(w, 8)), g.c(1.0/(1<<24))) }
	return unit(a), unit(b)
}

// boxMuller returns √(-2 ln u) times cosine and sine of 2π·v. The quarter turns of v split off without rounding.
func boxMuller(g *gen, a, b VecVirtual) (VecVirtual, VecVirtual) {
	u := g.atLeast(g.mul(g.toFloat(g.shr(a, 1)), g.c(1.0/(1<<31))), 1.0/(1<<33))
	e, f := splitLog(g, u)
	radius := g.sqrt(g.mul(logOf(g, e, f), g.c(-2)))
	v := g.mul(g.toFloat(g.shr(b, 8)), g.c(4.0/(1<<24)))
	quarter := g.round(v, nearest)
	sin, cos := sinCosOf(g, g.mul(g.sub(v, quarter), g.c(1.5707963705062866)))
	q := g.toInt(quarter)
	x := turn(g, g.iadd(q, g.bits(1)), sin, cos)
	y := turn(g, q, sin, cos)
	return g.mul(radius, x), g.mul(radius, y)
}

func philoxKernel(f *file, s isa, name, element string, t transform) {
	p := &philox{gen: f.kernel(s, name, "func(dst []"+element+", key, lo, hi uint64)")}
	dst, n := p.pointer("dst"), p.length("dst")
	if !p.isWide() {
		p.hoisted = 0 // sixteen registers do not suffice
	}
	p.hoist(func(g *gen) { t(g, g.vec(), g.vec()) })
	p.roundKeys()
	p.counters()
	group := 2 * p.lanes // words
	step := p.held(p.words("step"+s.name, wide64(p.lanes, func(int) uint64 { return uint64(p.lanes / 2) })))
	p.SUBQ(Imm(uint64(group)), n)
	p.JLT(LabelRef("done"))
	p.align()
	p.Label("group")
	c := p.rounds()
	p.VPADDQ(step, p.low, p.low)
	a, b := t(p.gen, p.shuffle(c[0], c[2]), p.shuffle(c[1], c[3]))
	first, second := p.vec(), p.vec()
	p.VUNPCKLPS(b, a, first)
	p.VUNPCKHPS(b, a, second)
	even, odd := p.vec(), p.vec()
	p.VUNPCKLPD(second, first, even)
	p.VUNPCKHPD(second, first, odd)
	p.VMOVUPS(even, Mem{Base: dst})
	p.VMOVUPS(odd, Mem{Base: dst, Disp: p.bytes})
	p.ADDQ(I32(int32(2*p.bytes)), dst)
	p.SUBQ(Imm(uint64(group)), n)
	p.JGE(LabelRef("group"))
	p.Label("done")
	p.ret()
}

// shuffle returns the lower halves of the lanes of a and b: a's even, a's odd, b's even, b's odd.
func (p *philox) shuffle(a, b VecVirtual) VecVirtual {
	d := p.vec()
	p.VSHUFPS(Imm(0x88), b, a, d)
	return d
}

// wide64 lists the halves of 64-bit numbers, one for each 64 bits of the lanes.
func wide64(lanes int, f func(i int) uint64) []uint32 {
	var w []uint32
	for i := range lanes / 2 {
		w = append(w, uint32(f(i)), uint32(f(i)>>32))
	}
	return w
}

// roundKeys writes the keys of all rounds to the stack.
func (p *philox) roundKeys() {
	p.keys = p.AllocLocal(8 * 2 * philoxRounds)
	k0 := p.Load(p.Param("key"), p.GP64())
	k1 := p.GP64()
	p.MOVQ(k0, k1)
	p.SHRQ(Imm(32), k1)
	for r := range philoxRounds {
		p.MOVQ(k0, p.keys.Offset(16*r))
		p.MOVQ(k1, p.keys.Offset(16*r+8))
		p.ADDL(U32(philoxKey0), k0.(GPVirtual).As32())
		p.ADDL(U32(philoxKey1), k1.As32())
	}
}

// counters sets the numbers of the first blocks. Even lanes take the first half of them and odd lanes the second, which is
// the order in which the results come out.
func (p *philox) counters() {
	broadcast := func(param string) VecVirtual {
		c, err := p.Param(param).Resolve()
		if err != nil {
			panic(err) // a misspelt parameter: a fault of this program
		}
		d := p.vec()
		p.VPBROADCASTQ(c.Addr, d)
		return d
	}
	p.low = broadcast("lo")
	order := wide64(p.lanes, func(i int) uint64 { return uint64(i/2 + i%2*p.lanes/4) })
	p.VPADDQ(p.words("order"+p.name, order), p.low, p.low)
	p.third = broadcast("hi")
	p.fourth = p.vec()
	p.VPSRLQ(Imm(32), p.third, p.fourth)
	p.mul0 = p.held(p.wide(philoxMul0))
	p.mul1 = p.held(p.wide(philoxMul1))
}

// held returns a vector in a register where there are enough of them.
func (p *philox) held(m Mem) Op {
	if p.isWide() {
		return p.copy(m)
	}
	return m
}

// rounds encrypts the counters.
func (p *philox) rounds() [4]VecVirtual {
	second := p.vec()
	p.VPSRLQ(Imm(32), p.low, second)
	c := [4]VecVirtual{p.low, second, p.third, p.fourth}
	for r := range philoxRounds {
		a, b := p.vec(), p.vec()
		p.VPMULUDQ(p.mul0, c[0], a)
		p.VPMULUDQ(p.mul1, c[2], b)
		c = [4]VecVirtual{
			p.mix(b, c[1], p.keys.Offset(16*r)), b,
			p.mix(a, c[3], p.keys.Offset(16*r+8)), a,
		}
	}
	return c
}

// mix returns the upper half of the product, with word and key xored in.
func (p *philox) mix(product, word VecVirtual, key Mem) VecVirtual {
	d := p.vec()
	p.VPSRLQ(Imm(32), product, d)
	if p.isWide() {
		p.VPTERNLOGQ_BCST(U8(0x96), key, word, d)
		return d
	}
	k := p.vec()
	p.VPBROADCASTQ(key, k)
	return p.xor(p.xor(d, word), k)
}
