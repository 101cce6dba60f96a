package pass

import (
	"fmt"
	"strconv"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// cleaner rewrites one graph: simplifies each node by the rules of simplify.go, folds what is constant and merges what is
// computed twice.
type cleaner struct {
	*ir.Emitter
	evaluate Evaluate
	seen     map[string]int // by key: the node of New that computes it
	apart    bool           // copies of one computation stay apart
	keep     int            // nodes of New that Def knows
	key      []byte         // of the node at hand
}

// clean is the canonicalising pass: algebra, constant folding and common subexpressions in one sweep, which suffices since
// every operand has been cleaned before its users.
func clean(g *ir.Graph, o *Options) (*ir.Graph, error) { return sweep(g, o, false) }

// cleanApart is clean without merging. It follows the removal of barriers: what barriers kept apart, a checkpointed block and its
// recomputation, is meant to be computed twice.
func cleanApart(g *ir.Graph, o *Options) (*ir.Graph, error) { return sweep(g, o, true) }

func sweep(g *ir.Graph, o *Options, apart bool) (*ir.Graph, error) {
	c := &cleaner{Emitter: ir.NewEmitter(g), evaluate: o.Evaluate, seen: make(map[string]int, len(g.Nodes)), apart: apart}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		in := c.Mapped(n.Inputs)
		out := bodyShapes(g, n)
		for j, v := range c.node(n.Op, n.Attr, in, out) {
			c.Replace(n.Outputs[j], v)
		}
	}
	return removeDead(c.Finish(), nil)
}

// node emits a node, simplified, and returns its outputs.
func (c *cleaner) node(op ir.Op, attr any, in []ir.Value, out []shapes.Shape) []ir.Value {
	if len(out) == 1 {
		if v, ok := c.simplify(op, attr, in, out[0]); ok {
			return []ir.Value{v}
		}
	}
	mergeable := c.keyOf(op, attr, in, out) && (!c.apart || op == ir.Primitive(compute.OpTypeConstant))
	if i, ok := c.seen[string(c.key)]; ok && mergeable {
		return c.New.Nodes[i].Outputs
	}
	if vs := c.fold(op, attr, in, out); vs != nil {
		return vs
	}
	vs := c.New.Add(op, attr, in, out...)
	c.Track(c.keep)
	c.keep = len(c.New.Nodes)
	if mergeable {
		c.seen[string(c.key)] = c.keep - 1 // fold leaves the key as it was unless it returns something
	}
	return vs
}

// one emits a node with one output.
func (c *cleaner) one(op compute.OpType, attr any, in []ir.Value, out shapes.Shape) ir.Value {
	return c.node(ir.Primitive(op), attr, in, []shapes.Shape{out})[0]
}

// fold evaluates a node whose inputs are all constants, unless that would make the graph much larger.
func (c *cleaner) fold(op ir.Op, attr any, in []ir.Value, out []shapes.Shape) []ir.Value {
	const largest = 1 << 16 // values; larger results are computed when they are needed
	if c.evaluate == nil || !foldable(compute.OpType(op)) {
		return nil
	}
	for _, v := range in {
		if _, ok := c.constant(v); !ok {
			return nil
		}
	}
	for _, s := range out {
		if s.Size() > largest {
			return nil
		}
	}
	flat := make([]any, len(in))
	for i, v := range in {
		k, _ := c.constant(v)
		flat[i] = k.Flat
	}
	n := ir.Node{Op: op, Attr: attr}
	probe := &ir.Graph{Name: "fold"} // of this node alone
	for _, v := range in {
		n.Inputs = append(n.Inputs, probe.NewParam(c.New.Shapes[v]))
	}
	for _, s := range out {
		n.Outputs = append(n.Outputs, probe.NewValue(s))
	}
	values, err := c.evaluate(probe, &n, flat)
	if err != nil {
		return nil // the executor will report it, if the node is ever run
	}
	vs := make([]ir.Value, len(out))
	for i, s := range out {
		vs[i] = c.one(compute.OpTypeConstant, ir.Constant{Flat: values[i]}, nil, s)
	}
	return vs
}

