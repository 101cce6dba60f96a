package cpu

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// reduction captures a reduction over axes, over all of them if none is given.
func (f *Function) reduction(op compute.OpType, x compute.Value, axes []int) (compute.Value, error) {
	r, err := f.record(op, x)
	if err != nil {
		return nil, err
	}
	s := r.shapes[0]
	if err := reducible(op, s.DType); err != nil {
		return nil, err
	}
	if len(axes) == 0 {
		axes = iota0(s.Rank())
	}
	sorted, err := r.axes(axes)
	if err != nil {
		return nil, err
	}
	return r.finish(ir.Axes{Axes: sorted}, func() (shapes.Shape, error) { return shapeinference.Reduce(s, sorted) })
}

// reducible tells whether a reduction is defined for a dtype.
func reducible(op compute.OpType, d dtypes.DType) error {
	ok := true
	switch op {
	case compute.OpTypeReduceLogicalAnd, compute.OpTypeReduceLogicalOr, compute.OpTypeReduceLogicalXor:
		ok = d == dtypes.Bool
	case compute.OpTypeReduceBitwiseAnd, compute.OpTypeReduceBitwiseOr, compute.OpTypeReduceBitwiseXor:
		ok = d.IsInt()
	case compute.OpTypeReduceSum, compute.OpTypeReduceProduct:
		ok = d != dtypes.Bool
	default:
		ok = !d.IsComplex()
	}
	if !ok {
		return fmt.Errorf("cpu: %s is not defined for %s", op, d)
	}
	return nil
}

// ArgMinMax captures the index of the first smallest or largest element along an axis.
func (f *Function) ArgMinMax(x compute.Value, axis int, outputDType dtypes.DType, isMin bool) (compute.Value, error) {
	r, err := f.record(compute.OpTypeArgMinMax, x)
	if err != nil {
		return nil, err
	}
	if r.shapes[0].DType == dtypes.Bool { // which shapeinference does not know, but GoMLX uses
		if x, err = f.ConvertDType(x, dtypes.Uint8); err != nil {
			return nil, err
		}
		return f.ArgMinMax(x, axis, outputDType, isMin)
	}
	return r.finish(ir.ArgMinMax{Axis: axis, IsMin: isMin}, func() (shapes.Shape, error) {
		s, err := shapeinference.ArgMinMax(r.shapes[0], axis, outputDType)
		if err == nil && r.shapes[0].Dimensions[axis] == 0 {
			err = fmt.Errorf("axis %d of %s is empty", axis, r.shapes[0])
		}
		return s, err
	})
}

// ReduceWindow captures a reduction over sliding windows.
func (f *Function) ReduceWindow(input compute.Value, kind compute.ReduceOpType,
	window, strides, inputDilations, windowDilations []int, paddings [][2]int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeReduceWindow, input)
	if err != nil {
		return nil, err
	}
	s := r.shapes[0]
	attr := ir.ReduceWindow{Kind: kind, Window: orOnes(window, s.Rank()), Strides: slices.Clone(strides),
		BaseDilations: orOnes(inputDilations, s.Rank()), WindowDilations: orOnes(windowDilations, s.Rank()),
		Paddings: orZeros(paddings, s.Rank())}
	if len(strides) == 0 {
		attr.Strides = slices.Clone(attr.Window)
	}
	return r.finish(attr, func() (shapes.Shape, error) {
		if kind < compute.ReduceOpSum || kind > compute.ReduceOpMin {
			return s, fmt.Errorf("unknown reduction %s", kind)
		}
		if s.DType.IsComplex() || s.DType == dtypes.Bool && (kind == compute.ReduceOpSum || kind == compute.ReduceOpProduct) {
			return s, fmt.Errorf("%s is not defined for %s", kind, s.DType)
		}
		if err := checkWindows(s.Dimensions, attr.Window, attr.Strides, attr.BaseDilations, attr.WindowDilations, attr.Paddings); err != nil {
			return s, err
		}
		return shapeinference.ReduceWindow(s, attr.Window, attr.Strides, attr.BaseDilations, attr.WindowDilations, attr.Paddings)
	})
}

// orZeros returns a copy of list, or n pairs of zeros if it is empty.
func orZeros(list [][2]int, n int) [][2]int {
	if len(list) > 0 {
		return slices.Clone(list)
	}
	return make([][2]int, n)
}

// checkWindows checks the geometry of each axis for lengths and overflow.
func checkWindows(dims, window, strides, dilations, windowDilations []int, paddings [][2]int) error {
	for _, n := range []int{len(window), len(strides), len(dilations), len(windowDilations), len(paddings)} {
		if n != len(dims) {
			return fmt.Errorf("%d windows, strides, dilations or paddings for %d axes", n, len(dims))
		}
	}
	for i, d := range dims {
		for _, err := range []error{checkWindow(d, dilations[i]), checkWindow(window[i], windowDilations[i]),
			checkWindow(1, strides[i]), checkWindow(1, paddings[i][0]), checkWindow(1, paddings[i][1])} {
			if err != nil {
				return fmt.Errorf("axis %d: %w", i, err)
			}
		}
	}
	return nil
}

// SelectAndScatterMax captures the gradient of max pooling.
func (f *Function) SelectAndScatterMax(operand, source compute.Value, window, strides []int, paddings [][2]int) (compute.Value, error) {
	return f.selectAndScatter(compute.OpTypeSelectAndScatterMax, operand, source, window, strides, paddings)
}

// SelectAndScatterMin captures the gradient of min pooling.
func (f *Function) SelectAndScatterMin(operand, source compute.Value, window, strides []int, paddings [][2]int) (compute.Value, error) {
	return f.selectAndScatter(compute.OpTypeSelectAndScatterMin, operand, source, window, strides, paddings)
}

func (f *Function) selectAndScatter(op compute.OpType, operand, source compute.Value, window, strides []int, paddings [][2]int) (compute.Value, error) {
	r, err := f.record(op, operand, source)
	if err != nil {
		return nil, err
	}
	s := r.shapes[0]
	attr := ir.SelectAndScatter{Window: orOnes(window, s.Rank()), Strides: slices.Clone(strides), Paddings: orZeros(paddings, s.Rank())}
	if len(strides) == 0 {
		attr.Strides = slices.Clone(attr.Window)
	}
	return r.finish(attr, func() (shapes.Shape, error) {
		ones := orOnes(nil, s.Rank())
		if s.DType == dtypes.Bool || s.DType.IsComplex() {
			return s, fmt.Errorf("not defined for %s", s.DType)
		}
		if err := checkWindows(s.Dimensions, attr.Window, attr.Strides, ones, ones, attr.Paddings); err != nil {
			return s, err
		}
		return shapeinference.SelectAndScatter(s, r.shapes[1], attr.Window, attr.Strides, attr.Paddings)
	})
}
