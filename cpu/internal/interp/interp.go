// Package interp runs graphs of package ir one node after another in plain Go.
//
// It is the engine's definition of what every operation means: obviously right rather than fast, complete over all
// operations and dtypes, deterministic. The executor falls back on it, node by node, for what has no fast kernel, and tests
// compare fast kernels with it.
//
// Numbers are computed in few types. Every float is computed as float64 and rounded once at the end, every complex number
// as complex128, integers in their own type (packed ones as bytes). So sums and products of float32, bfloat16 and float16
// are as accurate as their dtype can show. Operations that only move elements do not look at the type, but at its size.
package interp

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Tensor is a dense row-major array. Flat is a slice of the Go type of the shape's dtype: of one value per element, or for
// packed dtypes (Int4, ...) of bytes.
type Tensor struct {
	Shape shapes.Shape
	Flat  any
}

// New returns a tensor of zeros.
func New(s shapes.Shape) Tensor { return Tensor{s, dtypes.MakeAnySlice(s.DType, s.Size())} }

// Of returns a tensor over existing bytes, which must be aligned for the dtype.
func Of(s shapes.Shape, block []byte) Tensor {
	if s.Size() == 0 {
		return New(s)
	}
	return Tensor{s, flatOf(block, s)}
}

// Bytes returns the tensor's memory.
func (t Tensor) Bytes() []byte { return dtypes.UnsafeByteSliceFromAny(t.Flat) }

// Run executes a graph: in holds one tensor for each parameter, the results are new tensors. An error names the node.
func Run(g *ir.Graph, in []Tensor) ([]Tensor, error) {
	if len(in) != len(g.Params) {
		return nil, fmt.Errorf("interp: graph %q takes %d inputs, got %d", g.Name, len(g.Params), len(in))
	}
	values := make([]Tensor, len(g.Shapes))
	uses := g.Uses()
	for i, p := range g.Params {
		values[p] = in[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if err := runNode(g, n, values, uses); err != nil {
			return nil, fmt.Errorf("cpu: %s (node %d of %q): %w", n.Op, i, g.Name, err)
		}
	}
	out := make([]Tensor, len(g.Outputs))
	for i, v := range g.Outputs {
		out[i] = New(g.Shapes[v])
		dtypes.CopyAnySlice(out[i].Flat, values[v].Flat)
	}
	return out, nil
}

// runNode evaluates a node whose outputs are used, and forgets the inputs that it was the last to use.
func runNode(g *ir.Graph, n *ir.Node, values []Tensor, uses []int32) error {
	in, out := make([]Tensor, len(n.Inputs)), make([]Tensor, len(n.Outputs))
	for i, v := range n.Inputs {
		if v != ir.None {
			in[i] = values[v]
		}
	}
	for i, v := range n.Outputs {
		out[i] = New(g.Shapes[v])
		values[v] = out[i]
	}
	if err := Eval(n, in, out); err != nil {
		return err
	}
	for _, v := range n.Inputs {
		if v == ir.None {
			continue
		}
		if uses[v]--; uses[v] == 0 {
			values[v].Flat = nil
		}
	}
	return nil
}

// Eval computes one node: in and out hold a tensor for each of its inputs and outputs; the outputs have their shapes, share
// no memory with the inputs, and are overwritten. A failure of any kind is returned as an error.
func Eval(n *ir.Node, in, out []Tensor) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	op := compute.OpType(n.Op)
	if f := operations[op]; f != nil {
		return f(&call{op, n.Attr, in, out})
	}
	if f := computations[op]; f != nil {
		return widened(f, &call{op, n.Attr, in, out})
	}
	if f := controls(op); f != nil {
		return f(&call{op, n.Attr, in, out})
	}
	return fmt.Errorf("the interpreter has no operation %s", n.Op)
}

// call is one evaluation: the operation, its attribute and its operands.
type call struct {
	op      compute.OpType
	attr    any
	in, out []Tensor
}

// operations work on tensors as they are stored.
var operations = map[compute.OpType]func(*call) error{
	compute.OpTypeConstant:            constant,
	compute.OpTypeIdentity:            copyAll,
	compute.OpTypeReshape:             copyAll,
	compute.OpTypeOptimizationBarrier: copyAll,
	compute.OpTypeSchedulingBarrier:   copyAll,
	compute.OpTypeBitcast:             bitcast,
	compute.OpTypeConvertDType:        convertDType,
	compute.OpTypeIota:                iota_,
	compute.OpTypeRNGBitGenerator:     randomBits,
	compute.OpTypeDotGeneral:          dotGeneral,
}

// computations work on tensors in the dtypes that are computed with.
var computations = collect(movements, elementwise, reductions, windows, products, norms, map[compute.OpType]func(*call) error{
	compute.OpTypeFFT: fft,
	compute.OpTypeFusedScaledDotProductAttention:    attention,
	compute.OpTypeFusedScaledDotProductAttentionVJP: attentionVJP,
})

func collect(tables ...map[compute.OpType]func(*call) error) map[compute.OpType]func(*call) error {
	all := map[compute.OpType]func(*call) error{}
	for _, t := range tables {
		for op, f := range t {
			all[op] = f
		}
	}
	return all
}

func constant(c *call) error {
	dtypes.CopyAnySlice(c.out[0].Flat, c.attr.(ir.Constant).Flat)
	return nil
}

// copyAll copies inputs to outputs; a scheduling barrier has more inputs than outputs.
func copyAll(c *call) error {
	for i := range c.out {
		dtypes.CopyAnySlice(c.out[i].Flat, c.in[i].Flat)
	}
	return nil
}

func bitcast(c *call) error {
	copy(c.out[0].Bytes(), c.in[0].Bytes())
	return nil
}
