package main

import (
	. "github.com/mmcloughlin/avo/reg"
)

// long is the unrolling of formulas, short that of single instructions, whose loop would cost more than they do.
const (
	long  = 1
	short = 4
)

// unaryOp is an entry of the table Unary. Its name is the opcode's.
type unaryOp struct {
	name   string
	unroll int
	op     func(g *gen, x VecVirtual) VecVirtual
	rare   func(g *gen, x ...VecVirtual) Register
}

var unaryOps = []unaryOp{
	{"Neg", short, func(g *gen, x VecVirtual) VecVirtual { return g.xor(x, g.bits(signBit)) }, nil},
	{"Abs", short, (*gen).abs, nil},
	{"Sign", short, func(g *gen, x VecVirtual) VecVirtual {
		one := g.or(g.signOf(x), g.c(1))
		return g.sel(g.cmp(orderedNot, x, g.zero()), one, x)
	}, nil},
	{"Square", short, func(g *gen, x VecVirtual) VecVirtual { return g.mul(x, x) }, nil},
	{"Sqrt", short, func(g *gen, x VecVirtual) VecVirtual { return g.sqrt(x) }, nil},
	{"Rsqrt", short, func(g *gen, x VecVirtual) VecVirtual { return g.div(g.reg(g.c(1)), g.sqrt(x)) }, nil},
	{"Reciprocal", short, func(g *gen, x VecVirtual) VecVirtual { return g.div(g.reg(g.c(1)), x) }, nil},
	{"Exp", long, exp, beyondExp},
	{"Expm1", long, expm1, nil},
	{"Log", long, log, nil},
	{"Log1p", long, log1p, nil},
	{"Tanh", long, tanh, nil},
	{"Logistic", long, logistic, beyondExp},
	{"Erf", long, erf, notANumber},
	{"Floor", short, func(g *gen, x VecVirtual) VecVirtual { return g.round(x, down) }, nil},
	{"Ceil", short, func(g *gen, x VecVirtual) VecVirtual { return g.round(x, up) }, nil},
	{"Round", short, func(g *gen, x VecVirtual) VecVirtual { return g.round(x, nearest) }, nil},
	{"IsNaN", short, func(g *gen, x VecVirtual) VecVirtual { return g.truth(g.cmp(unordered, x, x)) }, nil},
	{"IsFinite", short, func(g *gen, x VecVirtual) VecVirtual { return g.truth(g.cmp(less, g.abs(x), g.bits(infinity))) }, nil},
	{"Not", short, func(g *gen, x VecVirtual) VecVirtual { return g.sub(g.reg(g.c(1)), x) }, nil},
	{"SiLU", long, silu, beyondExp},
	{"GeluTanh", long, geluTanh, beyondGelu},
	{"GeluErf", long, geluErf, notANumber},
}

// binaryOp is an entry of the tables Binary, BinaryScalar and ScalarBinary.
type binaryOp struct {
	name    string
	unroll  int
	op      func(g *gen, a, b VecVirtual) VecVirtual
	swapped string // the opcode that does the same with its operands exchanged, if there is one
	rare    func(g *gen, x ...VecVirtual) Register
}

func compare(predicate uint64) func(g *gen, a, b VecVirtual) VecVirtual {
	return func(g *gen, a, b VecVirtual) VecVirtual { return g.truth(g.cmp(predicate, a, b)) }
}

var binaryOps = []binaryOp{
	{"Add", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.add(a, b) }, "Add", nil},
	{"Sub", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.sub(a, b) }, "", nil},
	{"Mul", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.mul(a, b) }, "Mul", nil},
	{"Div", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.div(a, b) }, "", nil},
	{"Max", short, maximum, "Max", nil},
	{"Min", short, minimum, "Min", nil},
	{"Equal", short, compare(equal), "Equal", nil},
	{"NotEqual", short, compare(notEqual), "NotEqual", nil},
	{"Less", short, compare(less), "Greater", nil},
	{"LessEqual", short, compare(lessEqual), "GreaterEqual", nil},
	{"Greater", short, compare(greater), "Less", nil},
	{"GreaterEqual", short, compare(greaterEqual), "LessEqual", nil},
	{"And", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.and(a, b) }, "And", nil},
	{"Or", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.or(a, b) }, "Or", nil},
	{"Xor", short, func(g *gen, a, b VecVirtual) VecVirtual { return g.xor(a, b) }, "Xor", nil},
	{"SiLUGrad", long, siluGrad, "", beyondExp},
	{"GeluTanhGrad", long, geluTanhGrad, "", notANumber},
	{"LogisticGrad", short, func(g *gen, y, dy VecVirtual) VecVirtual { return g.mul(g.fnma(y, y, y), dy) }, "", nil},
	{"TanhGrad", short, func(g *gen, y, dy VecVirtual) VecVirtual { return g.mul(g.fnma(y, y, g.c(1)), dy) }, "", nil},
}

