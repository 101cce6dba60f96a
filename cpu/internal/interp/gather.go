package interp

import (
	"slices"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// vectors are the index vectors of a gather or scatter: where each starts in the indices, and the stride along it.
type vectors struct {
	index  []int64
	at     []int // of each vector, in row-major order of the batch axes
	stride int
	batch  []int // dimensions of the batch axes
}

func newVectors(t Tensor, axis int) vectors {
	dims := t.Shape.Dimensions
	stride := strides(dims)
	v := vectors{index: indices(t), stride: 1}
	if axis < len(dims) {
		v.stride = stride[axis]
		dims, stride = slices.Delete(slices.Clone(dims), axis, axis+1), slices.Delete(slices.Clone(stride), axis, axis+1)
	}
	v.batch, v.at = dims, offsets(dims, stride)
	return v
}

// component returns the k-th component of vector i.
func (v *vectors) component(i, k int) int64 { return v.index[v.at[i]+k*v.stride] }

// others lists the axes below rank that are not in axes.
func others(rank int, axes []int) []int {
	var out []int
	for a := range rank {
		if !slices.Contains(axes, a) {
			out = append(out, a)
		}
	}
	return out
}

// gather copies one window for each index vector (https://openxla.org/xla/operation_semantics#gather): starts are clamped
// so that the window fits into the operand.
func gather(c *call) error {
	a := c.attr.(ir.Gather)
	in, from := c.operand(0)
	out, to := c.result()
	v := newVectors(c.in[1], a.IndexVectorAxis)
	kept := others(len(in), a.CollapsedSliceAxes)
	offsetAxes := slices.Sorted(slices.Values(a.OffsetOutputAxes))
	window := walk{dims: pick(a.SliceSizes, kept), to: pick(to, offsetAxes), from: pick(from, kept)}
	batchAxes := others(len(out), offsetAxes)
	m, err := moverOf(c.out[0])
	if err != nil {
		return err
	}
	for i, at := range offsets(pick(out, batchAxes), pick(to, batchAxes)) {
		w := window
		w.toAt = at
		for k, axis := range a.StartIndexMap {
			w.fromAt += from[axis] * clampIndex(v.component(i, k), in[axis]-a.SliceSizes[axis])
		}
		m.copy(c.out[0], c.in[0], w)
	}
	return nil
}
