package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// param is an operand of an element-wise kernel.
type param struct {
	name   string
	scalar bool
}

// elementwise is a kernel dst[i] = op(params[i]...) over slices of one length. dst may be a parameter itself.
type elementwise struct {
	name   string
	params []param
	unroll int // vectors an iteration: 1 for long formulas, which overlap anyway
	op     func(g *gen, x ...VecVirtual) VecVirtual
	// refuse, if set, names lanes that op cannot do. The kernel then returns how many elements it has done before the
	// first vector with such a lane.
	refuse func(g *gen, x ...VecVirtual) Register
	// rare, if set, names lanes for which op needs care that it leaves out where no lane of a vector is such a one. The
	// result of a lane does not depend on which way its vector has gone.
	rare func(g *gen, x ...VecVirtual) Register
}

func (e elementwise) signature() string {
	s := "func(dst []float32"
	for _, p := range e.params {
		if p.name == "dst" {
			continue
		}
		kind := "[]float32"
		if p.scalar {
			kind = "float32"
		}
		s += fmt.Sprintf(", %s %s", p.name, kind)
	}
	if e.refuse != nil {
		return s + ") (done int)"
	}
	return s + ")"
}

// walk is the state of the loop of an element-wise kernel.
type walk struct {
	*gen
	e        elementwise
	dst      Register
	i        Register // bytes done
	pointers []Register
	scalars  []VecVirtual
	rare     []rareVector
}

// rareVector is a vector with lanes that need care: its code stands behind the loops.
type rareVector struct {
	label string
	x     []VecVirtual
	y     VecVirtual
}

func (e elementwise) emit(f *file, s isa) {
	w := &walk{gen: f.kernel(s, e.name, e.signature()), e: e}
	n := w.length("dst")
	w.dst = w.pointer("dst")
	for _, p := range e.params {
		if p.scalar {
			w.scalars = append(w.scalars, w.broadcast(p.name))
			w.pointers = append(w.pointers, nil)
			continue
		}
		w.scalars = append(w.scalars, nil)
		w.pointers = append(w.pointers, w.pointer(p.name))
	}
	w.usual = e.rare != nil && !w.isWide()
	w.hoist(func(g *gen) {
		g.usual = w.usual
		x := make([]VecVirtual, len(e.params))
		for i := range x {
			x[i] = g.vec()
		}
		if e.refuse != nil {
			e.refuse(g, x...)
		}
		if g.usual {
			e.rare(g, x...)
		}
		e.op(g, x...)
	})
	w.loops(n)
	w.care()
}

// loops goes over n elements by several vectors, by one, and by the lanes that are left.
func (w *walk) loops(n Register) {
	g := w.gen
	g.SHLQ(Imm(2), n)
	w.i = g.GP64()
	g.XORQ(w.i, w.i)
	if w.e.unroll > 1 {
		w.loop(n, w.e.unroll)
	}
	w.loop(n, 1)
	g.SUBQ(w.i, n)
	g.JEQ(LabelRef("done"))
	g.SHRQ(Imm(2), n)
	w.step(0, g.tailMask(n))
	g.Label("done")
	if w.e.refuse != nil {
		g.Store(g.length("dst"), g.ReturnIndex(0))
		g.ret()
		g.Label("refused")
		g.SHRQ(Imm(2), w.i)
		g.Store(w.i, g.ReturnIndex(0))
	}
	g.ret()
}

// loop goes on by u vectors at a time while as many are left.
func (w *walk) loop(n Register, u int) {
	begin, end := fmt.Sprintf("by%d", u), fmt.Sprintf("less%d", u)
	last := w.GP64()
	w.LEAQ(Mem{Base: n, Disp: -u * w.bytes}, last)
	w.CMPQ(w.i, last)
	w.JGT(LabelRef(end))
	w.align()
	w.Label(begin)
	for v := range u {
		w.step(v, nil)
	}
	w.ADDQ(I32(int32(u*w.bytes)), w.i)
	w.CMPQ(w.i, last)
	w.JLE(LabelRef(begin))
	w.Label(end)
}

// step does the u-th vector from i on, or its lanes in the mask.
func (w *walk) step(u int, mask Register) {
	x := make([]VecVirtual, len(w.pointers))
	for j, p := range w.pointers {
		switch {
		case p == nil:
			x[j] = w.scalars[j]
		case mask != nil:
			x[j] = w.loadMasked(w.at(p, w.i, u), mask)
		default:
			x[j] = w.copy(w.at(p, w.i, u))
		}
	}
	if w.e.refuse != nil {
		w.branchIfAny(w.e.refuse(w.gen, x...), "refused")
	}
	y := w.value(x)
	if mask != nil {
		w.storeMasked(y, mask, w.at(w.dst, w.i, u))
		return
	}
	w.VMOVUPS(y, w.at(w.dst, w.i, u))
}

// value is op of a vector, which leaves for code of its own if it is a rare one.
func (w *walk) value(x []VecVirtual) VecVirtual {
	if !w.usual {
		return w.e.op(w.gen, x...)
	}
	r := rareVector{label: fmt.Sprintf("rare%d", len(w.rare)), x: x}
	lanes := w.GP32()
	w.VMOVMSKPS(w.e.rare(w.gen, x...), lanes)
	w.TESTL(lanes, lanes)
	w.JNE(LabelRef(r.label))
	r.y = w.e.op(w.gen, x...)
	w.Label(r.label + "done")
	w.rare = append(w.rare, r)
	return r.y
}

// care is the code of rare vectors.
func (w *walk) care() {
	w.usual = false
	for _, r := range w.rare {
		w.Label(r.label)
		w.VMOVUPS(w.e.op(w.gen, r.x...), r.y)
		w.JMP(LabelRef(r.label + "done"))
	}
}

func (g *gen) branchIfAny(mask Register, label string) {
	if g.isWide() {
		g.KORTESTW(mask, mask)
	} else {
		g.VPTEST(mask, mask)
	}
	g.JNE(LabelRef(label))
}
