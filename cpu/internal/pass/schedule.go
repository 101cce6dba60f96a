package pass

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// schedule makes the steps: every node that is no expression, and the kernels. A root joins an earlier kernel when
// everything else that it reads is there by then, so the list is always in a valid order.
func (f *fuser) schedule() {
	f.alone = f.prebuild()
	for i := range f.g.Nodes {
		n := &f.g.Nodes[i]
		if isReshape(n) {
			continue
		}
		if !f.fusable(n) {
			f.append(&step{node: n}, n.Outputs)
			continue
		}
		if v := n.Outputs[0]; f.stored[v] && !f.isImmediate(v) {
			f.place(v)
		}
	}
}

func (f *fuser) append(s *step, defines []ir.Value) {
	for _, v := range defines {
		f.at[v] = int32(len(f.steps))
	}
	f.steps = append(f.steps, s)
}

// prebuild makes each root's kernel by itself. An expression whose patterns do not fit one iteration space (reshapes that cut
// an axis elsewhere than a broadcast does) is stored in all its parts; a single operation always fits.
func (f *fuser) prebuild() map[ir.Value]*kernel {
	alone := map[ir.Value]*kernel{}
	for i := len(f.g.Nodes) - 1; i >= 0; i-- {
		n := &f.g.Nodes[i]
		if isReshape(n) || !f.fusable(n) || !f.stored[n.Outputs[0]] {
			continue
		}
		k, err := f.build(n.Outputs)
		if err != nil {
			for _, in := range n.Inputs {
				if !f.isImmediate(in) {
					f.stored[f.base[in]] = true
				}
			}
			k, _ = f.build(n.Outputs)
		}
		alone[n.Outputs[0]] = k
	}
	return alone
}

// place puts a root into an earlier kernel, or a new one.
func (f *fuser) place(v ir.Value) {
	ready := int32(-1) // the last step that the root depends on
	space := f.space(v)
	alone := f.alone[v]
	for _, l := range alone.inputs {
		ready = max(ready, f.at[l])
	}
	for i := len(f.steps) - 1; i >= 0 && i >= int(ready) && i >= len(f.steps)-window; i-- {
		if f.join(i, v, space, alone) {
			return
		}
	}
	// A result may be computed long before its turn, since it takes no memory that others could use meanwhile: the moving
	// average of a weight joins the weight's update.
	if ready >= 0 && f.result[v] && f.join(int(ready), v, space, alone) {
		return
	}
	f.append(&step{roots: []ir.Value{v}, kernel: alone}, []ir.Value{v})
}

// join adds a root to the kernel of step i, if they fit together.
func (f *fuser) join(i int, v ir.Value, space int, alone *kernel) bool {
	s := f.steps[i]
	if s.kernel == nil || s.kernel.space != space || !related(s, alone, int32(i), f.at) {
		return false
	}
	k, err := f.build(append(append([]ir.Value{}, s.roots...), v))
	if err != nil {
		return false
	}
	s.roots, s.kernel = append(s.roots, v), k
	f.at[v] = int32(i)
	return true
}

// related tells whether a root gains by joining a kernel: it reads what the kernel computes or what it reads as well.
func related(s *step, k *kernel, position int32, at []int32) bool {
	for _, l := range k.inputs {
		if at[l] == position {
			return true
		}
		if k.large[l] && s.kernel.large[l] {
			return true
		}
	}
	return false
}

// space is the number of points of a root's iteration space.
func (f *fuser) space(v ir.Value) int {
	if n := f.node(v); isReduce(compute.OpType(n.Op)) {
		return f.g.Shape(n.Inputs[0]).Size()
	}
	return f.g.Shape(v).Size()
}

// isImmediate tells whether a value is a float32 constant scalar, which programs hold in their code.
func (f *fuser) isImmediate(v ir.Value) bool {
	_, ok := f.immediate(v)
	return ok
}

func (f *fuser) immediate(v ir.Value) (float32, bool) {
	if n := f.node(f.base[v]); n != nil {
		if c, ok := n.Attr.(ir.Constant); ok && f.g.Shape(n.Outputs[0]).Size() == 1 {
			if x, ok := c.Flat.([]float32); ok {
				return x[0], true
			}
		}
	}
	return 0, false
}

// trim drops the outputs of kernels that nothing outside them reads.
func (f *fuser) trim() {
	read := make([]bool, len(f.g.Shapes))
	mark := func(values []ir.Value) {
		for _, v := range values {
			if v != ir.None {
				read[f.base[v]] = true
			}
		}
	}
	mark(f.g.Outputs)
	for i := len(f.steps) - 1; i >= 0; i-- {
		s := f.steps[i]
		if s.kernel == nil {
			mark(s.node.Inputs)
			continue
		}
		k := s.kernel
		var outputs []ir.Value
		var stores []ir.ProgramOutput
		for j, v := range k.outputs {
			if read[v] {
				outputs, stores = append(outputs, v), append(stores, k.program.Outputs[j])
			}
		}
		k.outputs, k.program.Outputs = outputs, stores
		k.program.DropUnused()
		mark(k.inputs)
	}
}

// emit writes the new graph.
func (f *fuser) emit() *ir.Graph {
	f.trim()
	e := ir.NewEmitter(f.g)
	for _, s := range f.steps {
		if s.kernel == nil {
			f.mapInputs(e, s.node.Inputs)
			e.Copy(s.node)
			continue
		}
		k := s.kernel
		if len(k.outputs) == 0 {
			continue
		}
		f.mapInputs(e, k.inputs)
		out := make([]shapes.Shape, len(k.outputs))
		for i, v := range k.outputs {
			out[i] = f.g.Shape(v)
		}
		for i, v := range e.New.Add(ir.Fused, k.program, e.Mapped(k.inputs), out...) {
			e.Replace(k.outputs[i], v)
		}
	}
	f.mapInputs(e, f.g.Outputs)
	return e.Finish()
}

// mapInputs makes reshaped operands available as views of their bases.
func (f *fuser) mapInputs(e *ir.Emitter, values []ir.Value) {
	for _, v := range values {
		if v == ir.None || e.To(v) != ir.None {
			continue
		}
		b := e.To(f.base[v])
		e.Replace(v, e.Emit(ir.Primitive(compute.OpTypeReshape), nil, []ir.Value{b}, f.g.Shape(v)))
	}
}
