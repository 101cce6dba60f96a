// Package ir is the engine's intermediate representation: a graph of operations over values in static single assignment.
//
// Values and nodes are integers into flat slices. Every value is defined once, by a node or as a parameter; nodes stand in
// an order in which each uses only what is already defined. Passes read one graph and emit another (see package pass), so
// a graph that has been handed on is never mutated.
package ir

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// Value names one tensor of a [Graph].
type Value int32

// None stands for an absent optional input.
const None Value = -1

// Op is an operation: one of compute.OpType's, or one of the engine's own that only passes create.
type Op int

// Graph is one function: parameters in, outputs out.
type Graph struct {
	Name    string
	Shapes  []shapes.Shape // of each value
	Params  []Value        // in order of the function's signature; a closure's captured values follow its own parameters
	Nodes   []Node         // in a valid order
	Outputs []Value

	spare []Value // room for nodes' inputs and outputs: one allocation for many
}

// Node is one operation. Attr is nil or the attribute struct that the operation's doc in attr.go names.
type Node struct {
	Op      Op
	Inputs  []Value
	Outputs []Value
	Attr    any
}

// Shape returns a value's shape.
func (g *Graph) Shape(v Value) shapes.Shape { return g.Shapes[v] }

// NewValue adds a value without a definition; the caller makes it a parameter or a node's output.
func (g *Graph) NewValue(shape shapes.Shape) Value {
	g.Shapes = append(g.Shapes, shape)
	return Value(len(g.Shapes) - 1)
}

// NewParam adds a parameter.
func (g *Graph) NewParam(shape shapes.Shape) Value {
	v := g.NewValue(shape)
	g.Params = append(g.Params, v)
	return v
}

// Add appends a node with the given output shapes and returns its outputs.
func (g *Graph) Add(op Op, attr any, inputs []Value, outputs ...shapes.Shape) []Value {
	out := g.values(len(outputs))
	for i, s := range outputs {
		out[i] = g.NewValue(s)
	}
	g.Nodes = append(g.Nodes, Node{Op: op, Inputs: inputs, Outputs: out, Attr: attr})
	return out
}

// values returns a list of n values of its own.
func (g *Graph) values(n int) []Value {
	const chunk = 1 << 10
	if len(g.spare) < n {
		g.spare = make([]Value, max(n, chunk))
	}
	list := g.spare[:n:n]
	g.spare = g.spare[n:]
	return list
}

// Primitive converts an operation of the compute interface.
func Primitive(op compute.OpType) Op { return Op(op) }
