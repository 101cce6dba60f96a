package kernel

import "math"

// This file is the meaning of the opcodes: each a function of float32, computed in float64 and rounded once. It is the
// reference tier and the oracle of the others.

// round32 turns a function of float64 into one of float32.
func round32(f func(float64) float64) func(float32) float32 {
	return func(x float32) float32 { return float32(f(float64(x))) }
}

func round32x2(f func(a, b float64) float64) func(a, b float32) float32 {
	return func(a, b float32) float32 { return float32(f(float64(a), float64(b))) }
}

func unaryFunctions() [UnaryCount]func(float32) float32 {
	return [UnaryCount]func(float32) float32{
		Neg:        func(x float32) float32 { return -x },
		Abs:        round32(math.Abs),
		Sign:       sign,
		Square:     func(x float32) float32 { return x * x },
		Sqrt:       round32(math.Sqrt),
		Rsqrt:      round32(func(x float64) float64 { return 1 / math.Sqrt(x) }),
		Reciprocal: func(x float32) float32 { return 1 / x },
		Exp:        round32(math.Exp),
		Expm1:      round32(math.Expm1),
		Log:        round32(math.Log),
		Log1p:      round32(math.Log1p),
		Tanh:       round32(math.Tanh),
		Logistic:   round32(logistic),
		Erf:        round32(math.Erf),
		Sin:        sin32,
		Cos:        cos32,
		Floor:      round32(math.Floor),
		Ceil:       round32(math.Ceil),
		Round:      round32(math.RoundToEven),
		IsNaN:      func(x float32) float32 { return truth(x != x) },
		IsFinite:   func(x float32) float32 { return truth(x-x == 0) },
		Not:        func(x float32) float32 { return 1 - x },
		SiLU:       round32(func(x float64) float64 { return x * logistic(x) }),
		GeluTanh:   round32(func(x float64) float64 { return x * logistic(2*geluInner(x)) }),
		GeluErf:    round32(func(x float64) float64 { return 0.5 * x * math.Erfc(-x*math.Sqrt2/2) }),
	}
}

func binaryFunctions() [BinaryCount]func(a, b float32) float32 {
	return [BinaryCount]func(a, b float32) float32{
		Add:          func(a, b float32) float32 { return a + b },
		Sub:          func(a, b float32) float32 { return a - b },
		Mul:          func(a, b float32) float32 { return a * b },
		Div:          func(a, b float32) float32 { return a / b },
		Max:          func(a, b float32) float32 { return max(a, b) },
		Min:          func(a, b float32) float32 { return min(a, b) },
		Pow:          round32x2(math.Pow),
		Rem:          round32x2(math.Mod),
		Atan2:        round32x2(math.Atan2),
		Equal:        func(a, b float32) float32 { return truth(a == b) },
		NotEqual:     func(a, b float32) float32 { return truth(a != b) },
		Less:         func(a, b float32) float32 { return truth(a < b) },
		LessEqual:    func(a, b float32) float32 { return truth(a <= b) },
		Greater:      func(a, b float32) float32 { return truth(a > b) },
		GreaterEqual: func(a, b float32) float32 { return truth(a >= b) },
		And:          func(a, b float32) float32 { return truth(a != 0 && b != 0) },
		Or:           func(a, b float32) float32 { return truth(a != 0 || b != 0) },
		Xor:          func(a, b float32) float32 { return truth((a != 0) != (b != 0)) },
		SiLUGrad:     round32x2(siluGrad),
		GeluTanhGrad: round32x2(geluTanhGrad),
		LogisticGrad: round32x2(func(y, dy float64) float64 { return dy * y * (1 - y) }),
		TanhGrad:     round32x2(func(y, dy float64) float64 { return dy * (1 - y*y) }),
	}
}

func ternaryFunctions() [TernaryCount]func(a, b, c float32) float32 {
	return [TernaryCount]func(a, b, c float32) float32{
		MulAdd:    fma32,
		MulSub:    func(a, b, c float32) float32 { return fma32(a, b, -c) },
		NegMulAdd: func(a, b, c float32) float32 { return fma32(-a, b, c) },
		Select: func(a, b, c float32) float32 {
			if a != 0 {
				return b
			}
			return c
		},
		Lerp: func(a, b, c float32) float32 { return fma32(c, b-a, a) },
	}
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

func sign(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

// fma32 returns a·b+c. The product is exact in float64; the sum is rounded there first, which may change the last bit of the
// result when it lies next to the middle of two floats.
func fma32(a, b, c float32) float32 { return float32(math.FMA(float64(a), float64(b), float64(c))) }

func sin32(x float32) float32 { return float32(math.Sin(float64(x))) }
func cos32(x float32) float32 { return float32(math.Cos(float64(x))) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

const (
	geluScale = 0.7978845608028653558798921198687 // √(2/π)
	geluCubic = 0.044715
)

func geluInner(x float64) float64 { return geluScale * (x + geluCubic*x*x*x) }

func siluGrad(x, dy float64) float64 {
	s := logistic(x)
	return dy * s * (1 + x*(1-s))
}

// geluTanhGrad differentiates x·s(2u(x)): s + x·s·(1-s)·2u'(x).
func geluTanhGrad(x, dy float64) float64 {
	s := logistic(2 * geluInner(x))
	if s == 0 || s == 1 { // where x³ overflows
		return dy * s
	}
	return dy * (s + x*s*(1-s)*2*geluScale*(1+3*geluCubic*x*x))
}
