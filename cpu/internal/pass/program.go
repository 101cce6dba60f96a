package pass

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// kernel is a program under construction, with the values that it reads and writes (bases).
type kernel struct {
	space   int
	program *ir.Program
	inputs  []ir.Value
	outputs []ir.Value
	large   map[ir.Value]bool // inputs read in full
}

// builder makes the program of a set of roots. Registers are keyed by value and pattern, as one small tensor may be
// broadcast along different axes in one program.
type builder struct {
	f        *fuser
	full     pattern
	roots    map[ir.Value]pattern // pattern of each root within the space
	patterns []pattern            // those that keys name by their index
	regs     map[regKey]int32
	code     []ir.Instr
	keeps    []pattern // of each register
	inputs   []ir.Value
	inputAt  map[ir.Value]int
	local    []int32 // registers that are reductions used within the program
}

type regKey struct {
	v       ir.Value
	pattern int
}

func newBuilder(f *fuser) *builder {
	return &builder{f: f, roots: map[ir.Value]pattern{}, regs: map[regKey]int32{}, inputAt: map[ir.Value]int{}}
}

// reset forgets the last program but keeps its room. Inputs are not reused: the kernel has them.
func (b *builder) reset(full pattern) {
	clear(b.roots)
	clear(b.regs)
	clear(b.inputAt)
	b.full, b.inputs = full, nil
	b.patterns, b.code, b.keeps, b.local = b.patterns[:0], b.code[:0], b.keeps[:0], b.local[:0]
}

func (b *builder) key(v ir.Value, p pattern) regKey {
	i := slices.IndexFunc(b.patterns, p.equal)
	if i < 0 {
		i = len(b.patterns)
		b.patterns = append(b.patterns, p)
	}
	return regKey{v, i}
}

var errNoFit = errors.New("does not fit one program")

// build makes the kernel of the given roots, or errNoFit.
func (f *fuser) build(roots []ir.Value) (*kernel, error) {
	k := &kernel{space: f.space(roots[0]), large: map[ir.Value]bool{}}
	b := f.builder
	b.reset(fullPattern(k.space))
	p := &ir.Program{}
	var keeps []pattern
	for _, v := range roots {
		out, keep, err := b.root(v)
		if err != nil {
			return nil, err
		}
		p.Outputs = append(p.Outputs, out)
		keeps = append(keeps, keep)
		k.outputs = append(k.outputs, v)
	}
	if len(b.code) > mostInstructions {
		return nil, errNoFit
	}
	if err := b.finish(p, keeps); err != nil {
		return nil, err
	}
	k.program, k.inputs = p, b.inputs
	for i, in := range b.code {
		if in.Op == ir.Load && b.keeps[i].equal(b.full) {
			k.large[b.inputs[in.Input]] = k.space >= bigValue
		}
	}
	return k, nil
}

// root compiles one root and says how its register becomes an output.
func (b *builder) root(v ir.Value) (ir.ProgramOutput, pattern, error) {
	n := b.f.node(v)
	t := compute.OpType(n.Op)
	if !isReduce(t) {
		reg, err := b.compute(v, n, b.full)
		b.roots[v] = b.full
		return ir.ProgramOutput{Reg: reg}, b.full, err
	}
	reg, err := b.value(n.Inputs[0], b.full)
	if err != nil {
		return ir.ProgramOutput{}, nil, err
	}
	keep, err := b.reduced(n)
	b.roots[v] = keep
	kind := map[compute.OpType]compute.ReduceOpType{compute.OpTypeReduceSum: compute.ReduceOpSum,
		compute.OpTypeReduceMax: compute.ReduceOpMax, compute.OpTypeReduceMin: compute.ReduceOpMin}[t]
	return ir.ProgramOutput{Reg: reg, Reduce: kind}, keep, err
}

// reduced returns the pattern that a reduction over the whole space keeps.
func (b *builder) reduced(n *ir.Node) (pattern, error) {
	parts, err := b.full.split(b.f.g.Shape(n.Inputs[0]).Dimensions)
	if err != nil {
		return nil, err
	}
	gone := n.Attr.(ir.Axes).Axes
	var keep pattern
	for axis, part := range parts {
		if !contains(gone, axis) {
			keep = append(keep, part...)
		}
	}
	return keep.normal(), nil
}

// value returns the register of a value laid over pattern p.
func (b *builder) value(v ir.Value, p pattern) (int32, error) {
	v = b.f.base[v]
	key := b.key(v, p)
	if r, ok := b.regs[key]; ok {
		return r, nil
	}
	r, err := b.newValue(v, p)
	if err == nil {
		b.regs[key] = r
	}
	return r, err
}

