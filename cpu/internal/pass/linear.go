package pass

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// factorSums takes factors that are constant along the reduced axes out of sums: Σ(x·b) = b·Σx, Σ(x/b) = Σx/b. A sum of
// terms with such factors is taken apart first. The gradient of a normalisation thereby needs one pass over its operands
// less: the sum for the mean no longer waits for the one for the variance.
func (c *cleaner) factorSum(axes []int, x ir.Value, out shapes.Shape) (ir.Value, bool) {
	if out.DType != dtypes.Float32 || c.New.Shapes[x].Size() < bigValue {
		return ir.None, false
	}
	d := c.Def(x)
	if d == nil {
		return ir.None, false
	}
	sum := func(v ir.Value) ir.Value {
		return c.one(compute.OpTypeReduceSum, ir.Axes{Axes: axes}, []ir.Value{v}, out)
	}
	switch t := compute.OpType(d.Op); t {
	case compute.OpTypeNeg:
		return c.one(t, nil, []ir.Value{sum(d.Inputs[0])}, out), true
	case compute.OpTypeMul, compute.OpTypeDiv:
		for i, v := range d.Inputs {
			if t == compute.OpTypeDiv && i == 0 {
				continue
			}
			if b, ok := c.constantAlong(v, axes, out); ok {
				return c.one(t, nil, []ir.Value{sum(d.Inputs[1-i]), b}, out), true
			}
		}
	case compute.OpTypeAdd, compute.OpTypeSub:
		l, r := d.Inputs[0], d.Inputs[1]
		full := c.New.Shapes[l].Equal(c.New.Shapes[x]) && c.New.Shapes[r].Equal(c.New.Shapes[x])
		if full && (c.hasFactor(l, axes, out, 4) || c.hasFactor(r, axes, out, 4)) {
			return c.one(t, nil, []ir.Value{sum(l), sum(r)}, out), true
		}
	}
	return ir.None, false
}

// hasFactor tells whether a term, or a part of a sum of terms, has a factor that can be taken out.
func (c *cleaner) hasFactor(v ir.Value, axes []int, out shapes.Shape, depth int) bool {
	d := c.Def(v)
	if d == nil || depth == 0 {
		return false
	}
	switch t := compute.OpType(d.Op); t {
	case compute.OpTypeMul, compute.OpTypeDiv:
		_, first := c.constantAlong(d.Inputs[0], axes, out)
		_, second := c.constantAlong(d.Inputs[1], axes, out)
		return first && t == compute.OpTypeMul || second
	case compute.OpTypeAdd, compute.OpTypeSub:
		return c.hasFactor(d.Inputs[0], axes, out, depth-1) || c.hasFactor(d.Inputs[1], axes, out, depth-1)
	}
	return false
}

// constantAlong returns v without the given axes, if v is a broadcast that does not vary along them.
func (c *cleaner) constantAlong(v ir.Value, axes []int, out shapes.Shape) (ir.Value, bool) {
	d := c.Def(v)
	if d == nil || compute.OpType(d.Op) != compute.OpTypeBroadcastInDim {
		return ir.None, false
	}
	from := c.New.Shapes[d.Inputs[0]].Dimensions
	var dims, to []int // of the operand's axes that are kept
	for i, axis := range d.Attr.(ir.Broadcast).Axes {
		if slices.Contains(axes, axis) {
			if from[i] != 1 {
				return ir.None, false
			}
			continue
		}
		kept := axis
		for _, a := range axes {
			if a < axis {
				kept--
			}
		}
		dims, to = append(dims, from[i]), append(to, kept)
	}
	small := c.reshape(d.Inputs[0], shapes.Make(out.DType, dims...))
	return c.one(compute.OpTypeBroadcastInDim, ir.Broadcast{Axes: append([]int{}, to...)}, []ir.Value{small}, out), true
}
