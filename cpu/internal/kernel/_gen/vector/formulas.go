package main

import (
	"math"

	. "github.com/mmcloughlin/avo/reg"
)

// The functions here are the formulas of the kernels. Polynomials are minimax fits, computed by coefficients.py beside
// this file, with the error there stated; the rest of each error is rounding.

// exp returns e^x. x = k·ln 2 + r with |r| <= ln 2 / 2, and e^r is a polynomial of degree 6.
func exp(g *gen, x VecVirtual) VecVirtual {
	if !g.usual {
		x = g.atMost(g.atLeast(x, -104), 89) // beyond, the result is 0 or infinite anyway
	}
	return expOf(g, x)
}

// expOf is exp for x in [-104, 89], or in [-expUsual, expUsual] if the lanes are the usual ones.
func expOf(g *gen, x VecVirtual) VecVirtual {
	k, r := reduceExp(g, x)
	p := g.horner(r, append(expm1Coefficients[:], 1, 1)...)
	if g.usual {
		return g.iadd(p, g.shl(k.bits, 23)) // p·2^k, which is a normal number
	}
	return g.scale(p, k)
}

// expUsual is a bound of |x| within which e^x is a normal number.
const expUsual = 87

// beyondExp returns the lanes where |x| > expUsual or x is NaN; beyondGelu those where the inner function of GELU is so.
func beyondExp(g *gen, x ...VecVirtual) Register {
	return g.cmp(notLessEqual, g.abs(x[0]), g.c(expUsual))
}
func notANumber(g *gen, x ...VecVirtual) Register { return g.cmp(unordered, x[0], x[0]) }
func beyondGelu(g *gen, x ...VecVirtual) Register { return g.cmp(notLessEqual, g.abs(x[0]), g.c(9.9)) }

// expm1Coefficients P with e^r = 1 + r + r²·P(r), from the highest down.
var expm1Coefficients = [...]float32{0.0013946552062407136, 0.008366642519831657, 0.04166628047823906, 0.16666541993618011, 0.5}

const (
	log2e  = 1.44269504088896340736
	ln2    = 0.6931471824645996 // rounded to float32; what it lacks follows
	ln2Low = -1.9046542121259336e-09
)

// reduceExp returns k, an integer, and r with x = k·ln 2 + r; the multiply-add makes two parts of ln 2 enough.
func reduceExp(g *gen, x VecVirtual) (k integer, r VecVirtual) {
	k = g.roundProduct(x, log2e)
	r = g.copy(x)
	g.VFNMADD231PS(g.c(ln2), k.float, r)
	g.VFNMADD231PS(g.c(ln2Low), k.float, r)
	return k, r
}

// expm1Parts returns k and e^r-1.
func expm1Parts(g *gen, x VecVirtual) (k integer, p VecVirtual) {
	k, r := reduceExp(g, x)
	p = g.horner(r, expm1Coefficients[:]...)
	return k, g.fma(p, g.mul(r, r), r)
}

// tiny is where f(x) = x for functions with f'(0) = 1 and |f”(0)| <= 1.
const tiny = 1.0 / (1 << 24)

func orTiny(g *gen, x, y VecVirtual) VecVirtual {
	return g.sel(g.cmp(less, g.abs(x), g.c(tiny)), x, y)
}

// expm1 returns e^x-1 = 2^k·(e^r-1) + (2^k-1), halved on the way since 2^128 is no float.
func expm1(g *gen, x VecVirtual) VecVirtual {
	k, p := expm1Parts(g, g.atMost(g.atLeast(x, -20), 89))
	s := g.pow2(k, -1)
	y := g.fma(p, s, g.sub(s, g.c(0.5)))
	return orTiny(g, x, g.add(y, y))
}

// tanh returns t/(t+2) with t = e^(2|x|)-1, under the sign of x; from 9.02 on it is 1 in float32.
func tanh(g *gen, x VecVirtual) VecVirtual {
	a := g.atMost(g.abs(x), 9.2)
	k, p := expm1Parts(g, g.add(a, a))
	s := g.pow2(k, 0)
	t := g.fma(p, s, g.sub(s, g.c(1)))
	return g.or(g.div(t, g.add(t, g.c(2))), g.signOf(x))
}

