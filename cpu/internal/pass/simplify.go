package pass

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// simplify returns the value that a node can be replaced by. No rule changes a result beyond rounding, nor drops a NaN.
func (c *cleaner) simplify(op ir.Op, attr any, in []ir.Value, out shapes.Shape) (ir.Value, bool) {
	if op >= ir.Op(compute.OpTypeLast) || len(in) == 0 {
		return ir.None, false
	}
	switch t := compute.OpType(op); t {
	case compute.OpTypeIdentity:
		return in[0], true
	case compute.OpTypeReshape, compute.OpTypeConvertDType, compute.OpTypeBroadcastInDim, compute.OpTypeTranspose,
		compute.OpTypeReverse, compute.OpTypeSlice, compute.OpTypePad, compute.OpTypeConcatenate:
		return c.simplifyMove(t, attr, in, out)
	case compute.OpTypeReduceSum, compute.OpTypeReduceMax, compute.OpTypeReduceMin, compute.OpTypeReduceProduct:
		return c.simplifyReduce(t, attr.(ir.Axes).Axes, in[0], out)
	case compute.OpTypeNeg:
		if d := c.Def(in[0]); d != nil && d.Op == op {
			return d.Inputs[0], true
		}
	case compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeDiv, compute.OpTypePow,
		compute.OpTypeMax, compute.OpTypeMin:
		return c.simplifyBinary(t, in[0], in[1], out)
	}
	return ir.None, false
}

func (c *cleaner) simplifyMove(t compute.OpType, attr any, in []ir.Value, out shapes.Shape) (ir.Value, bool) {
	x := in[0]
	from := c.New.Shapes[x]
	same := from.Equal(out)
	d := c.Def(x)
	switch t {
	case compute.OpTypeReshape, compute.OpTypeConvertDType:
		if same {
			return x, true
		}
		if t == compute.OpTypeReshape && d != nil && compute.OpType(d.Op) == t {
			return c.reshape(d.Inputs[0], out), true
		}
	case compute.OpTypeBroadcastInDim:
		if same {
			return x, true
		}
		if from.Size() == out.Size() {
			return c.reshape(x, out), true
		}
		if d != nil && compute.OpType(d.Op) == t { // of a broadcast: compose
			inner, outer := d.Attr.(ir.Broadcast).Axes, attr.(ir.Broadcast).Axes
			axes := make([]int, len(inner))
			for i, a := range inner {
				axes[i] = outer[a]
			}
			return c.one(t, ir.Broadcast{Axes: axes}, d.Inputs, out), true
		}
	case compute.OpTypeTranspose:
		perm := attr.(ir.Transpose).Perm
		if onlyMovesOnes(from.Dimensions, perm) {
			return c.reshape(x, out), true
		}
		if d != nil && compute.OpType(d.Op) == t {
			first := d.Attr.(ir.Transpose).Perm
			both := make([]int, len(perm))
			for i, p := range perm {
				both[i] = first[p]
			}
			return c.one(t, ir.Transpose{Perm: both}, d.Inputs, out), true
		}
	case compute.OpTypeReverse:
		if !slices.ContainsFunc(attr.(ir.Axes).Axes, func(a int) bool { return from.Dimensions[a] != 1 }) {
			return x, true
		}
	case compute.OpTypeSlice:
		return x, same && !slices.ContainsFunc(attr.(ir.Slice).Strides, func(s int) bool { return s != 1 })
	case compute.OpTypePad:
		return x, same && !slices.ContainsFunc(attr.(ir.Pad).Axes, func(p compute.PadAxis) bool { return p != compute.PadAxis{} })
	case compute.OpTypeConcatenate:
		return x, len(in) == 1
	}
	return ir.None, false
}

// onlyMovesOnes tells whether a permutation leaves the order of the axes longer than 1.
func onlyMovesOnes(dims, perm []int) bool {
	last := -1
	for _, p := range perm {
		if dims[p] == 1 {
			continue
		}
		if p < last {
			return false
		}
		last = p
	}
	return true
}

func (c *cleaner) simplifyReduce(t compute.OpType, axes []int, x ir.Value, out shapes.Shape) (ir.Value, bool) {
	from := c.New.Shapes[x]
	if from.Size() == out.Size() && from.Size() > 0 {
		return c.reshape(x, out), true
	}
	if t == compute.OpTypeReduceSum {
		if v, ok := c.factorSum(axes, x, out); ok {
			return v, true
		}
	}
	d := c.Def(x)
	if d == nil || compute.OpType(d.Op) != t {
		return ir.None, false
	}
	// A reduction of a reduction: one over both sets of axes. Floating-point sums only change in rounding.
	inner := d.Attr.(ir.Axes).Axes
	all := slices.Clone(inner)
	kept := make([]int, 0, from.Rank())
	for a := range c.New.Shapes[d.Inputs[0]].Rank() {
		if !slices.Contains(inner, a) {
			kept = append(kept, a)
		}
	}
	for _, a := range axes {
		all = append(all, kept[a])
	}
	slices.Sort(all)
	return c.one(t, ir.Axes{Axes: all}, d.Inputs, out), true
}

