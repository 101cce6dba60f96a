package cpu

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Function records the operations of one function as an [ir.Graph]. Operations return errors for operands of the wrong
// function, dtype or shape, and record nothing then.
type Function struct {
	notimplemented.Function
	builder *Builder
	parent  *Function // of a closure
	name    string
	graph   *ir.Graph

	names     []string          // of the own parameters
	params    []ir.Value        // own parameters; those for captured values follow when the function returns
	captured  []*value          // what a closure uses of its ancestors
	local     map[*value]*value // the parameter or constant that stands for each
	constants map[ir.Value]ir.Constant
	returned  bool
}

var _ compute.Function = (*Function)(nil)

// value is a compute.Value: a value of one function.
type value struct {
	function *Function
	id       ir.Value
}

func (v *value) shape() shapes.Shape { return v.function.graph.Shape(v.id) }

func newFunction(b *Builder, parent *Function, name string) *Function {
	f := &Function{builder: b, parent: parent, name: name, graph: &ir.Graph{Name: name},
		local: map[*value]*value{}, constants: map[ir.Value]ir.Constant{}}
	f.ErrFn = func(op compute.OpType) error {
		return fmt.Errorf("cpu: %s is not implemented: %w", op, compute.ErrNotImplemented)
	}
	return f
}

// Name returns the function's name, "" for a closure.
func (f *Function) Name() string { return f.name }

// Builder returns the builder that the function belongs to.
func (f *Function) Builder() compute.Builder { return f.builder }

// Parent returns the function that a closure was made in, nil for others.
func (f *Function) Parent() compute.Function {
	if f.parent == nil {
		return nil
	}
	return f.parent
}

// Closure starts a function that can use this one's values.
func (f *Function) Closure() (compute.Function, error) {
	if err := f.open(); err != nil {
		return nil, err
	}
	return newFunction(f.builder, f, ""), nil
}

// open returns an error if nothing can be added any more.
func (f *Function) open() error {
	switch {
	case f.builder.compiled:
		return fmt.Errorf("cpu: computation %q is compiled already", f.builder.name)
	case f.returned:
		return fmt.Errorf("cpu: function %q has returned already", f.name)
	}
	return nil
}

// Parameter adds an input. Parameters may be added at any time before Return.
func (f *Function) Parameter(name string, shape shapes.Shape, sharding *compute.ShardingSpec) (compute.Value, error) {
	if err := f.open(); err != nil {
		return nil, err
	}
	if sharding != nil {
		return nil, fmt.Errorf("cpu: parameter %q: sharding: %w", name, compute.ErrNotImplemented)
	}
	if err := checkShape(shape); err != nil {
		return nil, fmt.Errorf("parameter %q: %w", name, err)
	}
	id := f.graph.NewValue(plain(shape))
	f.params = append(f.params, id)
	f.names = append(f.names, name)
	return &value{f, id}, nil
}

// Constant copies a flat slice into the graph.
func (f *Function) Constant(flat any, dims ...int) (compute.Value, error) {
	if err := f.open(); err != nil {
		return nil, err
	}
	d := dtypes.InvalidDType
	if flat != nil {
		d = elementDType(flat)
	}
	shape := shapes.Shape{DType: d, Dimensions: slices.Clone(dims)}
	bytes, err := flatBytes(flat, shape)
	if err != nil {
		return nil, fmt.Errorf("Constant: %w", err)
	}
	copied := dtypes.MakeAnySlice(d, shape.Size())
	copy(dtypes.UnsafeByteSliceFromAny(copied), bytes)
	return f.constant(ir.Constant{Flat: copied}, shape), nil
}

func (f *Function) constant(c ir.Constant, shape shapes.Shape) *value {
	id := f.graph.Add(ir.Primitive(compute.OpTypeConstant), c, nil, shape)[0]
	f.constants[id] = c
	return &value{f, id}
}

// Shape returns the shape of a value.
func (f *Function) Shape(v compute.Value) (shapes.Shape, error) { return f.builder.OpShape(v) }

// Return ends the function with its outputs.
func (f *Function) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	if slices.ContainsFunc(shardings, func(s *compute.ShardingSpec) bool { return s != nil }) {
		return fmt.Errorf("cpu: Return: shardings: %w", compute.ErrNotImplemented)
	}
	ids, err := f.resolve("Return", outputs...)
	if err != nil {
		return err
	}
	f.graph.Outputs = ids
	f.graph.Params = slices.Clone(f.params)
	for _, v := range f.captured {
		f.graph.Params = append(f.graph.Params, f.local[v].id)
	}
	f.returned = true
	return nil
}

// resolve returns this function's values for operands: its own, or parameters that stand for what a closure captures of its
// ancestors. Constants are copied instead, also from functions that are no ancestors: GoMLX shares its constants.
func (f *Function) resolve(op string, operands ...compute.Value) ([]ir.Value, error) {
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	ids := make([]ir.Value, len(operands))
	for i, operand := range operands {
		v, ok := operand.(*value)
		if !ok || v == nil || v.function.builder != f.builder {
			return nil, fmt.Errorf("cpu: %s: operand %d (%T) is no value of computation %q", op, i, operand, f.builder.name)
		}
		local, err := f.see(v)
		if err != nil {
			return nil, fmt.Errorf("%s: operand %d: %w", op, i, err)
		}
		ids[i] = local.id
	}
	return ids, nil
}

// see returns the value of this function that stands for v.
func (f *Function) see(v *value) (*value, error) {
	if v.function == f {
		return v, nil
	}
	if l, ok := f.local[v]; ok {
		return l, nil
	}
	if c, ok := v.function.constants[v.id]; ok {
		f.local[v] = f.constant(c, v.shape())
		return f.local[v], nil
	}
	if !v.function.encloses(f) {
		return nil, fmt.Errorf("cpu: function %q cannot use a value of function %q, which it is not a closure of", f.name, v.function.name)
	}
	f.local[v] = &value{f, f.graph.NewValue(v.shape())}
	f.captured = append(f.captured, v)
	return f.local[v], nil
}

// encloses tells whether f is an ancestor of g.
func (f *Function) encloses(g *Function) bool {
	for g = g.parent; g != nil; g = g.parent {
		if g == f {
			return true
		}
	}
	return false
}