// logisticParts returns z = e^-|x|, which cannot overflow, and numerator and denominator of 1/(1+e^-x) in terms of it.
func logisticParts(g *gen, x VecVirtual) (z, numerator, denominator VecVirtual) {
	a := g.or(x, g.bits(signBit))
	if !g.usual {
		a = g.atLeast(a, -104)
	}
	z = expOf(g, a)
	one := g.reg(g.c(1))
	return z, g.sel(g.negative(x), z, one), g.add(z, one)
}

func logistic(g *gen, x VecVirtual) VecVirtual {
	_, n, d := logisticParts(g, x)
	return g.div(n, d)
}

// logisticSlope returns s = Logistic(x) and s·(1-s) = z/(1+z)², of which no digits cancel.
func logisticSlope(g *gen, x VecVirtual) (s, slope VecVirtual) {
	z, n, d := logisticParts(g, x)
	inverse := g.div(g.reg(g.c(1)), d)
	return g.mul(n, inverse), g.mul(g.mul(z, inverse), inverse)
}

func silu(g *gen, x VecVirtual) VecVirtual {
	_, n, d := logisticParts(g, x)
	return g.div(g.mul(n, x), d)
}

// siluGrad returns dy·(s + x·s·(1-s)).
func siluGrad(g *gen, x, dy VecVirtual) VecVirtual {
	s, slope := logisticSlope(g, x)
	return g.mul(g.fma(slope, x, s), dy)
}

// Twice the inner function of GELU: x·(geluLinear + geluCubic·x²).
const (
	geluLinear = 2 * 0.7978845608028653558798921198687 // 2·√(2/π)
	geluCubic  = geluLinear * 0.044715
)

func geluTanh(g *gen, x VecVirtual) VecVirtual {
	u := g.mul(g.horner(g.mul(x, x), geluCubic, geluLinear), x)
	_, n, d := logisticParts(g, u)
	return g.div(g.mul(n, x), d)
}

// geluTanhGrad returns dy·(s + x·s·(1-s)·u'). Beyond ±10 s is 0 or 1 to all bits, and the clamp keeps x² finite.
func geluTanhGrad(g *gen, x, dy VecVirtual) VecVirtual {
	x = g.atMost(g.atLeast(x, -10), 10)
	y := g.mul(x, x)
	s, slope := logisticSlope(g, g.mul(g.horner(y, geluCubic, geluLinear), x))
	inner := g.mul(g.horner(y, 3*geluCubic, geluLinear), x)
	return g.mul(g.fma(slope, inner, s), dy)
}

// erf is x + x·P(x²) up to 0.85 and 1 - e^(a·Q(a)) from there on, a = |x|; from 3.92 on it is 1 in float32.
func erf(g *gen, x VecVirtual) VecVirtual {
	a := g.atMost(g.abs(x), 4)
	near := g.horner(g.mul(a, a), -0.0006315129576250911, 0.00505109503865242, -0.02680254727602005,
		0.11282717436552048, -0.3761257231235504, 0.12837916612625122)
	near = g.fma(near, x, x)
	q := g.horner(a, 0.00021570837998297065, -0.00322904740460217, 0.022934749722480774,
		-0.10533101856708527, -0.6356663703918457, -1.1285295486450195)
	far := g.sub(g.reg(g.c(1)), expOf(g, g.mul(q, a)))
	far = g.or(far, g.signOf(x))
	return g.sel(g.cmp(less, a, g.c(0.85)), near, far)
}

func geluErf(g *gen, x VecVirtual) VecVirtual {
	half := g.mul(x, g.c(0.5))
	return g.fma(erf(g, g.mul(x, g.c(math.Sqrt2/2))), half, half)
}

const (
	infinity  = 0x7f800000
	quietNaN  = 0x7fc00000
	minNormal = 0x00800000
	sqrtHalf  = 0x3f3504f3 // √½
	oneBits   = 0x3f800000
)

// log returns ln x, with x = 2^e·(1+f).
func log(g *gen, x VecVirtual) VecVirtual {
	denormal := g.cmp(less, x, g.bits(minNormal))
	scaled := g.sel(denormal, g.mul(x, g.c(1<<23)), x)
	e, f := splitLog(g, scaled)
	e = g.sel(denormal, g.sub(e, g.c(23)), e)
	return logSpecial(g, x, logOf(g, e, f))
}

// splitLog returns e and f with x = 2^e·(1+f), 1+f in [√½, √2), for positive normal x.
func splitLog(g *gen, x VecVirtual) (e, f VecVirtual) {
	i := g.isub(x, g.bits(sqrtHalf))
	e = g.toFloat(g.sar(i, 23))
	m := g.iadd(g.and(i, g.bits(1<<23-1)), g.bits(sqrtHalf))
	return e, g.sub(m, g.c(1))
}

