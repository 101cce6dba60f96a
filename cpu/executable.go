package cpu

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Executable is a compiled computation. It may be executed by several goroutines at once.
type Executable struct {
	backend   *Backend
	name      string
	names     []string // of the parameters
	graph     *ir.Graph
	program   program
	finalized atomic.Bool
}

var _ compute.Executable = (*Executable)(nil)

// Finalize makes the executable unusable; running executions come to their end.
func (e *Executable) Finalize() { e.finalized.Store(true) }

// Inputs returns the parameters' names and shapes in the order in which they were created.
func (e *Executable) Inputs() ([]string, []shapes.Shape) { return e.names, e.shapesOf(e.graph.Params) }

// Outputs returns the outputs' shapes.
func (e *Executable) Outputs() []shapes.Shape { return e.shapesOf(e.graph.Outputs) }

func (e *Executable) shapesOf(values []ir.Value) []shapes.Shape {
	out := make([]shapes.Shape, len(values))
	for i, v := range values {
		out[i] = e.graph.Shape(v)
	}
	return out
}

// MemoryEstimate returns how many bytes an execution needs beside its inputs, outputs included; inputs that can become outputs
// are taken to be donated, as a training step's variables are.
func (e *Executable) MemoryEstimate() int64 { return e.program.MemoryEstimate() }

// Execute runs the computation. Donated inputs are consumed, whether it succeeds or fails, unless the inputs themselves are
// refused: an error about them leaves every buffer as it was. Every output has memory of its own; that of a donated input may
// be reused for it. device must be 0.
func (e *Executable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	buffers, donated, err := e.checkInputs(inputs, donate, device)
	if err != nil {
		return nil, err
	}
	blocks, err := reserveAll(e, buffers, donated)
	if err != nil {
		return nil, err
	}
	results, err := e.run(blocks, donated)
	kept := make([]bool, len(buffers))
	for _, r := range results {
		if r.input >= 0 {
			kept[r.input] = true
		}
	}
	for i, b := range buffers {
		b.release(donated[i], kept[i])
	}
	runtime.KeepAlive(buffers)
	if err != nil {
		return nil, err
	}
	outputs := make([]compute.Buffer, len(results))
	for i, r := range results {
		outputs[i] = e.backend.adopt(r.block, e.graph.Shape(e.graph.Outputs[i]))
	}
	return outputs, nil
}

// run executes the program; whatever goes wrong in it becomes an error.
func (e *Executable) run(blocks [][]byte, donated []bool) (results []result, err error) {
	defer func() {
		if r := recover(); r != nil {
			results, err = nil, fmt.Errorf("cpu: executing %q: %v", e.name, r)
		}
	}()
	results, err = e.program.Run(blocks, donated, e.backend.memory)
	if err != nil {
		return nil, fmt.Errorf("executing %q: %w", e.name, err)
	}
	return results, nil
}

// checkInputs verifies count, kind and shapes of the inputs and fills in donate's default.
func (e *Executable) checkInputs(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]*Buffer, []bool, error) {
	if err := e.backend.check(device); err != nil {
		return nil, nil, err
	}
	if e.finalized.Load() {
		return nil, nil, fmt.Errorf("cpu: executable %q is finalized", e.name)
	}
	if len(inputs) != len(e.names) {
		return nil, nil, fmt.Errorf("cpu: %q takes %d inputs, got %d", e.name, len(e.names), len(inputs))
	}
	if donate == nil {
		donate = make([]bool, len(inputs))
	}
	if len(donate) != len(inputs) {
		return nil, nil, fmt.Errorf("cpu: %q: %d inputs, but donate has %d values", e.name, len(inputs), len(donate))
	}
	buffers := make([]*Buffer, len(inputs))
	for i, in := range inputs {
		b, ok := in.(*Buffer)
		if !ok || b == nil || b.backend != e.backend {
			return nil, nil, fmt.Errorf("cpu: %s is no buffer of this backend, but a %T", e.input(i), in)
		}
		if want := e.graph.Shape(e.graph.Params[i]); !b.shape.Equal(want) {
			return nil, nil, fmt.Errorf("cpu: %s has shape %s, want %s", e.input(i), b.shape, want)
		}
		buffers[i] = b
	}
	return buffers, donate, nil
}

// input names an input in errors.
func (e *Executable) input(i int) string {
	return fmt.Sprintf("input %d (%q) of %q", i, e.names[i], e.name)
}

// reserveAll reserves every input, or none.
func reserveAll(e *Executable, buffers []*Buffer, donated []bool) ([][]byte, error) {
	blocks := make([][]byte, len(buffers))
	for i, b := range buffers {
		block, err := b.reserve(donated[i])
		if err != nil {
			for j := range i {
				buffers[j].restore(donated[j])
			}
			return nil, fmt.Errorf("%s: %w", e.input(i), err)
		}
		blocks[i] = block
	}
	return blocks, nil
}
