package exec

import (
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// move copies elements from where one walk over some dimensions finds them to where another does: transpositions, slices,
// padding, concatenation, reversal and broadcasting are all of this one form.
type move struct {
	size   int      // bytes of an element
	parts  []walk   // one for each input that is copied
	fill   int      // input whose single element fills the output first, or -1
	output int      // elements
	k      *kernels // for float32
}

// walk is one strided copy; dimensions are merged where both strides allow it.
type walk struct {
	input    int
	dims     []int
	from, to []int // strides in elements
	fromAt   int
	toAt     int
}

// newMove recognises the operations that only move data.
func (x *Executable) newMove(n *ir.Node) (*move, bool) {
	if len(n.Outputs) != 1 || len(n.Inputs) == 0 {
		return nil, false
	}
	out := x.g.Shapes[n.Outputs[0]]
	size := out.DType.Size()
	if size*out.Size() != int(out.Memory()) || !slices.Contains([]int{1, 2, 4, 8}, size) || out.Size() == 0 {
		return nil, false
	}
	m := &move{size: size, fill: -1, output: out.Size(), k: x.kernels}
	in := x.g.Shapes[n.Inputs[0]].Dimensions
	from, to := strides(in), strides(out.Dimensions)
	w := walk{dims: slices.Clone(in), from: from, to: slices.Clone(to)}
	switch compute.OpType(n.Op) {
	case compute.OpTypeTranspose:
		for i, p := range n.Attr.(ir.Transpose).Perm {
			w.to[p] = to[i]
		}
	case compute.OpTypeBroadcastInDim:
		w.dims, w.from = slices.Clone(out.Dimensions), make([]int, out.Rank())
		for i, axis := range n.Attr.(ir.Broadcast).Axes {
			if in[i] > 1 {
				w.from[axis] = from[i]
			}
		}
	case compute.OpTypeSlice:
		a := n.Attr.(ir.Slice)
		w.dims = slices.Clone(out.Dimensions)
		for i := range in {
			w.fromAt += a.Starts[i] * from[i]
			w.from[i] = from[i] * a.Strides[i]
		}
	case compute.OpTypeReverse:
		for _, a := range n.Attr.(ir.Axes).Axes {
			w.toAt += (in[a] - 1) * to[a]
			w.to[a] = -to[a]
		}
	case compute.OpTypePad:
		m.fill = 1
		w.pad(n.Attr.(ir.Pad).Axes, out.Dimensions, from, to)
	case compute.OpTypeConcatenate:
		m.concatenate(x, n, to)
		return m, true
	default:
		return nil, false
	}
	m.parts = []walk{w.merged()}
	return m, true
}

func strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// pad places the operand's elements, spread by the interior padding; negative edges crop it.
func (w *walk) pad(axes []compute.PadAxis, out, from, to []int) {
	for i, p := range axes {
		step := p.Interior + 1
		first, last := 0, w.dims[i]-1
		if p.Start < 0 {
			first = (-p.Start + step - 1) / step
		}
		if over := p.Start + last*step - (out[i] - 1); over > 0 {
			last -= (over + step - 1) / step
		}
		w.fromAt += first * from[i]
		w.toAt += (p.Start + first*step) * to[i]
		w.to[i] = step * to[i]
		w.dims[i] = max(0, last-first+1)
	}
}

func (m *move) concatenate(x *Executable, n *ir.Node, to []int) {
	axis, at := n.Attr.(ir.Axis).Axis, 0
	for i, v := range n.Inputs {
		dims := x.g.Shapes[v].Dimensions
		w := walk{input: i, dims: slices.Clone(dims), from: strides(dims), to: slices.Clone(to), toAt: at * to[axis]}
		at += dims[axis]
		m.parts = append(m.parts, w.merged())
	}
}

// merged joins neighbouring dimensions and drops those of one element.
func (w walk) merged() walk {
	var dims, from, to []int
	for i, d := range w.dims {
		if d == 1 {
			continue
		}
		if n := len(dims); n > 0 && from[n-1] == w.from[i]*d && to[n-1] == w.to[i]*d {
			dims[n-1] *= d
			from[n-1], to[n-1] = w.from[i], w.to[i]
			continue
		}
		dims, from, to = append(dims, d), append(from, w.from[i]), append(to, w.to[i])
	}
	w.dims, w.from, w.to = dims, from, to
	return w
}

func (m *move) run(c *context, in, out [][]byte, _ []float32) error {
	switch m.size {
	case 1:
		runMove[uint8](m, c, in, out[0], nil, nil)
	case 2:
		runMove[uint16](m, c, in, out[0], nil, nil)
	case 4:
		runMove(m, c, in, out[0], m.k.set.Vector.Transpose, m.k.set.Vector.Copy2D)
	case 8:
		runMove[uint64](m, c, in, out[0], nil, nil)
	}
	return nil
}

// block copies or transposes a matrix, as kernel.Movement says.
type block[T any] func(dst []T, ldd int, src []T, lds, rows, cols int)

func runMove[T any](m *move, c *context, in [][]byte, out []byte, transpose, copy2D block[T]) {
	if transpose == nil {
		transpose, copy2D = kernel.Transpose[T], kernel.Copy2D[T]
	}
	dst := view[T](out, m.output)
	if m.fill >= 0 {
		x := view[T](in[m.fill], 1)[0]
		c.split(m.output, 1, func(from, to int) {
			for i := from; i < to; i++ {
				dst[i] = x
			}
		})
	}
	for i := range m.parts {
		w := &m.parts[i]
		src := view[T](in[w.input], len(in[w.input])/m.size)
		w.run(c, func(at, from int, dims, fs, ts []int) { moveInner(dst, at, src, from, dims, fs, ts, transpose, copy2D) })
	}
}

// run calls f for each index of all but the innermost two dimensions, in parallel over them (over the rows if there are
// only two).
func (w *walk) run(c *context, f func(to, from int, dims, fs, ts []int)) {
	total := 1
	for _, d := range w.dims {
		total *= d
	}
	if total == 0 {
		return
	}
	outer := max(0, len(w.dims)-2)
	n := 1
	for _, d := range w.dims[:outer] {
		n *= d
	}
	if n < 8 && len(w.dims) >= 2 && w.to[outer] > 0 { // split the rows instead
		rows := w.dims[outer]
		c.split(rows, n*total/(rows*n), func(first, last int) {
			inner := append([]int{last - first}, w.dims[outer+1:]...)
			for i := range n {
				at, from := w.offsets(i, outer)
				f(at+first*w.to[outer], from+first*w.from[outer], inner, w.from[outer:], w.to[outer:])
			}
		})
		return
	}
	c.split(n, total/n, func(first, last int) {
		for i := first; i < last; i++ {
			at, from := w.offsets(i, outer)
			f(at, from, w.dims[outer:], w.from[outer:], w.to[outer:])
		}
	})
}

// offsets returns where index i of the first outer dimensions lies.
func (w *walk) offsets(i, outer int) (to, from int) {
	to, from = w.toAt, w.fromAt
	for d := outer - 1; d >= 0; d-- {
		k := i % w.dims[d]
		i /= w.dims[d]
		to += k * w.to[d]
		from += k * w.from[d]
	}
	return to, from
}

// split runs f over [0, n) in tasks of some thousand elements, each index standing for weight of them.
func (c *context) split(n, weight int, f func(from, to int)) {
	tasks := min(n, max(1, n*weight/taskValues), mostTasks)
	c.runner.Run(tasks, func(_, task int) { f(n*task/tasks, n*(task+1)/tasks) })
}
