package cpu

import "github.com/gomlx/compute"

// The element-wise operations and reductions that differ in nothing but their name; see compute.StandardOps for each.

// BitCount captures the element-wise operation of that name.
func (f *Function) BitCount(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeBitCount, x)
}

// BitwiseNot captures the element-wise operation of that name.
func (f *Function) BitwiseNot(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeBitwiseNot, x)
}

// Ceil captures the element-wise operation of that name.
func (f *Function) Ceil(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeCeil, x)
}

// Clz captures the element-wise operation of that name.
func (f *Function) Clz(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeClz, x)
}

// Conj captures the element-wise operation of that name.
func (f *Function) Conj(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeConj, x)
}

// Cos captures the element-wise operation of that name.
func (f *Function) Cos(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeCos, x)
}

// Erf captures the element-wise operation of that name.
func (f *Function) Erf(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeErf, x)
}

// Exp captures the element-wise operation of that name.
func (f *Function) Exp(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeExp, x)
}

// Expm1 captures the element-wise operation of that name.
func (f *Function) Expm1(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeExpm1, x)
}

// Floor captures the element-wise operation of that name.
func (f *Function) Floor(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeFloor, x)
}

// Log captures the element-wise operation of that name.
func (f *Function) Log(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeLog, x)
}

// Log1p captures the element-wise operation of that name.
func (f *Function) Log1p(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeLog1p, x)
}

// LogicalNot captures the element-wise operation of that name.
func (f *Function) LogicalNot(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeLogicalNot, x)
}

// Logistic captures the element-wise operation of that name.
func (f *Function) Logistic(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeLogistic, x)
}

// Neg captures the element-wise operation of that name.
func (f *Function) Neg(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeNeg, x)
}

// Round captures the element-wise operation of that name.
func (f *Function) Round(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeRound, x)
}

// Rsqrt captures the element-wise operation of that name.
func (f *Function) Rsqrt(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeRsqrt, x)
}

// Sign captures the element-wise operation of that name.
func (f *Function) Sign(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeSign, x)
}

// Sin captures the element-wise operation of that name.
func (f *Function) Sin(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeSin, x)
}

// Sqrt captures the element-wise operation of that name.
func (f *Function) Sqrt(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeSqrt, x)
}

// Tanh captures the element-wise operation of that name.
func (f *Function) Tanh(x compute.Value) (compute.Value, error) {
	return f.unary(compute.OpTypeTanh, x)
}

// IsFinite captures the element-wise test of that name.
func (f *Function) IsFinite(x compute.Value) (compute.Value, error) {
	return f.floatTest(compute.OpTypeIsFinite, x)
}

// IsNaN captures the element-wise test of that name.
func (f *Function) IsNaN(x compute.Value) (compute.Value, error) {
	return f.floatTest(compute.OpTypeIsNaN, x)
}

// Real captures that part of complex numbers.
func (f *Function) Real(x compute.Value) (compute.Value, error) {
	return f.part(compute.OpTypeReal, x)
}

// Imag captures that part of complex numbers.
func (f *Function) Imag(x compute.Value) (compute.Value, error) {
	return f.part(compute.OpTypeImag, x)
}

// Add captures the element-wise operation of that name, with broadcasting.
func (f *Function) Add(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeAdd, lhs, rhs)
}

// Atan2 captures the element-wise operation of that name, with broadcasting.
func (f *Function) Atan2(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeAtan2, lhs, rhs)
}

// BitwiseAnd captures the element-wise operation of that name, with broadcasting.
func (f *Function) BitwiseAnd(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeBitwiseAnd, lhs, rhs)
}

// BitwiseOr captures the element-wise operation of that name, with broadcasting.
func (f *Function) BitwiseOr(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeBitwiseOr, lhs, rhs)
}

// BitwiseXor captures the element-wise operation of that name, with broadcasting.
func (f *Function) BitwiseXor(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeBitwiseXor, lhs, rhs)
}

// Div captures the element-wise operation of that name, with broadcasting.
func (f *Function) Div(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeDiv, lhs, rhs)
}

// LogicalAnd captures the element-wise operation of that name, with broadcasting.
func (f *Function) LogicalAnd(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeLogicalAnd, lhs, rhs)
}

// LogicalOr captures the element-wise operation of that name, with broadcasting.
func (f *Function) LogicalOr(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeLogicalOr, lhs, rhs)
}

// LogicalXor captures the element-wise operation of that name, with broadcasting.
func (f *Function) LogicalXor(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeLogicalXor, lhs, rhs)
}

// Max captures the element-wise operation of that name, with broadcasting.
func (f *Function) Max(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeMax, lhs, rhs)
}

