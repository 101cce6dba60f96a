package main

import (
	"errors"

	"github.com/gomlx/compute"
)

// dry is an engine that compiles and never computes: it tells what computations would need.
type dry struct {
	compute.Backend
	flops  float64 // multiplications and additions of the products and convolutions of the computations compiled since the last take
	memory int64   // bytes that the largest of them needs beside its inputs
	known  bool    // the engine tells about memory
}

// errDry ends the execution of a computation that was only to be compiled.
var errDry = errors.New("compiled, not executed")

// estimator is what an executable that knows its memory offers (cpu.Executable does).
type estimator interface{ MemoryEstimate() int64 }

// need is what computations need.
type need struct {
	Memory int64   `json:"memory_bytes"` // beside weights and other variables; 0: the engine does not tell
	FLOPs  float64 `json:"flops"`
}

// take returns what the computations since the last take need.
func (d *dry) take() need {
	n := need{d.memory, d.flops}
	d.flops, d.memory = 0, 0
	return n
}

// Builder implements compute.Backend.
func (d *dry) Builder(name string) compute.Builder {
	return &dryBuilder{d.Backend.Builder(name), d, nil}
}

type dryBuilder struct {
	compute.Builder
	dry  *dry
	main compute.Function
}

// Main implements compute.Builder.
func (b *dryBuilder) Main() compute.Function {
	if b.main == nil {
		b.main = &dryFunction{b.Builder.Main(), b}
	}
	return b.main
}

// Compile implements compute.Builder.
func (b *dryBuilder) Compile() (compute.Executable, error) {
	x, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	if e, ok := x.(estimator); ok {
		b.dry.memory, b.dry.known = max(b.dry.memory, e.MemoryEstimate()), true
	}
	return dryExecutable{x}, nil
}

type dryExecutable struct{ compute.Executable }

// Execute implements compute.Executable.
func (dryExecutable) Execute([]compute.Buffer, []bool, compute.DeviceNum) ([]compute.Buffer, error) {
	return nil, errDry
}

// dryFunction counts the operations that networks spend their time in.
type dryFunction struct {
	compute.Function
	builder *dryBuilder
}

// DotGeneral implements compute.StandardOps.
func (f *dryFunction) DotGeneral(lhs compute.Value, lc, lb []int, rhs compute.Value, rc, rb []int, config compute.DotGeneralConfig) (compute.Value, error) {
	out, err := f.Function.DotGeneral(lhs, lc, lb, rhs, rc, rb, config)
	if err == nil {
		k := 1
		for _, axis := range lc {
			k *= f.dims(lhs)[axis]
		}
		f.count(out, k)
	}
	return out, err
}

// ConvGeneral implements compute.StandardOps.
func (f *dryFunction) ConvGeneral(input, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (compute.Value, error) {
	out, err := f.Function.ConvGeneral(input, kernel, axes, strides, paddings, inputDilations, kernelDilations, channelGroups, batchGroups)
	if err == nil {
		k := f.dims(kernel)[axes.KernelInputChannels]
		for _, axis := range axes.KernelSpatial {
			k *= f.dims(kernel)[axis]
		}
		f.count(out, k)
	}
	return out, err
}

// count adds an operation whose every result is a sum of k products.
func (f *dryFunction) count(out compute.Value, k int) {
	n := 2 * float64(k)
	for _, d := range f.dims(out) {
		n *= float64(d)
	}
	f.builder.dry.flops += n
}

func (f *dryFunction) dims(v compute.Value) []int {
	shape, err := f.builder.OpShape(v)
	if err != nil {
		return nil
	}
	return shape.Dimensions
}
