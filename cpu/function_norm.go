package cpu

import (
	"fmt"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// BatchNormForInference captures a normalisation by given statistics.
func (f *Function) BatchNormForInference(operand, scale, offset, mean, variance compute.Value, epsilon float32, axis int) (compute.Value, error) {
	out, err := f.batchNorm(compute.OpTypeBatchNormForInference, 1, 5, epsilon, axis, operand, scale, offset, mean, variance)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// BatchNormForTraining captures a normalisation by the operand's own statistics, which it returns as well.
func (f *Function) BatchNormForTraining(operand, scale, offset compute.Value, epsilon float32, axis int) (
	normalized, mean, variance compute.Value, err error) {
	out, err := f.batchNorm(compute.OpTypeBatchNormForTraining, 3, 3, epsilon, axis, operand, scale, offset)
	if err != nil {
		return nil, nil, nil, err
	}
	return out[0], out[1], out[2], nil
}

// BatchNormGradient captures the gradients of operand, scale and offset.
func (f *Function) BatchNormGradient(operand, scale, mean, variance, gradOutput compute.Value, epsilon float32, axis int) (
	gradOperand, gradScale, gradOffset compute.Value, err error) {
	out, err := f.batchNorm(compute.OpTypeBatchNormGradient, 3, 4, epsilon, axis, operand, scale, mean, variance, gradOutput)
	if err != nil {
		return nil, nil, nil, err
	}
	return out[0], out[1], out[2], nil
}

// batchNorm captures one of the three: operands 1 up to features have one value for each feature, the others the operand's
// shape; so have the outputs after the first, and the first.
func (f *Function) batchNorm(op compute.OpType, outputs, features int, epsilon float32, axis int, operands ...compute.Value) ([]compute.Value, error) {
	r, err := f.record(op, operands...)
	if err != nil {
		return nil, err
	}
	s := r.shapes[0]
	if !s.DType.IsFloat() || axis < 0 || axis >= s.Rank() {
		return nil, fmt.Errorf("cpu: %s of %s: no axis %d of floats", op, s, axis)
	}
	feature := shapes.Make(s.DType, s.Dimensions[axis])
	for i, got := range r.shapes[1:] {
		want := s
		if i+1 < features {
			want = feature
		}
		if !got.Equal(want) {
			return nil, fmt.Errorf("cpu: %s of %s: operand %d is %s, want %s", op, s, i+1, got, want)
		}
	}
	out := []shapes.Shape{s}
	for len(out) < outputs {
		out = append(out, feature)
	}
	return r.emit(ir.BatchNorm{Epsilon: epsilon, Axis: axis}, out...), nil
}
