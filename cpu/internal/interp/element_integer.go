package interp

import (
	"math/bits"

	"github.com/gomlx/compute"
)

type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func integers[T integer](width int, lowest, highest T) *element[T] {
	// raw is the value's bits without sign extension.
	raw := func(x T) uint64 { return uint64(x) << (64 - width) >> (64 - width) }
	and, or, xor := func(a, b T) T { return a & b }, func(a, b T) T { return a | b }, func(a, b T) T { return a ^ b }
	return &element[T]{
		unary: map[compute.OpType]func(T) T{
			compute.OpTypeNeg: func(x T) T { return -x },
			compute.OpTypeAbs: func(x T) T {
				if x < 0 {
					return -x
				}
				return x
			},
			compute.OpTypeSign: func(x T) T {
				if x < 0 {
					return ^T(0)
				}
				return min(x, 1)
			},
			compute.OpTypeBitwiseNot: func(x T) T { return ^x },
			compute.OpTypeBitCount:   func(x T) T { return T(bits.OnesCount64(raw(x))) },
			compute.OpTypeClz:        func(x T) T { return T(bits.LeadingZeros64(raw(x)) - (64 - width)) },
		},
		binary: map[compute.OpType]func(a, b T) T{
			compute.OpTypeAdd: func(a, b T) T { return a + b }, compute.OpTypeSub: func(a, b T) T { return a - b },
			compute.OpTypeMul: func(a, b T) T { return a * b }, compute.OpTypeDiv: quotient[T], compute.OpTypeRem: remainder[T],
			compute.OpTypePow: power[T],
			compute.OpTypeMax: func(a, b T) T { return max(a, b) }, compute.OpTypeMin: func(a, b T) T { return min(a, b) },
			compute.OpTypeBitwiseAnd: and, compute.OpTypeBitwiseOr: or, compute.OpTypeBitwiseXor: xor,
			compute.OpTypeShiftLeft:            func(a, b T) T { return a << raw(b) },
			compute.OpTypeShiftRightArithmetic: func(a, b T) T { return a >> raw(b) },
			compute.OpTypeShiftRightLogical:    func(a, b T) T { return T(raw(a) >> raw(b)) },
		},
		compare: comparisons(func(x T) T { return x }),
		neutral: map[compute.OpType]T{
			compute.OpTypeAdd: 0, compute.OpTypeMul: 1, compute.OpTypeMax: lowest, compute.OpTypeMin: highest,
			compute.OpTypeBitwiseAnd: ^T(0), compute.OpTypeBitwiseOr: 0, compute.OpTypeBitwiseXor: 0,
		},
	}
}

// quotient truncates; as in XLA, x/0 has all bits set.
func quotient[T integer](a, b T) T {
	if b == 0 {
		return ^T(0)
	}
	return a / b
}

// remainder has the sign of a; as in XLA, x mod 0 is x.
func remainder[T integer](a, b T) T {
	if b == 0 {
		return a
	}
	return a % b
}

// power squares and multiplies, wrapping around; a negative exponent leaves 0 unless the base is 1 or -1.
func power[T integer](a, b T) T {
	if b < 0 {
		switch {
		case a == 1:
			return 1
		case a == ^T(0):
			if b&1 == 0 {
				return 1
			}
			return a
		}
		return 0
	}
	p := T(1)
	for ; b > 0; b >>= 1 {
		if b&1 != 0 {
			p *= a
		}
		a *= a
	}
	return p
}
