package cpu

import (
	"fmt"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"
)

// unary captures an element-wise operation of one operand.
func (f *Function) unary(op compute.OpType, x compute.Value) (compute.Value, error) {
	r, err := f.record(op, x)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) { return shapeinference.UnaryOp(op, r.shapes[0]) })
}

// binary captures an element-wise operation of two operands, which are broadcast to each other.
func (f *Function) binary(op compute.OpType, lhs, rhs compute.Value) (compute.Value, error) {
	return f.pair(op, lhs, rhs, shapeinference.BinaryOp)
}

// comparison captures an element-wise operation of two operands that gives booleans.
func (f *Function) comparison(op compute.OpType, lhs, rhs compute.Value) (compute.Value, error) {
	return f.pair(op, lhs, rhs, shapeinference.ComparisonOp)
}

func (f *Function) pair(op compute.OpType, lhs, rhs compute.Value,
	infer func(op compute.OpType, lhs, rhs shapes.Shape) (shapes.Shape, error)) (compute.Value, error) {
	r, err := f.record(op, lhs, rhs)
	if err != nil {
		return nil, err
	}
	s, err := r.infer(func() (shapes.Shape, error) { return infer(op, r.shapes[0], r.shapes[1]) })
	if err != nil {
		return nil, err
	}
	r.broadcast(0, s.Dimensions)
	r.broadcast(1, s.Dimensions)
	return r.emit(nil, s)[0], nil
}

// floatTest captures IsFinite or IsNaN.
func (f *Function) floatTest(op compute.OpType, x compute.Value) (compute.Value, error) {
	r, err := f.record(op, x)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		s := r.shapes[0]
		if !s.DType.IsFloat() && !s.DType.IsComplex() {
			return s, fmt.Errorf("want a float or complex operand, got %s", s)
		}
		s.DType = dtypes.Bool
		return s, nil
	})
}

// part captures Real, Imag: of a float the value itself and zero.
func (f *Function) part(op compute.OpType, x compute.Value) (compute.Value, error) {
	r, err := f.record(op, x)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		s := r.shapes[0]
		switch {
		case s.DType.IsComplex():
			s.DType = s.DType.RealDType()
		case !s.DType.IsFloat():
			return s, fmt.Errorf("want a complex operand, got %s", s)
		}
		return s, nil
	})
}

// Abs captures |x|. Of a complex number the result is real.
func (f *Function) Abs(x compute.Value) (compute.Value, error) {
	y, err := f.unary(compute.OpTypeAbs, x)
	if err != nil || !y.(*value).shape().DType.IsComplex() {
		return y, err
	}
	return f.Real(y)
}

// Complex captures x + iy; scalars are broadcast.
func (f *Function) Complex(x, y compute.Value) (compute.Value, error) {
	return f.pair(compute.OpTypeComplex, x, y, func(op compute.OpType, x, y shapes.Shape) (shapes.Shape, error) {
		s, err := shapeinference.BinaryOp(compute.OpTypeAdd, x, y)
		switch s.DType {
		case dtypes.Float32:
			s.DType = dtypes.Complex64
		case dtypes.Float64:
			s.DType = dtypes.Complex128
		default:
			if err == nil {
				err = fmt.Errorf("want two float32 or float64 operands, got %s and %s", x, y)
			}
		}
		return s, err
	})
}

// Clamp captures min(max(x, low), high); the bounds are scalars or have x's shape.
func (f *Function) Clamp(low, x, high compute.Value) (compute.Value, error) {
	r, err := f.record(compute.OpTypeClamp, low, x, high)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		s := r.shapes[1]
		for _, bound := range []shapes.Shape{r.shapes[0], r.shapes[2]} {
			if bound.DType != s.DType || bound.Rank() > 0 && !bound.EqualDimensions(s) || s.DType.IsComplex() {
				return s, fmt.Errorf("bound %s does not fit operand %s", bound, s)
			}
		}
		return s, nil
	})
}

// Where captures a choice by element; scalars are broadcast.
func (f *Function) Where(condition, onTrue, onFalse compute.Value) (compute.Value, error) {
	r, err := f.record(compute.OpTypeWhere, condition, onTrue, onFalse)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) { return shapeinference.Where(r.shapes[0], r.shapes[1], r.shapes[2]) })
}

// ConvertDType captures a conversion by value.
func (f *Function) ConvertDType(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	r, err := f.record(compute.OpTypeConvertDType, x)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		s := r.shapes[0]
		s.DType = dtype
		return s, nil
	})
}

// Bitcast captures a reinterpretation of the bits.
func (f *Function) Bitcast(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	r, err := f.record(compute.OpTypeBitcast, x)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		if !supportedDTypes[dtype] {
			return shapes.Invalid(), fmt.Errorf("dtype %s is not supported", dtype)
		}
		return shapeinference.Bitcast(r.shapes[0], dtype)
	})
}
