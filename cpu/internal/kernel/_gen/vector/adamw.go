package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func adamwFamily(f *file) {
	for _, s := range isas {
		adamwKernel(f, s)
		elementwise{
			name: "approach", params: []param{{name: "dst"}, {name: "x"}, {"s", true}}, unroll: short,
			op: func(g *gen, x ...VecVirtual) VecVirtual { return g.fma(g.sub(x[1], x[0]), x[2], x[0]) },
		}.emit(f, s)
	}
}

// adamw is the state of the kernel: pointers to w, m, v and the gradient, and the coefficients in the package's order.
type adamw struct {
	*gen
	p [4]Register
	c [8]VecVirtual
	i Register
}

func adamwKernel(f *file, s isa) {
	a := &adamw{gen: f.kernel(s, "adamw", "func(w, m, v, grad []float32, c *[8]float32)")}
	n := a.length("grad")
	for i, name := range []string{"w", "m", "v", "grad"} {
		a.p[i] = a.pointer(name)
	}
	coefficients := a.Load(a.Param("c"), a.GP64())
	for i := range a.c {
		a.c[i] = a.vec()
		a.VBROADCASTSS(Mem{Base: coefficients, Disp: 4 * i}, a.c[i])
	}
	a.i = a.GP64()
	a.XORQ(a.i, a.i)
	a.SHLQ(Imm(2), n)
	last := a.GP64()
	a.LEAQ(Mem{Base: n, Disp: -a.bytes}, last)
	a.CMPQ(a.i, last)
	a.JGT(LabelRef("tail"))
	a.align()
	a.Label("loop")
	a.step(nil)
	a.ADDQ(Imm(uint64(a.bytes)), a.i)
	a.CMPQ(a.i, last)
	a.JLE(LabelRef("loop"))
	a.Label("tail")
	a.SUBQ(a.i, n)
	a.JEQ(LabelRef("done"))
	a.SHRQ(Imm(2), n)
	a.step(a.tailMask(n))
	a.Label("done")
	a.ret()
}

// step updates one vector.
func (a *adamw) step(mask Register) {
	const scale, blend1, beta2, blend2, root, epsilon, keep, rate = 0, 1, 2, 3, 4, 5, 6, 7
	var x [4]VecVirtual
	for i, p := range a.p {
		if mask != nil {
			x[i] = a.loadMasked(a.at(p, a.i, 0), mask)
		} else {
			x[i] = a.copy(a.at(p, a.i, 0))
		}
	}
	w, m, v, d := x[0], x[1], x[2], a.mul(x[3], a.c[scale])
	m = a.fma(a.sub(d, m), a.c[blend1], m)
	v = a.fma(a.mul(d, d), a.c[blend2], a.mul(v, a.c[beta2]))
	denominator := a.fma(a.sqrt(v), a.c[root], a.c[epsilon])
	w = a.fnma(a.div(m, denominator), a.c[rate], a.mul(w, a.c[keep]))
	for i, y := range []VecVirtual{w, m, v} {
		if mask != nil {
			a.storeMasked(y, mask, a.at(a.p[i], a.i, 0))
		} else {
			a.VMOVUPS(y, a.at(a.p[i], a.i, 0))
		}
	}
}
