package pass

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// joinPads turns the sum of two zero-padded tensors that lie side by side into their concatenation, padded: the gradient of
// a split is one copy then, instead of as many full-size paddings and additions as there were parts.
func (c *cleaner) joinPads(a, b ir.Value, out shapes.Shape) (ir.Value, bool) {
	pa, pb := c.zeroPad(a), c.zeroPad(b)
	if pa == nil || pb == nil {
		return ir.None, false
	}
	x, y := pa.Attr.(ir.Pad).Axes, pb.Attr.(ir.Pad).Axes
	axis := -1
	for i := range x {
		if x[i] != y[i] {
			if axis >= 0 {
				return ir.None, false
			}
			axis = i
		}
		if x[i].Interior != 0 || y[i].Interior != 0 || min(x[i].Start, x[i].End, y[i].Start, y[i].End) < 0 {
			return ir.None, false
		}
	}
	if axis < 0 {
		return ir.None, false
	}
	if x[axis].Start > y[axis].Start {
		pa, pb, x, y = pb, pa, y, x
	}
	first, second := c.New.Shapes[pa.Inputs[0]], c.New.Shapes[pb.Inputs[0]]
	if x[axis].Start+first.Dimensions[axis] != y[axis].Start {
		return ir.None, false
	}
	joined := first.Clone()
	joined.Dimensions[axis] += second.Dimensions[axis]
	parts := append(c.parts(pa.Inputs[0], axis), c.parts(pb.Inputs[0], axis)...)
	both := c.one(compute.OpTypeConcatenate, ir.Axis{Axis: axis}, parts, joined)
	pads := append([]compute.PadAxis{}, x...)
	pads[axis].End = y[axis].End
	return c.one(compute.OpTypePad, ir.Pad{Axes: pads}, []ir.Value{both, pa.Inputs[1]}, out), true
}

// zeroPad returns the node of a padding with zeros.
func (c *cleaner) zeroPad(v ir.Value) *ir.Node {
	d := c.Def(v)
	if d == nil || compute.OpType(d.Op) != compute.OpTypePad {
		return nil
	}
	if k, ok := c.number(d.Inputs[1]); !ok || k != 0 {
		return nil
	}
	return d
}

// parts returns the operands of a concatenation along axis, or the value itself.
func (c *cleaner) parts(v ir.Value, axis int) []ir.Value {
	if d := c.Def(v); d != nil && d.Attr == (ir.Axis{Axis: axis}) && compute.OpType(d.Op) == compute.OpTypeConcatenate {
		return append([]ir.Value{}, d.Inputs...)
	}
	return []ir.Value{v}
}