func (c *cleaner) simplifyBinary(t compute.OpType, a, b ir.Value, out shapes.Shape) (ir.Value, bool) {
	if out.DType != dtypes.Float32 && out.DType != dtypes.Float64 {
		return ir.None, false
	}
	if v, ok := c.identityOperand(t, a, b, out); ok {
		return v, true
	}
	if t == compute.OpTypePow {
		return c.power(a, b, out)
	}
	if t == compute.OpTypeAdd {
		if v, ok := c.joinPads(a, b, out); ok {
			return v, true
		}
	}
	// A repeated scalar becomes a scalar operand, which costs nothing to read.
	a2, b2 := c.scalarOperand(a, out), c.scalarOperand(b, out)
	if scalars := c.New.Shapes[a2].Rank() == 0 && c.New.Shapes[b2].Rank() == 0; scalars && out.Rank() > 0 { // compute once, then repeat
		v := c.one(t, nil, []ir.Value{a2, b2}, shapes.Make(out.DType))
		return c.one(compute.OpTypeBroadcastInDim, ir.Broadcast{Axes: []int{}}, []ir.Value{v}, out), true
	}
	if a2 != a || b2 != b {
		return c.one(t, nil, []ir.Value{a2, b2}, out), true
	}
	if db := c.Def(b); db != nil && compute.OpType(db.Op) == compute.OpTypeNeg && c.New.Shapes[b].Equal(out) {
		switch t { // a + (-b), a - (-b)
		case compute.OpTypeAdd:
			return c.one(compute.OpTypeSub, nil, []ir.Value{a, db.Inputs[0]}, out), true
		case compute.OpTypeSub:
			return c.one(compute.OpTypeAdd, nil, []ir.Value{a, db.Inputs[0]}, out), true
		}
	}
	return ir.None, false
}

// scalarOperand returns the scalar that v repeats, when v is a full-size operand of an operation with output out.
func (c *cleaner) scalarOperand(v ir.Value, out shapes.Shape) ir.Value {
	if out.Rank() == 0 || c.New.Shapes[v].Rank() == 0 || c.New.Shapes[v].Size() == 1 {
		return v
	}
	if s, ok := c.splat(v); ok {
		return c.scalar(s)
	}
	return v
}

// identityOperand drops x·1, x/1, x+0, x-0 and 0-x.
func (c *cleaner) identityOperand(t compute.OpType, a, b ir.Value, out shapes.Shape) (ir.Value, bool) {
	full := func(v ir.Value) bool { return c.New.Shapes[v].Equal(out) }
	if k, ok := c.number(b); ok && full(a) {
		switch {
		case k == 1 && (t == compute.OpTypeMul || t == compute.OpTypeDiv || t == compute.OpTypePow),
			k == 0 && (t == compute.OpTypeAdd || t == compute.OpTypeSub):
			return a, true
		case k == -1 && t == compute.OpTypeMul:
			return c.one(compute.OpTypeNeg, nil, []ir.Value{a}, out), true
		}
	}
	if k, ok := c.number(a); ok && full(b) {
		switch {
		case k == 1 && t == compute.OpTypeMul, k == 0 && t == compute.OpTypeAdd:
			return b, true
		case k == 0 && t == compute.OpTypeSub, k == -1 && t == compute.OpTypeMul:
			return c.one(compute.OpTypeNeg, nil, []ir.Value{b}, out), true
		}
	}
	return ir.None, false
}

// power turns small constant exponents into products, square roots and reciprocals.
func (c *cleaner) power(x, exponent ir.Value, out shapes.Shape) (ir.Value, bool) {
	k, ok := c.number(exponent)
	if !ok || !c.New.Shapes[x].Equal(out) {
		return ir.None, false
	}
	mul := func(a, b ir.Value) ir.Value { return c.one(compute.OpTypeMul, nil, []ir.Value{a, b}, out) }
	switch k {
	case 2:
		return mul(x, x), true
	case 3:
		return mul(mul(x, x), x), true
	case 4:
		square := mul(x, x)
		return mul(square, square), true
	case 0.5:
		return c.one(compute.OpTypeSqrt, nil, []ir.Value{x}, out), true
	case -1:
		return c.one(compute.OpTypeDiv, nil, []ir.Value{c.fill(out.DType, 1), x}, out), true
	}
	return ir.None, false
}
