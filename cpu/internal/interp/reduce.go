package interp

import (
	"math"
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// folds names the binary operation that each reduction repeats.
var folds = map[compute.OpType]compute.OpType{
	compute.OpTypeReduceSum: compute.OpTypeAdd, compute.OpTypeReduceProduct: compute.OpTypeMul,
	compute.OpTypeReduceMax: compute.OpTypeMax, compute.OpTypeReduceMin: compute.OpTypeMin,
	compute.OpTypeReduceBitwiseAnd: compute.OpTypeBitwiseAnd, compute.OpTypeReduceBitwiseOr: compute.OpTypeBitwiseOr,
	compute.OpTypeReduceBitwiseXor: compute.OpTypeBitwiseXor, compute.OpTypeReduceLogicalAnd: compute.OpTypeLogicalAnd,
	compute.OpTypeReduceLogicalOr: compute.OpTypeLogicalOr, compute.OpTypeReduceLogicalXor: compute.OpTypeLogicalXor,
	compute.OpTypeScatterSum: compute.OpTypeAdd, compute.OpTypeScatterMax: compute.OpTypeMax,
	compute.OpTypeScatterMin: compute.OpTypeMin,
}

// windowFolds does the same for the kinds of ReduceWindow.
var windowFolds = map[compute.ReduceOpType]compute.OpType{
	compute.ReduceOpSum: compute.OpTypeAdd, compute.ReduceOpProduct: compute.OpTypeMul,
	compute.ReduceOpMax: compute.OpTypeMax, compute.ReduceOpMin: compute.OpTypeMin,
}

var reductions = collect(
	table(reduce, compute.OpTypeReduceSum, compute.OpTypeReduceProduct, compute.OpTypeReduceMax, compute.OpTypeReduceMin,
		compute.OpTypeReduceBitwiseAnd, compute.OpTypeReduceBitwiseOr, compute.OpTypeReduceBitwiseXor,
		compute.OpTypeReduceLogicalAnd, compute.OpTypeReduceLogicalOr, compute.OpTypeReduceLogicalXor),
	table(argMinMax, compute.OpTypeArgMinMax),
	table(scatter, compute.OpTypeScatterSum, compute.OpTypeScatterMax, compute.OpTypeScatterMin),
)

// reduce folds the elements of the reduced axes in row-major order.
func reduce(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	axes := c.attr.(ir.Axes).Axes
	dims, from := c.operand(0)
	w := walk{dims: dims, from: from, to: make([]int, len(dims))}
	kept := others(len(dims), axes)
	for i, s := range strides(pick(dims, kept)) {
		w.to[kept[i]] = s
	}
	return e.fold(folds[c.op], c.out[0].Flat, c.in[0].Flat, w)
}

func (e *element[T]) fold(op compute.OpType, out, x any, w walk) error {
	f, err := lookup[T](e.binary, op)
	if err != nil {
		return err
	}
	o, in := out.([]T), x.([]T)
	for i := range o {
		o[i] = e.neutral[op]
	}
	w.each(func(to, from int) { o[to] = f(o[to], in[from]) })
	return nil
}

// argMinMax finds the first smallest or largest element along an axis; a NaN counts as both.
func argMinMax(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	a := c.attr.(ir.ArgMinMax)
	op := compute.OpTypeGreaterThan
	if a.IsMin {
		op = compute.OpTypeLessThan
	}
	dims, from := c.operand(0)
	order := append(others(len(dims), []int{a.Axis}), a.Axis)
	w := walk{dims: pick(dims, order), from: pick(from, order), to: make([]int, len(dims))}
	n := c.out[0].Shape.Size()
	copy(w.to, strides(w.dims[:len(dims)-1]))
	best, err := e.argMinMax(op, c.in[0].Flat, w, n)
	if err != nil {
		return err
	}
	convertNumbers(c.out[0], best)
	return nil
}

// argMinMax visits the n rows of w and returns for each the place of its first best element.
func (e *element[T]) argMinMax(op compute.OpType, x any, w walk, n int) ([]int64, error) {
	better, err := lookup[T](e.compare, op)
	if err != nil {
		return nil, err
	}
	in := x.([]T)
	same := e.compare[compute.OpTypeEqual]
	out := make([]int64, 0, n)
	_, step := w.steps()
	w.rows(func(_, from, n int) {
		best := 0
		for i := range n {
			v, b := in[from+i*step], in[from+best*step]
			if !same(b, b) { // nothing beats a NaN
				break
			}
			if better(v, b) || !same(v, v) {
				best = i
			}
		}
		out = append(out, int64(best))
	})
	return out, nil
}

// scatter folds updates into the operand, window by window
// (https://openxla.org/xla/operation_semantics#scatter). Windows that do not fit into the operand are left out.
func scatter(c *call) error {
	e, err := c.kind(0)
	if err != nil {
		return err
	}
	copy(c.out[0].Bytes(), c.in[0].Bytes())
	a := c.attr.(ir.Scatter)
	operand, to := c.operand(0)
	dims, from := c.operand(2)
	v := newVectors(c.in[1], a.IndexVectorAxis)
	windowAxes := slices.Sorted(slices.Values(a.UpdateWindowAxes))
	batchAxes := others(len(dims), windowAxes)
	window := pick(dims, windowAxes)
	extent := make([]int, len(operand)) // of a window, in the operand's axes
	for i := range extent {
		extent[i] = 1
	}
	kept := others(len(operand), a.InsertedWindowAxes)
	for i, axis := range kept {
		extent[axis] = window[i]
	}
	target := make([]int, size(dims))
	for i := range target {
		target[i] = math.MinInt
	}
	for i, first := range offsets(pick(dims, batchAxes), pick(from, batchAxes)) {
		at, fits := 0, true
		for k, axis := range a.ScatterAxesToOperandAxes {
			start := v.component(i, k)
			fits = fits && start >= 0 && start <= int64(operand[axis]-extent[axis])
			at += to[axis] * int(start)
		}
		if !fits {
			continue
		}
		w := walk{dims: window, to: pick(to, kept), from: pick(from, windowAxes), toAt: at, fromAt: first}
		w.each(func(to, from int) { target[from] = to })
	}
	return e.scatter(folds[c.op], c.out[0].Flat, c.in[2].Flat, func(update int) int { return target[update] })
}

// scatter folds each update, in row-major order, into the element that at names, if it names one.
func (e *element[T]) scatter(op compute.OpType, out, updates any, at func(update int) int) error {
	f, err := lookup[T](e.binary, op)
	if err != nil {
		return err
	}
	o := out.([]T)
	for i, u := range updates.([]T) {
		if to := at(i); to >= 0 {
			o[to] = f(o[to], u)
		}
	}
	return nil
}
