package cpu

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// body checks that a function can be used by an operation of f, with parameters and results of given shapes (nil: any).
func (f *Function) body(op compute.OpType, g compute.Function, params, results []shapes.Shape) (*Function, error) {
	b, ok := g.(*Function)
	if !ok || b == nil || b.builder != f.builder || b == b.builder.main {
		return nil, fmt.Errorf("cpu: %s: %T is no function of computation %q that can be called", op, g, f.builder.name)
	}
	if !b.returned {
		return nil, fmt.Errorf("cpu: %s: function %q has not returned yet", op, b.name)
	}
	own := b.graph.Params[:len(b.params)]
	if err := sameShapes(b.graph, own, params); err != nil {
		return nil, fmt.Errorf("cpu: %s: parameters of function %q: %w", op, b.name, err)
	}
	if results != nil {
		if err := sameShapes(b.graph, b.graph.Outputs, results); err != nil {
			return nil, fmt.Errorf("cpu: %s: results of function %q: %w", op, b.name, err)
		}
	}
	return b, nil
}

func sameShapes(g *ir.Graph, values []ir.Value, want []shapes.Shape) error {
	var got []shapes.Shape
	for _, v := range values {
		got = append(got, g.Shape(v))
	}
	if !slices.EqualFunc(got, want, shapes.Shape.Equal) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// capturedBy returns the values that a function captures, as operands.
func capturedBy(functions ...*Function) []compute.Value {
	var out []compute.Value
	for _, g := range functions {
		for _, v := range g.captured {
			out = append(out, v)
		}
	}
	return out
}

// resultShapes are the shapes that a function returns.
func (f *Function) resultShapes() []shapes.Shape {
	var out []shapes.Shape
	for _, v := range f.graph.Outputs {
		out = append(out, f.graph.Shape(v))
	}
	return out
}

// Call captures a call of a function of the same computation.
func (f *Function) Call(g compute.Function, inputs ...compute.Value) ([]compute.Value, error) {
	r, err := f.record(compute.OpTypeCall, inputs...)
	if err != nil {
		return nil, err
	}
	b, err := f.body(r.op, g, r.shapes, nil)
	if err != nil {
		return nil, err
	}
	return f.emitBodies(r.op, ir.Call{Body: b.graph}, b.resultShapes(), inputs, b)
}

// emitBodies adds an operation that runs functions: its inputs are the operands and what the functions capture.
func (f *Function) emitBodies(op compute.OpType, attr any, results []shapes.Shape, operands []compute.Value, bodies ...*Function) ([]compute.Value, error) {
	r, err := f.record(op, slices.Concat(operands, capturedBy(bodies...))...)
	if err != nil {
		return nil, err
	}
	return r.emit(attr, results...), nil
}

// If captures a choice between two closures without parameters.
func (f *Function) If(pred compute.Value, trueBranch, falseBranch compute.Function) ([]compute.Value, error) {
	r, err := f.record(compute.OpTypeIf, pred)
	if err != nil {
		return nil, err
	}
	if !r.shapes[0].Equal(shapes.Make(dtypes.Bool)) {
		return nil, fmt.Errorf("cpu: If: the predicate is %s, want a boolean scalar", r.shapes[0])
	}
	t, err := f.body(r.op, trueBranch, nil, nil)
	if err != nil {
		return nil, err
	}
	e, err := f.body(r.op, falseBranch, nil, t.resultShapes())
	if err != nil {
		return nil, err
	}
	attr := ir.If{True: t.graph, False: e.graph, TrueCaptures: len(t.captured)}
	return f.emitBodies(r.op, attr, t.resultShapes(), []compute.Value{pred}, t, e)
}

// While captures a loop over a state.
func (f *Function) While(cond, body compute.Function, initialState ...compute.Value) ([]compute.Value, error) {
	r, err := f.record(compute.OpTypeWhile, initialState...)
	if err != nil {
		return nil, err
	}
	c, err := f.body(r.op, cond, r.shapes, []shapes.Shape{shapes.Make(dtypes.Bool)})
	if err != nil {
		return nil, err
	}
	b, err := f.body(r.op, body, r.shapes, r.shapes)
	if err != nil {
		return nil, err
	}
	attr := ir.While{Cond: c.graph, Body: b.graph, State: len(r.in), CondCaptures: len(c.captured)}
	return f.emitBodies(r.op, attr, r.shapes, initialState, c, b)
}

// Sort captures a sort of tensors along an axis by a comparator. Its parameters are the elements of the two places compared,
// tensor by tensor (left 0, right 0, left 1, right 1, ...): so GoMLX passes them, whatever the interface's doc says.
func (f *Function) Sort(comparator compute.Function, axis int, isStable bool, inputs ...compute.Value) ([]compute.Value, error) {
	r, err := f.record(compute.OpTypeSort, inputs...)
	if err != nil {
		return nil, err
	}
	if len(inputs) == 0 || axis < 0 || axis >= r.shapes[0].Rank() {
		return nil, fmt.Errorf("cpu: Sort of %v along axis %d", r.shapes, axis)
	}
	var params []shapes.Shape
	for _, s := range r.shapes {
		if !s.EqualDimensions(r.shapes[0]) || s.DType.IsPacked() {
			return nil, fmt.Errorf("cpu: Sort of %v: want equal dimensions, and no packed dtypes", r.shapes)
		}
		params = append(params, shapes.Make(s.DType), shapes.Make(s.DType))
	}
	c, err := f.body(r.op, comparator, params, []shapes.Shape{shapes.Make(dtypes.Bool)})
	if err != nil {
		return nil, err
	}
	attr := ir.Sort{Comparator: c.graph, Axis: axis, Stable: isStable, Operands: len(inputs)}
	return f.emitBodies(r.op, attr, r.shapes, inputs, c)
}
