package exec

import (
	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// reduction is an output that combines tiles. Tiles that agree in the kept prefix dimensions form a group; a group's tiles
// are combined in group-sized space and then delivered, to the output itself or to the task's partial result.
type reduction struct {
	op      *reducer
	reg     int
	factor  int32 // register of the second factor if a product is summed, else -1
	out     int
	keep    uint32
	size    int // of the whole output
	keepsJ  bool
	axes    []axis // of the register within a tile
	rest    []axis // if j is reduced: the axes left after the leading reduced ones
	columns int    // values of the group's space; 0 if j is kept
	unit    int    // values delivered for a group, or for each index of j
	strides []int  // in the output, of each prefix dimension
	partial bool   // groups are shared by tasks: each combines into space of its own
	again   bool   // a group's place is delivered to more than once
	groupBy uint32 // prefix dimensions that make a group
	acc     int    // offset of the group's space in the worker's
	tmp     int    // offset of space for what is delivered, and for nested reductions
	at      int    // offset in the task's partial results
}

// planReductions prepares the outputs that reduce.
func (f *fused) planReductions(k *kernels) {
	for o, out := range f.p.Outputs {
		if out.Reduce == compute.ReduceOpUndefined {
			continue
		}
		r := &reduction{op: k.reducers[out.Reduce], reg: int(out.Reg), factor: f.factors[o], out: o, keep: out.Keep, size: f.p.Size(out.Keep),
			keepsJ: out.Keep&f.bit(f.j) != 0, axes: f.layout(f.p.Code[out.Reg].Keep, out.Keep)}
		r.unit = f.innerSize(out.Keep)
		r.strides = f.newLoad(ir.Instr{Keep: out.Keep}).strides
		if !r.keepsJ {
			if len(r.axes) > 0 {
				r.rest = r.axes[1:]
			}
			all, _ := sizes(r.rest, 1)
			r.columns = all
			r.acc = f.space(all)
		}
		r.tmp = f.space(2 * f.rows * f.inner)
		f.reduces = append(f.reduces, r)
	}
}

func (f *fused) space(n int) int {
	at := f.floats
	f.floats += (n + 15) / 16 * 16
	return at
}

// firstReduced returns the outermost dimension that a reduction drops.
func (f *fused) firstReduced(r *reduction) int {
	for d := range f.p.Dims {
		if r.keep&f.bit(d) == 0 {
			return d
		}
	}
	return len(f.p.Dims)
}

// planTasks cuts the tiles into tasks. A reduction is either owned (all tiles of a group run in one task) or partial.
func (f *fused) planTasks() {
	n := f.p.Size(f.p.Full())
	want := min(max(1, n/taskValues), mostTasks)
	f.unitTiles = 1
	tiles := f.prefix * f.perPrefix
	for _, r := range f.reduces {
		first := f.firstReduced(r)
		if first > f.j {
			continue // complete within a tile
		}
		units := 1
		for _, d := range f.p.Dims[:first] {
			units *= d
		}
		if units < min(want, 8) && r.size*mostPartials <= partialValues {
			r.partial = true
			want = min(want, mostPartials)
			continue
		}
		f.unitTiles = max(f.unitTiles, tiles/units)
	}
	f.tasks = min(want, tiles/f.unitTiles)
	for _, r := range f.reduces {
		if r.partial = r.partial && f.tasks > 1; r.partial {
			r.at = f.partials
			f.partials += (r.size + 15) / 16 * 16
		}
		f.planDelivery(r)
	}
}

// planDelivery finds the prefix dimensions of a group, and whether its place is delivered to again.
func (f *fused) planDelivery(r *reduction) {
	kept := r.keep & (f.bit(f.j) - 1)
	if r.keepsJ {
		r.again = r.partial || kept != f.bit(f.j)-1
		return
	}
	for d := range f.j {
		if kept>>d != 0 { // dimensions up to the innermost kept one
			r.groupBy |= f.bit(d)
		}
	}
	r.again = r.partial || r.groupBy != kept
}