// foldable excludes constants themselves, views and broadcasts of them, random draws, barriers and control flow.
func foldable(op compute.OpType) bool {
	switch op {
	case compute.OpTypeConstant, compute.OpTypeParameter, compute.OpTypeRNGBitGenerator, compute.OpTypeBroadcastInDim,
		compute.OpTypeOptimizationBarrier, compute.OpTypeSchedulingBarrier, compute.OpTypeWhile, compute.OpTypeIf,
		compute.OpTypeSort, compute.OpTypeCall, compute.OpTypeFusedScaledDotProductAttention,
		compute.OpTypeFusedScaledDotProductAttentionVJP:
		return false
	}
	return op < compute.OpTypeLast
}

// constant returns the constant that defines v.
func (c *cleaner) constant(v ir.Value) (ir.Constant, bool) {
	if v == ir.None {
		return ir.Constant{}, false
	}
	if d := c.Def(v); d != nil {
		k, ok := d.Attr.(ir.Constant)
		return k, ok
	}
	return ir.Constant{}, false
}

// splat returns the size-1 value that v repeats, if v is a broadcast or a view of one.
func (c *cleaner) splat(v ir.Value) (ir.Value, bool) {
	for {
		if c.New.Shapes[v].Size() == 1 {
			return v, true
		}
		d := c.Def(v)
		if d == nil {
			return v, false
		}
		switch compute.OpType(d.Op) {
		case compute.OpTypeBroadcastInDim, compute.OpTypeReshape:
			v = d.Inputs[0]
		default:
			return v, false
		}
	}
}

// number returns the floating-point constant that v is, everywhere.
func (c *cleaner) number(v ir.Value) (float64, bool) {
	s, ok := c.splat(v)
	if !ok {
		return 0, false
	}
	for d := c.Def(s); d != nil; d = c.Def(s) {
		switch compute.OpType(d.Op) {
		case compute.OpTypeBroadcastInDim, compute.OpTypeReshape:
			s = d.Inputs[0]
			continue
		case compute.OpTypeConstant:
			switch f := d.Attr.(ir.Constant).Flat.(type) {
			case []float32:
				return float64(f[0]), true
			case []float64:
				return f[0], true
			}
		}
		break
	}
	return 0, false
}

// scalar turns a size-1 value into one of rank 0.
func (c *cleaner) scalar(v ir.Value) ir.Value {
	return c.reshape(v, shapes.Make(c.New.Shapes[v].DType))
}

func (c *cleaner) reshape(v ir.Value, s shapes.Shape) ir.Value {
	return c.one(compute.OpTypeReshape, nil, []ir.Value{v}, s)
}

// fill emits a constant scalar of a floating-point type.
func (c *cleaner) fill(d dtypes.DType, x float64) ir.Value {
	var flat any = []float64{x}
	if d == dtypes.Float32 {
		flat = []float32{float32(x)}
	}
	return c.one(compute.OpTypeConstant, ir.Constant{Flat: flat}, nil, shapes.Make(d))
}

// keyOf writes what identifies a node into the key; barriers and control flow are never merged.
func (c *cleaner) keyOf(op ir.Op, attr any, in []ir.Value, out []shapes.Shape) (mergeable bool) {
	switch compute.OpType(op) {
	case compute.OpTypeOptimizationBarrier, compute.OpTypeSchedulingBarrier, compute.OpTypeWhile, compute.OpTypeIf,
		compute.OpTypeSort, compute.OpTypeCall, compute.OpTypeParameter:
		return false
	}
	number := func(x int, end byte) { c.key = append(strconv.AppendInt(c.key, int64(x), 10), end) }
	c.key = c.key[:0]
	number(int(op), ':')
	for _, v := range in {
		number(int(v), ' ')
	}
	for _, s := range out {
		number(int(s.DType), ':')
		for _, d := range s.Dimensions {
			number(d, ' ')
		}
	}
	switch a := attr.(type) {
	case nil:
	case ir.Constant:
		if out[0].Size() > 64 {
			return false
		}
		c.key = fmt.Appendf(c.key, "%#v", a.Flat) // %#v keeps -0 and 0 apart
	default:
		c.key = fmt.Appendf(c.key, "%v", attr)
	}
	return true
}
