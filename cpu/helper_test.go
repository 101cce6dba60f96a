package cpu

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// open opens a backend and closes it at the end of the test.
func open(t testing.TB, config string) *Backend {
	t.Helper()
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// forConfigs runs a test with a backend of each tier that this machine has, and with the interpreter.
func forConfigs(t *testing.T, test func(t *testing.T, b *Backend)) {
	t.Run("interpreter", func(t *testing.T) {
		b := open(t, "")
		b.interpret = true
		test(t, b)
	})
	for tier := kernel.Reference; tier <= kernel.AVX512; tier++ {
		if tier.Available() {
			t.Run(tier.String(), func(t *testing.T) { test(t, open(t, "threads=2,tier="+tier.String())) })
		}
	}
}

// tensor is a value on the Go side.
type tensor struct {
	flat  any
	shape shapes.Shape
}

// of makes a tensor of a flat slice.
func of[T any](flat []T, dims ...int) tensor {
	return tensor{flat, shapes.Make(elementDType(flat), dims...)}
}

// graphCase is a graph with inputs to run it on.
type graphCase struct {
	inputs []tensor
	build  func(f compute.Function, in []compute.Value) ([]compute.Value, error)
}

// compile builds the graph.
func (c graphCase) compile(b compute.Backend) (compute.Executable, error) {
	builder := b.Builder("test")
	main := builder.Main()
	var params []compute.Value
	for i, in := range c.inputs {
		p, err := main.Parameter(fmt.Sprintf("x%d", i), in.shape, nil)
		if err != nil {
			return nil, err
		}
		params = append(params, p)
	}
	out, err := c.build(main, params)
	if err != nil {
		return nil, err
	}
	if err := main.Return(out, nil); err != nil {
		return nil, err
	}
	return builder.Compile()
}

// buffers moves the inputs to the backend.
func (c graphCase) buffers(b compute.Backend) ([]compute.Buffer, error) {
	var out []compute.Buffer
	for _, in := range c.inputs {
		buffer, err := b.BufferFromFlatData(0, in.flat, in.shape)
		if err != nil {
			return nil, err
		}
		out = append(out, buffer)
	}
	return out, nil
}

// run builds, compiles and executes the graph.
func (c graphCase) run(b compute.Backend) ([]tensor, error) {
	e, err := c.compile(b)
	if err != nil {
		return nil, err
	}
	defer e.Finalize()
	in, err := c.buffers(b)
	if err != nil {
		return nil, err
	}
	out, err := e.Execute(in, nil, 0)
	if err != nil {
		return nil, err
	}
	results := make([]tensor, len(out))
	for i, o := range out {
		if results[i], err = fetch(o); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// fetch copies a buffer.
func fetch(b compute.Buffer) (tensor, error) {
	s, err := b.Shape()
	if err != nil {
		return tensor{}, err
	}
	flat := dtypes.MakeAnySlice(s.DType, s.Size())
	return tensor{flat, s}, b.ToFlatData(flat)
}

// run1 runs a graph of one output on a backend and fails the test on any error.
func run1(t *testing.T, b compute.Backend, inputs []tensor, build func(f compute.Function, in []compute.Value) (compute.Value, error)) tensor {
	t.Helper()
	out, err := graphCase{inputs, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
		v, err := build(f, in)
		return []compute.Value{v}, err
	}}.run(b)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}
