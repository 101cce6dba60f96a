package cpu

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// explicitVector gives operand 1, indices, the axis of index vectors that is implied when it is numbered beyond the last.
func (r *recording) explicitVector(axis int) error {
	s := r.shapes[1]
	if !s.DType.IsInt() {
		return fmt.Errorf("cpu: %s: indices %s are no integers", r.op, s)
	}
	if axis != s.Rank() {
		return nil
	}
	r.shapes[1] = shapes.Shape{DType: s.DType, Dimensions: append(slices.Clone(s.Dimensions), 1)}
	r.in[1] = r.graph.Add(ir.Primitive(compute.OpTypeReshape), nil, []ir.Value{r.in[1]}, r.shapes[1])[0]
	return nil
}

// Gather captures a collection of slices that begin where indices say, clamped into range.
func (f *Function) Gather(operand, startIndices compute.Value, indexVectorAxis int,
	offsetOutputAxes, collapsedSliceAxes, startIndexMap, sliceSizes []int, indicesAreSorted bool) (compute.Value, error) {
	r, err := f.record(compute.OpTypeGather, operand, startIndices)
	if err != nil {
		return nil, err
	}
	if err := r.explicitVector(indexVectorAxis); err != nil {
		return nil, err
	}
	attr := ir.Gather{IndexVectorAxis: indexVectorAxis, OffsetOutputAxes: slices.Clone(offsetOutputAxes),
		CollapsedSliceAxes: slices.Clone(collapsedSliceAxes), StartIndexMap: slices.Clone(startIndexMap),
		SliceSizes: slices.Clone(sliceSizes), IndicesAreSorted: indicesAreSorted}
	return r.finish(attr, func() (shapes.Shape, error) {
		if slices.ContainsFunc(sliceSizes, func(n int) bool { return n < 0 }) {
			return shapes.Invalid(), fmt.Errorf("slice sizes %v", sliceSizes)
		}
		return shapeinference.Gather(r.shapes[0], r.shapes[1], indexVectorAxis, offsetOutputAxes, collapsedSliceAxes,
			startIndexMap, sliceSizes, indicesAreSorted)
	})
}

// ScatterSum captures an addition of updates to slices of operand that begin where indices say; those that do not fit are
// left out.
func (f *Function) ScatterSum(operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes,
	scatterAxesToOperandAxes []int, indicesAreSorted, uniqueIndices bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterSum, operand, indices, updates, ir.Scatter{IndexVectorAxis: indexVectorAxis,
		UpdateWindowAxes: updateWindowAxes, InsertedWindowAxes: insertedWindowAxes,
		ScatterAxesToOperandAxes: scatterAxesToOperandAxes, IndicesAreSorted: indicesAreSorted, UniqueIndices: uniqueIndices})
}

// ScatterMax is [Function.ScatterSum] with the maximum in place of the sum.
func (f *Function) ScatterMax(operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes,
	scatterAxesToOperandAxes []int, indicesAreSorted, uniqueIndices bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterMax, operand, indices, updates, ir.Scatter{IndexVectorAxis: indexVectorAxis,
		UpdateWindowAxes: updateWindowAxes, InsertedWindowAxes: insertedWindowAxes,
		ScatterAxesToOperandAxes: scatterAxesToOperandAxes, IndicesAreSorted: indicesAreSorted, UniqueIndices: uniqueIndices})
}

// ScatterMin is [Function.ScatterSum] with the minimum in place of the sum.
func (f *Function) ScatterMin(operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes,
	scatterAxesToOperandAxes []int, indicesAreSorted, uniqueIndices bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterMin, operand, indices, updates, ir.Scatter{IndexVectorAxis: indexVectorAxis,
		UpdateWindowAxes: updateWindowAxes, InsertedWindowAxes: insertedWindowAxes,
		ScatterAxesToOperandAxes: scatterAxesToOperandAxes, IndicesAreSorted: indicesAreSorted, UniqueIndices: uniqueIndices})
}

func (f *Function) scatter(op compute.OpType, operand, indices, updates compute.Value, a ir.Scatter) (compute.Value, error) {
	r, err := f.record(op, operand, indices, updates)
	if err != nil {
		return nil, err
	}
	if err := r.explicitVector(a.IndexVectorAxis); err != nil {
		return nil, err
	}
	a.UpdateWindowAxes = slices.Clone(a.UpdateWindowAxes)
	a.InsertedWindowAxes = slices.Clone(a.InsertedWindowAxes)
	a.ScatterAxesToOperandAxes = slices.Clone(a.ScatterAxesToOperandAxes)
	return r.finish(a, func() (shapes.Shape, error) {
		s := r.shapes[0]
		if s.DType == dtypes.Bool && op == compute.OpTypeScatterSum || s.DType.IsComplex() && op != compute.OpTypeScatterSum {
			return s, fmt.Errorf("not defined for %s", s.DType)
		}
		if err := sameBatches(r.shapes[1], r.shapes[2], a); err != nil {
			return s, err
		}
		return shapeinference.Scatter(s, r.shapes[1], r.shapes[2], a.IndexVectorAxis, a.UpdateWindowAxes,
			a.InsertedWindowAxes, a.ScatterAxesToOperandAxes)
	})
}

// sameBatches checks that there are as many updates as index vectors, which shapeinference does not.
func sameBatches(indices, updates shapes.Shape, a ir.Scatter) error {
	var vectors, windows []int
	for i, d := range indices.Dimensions {
		if i != a.IndexVectorAxis {
			vectors = append(vectors, d)
		}
	}
	for i, d := range updates.Dimensions {
		if !slices.Contains(a.UpdateWindowAxes, i) {
			windows = append(windows, d)
		}
	}
	if !slices.Equal(vectors, windows) {
		return fmt.Errorf("index vectors %v do not match updates %v", vectors, windows)
	}
	return nil
}
