package interp

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// movements only move elements: all but Where are copies along walks.
var movements = map[compute.OpType]func(*call) error{
	compute.OpTypeTranspose:          transpose,
	compute.OpTypeBroadcastInDim:     broadcast,
	compute.OpTypeSlice:              slice,
	compute.OpTypeReverse:            reverse,
	compute.OpTypePad:                pad,
	compute.OpTypeConcatenate:        concatenate,
	compute.OpTypeDynamicSlice:       dynamicSlice,
	compute.OpTypeDynamicUpdateSlice: dynamicUpdateSlice,
	compute.OpTypeGather:             gather,
	compute.OpTypeWhere:              where,
}

// mover moves elements of one size.
type mover interface {
	copy(dst, src Tensor, w walk)
	choose(dst Tensor, condition []bool, onTrue, onFalse Tensor)
}

func moverOf(t Tensor) (mover, error) {
	switch size := t.Shape.DType.Size(); size {
	case 1:
		return moves[uint8]{}, nil
	case 2:
		return moves[uint16]{}, nil
	case 4:
		return moves[uint32]{}, nil
	case 8:
		return moves[uint64]{}, nil
	case 16:
		return moves[[2]uint64]{}, nil
	default:
		return nil, fmt.Errorf("elements of %d bytes", size)
	}
}

type moves[T any] struct{}

func (moves[T]) copy(dst, src Tensor, w walk) {
	d, s := words[T](dst), words[T](src)
	dt, df := w.steps()
	w.rows(func(to, from, n int) {
		if dt == 1 && df == 1 {
			copy(d[to:to+n], s[from:])
			return
		}
		for range n {
			d[to] = s[from]
			to += dt
			from += df
		}
	})
}

func (moves[T]) choose(dst Tensor, condition []bool, onTrue, onFalse Tensor) {
	d, t, f := words[T](dst), words[T](onTrue), words[T](onFalse)
	for i := range d {
		if condition[min(i, len(condition)-1)] { // scalars stand for all elements
			d[i] = t[min(i, len(t)-1)]
		} else {
			d[i] = f[min(i, len(f)-1)]
		}
	}
}

// copyAlong copies elements of c's input src to its output along w.
func (c *call) copyAlong(src int, w walk) error {
	m, err := moverOf(c.out[0])
	if err == nil {
		m.copy(c.out[0], c.in[src], w)
	}
	return err
}

// fillWith sets all of c's output to the scalar input src.
func (c *call) fillWith(src int) error {
	n := c.out[0].Shape.Size()
	return c.copyAlong(src, walk{dims: []int{n}, to: []int{1}, from: []int{0}})
}

// operand returns the dimensions and strides of an input.
func (c *call) operand(i int) (dims, stride []int) {
	dims = c.in[i].Shape.Dimensions
	return dims, strides(dims)
}

// result returns the dimensions and strides of the output.
func (c *call) result() (dims, stride []int) {
	dims = c.out[0].Shape.Dimensions
	return dims, strides(dims)
}

func transpose(c *call) error {
	dims, to := c.result()
	_, from := c.operand(0)
	return c.copyAlong(0, walk{dims: dims, to: to, from: pick(from, c.attr.(ir.Transpose).Perm)})
}

func broadcast(c *call) error {
	dims, to := c.result()
	inDims, inStride := c.operand(0)
	from := make([]int, len(dims))
	for i, axis := range c.attr.(ir.Broadcast).Axes {
		if inDims[i] > 1 {
			from[axis] = inStride[i]
		}
	}
	return c.copyAlong(0, walk{dims: dims, to: to, from: from})
}

func slice(c *call) error {
	a := c.attr.(ir.Slice)
	dims, to := c.result()
	_, stride := c.operand(0)
	w := walk{dims: dims, to: to, from: make([]int, len(dims))}
	for i, s := range stride {
		w.from[i] = s * a.Strides[i]
		w.fromAt += s * a.Starts[i]
	}
	return c.copyAlong(0, w)
}

func reverse(c *call) error {
	dims, to := c.result()
	w := walk{dims: dims, to: to, from: slices.Clone(to)}
	for _, axis := range c.attr.(ir.Axes).Axes {
		w.fromAt += (dims[axis] - 1) * to[axis]
		w.from[axis] = -to[axis]
	}
	return c.copyAlong(0, w)
}

// pad copies the elements that land within the output: negative padding crops.
func pad(c *call) error {
	if err := c.fillWith(1); err != nil {
		return err
	}
	out, to := c.result()
	in, from := c.operand(0)
	w := walk{dims: slices.Clone(in), to: slices.Clone(to), from: from}
	for i, p := range c.attr.(ir.Pad).Axes {
		step := p.Interior + 1
		first := max(0, ceilDiv(-p.Start, step))               // first input index that lands at 0 or beyond
		last := min(in[i]-1, floorDiv(out[i]-1-p.Start, step)) // last one that lands before the end
		w.dims[i] = last - first + 1
		w.to[i] *= step
		w.toAt += (first*step + p.Start) * to[i]
		w.fromAt += first * from[i]
	}
	return c.copyAlong(0, w)
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func ceilDiv(a, b int) int { return -floorDiv(-a, b) }

func concatenate(c *call) error {
	axis := c.attr.(ir.Axis).Axis
	_, to := c.result()
	at := 0
	for i := range c.in {
		dims, from := c.operand(i)
		if err := c.copyAlong(i, walk{dims: dims, to: to, from: from, toAt: at * to[axis]}); err != nil {
			return err
		}
		at += dims[axis]
	}
	return nil
}

// starts returns the scalar start indices that begin at input first, clamped so that a window of the given size fits.
func (c *call) starts(first int, window []int) int {
	dims, stride := c.operand(0)
	at := 0
	for i, s := range c.in[first:] {
		at += stride[i] * clampIndex(indices(s)[0], dims[i]-window[i])
	}
	return at
}

func clampIndex(i int64, highest int) int { return int(max(0, min(i, int64(highest)))) }

// indices returns a tensor of integers as int64.
func indices(t Tensor) []int64 {
	out := Tensor{t.Shape, make([]int64, t.Shape.Size())}
	convertInto(out, t)
	return out.Flat.([]int64)
}

func dynamicSlice(c *call) error {
	dims, to := c.result()
	_, from := c.operand(0)
	return c.copyAlong(0, walk{dims: dims, to: to, from: from, fromAt: c.starts(1, dims)})
}

func dynamicUpdateSlice(c *call) error {
	copy(c.out[0].Bytes(), c.in[0].Bytes())
	_, to := c.result()
	dims, from := c.operand(1)
	return c.copyAlong(1, walk{dims: dims, to: to, from: from, toAt: c.starts(2, dims)})
}

func where(c *call) error {
	m, err := moverOf(c.out[0])
	if err == nil {
		m.choose(c.out[0], c.in[0].Flat.([]bool), c.in[1], c.in[2])
	}
	return err
}
