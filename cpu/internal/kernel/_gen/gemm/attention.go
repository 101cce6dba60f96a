package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// exp2Coefficients are those of the polynomial 1 + c1·f + … + c5·f⁵ that approximates 2^f for |f| <= 1/2 with the least
// relative error, 9.2e-8 (fitted at Chebyshev nodes by reweighted least squares).
var exp2Coefficients = [...]float32{0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149}

// constants are vectors in memory; they are written once each.
var constants = map[string]Mem{}

func constant(s isa, name string, bits uint32) Mem {
	name += s.name
	m, ok := constants[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := range s.bytes / 4 {
			DATA(4*i, U32(bits))
		}
		constants[name] = m
	}
	return m
}

func float(s isa, name string, v float32) Mem { return constant(s, name, math.Float32bits(v)) }

// broadcast loads a parameter into all lanes.
func broadcast(s isa, param string) VecVirtual {
	a, err := Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	v := s.vec()
	VBROADCASTSS(a.Addr, v)
	return v
}

// exp2 replaces t by 2^t. Anything below the least exponent becomes 0, NaN stays.
func exp2(s isa, t VecVirtual) VecVirtual {
	k, p := s.vec(), s.vec()
	lowest := s.vec()
	if s.bytes == 64 {
		VMOVUPS(float(s, "lowest", -200), lowest)
		VMAXPS(t, lowest, t) // in this order a NaN in t passes
		VRNDSCALEPS(Imm(8), t, k)
	} else {
		VMOVUPS(float(s, "lowest", -127), lowest)
		VMAXPS(t, lowest, t)
		VROUNDPS(Imm(8), t, k)
	}
	VSUBPS(k, t, t)
	n := len(exp2Coefficients)
	VMOVUPS(float(s, "c"+string(rune('0'+n)), exp2Coefficients[n-1]), p)
	for i := n - 1; i >= 1; i-- {
		VFMADD213PS(float(s, "c"+string(rune('0'+i)), exp2Coefficients[i-1]), t, p)
	}
	VFMADD213PS(float(s, "one", 1), t, p)
	if s.bytes == 64 {
		VSCALEFPS(k, p, p)
		return p
	}
	VCVTPS2DQ(k, k)
	VPADDD(constant(s, "bias", 127), k, k)
	VPSLLD(Imm(23), k, k)
	VMULPS(k, p, p)
	return p
}

// across reduces a vector's lanes to the lowest one, halves first.
func across(s isa, v VecVirtual, op func(...Op)) {
	y := v.AsY()
	if s.bytes == 64 {
		upper := YMM()
		VEXTRACTF64X4(Imm(1), v.AsZ(), upper)
		op(upper, y, y)
	}
	x, t := v.AsX(), XMM()
	VEXTRACTF128(Imm(1), y, t)
	op(t, x, x)
	VPSHUFD(Imm(0x4e), x, t)
	op(t, x, x)
	VPSHUFD(Imm(0xb1), x, t)
	op(t, x, x)
}

// loop runs body for each of n/lanes vectors; at is the offset in bytes. n is a positive multiple of the lanes.
func loop(s isa, label string, n Register, body func(at Register)) {
	at := GP64()
	XORQ(at, at)
	align64()
	Label(label)
	body(at)
	ADDQ(Imm(uint64(s.bytes)), at)
	CMPQ(at, n)
	JLT(LabelRef(label))
}

// softmax writes the kernel x = 2^(scale·x - high), high being the greater of the argument and the row's maximum.
func softmax(s isa) {
	TEXT("softmax"+s.name, NOSPLIT, "func(n int, x *float32, scale, high float32) (newHigh, sum float32)")
	Pragma("noescape")
	n := bytesOf("n")
	x := Load(Param("x"), GP64())
	scale, high := broadcast(s, "scale"), broadcast(s, "high")
	loop(s, "maximum", n, func(at Register) {
		v := s.vec()
		VMULPS(Mem{Base: x, Index: at, Scale: 1}, scale, v)
		VMAXPS(v, high, high)
	})
	across(s, high, VMAXPS)
	Store(high.AsX(), ReturnIndex(0))
	VBROADCASTSS(high.AsX(), high)
	sum := s.vec()
	VXORPS(sum, sum, sum)
	loop(s, "exponentials", n, func(at Register) {
		v := s.vec()
		VMOVUPS(Mem{Base: x, Index: at, Scale: 1}, v)
		VFMSUB213PS(high, scale, v)
		p := exp2(s, v)
		VMOVUPS(p, Mem{Base: x, Index: at, Scale: 1})
		VADDPS(p, sum, sum)
	})
	across(s, sum, VADDPS)
	Store(sum.AsX(), ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// softmaxGradient writes the kernel p = 2^(scale·p - shift), ds = (gain·ds - offset)·p.
func softmaxGradient(s isa) {
	TEXT("softmaxGradient"+s.name, NOSPLIT, "func(n int, p, ds *float32, scale, shift, gain, offset float32)")
	Pragma("noescape")
	n := bytesOf("n")
	p := Load(Param("p"), GP64())
	ds := Load(Param("ds"), GP64())
	scale, shift, gain, offset := broadcast(s, "scale"), broadcast(s, "shift"), broadcast(s, "gain"), broadcast(s, "offset")
	loop(s, "loop", n, func(at Register) {
		t, d := s.vec(), s.vec()
		VMOVUPS(Mem{Base: p, Index: at, Scale: 1}, t)
		VFMSUB213PS(shift, scale, t)
		e := exp2(s, t)
		VMOVUPS(e, Mem{Base: p, Index: at, Scale: 1})
		VMOVUPS(Mem{Base: ds, Index: at, Scale: 1}, d)
		VFMSUB213PS(offset, gain, d)
		VMULPS(e, d, d)
		VMOVUPS(d, Mem{Base: ds, Index: at, Scale: 1})
	})
	VZEROUPPER()
	RET()
}
