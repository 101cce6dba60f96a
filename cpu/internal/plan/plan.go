// Package plan decides where the values of a graph live. It is pure: lifetimes in, places out.
//
// Most values get an offset in one arena, shared by values that are never alive together. Parameters lie in the caller's
// buffers and results get buffers of their own, unless a result may take over a parameter's buffer that the caller donates.
package plan

import (
	"cmp"
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Align is the alignment of every block of an arena, in bytes.
const Align = 64

// Kind says where a value lives.
type Kind uint8

// The places.
const (
	Unused Kind = iota
	Param       // in the caller's buffer of parameter Index
	Output      // in a buffer of its own, handed to the caller as result Index
	Arena       // at Offset of the arena
	Fixed       // a constant, kept by the executable
)

// Place is where a value lives.
type Place struct {
	Kind   Kind
	Index  int
	Offset int64
	Size   int64
}

// Plan is the memory plan of one graph.
type Plan struct {
	Root    []ir.Value // the value whose storage each value shares (itself, or what it is a view of)
	Places  []Place    // of each root
	Scratch []int64    // arena offset of each node's scratch space
	Reuse   []int      // for each result: the parameter whose donated buffer it can take over, or -1
	Arena   int64      // size of the arena in bytes
}

// Limits is what the planner must know of the nodes.
type Limits struct {
	Scratch func(node int) int64         // bytes of scratch that a node needs
	InPlace func(node, out, in int) bool // whether the node's output may be written over its input
}

// Block is a request for memory between two moments, both included.
type Block struct {
	Size        int64
	First, Last int
}

// New plans a graph.
func New(g *ir.Graph, limits Limits) *Plan {
	b := newBuilder(g, limits)
	b.views()
	b.lifetimes()
	b.places()
	b.share()
	b.arena()
	return b.p
}

// isView tells whether a node's output is its input under another shape.
func isView(n *ir.Node) bool { return n.Op == ir.Primitive(compute.OpTypeReshape) }

type builder struct {
	g           *ir.Graph
	limits      Limits
	p           *Plan
	def         []int32
	first, last []int      // lifetime of each root, in nodes
	into        []ir.Value // the root whose storage an output takes over, or None
}

func newBuilder(g *ir.Graph, limits Limits) *builder {
	n := len(g.Shapes)
	b := &builder{g: g, limits: limits, def: g.Definitions(), first: make([]int, n), last: make([]int, n),
		into: make([]ir.Value, n)}
	b.p = &Plan{Root: make([]ir.Value, n), Places: make([]Place, n), Scratch: make([]int64, len(g.Nodes)),
		Reuse: make([]int, len(g.Outputs))}
	for v := range n {
		b.p.Root[v], b.into[v] = ir.Value(v), ir.None
		b.first[v], b.last[v] = int(b.def[v]), -1
	}
	return b
}

func (b *builder) views() {
	for i := range b.g.Nodes {
		if n := &b.g.Nodes[i]; isView(n) {
			b.p.Root[n.Outputs[0]] = b.p.Root[n.Inputs[0]]
		}
	}
}

func (b *builder) lifetimes() {
	for i := range b.g.Nodes {
		n := &b.g.Nodes[i]
		for _, v := range n.Outputs {
			b.last[v] = max(b.last[v], i)
		}
		if isView(n) {
			continue
		}
		for _, v := range n.Inputs {
			if v != ir.None {
				r := b.p.Root[v]
				b.last[r] = max(b.last[r], i)
			}
		}
	}
	for _, v := range b.g.Outputs {
		b.last[b.p.Root[v]] = len(b.g.Nodes)
	}
}

// places settles parameters, constants and results; the rest goes into the arena.
func (b *builder) places() {
	for v := range b.g.Shapes {
		r := b.p.Root[v]
		if int(r) == v {
			b.p.Places[v] = Place{Kind: Arena, Size: int64(b.g.Shapes[v].Memory())}
		}
	}
	for i, v := range b.g.Params {
		b.p.Places[v] = Place{Kind: Param, Index: i, Size: b.p.Places[v].Size}
	}
	for i := range b.g.Nodes {
		if n := &b.g.Nodes[i]; compute.OpType(n.Op) == compute.OpTypeConstant {
			b.p.Places[n.Outputs[0]].Kind = Fixed
		}
	}
	for i, v := range b.g.Outputs {
		b.p.Reuse[i] = -1
		if r := b.p.Root[v]; b.p.Places[r].Kind == Arena {
			b.p.Places[r].Kind, b.p.Places[r].Index = Output, i
		}
	}
}

// share lets outputs take over the storage of inputs that die with their node.
func (b *builder) share() {
	taken := make([]bool, len(b.g.Shapes))
	for i := range b.g.Nodes {
		n := &b.g.Nodes[i]
		if isView(n) {
			continue
		}
		for o, out := range n.Outputs {
			b.shareOutput(i, o, out, taken)
		}
	}
}

func (b *builder) shareOutput(node, o int, out ir.Value, taken []bool) {
	n := &b.g.Nodes[node]
	place := &b.p.Places[out]
	for k, in := range n.Inputs {
		if in == ir.None {
			continue
		}
		r := b.p.Root[in]
		from := b.p.Places[r]
		if taken[r] || b.last[r] != node || from.Size != place.Size || !b.limits.InPlace(node, o, k) {
			continue
		}
		switch {
		case place.Kind == Arena && from.Kind == Arena:
			b.into[out] = r
		case place.Kind == Output && from.Kind == Param:
			b.p.Reuse[place.Index] = from.Index
		default:
			continue
		}
		taken[r] = true
		return
	}
}

// arena gives every block its offset.
func (b *builder) arena() {
	owner := make([]ir.Value, len(b.g.Shapes)) // first of a chain of values that take over one another's storage
	var blocks []Block
	at := make([]int, len(b.g.Shapes))
	for i := range b.g.Nodes {
		for _, v := range b.g.Nodes[i].Outputs {
			if b.p.Root[v] != v || b.p.Places[v].Kind != Arena {
				continue
			}
			if from := b.into[v]; from != ir.None {
				owner[v] = owner[from]
				k := &blocks[at[owner[v]]]
				k.Last = max(k.Last, b.last[v])
				continue
			}
			owner[v], at[v] = v, len(blocks)
			blocks = append(blocks, Block{Size: b.p.Places[v].Size, First: b.first[v], Last: b.last[v]})
		}
	}
	values := len(blocks)
	for i := range b.g.Nodes {
		blocks = append(blocks, Block{Size: b.limits.Scratch(i), First: i, Last: i})
	}
	offsets, total := Offsets(blocks)
	for v := range b.g.Shapes {
		if b.p.Root[v] == ir.Value(v) && b.p.Places[v].Kind == Arena {
			b.p.Places[v].Offset = offsets[at[owner[v]]]
		}
	}
	copy(b.p.Scratch, offsets[values:])
	b.p.Arena = total
}

// Offsets places blocks so that those alive together do not overlap, and returns the offsets and the size needed: largest
// first, each at the lowest place that is free throughout its life (greedy by size; Pisarchyk and Lee 2020).
func Offsets(blocks []Block) (offsets []int64, total int64) {
	offsets = make([]int64, len(blocks))
	order := make([]int, 0, len(blocks))
	for i, k := range blocks {
		if k.Size > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(blocks[b].Size, blocks[a].Size) })
	var placed []int // by offset
	for _, i := range order {
		k := blocks[i]
		size := (k.Size + Align - 1) / Align * Align
		at := int64(0)
		for _, j := range placed {
			o := blocks[j]
			if o.First > k.Last || o.Last < k.First {
				continue
			}
			if offsets[j] >= at+size {
				break
			}
			at = max(at, offsets[j]+(o.Size+Align-1)/Align*Align)
		}
		offsets[i] = at
		total = max(total, at+size)
		where, _ := slices.BinarySearchFunc(placed, at, func(j int, at int64) int { return cmp.Compare(offsets[j], at) })
		placed = slices.Insert(placed, where, i)
	}
	return offsets, total
}
