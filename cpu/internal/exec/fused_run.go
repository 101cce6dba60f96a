package exec

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// tile is one worker's state while it runs a program.
type tile struct {
	f        *fused
	k        *kernels
	in       [][]byte
	inputs   [][]float32 // the float32 ones
	out      [][]byte
	output   [][]float32
	space    []float32   // registers and accumulators
	part     []float32   // the task's partial results
	r        [][]float32 // current values of each register
	base     []int       // offset of each load for the current prefix
	index    []int       // current prefix
	rows     int
	start    int // first index of j
	group    []int
	streamed []bool // results written past the caches
	now      int    // the instruction that runs, or those of the program and the output that is reduced
}

// scratch returns the floats of scratch that a run needs: every worker's space, then the partial results.
func (f *fused) scratch(workers int) int { return workers*f.floats + f.tasks*f.partials }

// run executes the program. scratch has the floats that scratch asks for.
func (f *fused) run(c *context, in, out [][]byte, scratch []float32) {
	c.runner.Run(f.tasks, func(worker, task int) {
		t := c.tile(worker)
		t.open(f, c.kernels, in, out, scratch[worker*f.floats:(worker+1)*f.floats])
		defer t.namePanic()
		if f.partials > 0 {
			at := c.runner.Workers()*f.floats + task*f.partials
			t.part = scratch[at : at+f.partials]
		}
		units := f.prefix * f.perPrefix / f.unitTiles
		t.runTiles(units*task/f.tasks*f.unitTiles, units*(task+1)/f.tasks*f.unitTiles)
		if f.isLarge() {
			c.kernels.set.Vector.Fence()
		}
	})
	f.combine(c, out, scratch)
}

// open binds the worker's state to a program's memory.
func (t *tile) open(f *fused, k *kernels, in, out [][]byte, space []float32) {
	t.f, t.k, t.in, t.out, t.space = f, k, in, out, space
	t.inputs, t.output = t.inputs[:0], t.output[:0]
	for i, b := range in {
		t.inputs = append(t.inputs, floatsIf(b, f.in[i]))
	}
	for i, b := range out {
		t.output = append(t.output, floatsIf(b, f.out[i]))
	}
	t.r = grow(t.r, len(f.regs))
	t.base = grow(t.base, len(f.regs))
	t.index = grow(t.index, f.j)
	t.group = grow(t.group, len(f.reduces))
	for i := range f.regs {
		r := &f.regs[i]
		if !f.isDirect(i) && r.out < 0 {
			t.r[i] = space[r.at : r.at+r.size]
		}
	}
	t.bindStreams(in, out)
	t.rows = f.rows
	t.now = math.MaxInt
}

