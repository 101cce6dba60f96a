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

// Identity captures a copy.
func (f *Function) Identity(x compute.Value) (compute.Value, error) {
	r, err := f.record(compute.OpTypeIdentity, x)
	if err != nil {
		return nil, err
	}
	return r.emit(nil, r.shapes[0])[0], nil
}

// Reshape captures a reinterpretation of the same elements in other dimensions.
func (f *Function) Reshape(x compute.Value, dimensions ...int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeReshape, x)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		s := shapes.Shape{DType: r.shapes[0].DType, Dimensions: dimensions}
		if err := checkShape(s); err != nil {
			return s, err
		}
		return shapeinference.Reshape(r.shapes[0], dimensions)
	})
}

// Transpose captures a permutation of axes.
func (f *Function) Transpose(x compute.Value, permutation ...int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeTranspose, x)
	if err != nil {
		return nil, err
	}
	return r.finish(ir.Transpose{Perm: slices.Clone(permutation)}, func() (shapes.Shape, error) {
		return shapeinference.Transpose(r.shapes[0], permutation)
	})
}

// BroadcastInDim captures a repetition along axes of size 1 and new ones.
func (f *Function) BroadcastInDim(x compute.Value, outputShape shapes.Shape, broadcastAxes []int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeBroadcastInDim, x)
	if err != nil {
		return nil, err
	}
	return r.finish(ir.Broadcast{Axes: slices.Clone(broadcastAxes)}, func() (shapes.Shape, error) {
		s := shapes.Shape{DType: r.shapes[0].DType, Dimensions: outputShape.Dimensions}
		if !slices.IsSorted(broadcastAxes) {
			return s, fmt.Errorf("broadcastAxes %v must increase", broadcastAxes)
		}
		return s, shapeinference.BroadcastInDim(r.shapes[0], s, broadcastAxes, nil)
	})
}

// Slice captures x[starts:limits:strides]; no strides are strides of 1.
func (f *Function) Slice(x compute.Value, starts, limits, strides []int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeSlice, x)
	if err != nil {
		return nil, err
	}
	strides = orOnes(strides, r.shapes[0].Rank())
	attr := ir.Slice{Starts: slices.Clone(starts), Limits: slices.Clone(limits), Strides: strides}
	return r.finish(attr, func() (shapes.Shape, error) {
		for _, s := range strides {
			if err := checkWindow(1, s); err != nil {
				return shapes.Invalid(), err
			}
		}
		return shapeinference.Slice(r.shapes[0], starts, limits, strides)
	})
}

// Reverse captures a reversal of axes.
func (f *Function) Reverse(x compute.Value, axes ...int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeReverse, x)
	if err != nil {
		return nil, err
	}
	sorted, err := r.axes(axes)
	if err != nil {
		return nil, err
	}
	return r.emit(ir.Axes{Axes: sorted}, r.shapes[0])[0], nil
}

// axes checks axes of operand 0 and returns them in order.
func (r *recording) axes(axes []int) ([]int, error) {
	sorted := slices.Sorted(slices.Values(axes))
	for i, a := range sorted {
		if a < 0 || a >= r.shapes[0].Rank() || i > 0 && a == sorted[i-1] {
			return nil, fmt.Errorf("cpu: %s of %s: axes %v are out of range or repeated", r.op, r.shapes[0], axes)
		}
	}
	return sorted, nil
}

// Pad captures padding before, after and between elements; negative padding crops.
func (f *Function) Pad(x, fillValue compute.Value, axesConfig ...compute.PadAxis) (compute.Value, error) {
	r, err := f.record(compute.OpTypePad, x, fillValue)
	if err != nil {
		return nil, err
	}
	s := r.shapes[0]
	axes := make([]compute.PadAxis, max(s.Rank(), len(axesConfig)))
	copy(axes, axesConfig)
	return r.finish(ir.Pad{Axes: axes}, func() (shapes.Shape, error) {
		if fill := r.shapes[1]; fill.Rank() != 0 || fill.DType != s.DType {
			return s, fmt.Errorf("fill value %s is no scalar of dtype %s", fill, s.DType)
		}
		for i, p := range axesConfig[:min(len(axesConfig), s.Rank())] {
			if err := checkWindow(s.Dimensions[i], p.Interior+1); err != nil {
				return s, err
			}
			if err := checkWindow(1, p.Start, 1); err != nil {
				return s, err
			}
			if err := checkWindow(1, p.End, 1); err != nil {
				return s, err
			}
		}
		return shapeinference.Pad(s, axesConfig...)
	})
}

