package interp

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// element is what can be computed with values of one type: a table of scalar functions.
type element[T any] struct {
	unary   map[compute.OpType]func(T) T
	binary  map[compute.OpType]func(a, b T) T
	compare map[compute.OpType]func(a, b T) bool
	test    map[compute.OpType]func(T) bool
	neutral map[compute.OpType]T // of the binary operations that reductions use
}

var (
	boolElement    = booleans()
	int8Element    = integers[int8](8, math.MinInt8, math.MaxInt8)
	int16Element   = integers[int16](16, math.MinInt16, math.MaxInt16)
	int32Element   = integers[int32](32, math.MinInt32, math.MaxInt32)
	int64Element   = integers[int64](64, math.MinInt64, math.MaxInt64)
	uint8Element   = integers[uint8](8, 0, math.MaxUint8)
	uint16Element  = integers[uint16](16, 0, math.MaxUint16)
	uint32Element  = integers[uint32](32, 0, math.MaxUint32)
	uint64Element  = integers[uint64](64, 0, math.MaxUint64)
	floatElement   = floats()
	complexElement = complexes()
)

// elements is an [element] of a type known only when running.
type elements interface {
	unaryOp(op compute.OpType, out, x any) error
	binaryOp(op compute.OpType, out, a, b any) error
	compareOp(op compute.OpType, out []bool, a, b any) error
	testOp(op compute.OpType, out []bool, x any) error
	clamp(out, low, x, high any) error
	fold(op compute.OpType, out, x any, w walk) error
	argMinMax(op compute.OpType, x any, w walk, n int) ([]int64, error)
	window(op compute.OpType, out, x any, g windowGeometry) error
	scatter(op compute.OpType, out, updates any, at func(update int) int) error
	selectAndScatter(op compute.OpType, out, x, source any, g windowGeometry) error
}

func elementsOf(d dtypes.DType) (elements, error) {
	switch d {
	case dtypes.Bool:
		return boolElement, nil
	case dtypes.Int8:
		return int8Element, nil
	case dtypes.Int16:
		return int16Element, nil
	case dtypes.Int32:
		return int32Element, nil
	case dtypes.Int64:
		return int64Element, nil
	case dtypes.Uint8:
		return uint8Element, nil
	case dtypes.Uint16:
		return uint16Element, nil
	case dtypes.Uint32:
		return uint32Element, nil
	case dtypes.Uint64:
		return uint64Element, nil
	case dtypes.Float64:
		return floatElement, nil
	case dtypes.Complex128:
		return complexElement, nil
	}
	return nil, fmt.Errorf("cannot compute with %s", d)
}

func undefined[T any](op compute.OpType) error {
	var t T
	return fmt.Errorf("%s is not defined for %T", op, t)
}

// lookup finds an operation's function.
func lookup[T, F any](table map[compute.OpType]F, op compute.OpType) (F, error) {
	f, ok := table[op]
	if !ok {
		return f, undefined[T](op)
	}
	return f, nil
}

type ordered interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float64
}

// comparisons are the six comparisons of ordered values by their own order, and of key(value) for the total order.
func comparisons[T, K ordered](key func(T) K) map[compute.OpType]func(a, b T) bool {
	return map[compute.OpType]func(a, b T) bool{
		compute.OpTypeEqual:                    func(a, b T) bool { return a == b },
		compute.OpTypeNotEqual:                 func(a, b T) bool { return a != b },
		compute.OpTypeLessThan:                 func(a, b T) bool { return a < b },
		compute.OpTypeLessOrEqual:              func(a, b T) bool { return a <= b },
		compute.OpTypeGreaterThan:              func(a, b T) bool { return a > b },
		compute.OpTypeGreaterOrEqual:           func(a, b T) bool { return a >= b },
		compute.OpTypeEqualTotalOrder:          func(a, b T) bool { return key(a) == key(b) },
		compute.OpTypeNotEqualTotalOrder:       func(a, b T) bool { return key(a) != key(b) },
		compute.OpTypeLessThanTotalOrder:       func(a, b T) bool { return key(a) < key(b) },
		compute.OpTypeLessOrEqualTotalOrder:    func(a, b T) bool { return key(a) <= key(b) },
		compute.OpTypeGreaterThanTotalOrder:    func(a, b T) bool { return key(a) > key(b) },
		compute.OpTypeGreaterOrEqualTotalOrder: func(a, b T) bool { return key(a) >= key(b) },
	}
}

func booleans() *element[bool] {
	and, or, xor := func(a, b bool) bool { return a && b }, func(a, b bool) bool { return a || b }, func(a, b bool) bool { return a != b }
	rank := func(a bool) int {
		if a {
			return 1
		}
		return 0
	}
	return &element[bool]{
		unary: map[compute.OpType]func(bool) bool{compute.OpTypeLogicalNot: func(a bool) bool { return !a }},
		binary: map[compute.OpType]func(a, b bool) bool{
			compute.OpTypeLogicalAnd: and, compute.OpTypeLogicalOr: or, compute.OpTypeLogicalXor: xor,
			compute.OpTypeMin: and, compute.OpTypeMax: or, compute.OpTypeMul: and, compute.OpTypeAdd: or,
		},
		compare: map[compute.OpType]func(a, b bool) bool{
			compute.OpTypeEqual: func(a, b bool) bool { return a == b }, compute.OpTypeNotEqual: xor,
			compute.OpTypeLessThan:       func(a, b bool) bool { return rank(a) < rank(b) },
			compute.OpTypeLessOrEqual:    func(a, b bool) bool { return rank(a) <= rank(b) },
			compute.OpTypeGreaterThan:    func(a, b bool) bool { return rank(a) > rank(b) },
			compute.OpTypeGreaterOrEqual: func(a, b bool) bool { return rank(a) >= rank(b) },
		},
		neutral: map[compute.OpType]bool{
			compute.OpTypeLogicalAnd: true, compute.OpTypeLogicalOr: false, compute.OpTypeLogicalXor: false,
			compute.OpTypeMin: true, compute.OpTypeMax: false, compute.OpTypeMul: true, compute.OpTypeAdd: false,
		},
	}
}
