package cpu

import (
	"fmt"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"
)

// Builder records one computation: a main function and the functions that it calls. It is not safe for concurrent use.
type Builder struct {
	notimplemented.Builder
	backend  *Backend
	name     string
	main     *Function
	named    map[string]*Function
	compiled bool
}

var _ compute.Builder = (*Builder)(nil)

func newBuilder(b *Backend, name string) *Builder {
	builder := &Builder{backend: b, name: name, named: map[string]*Function{}}
	builder.main = newFunction(builder, nil, compute.MainName)
	return builder
}

// Name returns the computation's name.
func (b *Builder) Name() string { return b.name }

// Main returns the main function.
func (b *Builder) Main() compute.Function { return b.main }

// NewFunction starts a named function, which the others can call. It sees no values but its own parameters and constants.
func (b *Builder) NewFunction(name string) (compute.Function, error) {
	if b.compiled {
		return nil, fmt.Errorf("cpu: function %q: computation %q is compiled already", name, b.name)
	}
	if name == "" || name == compute.MainName || b.named[name] != nil {
		return nil, fmt.Errorf("cpu: a function cannot be named %q: the name is empty or taken", name)
	}
	f := newFunction(b, nil, name)
	b.named[name] = f
	return f, nil
}

// OpShape returns the shape of a value.
func (b *Builder) OpShape(v compute.Value) (shapes.Shape, error) {
	x, ok := v.(*value)
	if !ok || x == nil || x.function.builder != b {
		return shapes.Invalid(), fmt.Errorf("cpu: %T is no value of computation %q", v, b.name)
	}
	return x.shape(), nil
}

// DeviceAssignment accepts device 0.
func (b *Builder) DeviceAssignment(devices ...compute.DeviceNum) error {
	if len(devices) != 1 || devices[0] != 0 {
		return fmt.Errorf("cpu: devices %v: there is only device 0: %w", devices, compute.ErrNotImplemented)
	}
	return nil
}

// Compile turns what was recorded into an executable. Main must have returned. The builder cannot be used afterwards.
func (b *Builder) Compile() (compute.Executable, error) {
	if err := b.backend.check(0); err != nil {
		return nil, err
	}
	if b.compiled {
		return nil, fmt.Errorf("cpu: computation %q is compiled already", b.name)
	}
	if !b.main.returned {
		return nil, fmt.Errorf("cpu: computation %q has no results: call Return of its main function first", b.name)
	}
	b.compiled = true
	var program program = interpreted{b.main.graph}
	var err error
	if !b.backend.interpret {
		program, err = compile(b.backend, b.name, b.main.graph)
	}
	if err != nil {
		return nil, fmt.Errorf("compiling %q: %w", b.name, err)
	}
	return &Executable{backend: b.backend, name: b.name, names: b.main.names, graph: b.main.graph, program: program}, nil
}