func (b *builder) newValue(v ir.Value, p pattern) (int32, error) {
	if x, ok := b.f.immediate(v); ok {
		return b.add(ir.Instr{Op: ir.Immediate, Imm: x}, nil), nil
	}
	n := b.f.expression(v)
	if own, ok := b.roots[v]; ok { // computed in this very program
		if !own.equal(p) {
			return 0, errNoFit
		}
		if isReduce(compute.OpType(n.Op)) {
			arg, err := b.value(n.Inputs[0], b.full)
			if err != nil {
				return 0, err
			}
			r := b.add(ir.Instr{Op: n.Op, Args: []int32{arg}}, p)
			b.local = append(b.local, r)
			return r, nil
		}
		return b.compute(v, n, p)
	}
	if n == nil || b.f.stored[v] {
		return b.load(v, p), nil
	}
	return b.compute(v, n, p)
}

func (b *builder) load(v ir.Value, p pattern) int32 {
	at, ok := b.inputAt[v]
	if !ok {
		at = len(b.inputs)
		b.inputAt[v] = at
		b.inputs = append(b.inputs, v)
	}
	return b.add(ir.Instr{Op: ir.Load, Input: at}, p)
}

func (b *builder) add(in ir.Instr, p pattern) int32 {
	b.code = append(b.code, in)
	b.keeps = append(b.keeps, p)
	return int32(len(b.code) - 1)
}

// compute emits the instruction of a node, and remembers its register.
func (b *builder) compute(v ir.Value, n *ir.Node, p pattern) (int32, error) {
	key := b.key(v, p)
	if r, ok := b.regs[key]; ok {
		return r, nil
	}
	if len(b.code) > mostInstructions {
		return 0, errNoFit
	}
	var r int32
	var err error
	if compute.OpType(n.Op) == compute.OpTypeBroadcastInDim {
		r, err = b.expand(n, p)
	} else {
		r, err = b.arithmetic(n, p)
	}
	if err == nil {
		b.regs[key] = r
	}
	return r, err
}

func (b *builder) arithmetic(n *ir.Node, p pattern) (int32, error) {
	args := make([]int32, len(n.Inputs))
	for i, in := range n.Inputs {
		q := p
		if b.f.g.Shape(in).Size() == 1 {
			q = nil
		}
		r, err := b.value(in, q)
		if err != nil {
			return 0, err
		}
		args[i] = r
	}
	if compute.OpType(n.Op) == compute.OpTypeConvertDType {
		return args[0], nil
	}
	return b.add(ir.Instr{Op: n.Op, Args: args}, p), nil
}

// expand lays a broadcast's operand over the axes that it has.
func (b *builder) expand(n *ir.Node, p pattern) (int32, error) {
	out, in := b.f.g.Shape(n.Outputs[0]), b.f.g.Shape(n.Inputs[0])
	parts, err := p.split(out.Dimensions)
	if err != nil {
		return 0, err
	}
	var q pattern
	for i, axis := range n.Attr.(ir.Broadcast).Axes {
		if in.Dimensions[i] > 1 {
			q = append(q, parts[axis]...)
		}
	}
	q = q.normal()
	r, err := b.value(n.Inputs[0], q)
	if err != nil || q.equal(p) {
		return r, err
	}
	return b.add(ir.Instr{Op: ir.Expand, Args: []int32{r}}, p), nil
}

// finish cuts the space into the dimensions that all patterns have in common, and checks what is used within the program.
func (b *builder) finish(p *ir.Program, outputs []pattern) error {
	dims, bounds, err := commonDims(b.full, distinct(b.keeps, outputs))
	if err != nil {
		return err
	}
	p.Dims, p.Code = dims, slices.Clone(b.code)
	for i := range p.Code {
		p.Code[i].Keep = b.keeps[i].mask(bounds)
	}
	for i := range p.Outputs {
		p.Outputs[i].Keep = outputs[i].mask(bounds)
	}
	for _, r := range b.local {
		first := len(dims)
		for d := len(dims) - 1; d >= 0; d-- {
			if p.Code[r].Keep>>d&1 == 0 {
				first = d
			}
		}
		n := 1
		for _, d := range dims[first:] {
			n *= d
		}
		if n > mostLocal {
			return fmt.Errorf("%w: a reduction over %d values", errNoFit, n)
		}
	}
	simplifyProgram(p)
	return nil
}

// distinct returns the patterns of both lists, each once.
func distinct(lists ...[]pattern) []pattern {
	var all []pattern
	for _, list := range lists {
		for _, p := range list {
			if !slices.ContainsFunc(all, p.equal) {
				all = append(all, p)
			}
		}
	}
	return all
}

func contains(axes []int, a int) bool {
	for _, x := range axes {
		if x == a {
			return true
		}
	}
	return false
}
