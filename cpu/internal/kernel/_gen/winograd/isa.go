package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set. With 32 registers the rows' results stay in registers until the columns are transformed;
// with 16 they wait in the 6×6 grid itself, which is overwritten.
type isa struct {
	name  string
	bytes int // of one vector
	wide  bool
	vec   func() VecVirtual
}

var (
	avx512 = isa{"AVX512", 64, true, ZMM}
	avx2   = isa{"AVX2", 32, false, YMM}
)

// constant is a number that a kernel multiplies by: in a register, or broadcast from memory where registers are scarce.
type constant struct {
	mem Mem
	reg VecVirtual
}

var emitted = map[float32]Mem{}

// memory returns the constant's address, one for each value.
func memory(value float64) Mem {
	v := float32(value)
	m, ok := emitted[v]
	if !ok {
		m = ConstData(fmt.Sprintf("winograd%d", len(emitted)), F32(v))
		emitted[v] = m
	}
	return m
}

// held loads a constant into a register.
func (s isa) held(value float64) constant {
	c := constant{mem: memory(value), reg: s.vec()}
	VBROADCASTSS(c.mem, c.reg)
	return c
}

// rare is a constant that stays in memory if the instruction set can broadcast an operand.
func (s isa) rare(value float64) constant {
	if s.wide {
		return constant{mem: memory(value)}
	}
	return s.held(value)
}

// mul returns c·x.
func (s isa) mul(c constant, x Op) VecVirtual {
	o := s.vec()
	if c.reg != nil {
		VMULPS(x, c.reg, o)
		return o
	}
	VMULPS_BCST(c.mem, s.register(x), o)
	return o
}

// fma adds c·x to sum.
func (s isa) fma(c constant, x Op, sum VecVirtual) {
	if c.reg != nil {
		VFMADD231PS(x, c.reg, sum)
		return
	}
	VFMADD231PS_BCST(c.mem, s.register(x), sum)
}

// fnma subtracts c·x from sum.
func (s isa) fnma(c constant, x Op, sum VecVirtual) {
	if c.reg != nil {
		VFNMADD231PS(x, c.reg, sum)
		return
	}
	VFNMADD231PS_BCST(c.mem, s.register(x), sum)
}

// plus returns x+y and minus x−y; y may be in memory.
func (s isa) plus(x VecVirtual, y Op) VecVirtual {
	o := s.vec()
	VADDPS(y, x, o)
	return o
}

func (s isa) minus(x VecVirtual, y Op) VecVirtual {
	o := s.vec()
	VSUBPS(y, x, o)
	return o
}

// copyOf returns a copy that may be changed.
func (s isa) copyOf(x Op) VecVirtual {
	o := s.vec()
	if _, ok := x.(VecVirtual); ok {
		VMOVAPS(x, o)
	} else {
		VMOVUPS(x, o)
	}
	return o
}

// register returns x itself if it is a register, otherwise loads it.
func (s isa) register(x Op) VecVirtual {
	if r, ok := x.(VecVirtual); ok {
		return r
	}
	return s.copyOf(x)
}

// stride is a distance in bytes and three times it: with an index scaled by 1 or 2 any multiple up to 5 is reached.
type stride struct{ one, three Register }

// strideOf loads a distance in floats.
func strideOf(param string) stride {
	r := Load(Param(param), GP64())
	SHLQ(Imm(2), r)
	return tripled(r)
}

func tripled(one Register) stride {
	three := GP64()
	LEAQ(Mem{Base: one, Index: one, Scale: 2}, three)
	return stride{one, three}
}

// plus returns base + n·d in a register, n at most 6.
func (d stride) plus(base Register, n int) Register {
	for n > 0 {
		r, m := GP64(), Mem{Base: base, Index: d.one, Scale: 1}
		switch {
		case n == 6:
			m.Index, m.Scale, n = d.three, 2, 0
		case n >= 3:
			m.Index, n = d.three, n-3
		default:
			m.Scale, n = uint8(n), 0
		}
		LEAQ(m, r)
		base = r
	}
	return base
}

// grid is a small matrix of vectors in memory.
type grid struct {
	base  Register
	x, y  stride
	bytes int
}

// grid36 is the 6×6 grid of a transformed tile, its elements xi apart.
func grid36(s isa, base, xi string) grid {
	g := grid{base: Load(Param(base), GP64()), x: strideOf(xi), bytes: s.bytes}
	six := GP64()
	LEAQ(Mem{Base: g.x.three, Index: g.x.three, Scale: 1}, six)
	g.y = tripled(six)
	return g
}

// line addresses elements along a stride.
func line(start Register, d stride) func(i int) Mem {
	var second Register
	return func(i int) Mem {
		m := Mem{Base: start}
		if i >= 3 {
			if second == nil {
				second = d.plus(start, 3)
			}
			m.Base = second
		}
		if i%3 > 0 {
			m.Index, m.Scale = d.one, uint8(i%3)
		}
		return m
	}
}

func (g grid) row(r int) func(i int) Mem { return line(g.y.plus(g.base, r), g.x) }
func (g grid) col(c int) func(i int) Mem { return line(g.x.plus(g.base, c), g.y) }

// advance goes to the next vector of channels.
func (g grid) advance() { ADDQ(Imm(uint64(g.bytes)), g.base) }

// align64 starts a loop on a cache line; avo has no constructor for PCALIGN.
func align64() {
	Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{Imm(64)}})
}
