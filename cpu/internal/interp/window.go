package interp

import (
	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

var windows = collect(
	table(reduceWindow, compute.OpTypeReduceWindow),
	table(selectAndScatter, compute.OpTypeSelectAndScatterMax, compute.OpTypeSelectAndScatterMin, compute.OpTypeSelectAndScatterSum),
)

// windowGeometry is how windows lie over an operand, axis by axis.
type windowGeometry struct {
	operand, output                                 []int // dimensions
	window, strides, baseDilations, windowDilations []int
	paddings                                        [][2]int
}

// each calls visit for every output element, in row-major order, with the operand's elements in its window.
func (g windowGeometry) each(visit func(output int, window []int)) {
	inside := make([][][]int, len(g.operand)) // per axis and output index: operand offsets
	for axis, stride := range strides(g.operand) {
		inside[axis] = make([][]int, g.output[axis])
		for o := range g.output[axis] {
			for k := range g.window[axis] {
				at := o*g.strides[axis] + k*g.windowDilations[axis] - g.paddings[axis][0]
				if i := at / g.baseDilations[axis]; at >= 0 && at%g.baseDilations[axis] == 0 && i < g.operand[axis] {
					inside[axis][o] = append(inside[axis][o], i*stride)
				}
			}
		}
	}
	out := strides(g.output)
	for o := range size(g.output) {
		elements := []int{0}
		for axis := range g.output {
			var next []int
			for _, e := range elements {
				for _, i := range inside[axis][o/out[axis]%g.output[axis]] {
					next = append(next, e+i)
				}
			}
			elements = next
		}
		visit(o, elements)
	}
}

func reduceWindow(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	a := c.attr.(ir.ReduceWindow)
	return e.window(windowFolds[a.Kind], c.out[0].Flat, c.in[0].Flat, windowGeometry{
		operand: c.in[0].Shape.Dimensions, output: c.out[0].Shape.Dimensions, window: a.Window, strides: a.Strides,
		baseDilations: a.BaseDilations, windowDilations: a.WindowDilations, paddings: a.Paddings,
	})
}

func (e *element[T]) window(op compute.OpType, out, x any, g windowGeometry) error {
	f, err := lookup[T](e.binary, op)
	if err != nil {
		return err
	}
	o, in := out.([]T), x.([]T)
	g.each(func(output int, window []int) {
		acc := e.neutral[op]
		for _, i := range window {
			acc = f(acc, in[i])
		}
		o[output] = acc
	})
	return nil
}

// selectAndScatter adds each source element to the operand element that its window selects: the first greatest or smallest,
// or all of them for Sum. It is the gradient of pooling.
func selectAndScatter(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	a := c.attr.(ir.SelectAndScatter)
	ones := make([]int, len(a.Window))
	for i := range ones {
		ones[i] = 1
	}
	op := map[compute.OpType]compute.OpType{
		compute.OpTypeSelectAndScatterMax: compute.OpTypeGreaterThan, compute.OpTypeSelectAndScatterMin: compute.OpTypeLessThan,
	}[c.op]
	return e.selectAndScatter(op, c.out[0].Flat, c.in[0].Flat, c.in[1].Flat, windowGeometry{
		operand: c.in[0].Shape.Dimensions, output: c.in[1].Shape.Dimensions, window: a.Window, strides: a.Strides,
		baseDilations: ones, windowDilations: ones, paddings: a.Paddings,
	})
}

func (e *element[T]) selectAndScatter(op compute.OpType, out, x, source any, g windowGeometry) error {
	add, err := lookup[T](e.binary, compute.OpTypeAdd)
	if err != nil {
		return err
	}
	better := e.compare[op] // none for Sum
	o, in, s := out.([]T), x.([]T), source.([]T)
	clear(o)
	g.each(func(output int, window []int) {
		if better != nil && len(window) > 0 {
			best := window[0]
			for _, i := range window {
				if better(in[i], in[best]) {
					best = i
				}
			}
			window = []int{best}
		}
		for _, i := range window {
			o[i] = add(o[i], s[output])
		}
	})
	return nil
}