func floatsIf(b []byte, d dtypes.DType) []float32 {
	if d == dtypes.Float32 {
		return view[float32](b, len(b)/4)
	}
	return nil
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// runTiles runs the tiles [from, to).
func (t *tile) runTiles(from, to int) {
	f := t.f
	t.beginReductions(from, to)
	t.setRows(f.rows)
	t.locate(from / f.perPrefix)
	t.bindLoads(perTask)
	t.exec(perTask)
	last := -1
	for i := from; i < to; i++ {
		prefix := i / f.perPrefix
		if prefix != last {
			t.setRows(f.rows)
			t.locate(prefix)
			t.bindLoads(perPrefix)
			t.exec(perPrefix)
			last = prefix
		}
		t.start = i % f.perPrefix * f.rows
		t.setRows(min(f.rows, f.p.Dims[f.j]-t.start))
		t.bindLoads(perTile)
		t.bindOutputs(prefix)
		if len(f.ahead.loads) > 0 && i+1 < to {
			t.execAsking()
		} else {
			t.exec(perTile)
		}
		t.store(prefix)
		t.accumulate(i, to)
	}
}

func (t *tile) exec(class int) {
	for _, in := range t.f.code[class] {
		t.now = in.reg
		in.run(t)
	}
}

// namePanic, deferred, adds to a panic the operation of the user's graph that it happened in.
func (t *tile) namePanic() {
	r := recover()
	if r == nil {
		return
	}
	name := ir.Fused.String()
	if n := len(t.f.p.Code); t.now < n {
		name = t.f.p.Code[t.now].Op.Captured()
	} else if t.now < n+len(t.f.p.Outputs) {
		name = t.f.p.Outputs[t.now-n].Captured()
	}
	panic(fmt.Errorf("%s: %v", name, r))
}

// setRows resizes the registers that vary along j.
func (t *tile) setRows(rows int) {
	if t.rows == rows {
		return
	}
	t.rows = rows
	for _, i := range t.f.sized {
		r := &t.f.regs[i]
		t.r[i] = t.space[r.at : r.at+rows*r.unit]
	}
}

// locate sets the prefix and the loads' offsets for it.
func (t *tile) locate(prefix int) {
	for d := t.f.j - 1; d >= 0; d-- {
		t.index[d] = prefix % t.f.p.Dims[d]
		prefix /= t.f.p.Dims[d]
	}
	for _, i := range t.f.loads {
		t.base[i] = dot(t.index, t.f.regs[i].load.strides)
	}
}

func dot(a, b []int) int {
	n := 0
	for i, x := range a {
		n += x * b[i]
	}
	return n
}

// bindLoads points the registers of a class that are used where they lie in an input at their part of it.
func (t *tile) bindLoads(class int) {
	for _, i := range t.f.direct[class] {
		at, n := t.extent(i)
		t.r[i] = t.inputs[t.f.regs[i].load.input][at : at+n]
	}
}

// extent returns where a load's values begin in its input, and how many there are.
func (t *tile) extent(i int) (at, n int) {
	r := &t.f.regs[i]
	if r.unit == 0 {
		return t.base[i], r.size
	}
	return t.base[i] + t.start*r.load.unit, t.rows * r.unit
}

// convert reads a load of another type into its register.
func (t *tile) convert(i int) {
	input := t.f.regs[i].load.input
	at, n := t.extent(i)
	t.k.convertIn(t.r[i][:n], t.in[input], t.f.in[input], at)
}

func (t *tile) bindOutputs(prefix int) {
	at := (prefix*t.f.p.Dims[t.f.j] + t.start) * t.f.inner
	for _, i := range t.f.written {
		r := &t.f.regs[i]
		if t.streamed[r.out] {
			t.r[i] = t.space[r.at : r.at+t.rows*t.f.inner]
		} else {
			t.r[i] = t.output[r.out][at : at+t.rows*t.f.inner]
		}
	}
}

// store copies or converts the registers that could not be computed in place.
func (t *tile) store(prefix int) {
	at := (prefix*t.f.p.Dims[t.f.j] + t.start) * t.f.inner
	if t.f.isLarge() {
		t.stream(at)
	}
	for _, s := range t.f.stores {
		n := t.rows * t.f.inner
		if t.f.out[s.out] == dtypes.Float32 {
			copy(t.output[s.out][at:at+n], t.r[s.reg])
			continue
		}
		t.k.set.Vector.F32ToBool(t.out[s.out][at:at+n], t.r[s.reg]) // the only other type of a program's results
	}
}

// beginReductions sets everything that this task delivers to to the reductions' initial value.
func (t *tile) beginReductions(from, to int) {
	for _, r := range t.f.reduces {
		if r.partial {
			t.k.fill(t.part[r.at:r.at+r.size], r.op.initial)
		} else if r.again {
			// Owned and delivered to again: the task's units hold whole places, in order.
			first, last := 0, r.size
			if t.f.tasks > 1 {
				n, u := r.size/(t.f.prefix*t.f.perPrefix/t.f.unitTiles), t.f.unitTiles
				first, last = from/u*n, to/u*n
			}
			t.k.fill(t.output[r.out][first:last], r.op.initial)
		}
		if r.columns > 0 {
			t.k.fill(t.space[r.acc:r.acc+r.columns], r.op.initial)
		}
	}
}

// accumulate takes tile i into every reduction; to is the end of the task.
func (t *tile) accumulate(i, to int) {
	asking := len(t.f.ahead.loads) > 0 && i+1 < to
	for k, r := range t.f.reduces {
		if asking {
			t.ask(len(t.f.code[perTile]) + k)
		}
		t.now = len(t.f.p.Code) + r.out
		src := t.r[r.reg]
		tmp := t.space[r.tmp : r.tmp+2*t.f.rows*t.f.inner]
		if r.keepsJ {
			n := t.rows * r.unit
			at := dot(t.index, r.strides) + t.start*r.unit
			if dst := t.place(r)[at : at+n]; r.again {
				t.reduce(r, tmp[:n], src, tmp[n:])
				r.op.combine(dst, dst, tmp[:n])
			} else {
				t.reduce(r, dst, src, tmp)
			}
			continue
		}
		acc := t.space[r.acc : r.acc+r.columns]
		v := &t.k.set.Vector
		switch {
		case r.columns == 1 && r.factor >= 0:
			v.RowSumProduct(tmp[:1], src, t.r[r.factor], len(src))
			r.op.combine(acc, acc, tmp[:1])
		case r.columns == 1:
			tmp[0] = r.op.whole(src)
			r.op.combine(acc, acc, tmp[:1])
		case r.factor >= 0:
			v.ColumnSumProduct(acc, src, t.r[r.factor])
		default:
			r.op.columns(acc, src)
		}
		if i+1 == to || t.groupEnds(r, i+1) {
			t.deliver(r, acc, tmp)
		}
	}
}

// reduce combines a tile to one value for each index of j and of the inner dimensions that are kept.
func (t *tile) reduce(r *reduction, dst, src, tmp []float32) {
	if r.factor >= 0 {
		t.k.set.Vector.RowSumProduct(dst, src, t.r[r.factor], r.axes[1].size)
		return
	}
	t.k.reduce(r.op, dst, src, r.axes, t.rows, tmp)
}

// place is where a reduction delivers to.
func (t *tile) place(r *reduction) []float32 {
	if r.partial {
		return t.part[r.at : r.at+r.size]
	}
	return t.output[r.out]
}

// groupEnds tells whether the next tile belongs to another group.
func (t *tile) groupEnds(r *reduction, next int) bool {
	prefix := next / t.f.perPrefix
	for d := t.f.j - 1; d >= 0; d-- {
		if r.groupBy>>d&1 == 1 && prefix%t.f.p.Dims[d] != t.index[d] {
			return true
		}
		prefix /= t.f.p.Dims[d]
	}
	return false
}

// deliver finishes a group.
func (t *tile) deliver(r *reduction, acc, tmp []float32) {
	at := dot(t.index, r.strides)
	dst := t.place(r)[at : at+r.unit]
	if r.again {
		t.k.reduce(r.op, tmp[:r.unit], acc, r.rest, 1, tmp[r.unit:])
		r.op.combine(dst, dst, tmp[:r.unit])
	} else {
		t.k.reduce(r.op, dst, acc, r.rest, 1, tmp)
	}
	t.k.fill(acc, r.op.initial)
}

// combine adds up the tasks' partial results in their order.
func (f *fused) combine(c *context, out [][]byte, scratch []float32) {
	first := c.runner.Workers() * f.floats
	for _, r := range f.reduces {
		if !r.partial {
			continue
		}
		dst := view[float32](out[r.out], r.size)
		copy(dst, scratch[first+r.at:])
		for task := 1; task < f.tasks; task++ {
			at := first + task*f.partials + r.at
			r.op.combine(dst, dst, scratch[at:at+r.size])
		}
	}
}
