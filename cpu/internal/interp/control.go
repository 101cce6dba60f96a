package interp

import (
	"cmp"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// controls returns the operations that run graphs of their own.
func controls(op compute.OpType) func(*call) error {
	switch op {
	case compute.OpTypeCall:
		return callGraph
	case compute.OpTypeIf:
		return ifElse
	case compute.OpTypeWhile:
		return while
	case compute.OpTypeSort:
		return sortAlong
	}
	return nil
}

// results copies the results of a graph to the outputs.
func (c *call) results(from []Tensor, err error) error {
	if err == nil {
		for i, t := range from {
			dtypes.CopyAnySlice(c.out[i].Flat, t.Flat)
		}
	}
	return err
}

func callGraph(c *call) error { return c.results(Run(c.attr.(ir.Call).Body, c.in)) }

func ifElse(c *call) error {
	a := c.attr.(ir.If)
	captured := c.in[1:]
	if c.in[0].Flat.([]bool)[0] {
		return c.results(Run(a.True, captured[:a.TrueCaptures]))
	}
	return c.results(Run(a.False, captured[a.TrueCaptures:]))
}

func while(c *call) error {
	a := c.attr.(ir.While)
	state, captured := c.in[:a.State], c.in[a.State:]
	for {
		more, err := Run(a.Cond, slices.Concat(state, captured[:a.CondCaptures]))
		if err != nil {
			return err
		}
		if !more[0].Flat.([]bool)[0] {
			return c.results(state, nil)
		}
		if state, err = Run(a.Body, slices.Concat(state, captured[a.CondCaptures:])); err != nil {
			return err
		}
	}
}

// sortAlong sorts lines along an axis by a comparator that tells whether one set of elements comes before another.
func sortAlong(c *call) error {
	a := c.attr.(ir.Sort)
	dims, stride := c.operand(0)
	n, step := dims[a.Axis], stride[a.Axis]
	lines := others(len(dims), []int{a.Axis})
	before := newComparator(a, c.in)
	order := make([]int, n)
	for _, first := range offsets(pick(dims, lines), pick(stride, lines)) {
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			switch {
			case before.less(first+i*step, first+j*step):
				return -1
			case before.less(first+j*step, first+i*step):
				return 1
			}
			return cmp.Compare(i, j)
		})
		if before.err != nil {
			return before.err
		}
		for k := range a.Operands {
			for to, from := range order {
				copyElement(c.out[k], first+to*step, c.in[k], first+from*step)
			}
		}
	}
	return nil
}

func copyElement(dst Tensor, to int, src Tensor, from int) {
	n := dst.Shape.DType.Size()
	copy(dst.Bytes()[to*n:(to+1)*n], src.Bytes()[from*n:])
}

// comparator runs a Sort's comparator on pairs of elements.
type comparator struct {
	ir.Sort
	in   []Tensor
	args []Tensor // left and right element of each operand, then the captured values
	err  error
}

func newComparator(a ir.Sort, in []Tensor) *comparator {
	c := &comparator{Sort: a, in: in[:a.Operands]}
	for _, t := range c.in {
		c.args = append(c.args, New(shapes.Make(t.Shape.DType)), New(shapes.Make(t.Shape.DType)))
	}
	c.args = append(c.args, in[a.Operands:]...)
	return c
}

func (c *comparator) less(i, j int) bool {
	if c.err != nil {
		return false
	}
	for k, t := range c.in {
		copyElement(c.args[2*k], 0, t, i)
		copyElement(c.args[2*k+1], 0, t, j)
	}
	out, err := Run(c.Comparator, c.args)
	if err != nil {
		c.err = err
		return false
	}
	return out[0].Flat.([]bool)[0]
}
