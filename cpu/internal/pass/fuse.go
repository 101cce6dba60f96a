package pass

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Limits of fusion. They are about caches and compile time, never about correctness.
const (
	mostInstructions = 160     // of one program
	mostLeaves       = 14      // values one expression reads before a part of it is stored
	window           = 48      // how many steps back a kernel may still be joined
	mostLocal        = 1 << 12 // values over which a reduction may be used within its own program
	bigValue         = 1 << 12 // values from which on a tensor is worth not reading twice
)

// fuse gathers element-wise operations, broadcasts and reductions into Fused nodes.
//
// It works from the results backwards. First it decides which values are stored (materialised): what an operation other
// than these needs, what the graph returns, every reduction, and a big value that several others need and that takes
// reading two big ones to compute again. All else is recomputed where it is used: registers are cheaper than memory.
// Each stored value is the root of an expression over other stored values; roots over the same iteration space that share
// what they read, or of which one reads the other, share one program.
func fuse(g *ir.Graph, _ *Options) (*ir.Graph, error) {
	f := newFuser(g)
	f.materialise()
	f.schedule()
	return f.emit(), nil
}

// fuser holds the analysis of one graph.
type fuser struct {
	g       *ir.Graph
	def     []int32    // defining node of each value, or -1
	base    []ir.Value // each value with its reshapes stripped
	uses    []int32    // of base values, counting uses through reshapes
	stored  []bool     // base values that are materialised
	result  []bool     // base values that the graph returns
	at      []int32    // step that defines each stored base value; -1 before all
	steps   []*step
	alone   map[ir.Value]*kernel // each root's own kernel
	builder *builder
}

// step is one node of the result: an old node copied, or a fused kernel.
type step struct {
	node   *ir.Node
	roots  []ir.Value // of a kernel
	kernel *kernel
}

func newFuser(g *ir.Graph) *fuser {
	f := &fuser{g: g, def: g.Definitions(), base: make([]ir.Value, len(g.Shapes)), uses: make([]int32, len(g.Shapes)),
		stored: make([]bool, len(g.Shapes)), result: make([]bool, len(g.Shapes)), at: make([]int32, len(g.Shapes))}
	f.builder = newBuilder(f)
	for v := range f.base {
		f.base[v] = ir.Value(v)
		f.at[v] = -1
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; isReshape(n) {
			f.base[n.Outputs[0]] = f.base[n.Inputs[0]]
		}
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; !isReshape(n) {
			for _, v := range n.Inputs {
				if v != ir.None {
					f.uses[f.base[v]]++
				}
			}
		}
	}
	return f
}

func isReshape(n *ir.Node) bool { return n.Op == ir.Primitive(compute.OpTypeReshape) }

// node returns the node that defines a base value, or nil for a parameter.
func (f *fuser) node(v ir.Value) *ir.Node {
	if d := f.def[v]; d >= 0 {
		return &f.g.Nodes[d]
	}
	return nil
}

// expression returns the node of a base value if it can be an instruction of a program.
func (f *fuser) expression(v ir.Value) *ir.Node {
	if n := f.node(v); n != nil && f.fusable(n) {
		return n
	}
	return nil
}

// fusable tells whether a node can be an instruction: float32 arithmetic, with booleans as 0 and 1 in between.
func (f *fuser) fusable(n *ir.Node) bool {
	if len(n.Outputs) != 1 || !registerType(f.g.Shape(n.Outputs[0])) {
		return false
	}
	t := compute.OpType(n.Op)
	if t == compute.OpTypeConvertDType {
		return f.g.Shape(n.Outputs[0]).DType == dtypes.Float32 && loadable(f.g.Shape(n.Inputs[0]).DType)
	}
	if !elementwise[t] && t != compute.OpTypeBroadcastInDim && !isReduce(t) {
		return false
	}
	for i, v := range n.Inputs {
		s := f.g.Shape(v)
		if !registerType(s) || isReduce(t) && s.DType != dtypes.Float32 {
			return false
		}
		if s.DType == dtypes.Bool && !(logical[t] || t == compute.OpTypeWhere && i == 0 || t == compute.OpTypeBroadcastInDim) {
			return false
		}
	}
	return true
}

func registerType(s shapes.Shape) bool {
	return (s.DType == dtypes.Float32 || s.DType == dtypes.Bool) && s.Size() > 0
}

