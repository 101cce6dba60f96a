package interp

import (
	"math"
	"math/cmplx"

	"github.com/gomlx/compute"
)

func floats() *element[float64] {
	return &element[float64]{
		unary: map[compute.OpType]func(float64) float64{
			compute.OpTypeAbs: math.Abs, compute.OpTypeSign: sign, compute.OpTypeNeg: func(x float64) float64 { return -x },
			compute.OpTypeCeil: math.Ceil, compute.OpTypeFloor: math.Floor, compute.OpTypeRound: math.RoundToEven,
			compute.OpTypeSqrt: math.Sqrt, compute.OpTypeRsqrt: func(x float64) float64 { return 1 / math.Sqrt(x) },
			compute.OpTypeExp: math.Exp, compute.OpTypeExpm1: math.Expm1, compute.OpTypeLog: math.Log, compute.OpTypeLog1p: math.Log1p,
			compute.OpTypeLogistic: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
			compute.OpTypeCos:      math.Cos, compute.OpTypeSin: math.Sin, compute.OpTypeTanh: math.Tanh, compute.OpTypeErf: math.Erf,
		},
		binary: map[compute.OpType]func(a, b float64) float64{
			compute.OpTypeAdd: func(a, b float64) float64 { return a + b },
			compute.OpTypeSub: func(a, b float64) float64 { return a - b },
			compute.OpTypeMul: func(a, b float64) float64 { return a * b },
			compute.OpTypeDiv: func(a, b float64) float64 { return a / b },
			compute.OpTypeRem: math.Mod, compute.OpTypePow: math.Pow, compute.OpTypeAtan2: math.Atan2,
			compute.OpTypeMax: func(a, b float64) float64 { return max(a, b) },
			compute.OpTypeMin: func(a, b float64) float64 { return min(a, b) },
		},
		compare: comparisons(func(x float64) int64 {
			if k := int64(math.Float64bits(x)); k >= 0 {
				return k
			} else {
				return k ^ math.MaxInt64
			}
		}),
		test: map[compute.OpType]func(float64) bool{
			compute.OpTypeIsNaN:    math.IsNaN,
			compute.OpTypeIsFinite: func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) },
		},
		neutral: map[compute.OpType]float64{
			compute.OpTypeAdd: 0, compute.OpTypeMul: 1, compute.OpTypeMax: math.Inf(-1), compute.OpTypeMin: math.Inf(1),
		},
	}
}

// sign keeps zeros and NaN.
func sign(x float64) float64 {
	if x == 0 || x != x {
		return x
	}
	return math.Copysign(1, x)
}

func complexes() *element[complex128] {
	return &element[complex128]{
		unary: map[compute.OpType]func(complex128) complex128{
			compute.OpTypeNeg: func(z complex128) complex128 { return -z }, compute.OpTypeConj: cmplx.Conj,
			compute.OpTypeAbs: func(z complex128) complex128 { return complex(cmplx.Abs(z), 0) },
			compute.OpTypeSign: func(z complex128) complex128 {
				if z == 0 {
					return z
				}
				return z / complex(cmplx.Abs(z), 0)
			},
			compute.OpTypeExp: cmplx.Exp, compute.OpTypeExpm1: func(z complex128) complex128 { return cmplx.Exp(z) - 1 },
			compute.OpTypeLog: cmplx.Log, compute.OpTypeLog1p: func(z complex128) complex128 { return cmplx.Log(1 + z) },
			compute.OpTypeSqrt: cmplx.Sqrt, compute.OpTypeRsqrt: func(z complex128) complex128 { return 1 / cmplx.Sqrt(z) },
		},
		binary: map[compute.OpType]func(a, b complex128) complex128{
			compute.OpTypeAdd: func(a, b complex128) complex128 { return a + b },
			compute.OpTypeSub: func(a, b complex128) complex128 { return a - b },
			compute.OpTypeMul: func(a, b complex128) complex128 { return a * b },
			compute.OpTypeDiv: func(a, b complex128) complex128 { return a / b },
			compute.OpTypePow: cmplx.Pow,
		},
		compare: map[compute.OpType]func(a, b complex128) bool{
			compute.OpTypeEqual:    func(a, b complex128) bool { return a == b },
			compute.OpTypeNotEqual: func(a, b complex128) bool { return a != b },
		},
		test: map[compute.OpType]func(complex128) bool{
			compute.OpTypeIsNaN:    cmplx.IsNaN,
			compute.OpTypeIsFinite: func(z complex128) bool { return !cmplx.IsNaN(z) && !cmplx.IsInf(z) },
		},
		neutral: map[compute.OpType]complex128{compute.OpTypeAdd: 0, compute.OpTypeMul: 1},
	}
}
