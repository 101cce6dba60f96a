package ir

import "github.com/gomlx/compute/shapes"

// Emitter rewrites a graph into a new one, node by node in order. It is how every pass is written: walk the old nodes,
// Emit replacements or Copy, and Finish.
type Emitter struct {
	Old, New *Graph
	to       []Value // new value of each old one
	def      []int32 // node of the new graph that defines each new value, or -1
}

// NewEmitter starts a rewrite: the new graph has the old one's name and parameters, and room for as much as the old one.
func NewEmitter(old *Graph) *Emitter {
	e := &Emitter{Old: old, to: make([]Value, len(old.Shapes))}
	e.New = &Graph{Name: old.Name, Shapes: make([]shapes.Shape, 0, len(old.Shapes)), Nodes: make([]Node, 0, len(old.Nodes)),
		spare: make([]Value, 2*len(old.Shapes))}
	for i := range e.to {
		e.to[i] = None
	}
	for _, p := range old.Params {
		e.to[p] = e.New.NewParam(old.Shapes[p])
	}
	return e
}

// To returns the new value that stands for an old one; None maps to itself.
func (e *Emitter) To(old Value) Value {
	if old == None {
		return None
	}
	return e.to[old]
}

// Mapped returns the new values of old ones.
func (e *Emitter) Mapped(old []Value) []Value {
	out := e.New.values(len(old))
	for i, v := range old {
		out[i] = e.To(v)
	}
	return out
}

// Replace lets a new value stand for an old one.
func (e *Emitter) Replace(old, with Value) { e.to[old] = with }

// Emit adds a node to the new graph and returns its first output.
func (e *Emitter) Emit(op Op, attr any, inputs []Value, outputs ...shapes.Shape) Value {
	return e.New.Add(op, attr, inputs, outputs...)[0]
}

// Copy emits an old node with its inputs mapped and lets its outputs stand for the old ones.
func (e *Emitter) Copy(n *Node) {
	out := e.New.values(len(n.Outputs))
	for i, v := range n.Outputs {
		out[i] = e.New.NewValue(e.Old.Shapes[v])
		e.to[v] = out[i]
	}
	e.New.Nodes = append(e.New.Nodes, Node{Op: n.Op, Inputs: e.Mapped(n.Inputs), Outputs: out, Attr: n.Attr})
}

// Def returns the new graph's node that defines v, or nil for a parameter.
func (e *Emitter) Def(v Value) *Node {
	for len(e.def) < len(e.New.Shapes) {
		e.def = append(e.def, -1)
	}
	if i := e.def[v]; i >= 0 {
		return &e.New.Nodes[i]
	}
	return nil
}

// Track makes the nodes added since the last call known to Def.
func (e *Emitter) Track(from int) {
	for len(e.def) < len(e.New.Shapes) {
		e.def = append(e.def, -1)
	}
	for i := from; i < len(e.New.Nodes); i++ {
		for _, v := range e.New.Nodes[i].Outputs {
			e.def[v] = int32(i)
		}
	}
}

// Finish maps the outputs and returns the new graph.
func (e *Emitter) Finish() *Graph {
	e.New.Outputs = e.Mapped(e.Old.Outputs)
	return e.New
}

// Definitions returns, for each value, the index of the node that defines it, or -1 for a parameter.
func (g *Graph) Definitions() []int32 {
	def := make([]int32, len(g.Shapes))
	for i := range def {
		def[i] = -1
	}
	for i := range g.Nodes {
		for _, v := range g.Nodes[i].Outputs {
			def[v] = int32(i)
		}
	}
	return def
}

// Uses returns, for each value, how often nodes and the graph's outputs use it.
func (g *Graph) Uses() []int32 {
	uses := make([]int32, len(g.Shapes))
	for i := range g.Nodes {
		for _, v := range g.Nodes[i].Inputs {
			if v != None {
				uses[v]++
			}
		}
	}
	for _, v := range g.Outputs {
		uses[v]++
	}
	return uses
}