// loadable lists the types that a program converts to float32 as it reads them.
func loadable(d dtypes.DType) bool {
	return d == dtypes.Float32 || d == dtypes.Bool || d == dtypes.Int32 || d == dtypes.Int64 || d == dtypes.Uint8 ||
		d == dtypes.Uint32 || d == dtypes.Float64
}

func isReduce(t compute.OpType) bool {
	return t == compute.OpTypeReduceSum || t == compute.OpTypeReduceMax || t == compute.OpTypeReduceMin
}

var logical = set(compute.OpTypeLogicalAnd, compute.OpTypeLogicalOr, compute.OpTypeLogicalXor, compute.OpTypeLogicalNot)

var elementwise = set(compute.OpTypeAbs, compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeDiv,
	compute.OpTypeNeg, compute.OpTypeMax, compute.OpTypeMin, compute.OpTypePow, compute.OpTypeSqrt, compute.OpTypeRsqrt,
	compute.OpTypeExp, compute.OpTypeExpm1, compute.OpTypeLog, compute.OpTypeLog1p, compute.OpTypeTanh,
	compute.OpTypeLogistic, compute.OpTypeErf, compute.OpTypeSin, compute.OpTypeCos, compute.OpTypeFloor,
	compute.OpTypeCeil, compute.OpTypeRound, compute.OpTypeSign, compute.OpTypeClamp, compute.OpTypeWhere,
	compute.OpTypeEqual, compute.OpTypeNotEqual, compute.OpTypeLessThan, compute.OpTypeLessOrEqual,
	compute.OpTypeGreaterThan, compute.OpTypeGreaterOrEqual, compute.OpTypeIsNaN, compute.OpTypeIsFinite,
	compute.OpTypeLogicalAnd, compute.OpTypeLogicalOr, compute.OpTypeLogicalXor, compute.OpTypeLogicalNot)

func set(ops ...compute.OpType) map[compute.OpType]bool {
	m := make(map[compute.OpType]bool, len(ops))
	for _, op := range ops {
		m[op] = true
	}
	return m
}

// materialise decides which base values are stored.
func (f *fuser) materialise() {
	need := func(v ir.Value) {
		if v != ir.None {
			f.stored[f.base[v]] = true
		}
	}
	for _, v := range f.g.Params {
		need(v)
	}
	for _, v := range f.g.Outputs {
		need(v)
		f.result[f.base[v]] = true
	}
	for i := range f.g.Nodes {
		n := &f.g.Nodes[i]
		switch {
		case isReshape(n):
		case f.fusable(n):
			if t := compute.OpType(n.Op); isReduce(t) {
				need(n.Outputs[0])
			} else if t == compute.OpTypeConvertDType && f.g.Shape(n.Inputs[0]).DType != dtypes.Bool {
				need(n.Inputs[0])
			}
		default:
			for _, v := range n.Inputs {
				need(v)
			}
			for _, v := range n.Outputs {
				need(v)
			}
		}
	}
	f.storeShared()
}

// storeShared adds what is better stored than computed again.
func (f *fuser) storeShared() {
	leaves := make([]map[ir.Value]bool, len(f.g.Shapes)) // of expressions that are not stored
	cost := make([]int, len(f.g.Shapes))
	for i := range f.g.Nodes {
		n := &f.g.Nodes[i]
		if isReshape(n) || !f.fusable(n) {
			continue
		}
		v := n.Outputs[0]
		all := make(map[ir.Value]bool, len(n.Inputs))
		work := 1
		for _, in := range n.Inputs {
			b := f.base[in]
			if f.stored[b] || f.expression(b) == nil {
				all[b] = true
				continue
			}
			for l := range leaves[b] {
				all[l] = true
			}
			work += cost[b]
		}
		big := 0
		for l := range all {
			if s := f.g.Shape(l).Size(); s >= bigValue && s == f.g.Shape(v).Size() {
				big++
			}
		}
		shared := f.uses[v] > 1 && compute.OpType(n.Op) != compute.OpTypeBroadcastInDim
		if shared && (big > 1 || work > 40) || work > 90 || len(all) > mostLeaves {
			f.stored[v] = true
		}
		leaves[v], cost[v] = all, work
	}
}
