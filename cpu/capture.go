package cpu

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// recording is one operation being captured: its operands, resolved.
type recording struct {
	*Function
	op     compute.OpType
	in     []ir.Value
	shapes []shapes.Shape // of the operands
}

// record resolves the operands of an operation.
func (f *Function) record(op compute.OpType, operands ...compute.Value) (*recording, error) {
	in, err := f.resolve(op.String(), operands...)
	if err != nil {
		return nil, err
	}
	r := &recording{Function: f, op: op, in: in}
	for _, v := range in {
		r.shapes = append(r.shapes, f.graph.Shape(v))
	}
	return r, nil
}

// infer runs a function of package shapeinference, whose panics on bad arguments become errors, and checks the shape.
func (r *recording) infer(f func() (shapes.Shape, error)) (s shapes.Shape, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cpu: %s of %v: %v", r.op, r.shapes, p)
		}
	}()
	if s, err = f(); err != nil {
		return s, fmt.Errorf("cpu: %s: %w", r.op, err)
	}
	if err := checkShape(s); err != nil {
		return s, fmt.Errorf("%s of %v: %w", r.op, r.shapes, err)
	}
	return plain(s), nil
}

// emit adds the operation with outputs of given shapes.
func (r *recording) emit(attr any, outputs ...shapes.Shape) []compute.Value {
	ids := r.graph.Add(ir.Primitive(r.op), attr, r.in, outputs...)
	out := make([]compute.Value, len(ids))
	for i, id := range ids {
		out[i] = &value{r.Function, id}
	}
	return out
}

// finish adds the operation with the one output whose shape infer finds.
func (r *recording) finish(attr any, infer func() (shapes.Shape, error)) (compute.Value, error) {
	s, err := r.infer(infer)
	if err != nil {
		return nil, err
	}
	return r.emit(attr, s)[0], nil
}

// broadcast replaces operand i by its broadcast to dims, unless it has these dimensions already or is a scalar.
func (r *recording) broadcast(i int, dims []int) {
	s := r.shapes[i]
	if s.Rank() == 0 || slices.Equal(s.Dimensions, dims) {
		return
	}
	to := shapes.Shape{DType: s.DType, Dimensions: slices.Clone(dims)}
	attr := ir.Broadcast{Axes: iota0(s.Rank())}
	r.in[i] = r.graph.Add(ir.Primitive(compute.OpTypeBroadcastInDim), attr, []ir.Value{r.in[i]}, to)[0]
	r.shapes[i] = to
}

// iota0 returns 0, 1, ... n-1.
func iota0(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// orOnes returns a copy of list, or n ones if it is empty.
func orOnes(list []int, n int) []int {
	if len(list) > 0 {
		return slices.Clone(list)
	}
	return slices.Repeat([]int{1}, n)
}

// elementDType returns the dtype of a flat slice's elements, InvalidDType if they have none.
func elementDType(flat any) dtypes.DType {
	t := reflect.TypeOf(flat)
	if t.Kind() != reflect.Slice {
		return dtypes.InvalidDType
	}
	for d := range supportedDTypes {
		if !d.IsPacked() && sameElement(t.Elem(), d) {
			return d
		}
	}
	return dtypes.InvalidDType
}
