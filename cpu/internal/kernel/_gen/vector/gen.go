package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set. Kernels are written once against the methods of gen, which hide the differences.
type isa struct {
	name    string
	bytes   int // of one vector
	lanes   int // floats of one vector
	hoisted int // constants kept in registers at most
}

var (
	avx512 = isa{name: "AVX512", bytes: 64, lanes: 16, hoisted: 14}
	avx2   = isa{name: "AVX2", bytes: 32, lanes: 8, hoisted: 6}
	isas   = []isa{avx512, avx2}
)

// file is one assembly file being written.
type file struct {
	*build.Context
	constants map[string]Mem
	rows      []tableRow
}

func newFile() *file { return &file{Context: build.NewContext(), constants: map[string]Mem{}} }

// words returns read-only data of the given 32-bit words, shared by all that ask for the same name.
func (f *file) words(name string, w []uint32) Mem {
	if m, ok := f.constants[name]; ok {
		return m
	}
	m := f.StaticGlobal(name)
	f.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, v := range w {
		f.AddDatum(4*i, U32(v))
	}
	f.constants[name] = m
	return m
}

// gen writes one kernel.
type gen struct {
	*file
	isa
	registers map[uint32]VecVirtual // constants held in registers
	wanted    *[]uint32             // in a trial: the constants asked for, in order
	usual     bool                  // formulas may take all lanes for usual ones
}

func (f *file) kernel(s isa, name, signature string) *gen {
	f.Function(name + s.name)
	f.Attributes(attr.NOSPLIT)
	f.Pragma("noescape")
	f.SignatureExpr(signature)
	return &gen{file: f, isa: s, registers: map[uint32]VecVirtual{}}
}

// hoist loads the constants that body uses into registers. It runs body once against a file that is thrown away, to learn
// which they are.
func (g *gen) hoist(body func(g *gen)) {
	var wanted []uint32
	trial := newFile().kernel(g.isa, "trial", "func()")
	trial.wanted = &wanted
	body(trial)
	for _, bits := range wanted[:min(len(wanted), g.hoisted)] {
		r := g.vec()
		g.VBROADCASTSS(g.wide(bits), r)
		g.registers[bits] = r
	}
}

// wide returns a constant in memory, repeated to fill the widest vector.
func (g *gen) wide(bits uint32) Mem {
	return g.words(fmt.Sprintf("x%08x", bits), slices.Repeat([]uint32{bits}, avx512.lanes))
}

// bits returns a vector of one constant: a register that must not be written, or memory.
func (g *gen) bits(b uint32) Op {
	if g.wanted != nil && !slices.Contains(*g.wanted, b) {
		*g.wanted = append(*g.wanted, b)
	}
	if r, ok := g.registers[b]; ok {
		return r
	}
	return g.wide(b)
}

// c is bits of a float.
func (g *gen) c(v float32) Op { return g.bits(math.Float32bits(v)) }

// reg returns op in a register, which must not be written.
func (g *gen) reg(op Op) VecVirtual {
	if r, ok := op.(VecVirtual); ok {
		return r
	}
	return g.copy(op)
}

// copy returns op in a new register.
func (g *gen) copy(op Op) VecVirtual {
	d := g.vec()
	g.VMOVUPS(op, d)
	return d
}

func (g *gen) vec() VecVirtual {
	if g.lanes == avx512.lanes {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *gen) isWide() bool { return g.lanes == avx512.lanes }

// zero returns a cleared register.
func (g *gen) zero() VecVirtual {
	z := g.vec()
	g.VXORPS(z, z, z)
	return z
}

// align starts a loop on a line of the instruction cache; avo has no constructor for PCALIGN.
func (g *gen) align() {
	g.Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{Imm(32)}})
}

func (g *gen) ret() {
	g.VZEROUPPER()
	g.RET()
}

// pointer and length load parts of a slice parameter.
func (g *gen) pointer(param string) Register { return g.Load(g.Param(param).Base(), g.GP64()) }
func (g *gen) length(param string) Register  { return g.Load(g.Param(param).Len(), g.GP64()) }

// broadcast loads a float32 parameter into all lanes.
func (g *gen) broadcast(param string) VecVirtual {
	b, err := g.Param(param).Resolve()
	if err != nil {
		panic(err) // a misspelt parameter: a fault of this program
	}
	d := g.vec()
	g.VBROADCASTSS(b.Addr, d)
	return d
}

// at addresses the vector u vectors after p[i], i counting bytes.
func (g *gen) at(p, i Register, u int) Mem {
	return Mem{Base: p, Index: i, Scale: 1, Disp: g.bytes * u}
}