// logOf returns e·ln 2 + ln(1+f) with ln(1+f) = f - f²/2 + f³·P(f).
func logOf(g *gen, e, f VecVirtual) VecVirtual {
	y := g.mul(f, f)
	p := g.horner(f, -0.0786019042134285, 0.12881389260292053, -0.13128402829170227, 0.14181216061115265,
		-0.1662459671497345, 0.2000228613615036, -0.25000807642936707, 0.33333316445350647)
	r := g.fma(g.mul(p, f), y, g.mul(e, g.c(ln2Low)))
	r = g.add(g.fnma(g.c(0.5), y, r), f)
	return g.fma(g.c(ln2), e, r)
}

// logSpecial puts in what is not regular: x for infinity and NaN, -Inf for zeros, NaN below.
func logSpecial(g *gen, x, y VecVirtual) VecVirtual {
	zero := g.zero()
	special := g.sel(g.cmp(equal, x, zero), g.bits(infinity|signBit), x)
	special = g.sel(g.cmp(less, x, zero), g.bits(quietNaN), special)
	regular := g.cmp(less, g.reg(special), g.bits(infinity))
	regular = g.both(regular, g.cmp(greater, x, zero))
	return g.sel(regular, y, special)
}

// both is the intersection of two masks.
func (g *gen) both(a, b Register) Register {
	d := g.newMask()
	if g.isWide() {
		g.KANDW(a, b, d)
	} else {
		g.VANDPS(a, b, d)
	}
	return d
}

// log1p returns ln(1+x): what the rounding of 1+x loses is added to f.
func log1p(g *gen, x VecVirtual) VecVirtual {
	one := g.reg(g.c(1))
	u := g.add(x, one)
	larger, smaller := g.vec(), g.vec()
	g.VMAXPS(x, one, larger)
	g.VMINPS(x, one, smaller)
	lost := g.sub(smaller, g.sub(u, larger))
	e, f := splitLog(g, u)
	// at e = 128 nothing is lost that counts, and 2^-127 comes out as 0
	f = g.fma(lost, g.pow2Float(g.atLeast(g.sub(g.zero(), e), -127)), f)
	return orTiny(g, x, logSpecial(g, u, logOf(g, e, f)))
}

// sinCosLimit is how far π/2 in three parts is enough.
const sinCosLimit = 1 << 20

func beyondSinCos(g *gen, x ...VecVirtual) Register {
	return g.cmp(greater, g.abs(x[0]), g.c(sinCosLimit))
}

// quadrant returns q, an integer, and r = x - q·π/2, |r| <= π/4.
func quadrant(g *gen, x VecVirtual) (q, r VecVirtual) {
	k := g.round(g.mul(x, g.c(2/math.Pi)), nearest)
	r = g.copy(x)
	for _, part := range []float32{1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15} {
		g.VFNMADD231PS(g.c(part), k, r)
	}
	return g.toInt(k), r
}

// sinCosOf returns sine and cosine of r in [-π/4, π/4].
func sinCosOf(g *gen, r VecVirtual) (sin, cos VecVirtual) {
	y := g.mul(r, r)
	s := g.horner(y, -0.00019516685279086232, 0.008332174271345139, -0.16666655242443085)
	sin = g.fma(g.mul(s, y), r, r)
	c := g.horner(y, 2.4437831598334014e-05, -0.0013887363020330667, 0.04166664555668831)
	cos = g.fma(g.mul(c, y), y, g.fnma(g.c(0.5), y, g.c(1)))
	return sin, cos
}

// turn returns the sine of r + q·π/2 from sine and cosine of r.
func turn(g *gen, q, sin, cos VecVirtual) VecVirtual {
	y := g.sel(g.negative(g.shl(q, 31)), cos, sin)
	return g.xor(y, g.signOf(g.shl(q, 30)))
}

func sin(g *gen, x VecVirtual) VecVirtual {
	q, r := quadrant(g, x)
	s, c := sinCosOf(g, r)
	return turn(g, q, s, c)
}

func cos(g *gen, x VecVirtual) VecVirtual {
	q, r := quadrant(g, x)
	s, c := sinCosOf(g, r)
	return turn(g, g.iadd(q, g.bits(1)), s, c)
}