// Concatenate captures a concatenation along an axis.
func (f *Function) Concatenate(axis int, operands ...compute.Value) (compute.Value, error) {
	r, err := f.record(compute.OpTypeConcatenate, operands...)
	if err != nil {
		return nil, err
	}
	if len(r.in) == 1 {
		return &value{f, r.in[0]}, nil
	}
	return r.finish(ir.Axis{Axis: axis}, func() (shapes.Shape, error) { return shapeinference.Concatenate(r.shapes, axis) })
}

// DynamicSlice captures a slice of fixed size that begins where scalars say, clamped into range.
func (f *Function) DynamicSlice(operand compute.Value, startIndices []compute.Value, sliceDims []int) (compute.Value, error) {
	startIndices, err := f.scalars(startIndices)
	if err != nil {
		return nil, err
	}
	r, err := f.record(compute.OpTypeDynamicSlice, append([]compute.Value{operand}, startIndices...)...)
	if err != nil {
		return nil, err
	}
	return r.finish(ir.DynamicSlice{Sizes: slices.Clone(sliceDims)}, func() (shapes.Shape, error) {
		if err := checkStarts(r.shapes[0], r.shapes[1:]); err != nil {
			return shapes.Invalid(), err
		}
		return shapeinference.DynamicSlice(r.shapes[0], sliceDims)
	})
}

// DynamicUpdateSlice captures a replacement of a part of operand that begins where scalars say, clamped into range.
func (f *Function) DynamicUpdateSlice(operand, update compute.Value, startIndices []compute.Value) (compute.Value, error) {
	startIndices, err := f.scalars(startIndices)
	if err != nil {
		return nil, err
	}
	r, err := f.record(compute.OpTypeDynamicUpdateSlice, append([]compute.Value{operand, update}, startIndices...)...)
	if err != nil {
		return nil, err
	}
	return r.finish(nil, func() (shapes.Shape, error) {
		s, u := r.shapes[0], r.shapes[1]
		if err := checkStarts(s, r.shapes[2:]); err != nil {
			return s, err
		}
		for i := range min(s.Rank(), u.Rank()) {
			if u.Dimensions[i] > s.Dimensions[i] {
				return s, fmt.Errorf("update %s does not fit into operand %s", u, s)
			}
		}
		return shapeinference.DynamicUpdateSlice(s, u)
	})
}

// scalars takes start indices that come as one vector apart: GoMLX allows that as well.
func (f *Function) scalars(indices []compute.Value) ([]compute.Value, error) {
	r, err := f.record(compute.OpTypeDynamicSlice, indices...)
	if err != nil || len(indices) != 1 || r.shapes[0].Rank() != 1 {
		return indices, err
	}
	out := make([]compute.Value, r.shapes[0].Dimensions[0])
	for i := range out {
		one, err := f.Slice(indices[0], []int{i}, []int{i + 1}, nil)
		if err != nil {
			return nil, err
		}
		if out[i], err = f.Reshape(one); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkStarts wants one integer scalar for each axis.
func checkStarts(operand shapes.Shape, starts []shapes.Shape) error {
	if len(starts) != operand.Rank() {
		return fmt.Errorf("want %d start indices for operand %s, got %d", operand.Rank(), operand, len(starts))
	}
	for i, s := range starts {
		if s.Rank() != 0 || !s.DType.IsInt() {
			return fmt.Errorf("start index %d is %s, want an integer scalar", i, s)
		}
	}
	return nil
}

// Iota captures numbers that count along an axis.
func (f *Function) Iota(shape shapes.Shape, iotaAxis int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeIota)
	if err != nil {
		return nil, err
	}
	return r.finish(ir.Axis{Axis: iotaAxis}, func() (shapes.Shape, error) {
		if iotaAxis < 0 || iotaAxis >= shape.Rank() || shape.DType == dtypes.Bool {
			return shape, fmt.Errorf("no counting along axis %d of shape %s", iotaAxis, shape)
		}
		return shape, nil
	})
}

// OptimizationBarrier captures identities that the compiler must not look through.
func (f *Function) OptimizationBarrier(operands ...compute.Value) ([]compute.Value, error) {
	r, err := f.record(compute.OpTypeOptimizationBarrier, operands...)
	if err != nil {
		return nil, err
	}
	return r.emit(nil, r.shapes...), nil
}

// SchedulingBarrier captures an identity that waits for other values.
func (f *Function) SchedulingBarrier(operand compute.Value, dependencies ...compute.Value) (compute.Value, error) {
	r, err := f.record(compute.OpTypeSchedulingBarrier, append([]compute.Value{operand}, dependencies...)...)
	if err != nil {
		return nil, err
	}
	return r.emit(nil, r.shapes[0])[0], nil
}