// Min captures the element-wise operation of that name, with broadcasting.
func (f *Function) Min(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeMin, lhs, rhs)
}

// Mul captures the element-wise operation of that name, with broadcasting.
func (f *Function) Mul(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeMul, lhs, rhs)
}

// Pow captures the element-wise operation of that name, with broadcasting.
func (f *Function) Pow(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypePow, lhs, rhs)
}

// Rem captures the element-wise operation of that name, with broadcasting.
func (f *Function) Rem(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeRem, lhs, rhs)
}

// ShiftLeft captures the element-wise operation of that name, with broadcasting.
func (f *Function) ShiftLeft(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeShiftLeft, lhs, rhs)
}

// ShiftRightArithmetic captures the element-wise operation of that name, with broadcasting.
func (f *Function) ShiftRightArithmetic(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeShiftRightArithmetic, lhs, rhs)
}

// ShiftRightLogical captures the element-wise operation of that name, with broadcasting.
func (f *Function) ShiftRightLogical(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeShiftRightLogical, lhs, rhs)
}

// Sub captures the element-wise operation of that name, with broadcasting.
func (f *Function) Sub(lhs, rhs compute.Value) (compute.Value, error) {
	return f.binary(compute.OpTypeSub, lhs, rhs)
}

// Equal captures the element-wise comparison of that name, with broadcasting.
func (f *Function) Equal(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeEqual, lhs, rhs)
}

// EqualTotalOrder captures the element-wise comparison of that name, with broadcasting.
func (f *Function) EqualTotalOrder(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeEqualTotalOrder, lhs, rhs)
}

// NotEqual captures the element-wise comparison of that name, with broadcasting.
func (f *Function) NotEqual(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeNotEqual, lhs, rhs)
}

// NotEqualTotalOrder captures the element-wise comparison of that name, with broadcasting.
func (f *Function) NotEqualTotalOrder(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeNotEqualTotalOrder, lhs, rhs)
}

// GreaterOrEqual captures the element-wise comparison of that name, with broadcasting.
func (f *Function) GreaterOrEqual(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeGreaterOrEqual, lhs, rhs)
}

// GreaterOrEqualTotalOrder captures the element-wise comparison of that name, with broadcasting.
func (f *Function) GreaterOrEqualTotalOrder(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeGreaterOrEqualTotalOrder, lhs, rhs)
}

// GreaterThan captures the element-wise comparison of that name, with broadcasting.
func (f *Function) GreaterThan(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeGreaterThan, lhs, rhs)
}

// GreaterThanTotalOrder captures the element-wise comparison of that name, with broadcasting.
func (f *Function) GreaterThanTotalOrder(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeGreaterThanTotalOrder, lhs, rhs)
}

// LessOrEqual captures the element-wise comparison of that name, with broadcasting.
func (f *Function) LessOrEqual(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeLessOrEqual, lhs, rhs)
}

// LessOrEqualTotalOrder captures the element-wise comparison of that name, with broadcasting.
func (f *Function) LessOrEqualTotalOrder(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeLessOrEqualTotalOrder, lhs, rhs)
}

// LessThan captures the element-wise comparison of that name, with broadcasting.
func (f *Function) LessThan(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeLessThan, lhs, rhs)
}

// LessThanTotalOrder captures the element-wise comparison of that name, with broadcasting.
func (f *Function) LessThanTotalOrder(lhs, rhs compute.Value) (compute.Value, error) {
	return f.comparison(compute.OpTypeLessThanTotalOrder, lhs, rhs)
}

// ReduceBitwiseAnd captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceBitwiseAnd(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceBitwiseAnd, x, axes)
}

// ReduceBitwiseOr captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceBitwiseOr(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceBitwiseOr, x, axes)
}

// ReduceBitwiseXor captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceBitwiseXor(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceBitwiseXor, x, axes)
}

// ReduceLogicalAnd captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceLogicalAnd(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceLogicalAnd, x, axes)
}

// ReduceLogicalOr captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceLogicalOr(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceLogicalOr, x, axes)
}

// ReduceLogicalXor captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceLogicalXor(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceLogicalXor, x, axes)
}

// ReduceMax captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceMax(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceMax, x, axes)
}

// ReduceMin captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceMin(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceMin, x, axes)
}

// ReduceProduct captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceProduct(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceProduct, x, axes)
}

// ReduceSum captures the reduction of that name over axes, over all if none is given.
func (f *Function) ReduceSum(x compute.Value, axes ...int) (compute.Value, error) {
	return f.reduction(compute.OpTypeReduceSum, x, axes)
}
