package pass

import (
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// inlineCalls replaces every call of a named function by the function's body.
func inlineCalls(g *ir.Graph, _ *Options) (*ir.Graph, error) {
	if !slices.ContainsFunc(g.Nodes, func(n ir.Node) bool { return n.Op == ir.Primitive(compute.OpTypeCall) }) {
		return g, nil
	}
	e := ir.NewEmitter(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if call, ok := n.Attr.(ir.Call); ok && n.Op == ir.Primitive(compute.OpTypeCall) {
			for j, v := range inlineBody(e, call.Body, e.Mapped(n.Inputs)) {
				e.Replace(n.Outputs[j], v)
			}
			continue
		}
		e.Copy(n)
	}
	return e.Finish(), nil
}

// inlineBody emits the body's nodes with its parameters bound to args and returns its outputs.
func inlineBody(e *ir.Emitter, body *ir.Graph, args []ir.Value) []ir.Value {
	to := make([]ir.Value, len(body.Shapes))
	for i, p := range body.Params {
		to[p] = args[i]
	}
	mapped := func(vs []ir.Value) []ir.Value {
		out := make([]ir.Value, len(vs))
		for i, v := range vs {
			if out[i] = ir.None; v != ir.None {
				out[i] = to[v]
			}
		}
		return out
	}
	for i := range body.Nodes {
		n := &body.Nodes[i]
		in := mapped(n.Inputs)
		if call, ok := n.Attr.(ir.Call); ok && n.Op == ir.Primitive(compute.OpTypeCall) {
			for j, v := range inlineBody(e, call.Body, in) {
				to[n.Outputs[j]] = v
			}
			continue
		}
		for j, v := range e.New.Add(n.Op, n.Attr, in, bodyShapes(body, n)...) {
			to[n.Outputs[j]] = v
		}
	}
	return mapped(body.Outputs)
}