// maximum is NaN if either is: the instruction returns its last operand then, so a needs a look of its own.
func maximum(g *gen, a, b VecVirtual) VecVirtual {
	d := g.vec()
	g.VMAXPS(b, a, d)
	return g.sel(g.cmp(unordered, a, a), a, d)
}

func minimum(g *gen, a, b VecVirtual) VecVirtual {
	d := g.vec()
	g.VMINPS(b, a, d)
	return g.sel(g.cmp(unordered, a, a), a, d)
}

type ternaryOp struct {
	name string
	op   func(g *gen, a, b, c VecVirtual) VecVirtual
}

var ternaryOps = []ternaryOp{
	{"MulAdd", func(g *gen, a, b, c VecVirtual) VecVirtual { return g.fma(a, b, c) }},
	{"MulSub", func(g *gen, a, b, c VecVirtual) VecVirtual { return g.fms(a, b, c) }},
	{"NegMulAdd", func(g *gen, a, b, c VecVirtual) VecVirtual { return g.fnma(a, b, c) }},
	{"Select", func(g *gen, a, b, c VecVirtual) VecVirtual { return g.sel(g.cmp(notEqual, a, g.zero()), b, c) }},
	{"Lerp", func(g *gen, a, b, c VecVirtual) VecVirtual { return g.fma(g.sub(b, a), c, a) }},
}

func vectorFamily(f *file) {
	for _, s := range isas {
		unaryKernels(f, s)
		binaryKernels(f, s)
		ternaryKernels(f, s)
	}
}

func unaryKernels(f *file, s isa) {
	for _, u := range unaryOps {
		op := func(g *gen, x ...VecVirtual) VecVirtual { return u.op(g, x[0]) }
		elementwise{name: "unary" + u.name, params: []param{{name: "x"}}, unroll: u.unroll, op: op, rare: u.rare}.emit(f, s)
		f.entry(s, "Unary", u.name, "unary"+u.name)
	}
	for _, u := range []unaryOp{{"Sin", long, sin, nil}, {"Cos", long, cos, nil}} {
		op := func(g *gen, x ...VecVirtual) VecVirtual { return u.op(g, x[0]) }
		elementwise{name: "most" + u.name, params: []param{{name: "x"}}, unroll: u.unroll, op: op, refuse: beyondSinCos}.emit(f, s)
	}
}

func binaryKernels(f *file, s isa) {
	for _, b := range binaryOps {
		op := func(g *gen, x ...VecVirtual) VecVirtual { return b.op(g, x[0], x[1]) }
		elementwise{"binary" + b.name, []param{{name: "a"}, {name: "b"}}, b.unroll, op, nil, b.rare}.emit(f, s)
		f.entry(s, "Binary", b.name, "binary"+b.name)
		elementwise{"scalar" + b.name, []param{{name: "a"}, {"s", true}}, b.unroll, op, nil, b.rare}.emit(f, s)
		f.entry(s, "BinaryScalar", b.name, "scalar"+b.name)
		if b.swapped == "" {
			elementwise{"by" + b.name, []param{{"s", true}, {name: "a"}}, b.unroll, op, nil, b.rare}.emit(f, s)
			f.entry(s, "ScalarBinary", b.name, "by"+b.name)
			continue
		}
		f.swapped(s, b.name, "scalar"+b.swapped)
	}
}

func ternaryKernels(f *file, s isa) {
	for _, t := range ternaryOps {
		op := func(g *gen, x ...VecVirtual) VecVirtual { return t.op(g, x[0], x[1], x[2]) }
		elementwise{"ternary" + t.name, []param{{name: "a"}, {name: "b"}, {name: "c"}}, short, op, nil, nil}.emit(f, s)
		f.entry(s, "Ternary", t.name, "ternary"+t.name)
	}
	fma := func(g *gen, x ...VecVirtual) VecVirtual { return g.fma(x[0], x[1], x[2]) }
	elementwise{"scaleAdd", []param{{name: "a"}, {"s", true}, {name: "c"}}, short, fma, nil, nil}.emit(f, s)
	elementwise{"affine", []param{{name: "a"}, {"s", true}, {"t", true}}, short, fma, nil, nil}.emit(f, s)
}
