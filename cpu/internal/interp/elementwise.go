package interp

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// elementwise operations compute each element of the output from those of the inputs at the same index; a scalar input
// stands for a tensor of equal elements.
var elementwise = collect(
	table(mapOne, compute.OpTypeAbs, compute.OpTypeNeg, compute.OpTypeSign, compute.OpTypeCeil, compute.OpTypeFloor,
		compute.OpTypeRound, compute.OpTypeSqrt, compute.OpTypeRsqrt, compute.OpTypeExp, compute.OpTypeExpm1, compute.OpTypeLog,
		compute.OpTypeLog1p, compute.OpTypeLogistic, compute.OpTypeCos, compute.OpTypeSin, compute.OpTypeTanh, compute.OpTypeErf,
		compute.OpTypeBitwiseNot, compute.OpTypeBitCount, compute.OpTypeClz, compute.OpTypeLogicalNot, compute.OpTypeConj),
	table(mapTwo, compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeDiv, compute.OpTypeRem,
		compute.OpTypePow, compute.OpTypeAtan2, compute.OpTypeMax, compute.OpTypeMin, compute.OpTypeBitwiseAnd,
		compute.OpTypeBitwiseOr, compute.OpTypeBitwiseXor, compute.OpTypeShiftLeft, compute.OpTypeShiftRightArithmetic,
		compute.OpTypeShiftRightLogical, compute.OpTypeLogicalAnd, compute.OpTypeLogicalOr, compute.OpTypeLogicalXor),
	table(comparison, compute.OpTypeEqual, compute.OpTypeNotEqual, compute.OpTypeLessThan, compute.OpTypeLessOrEqual,
		compute.OpTypeGreaterThan, compute.OpTypeGreaterOrEqual, compute.OpTypeEqualTotalOrder, compute.OpTypeNotEqualTotalOrder,
		compute.OpTypeLessThanTotalOrder, compute.OpTypeLessOrEqualTotalOrder, compute.OpTypeGreaterThanTotalOrder,
		compute.OpTypeGreaterOrEqualTotalOrder),
	table(test, compute.OpTypeIsNaN, compute.OpTypeIsFinite),
	table(clamp, compute.OpTypeClamp),
	table(complexOf, compute.OpTypeComplex),
	table(partOf, compute.OpTypeReal, compute.OpTypeImag),
)

// table lets one function stand for several operations.
func table(f func(*call) error, ops ...compute.OpType) map[compute.OpType]func(*call) error {
	t := map[compute.OpType]func(*call) error{}
	for _, op := range ops {
		t[op] = f
	}
	return t
}

// kind returns what can be computed with the dtype of an input.
func (c *call) kind(i int) (elements, error) { return elementsOf(c.in[i].Shape.DType) }

func mapOne(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	return e.unaryOp(c.op, c.out[0].Flat, c.in[0].Flat)
}

func mapTwo(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	return e.binaryOp(c.op, c.out[0].Flat, c.in[0].Flat, c.in[1].Flat)
}

func comparison(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	return e.compareOp(c.op, c.out[0].Flat.([]bool), c.in[0].Flat, c.in[1].Flat)
}

func test(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	return e.testOp(c.op, c.out[0].Flat.([]bool), c.in[0].Flat)
}

func clamp(c *call) error {
	e, err := c.kind(1)
	if err != nil {
		return err
	}
	return e.clamp(c.out[0].Flat, c.in[0].Flat, c.in[1].Flat, c.in[2].Flat)
}

func complexOf(c *call) error {
	re, im := c.in[0].Flat.([]float64), c.in[1].Flat.([]float64)
	out := c.out[0].Flat.([]complex128)
	for i := range out {
		out[i] = complex(re[i*step(re)], im[i*step(im)])
	}
	return nil
}

func partOf(c *call) error {
	in, isComplex := c.in[0].Flat.([]complex128)
	out := c.out[0].Flat.([]float64)
	switch {
	case !isComplex && c.op == compute.OpTypeReal:
		copy(out, c.in[0].Flat.([]float64))
	case c.op == compute.OpTypeReal:
		for i, z := range in {
			out[i] = real(z)
		}
	default:
		for i, z := range in {
			out[i] = imag(z)
		}
	}
	return nil
}

// iota_ numbers the elements along an axis.
func iota_(c *call) error {
	axis := c.attr.(ir.Axis).Axis
	dims, to := c.result()
	line := New(shapes.Make(dtypes.Int64, dims[axis]))
	for i := range dims[axis] {
		line.Flat.([]int64)[i] = int64(i)
	}
	from := make([]int, len(dims))
	from[axis] = 1
	m, err := moverOf(c.out[0])
	if err != nil || c.out[0].Shape.DType.IsPacked() {
		all := New(withDType(c.out[0].Shape, dtypes.Int64))
		moves[uint64]{}.copy(all, line, walk{dims: dims, to: to, from: from})
		convertInto(c.out[0], all)
		return err
	}
	m.copy(c.out[0], convert(line, c.out[0].Shape.DType), walk{dims: dims, to: to, from: from})
	return nil
}

// step is the distance between the values of an operand for successive elements: 0 for a scalar.
func step[T any](x []T) int {
	if len(x) == 1 {
		return 0
	}
	return 1
}

func (e *element[T]) unaryOp(op compute.OpType, out, x any) error {
	f, err := lookup[T](e.unary, op)
	if err != nil {
		return err
	}
	o := out.([]T)
	for i, v := range x.([]T) {
		o[i] = f(v)
	}
	return nil
}

func (e *element[T]) binaryOp(op compute.OpType, out, a, b any) error {
	f, err := lookup[T](e.binary, op)
	if err != nil {
		return err
	}
	o, x, y := out.([]T), a.([]T), b.([]T)
	sx, sy := step(x), step(y)
	for i := range o {
		o[i] = f(x[i*sx], y[i*sy])
	}
	return nil
}

func (e *element[T]) compareOp(op compute.OpType, out []bool, a, b any) error {
	f, err := lookup[T](e.compare, op)
	if err != nil {
		return err
	}
	x, y := a.([]T), b.([]T)
	sx, sy := step(x), step(y)
	for i := range out {
		out[i] = f(x[i*sx], y[i*sy])
	}
	return nil
}

func (e *element[T]) testOp(op compute.OpType, out []bool, x any) error {
	f, ok := e.test[op]
	for i, v := range x.([]T) {
		if out[i] = op == compute.OpTypeIsFinite; ok { // integers are finite numbers
			out[i] = f(v)
		}
	}
	return nil
}

// clamp is min(max(x, low), high): a NaN stays.
func (e *element[T]) clamp(out, low, x, high any) error {
	lo, err := lookup[T](e.binary, compute.OpTypeMax)
	if err != nil {
		return err
	}
	hi := e.binary[compute.OpTypeMin]
	o, l, h := out.([]T), low.([]T), high.([]T)
	for i, v := range x.([]T) {
		o[i] = hi(lo(v, l[i*step(l)]), h[i*step(h)])
	}
	return nil
}
