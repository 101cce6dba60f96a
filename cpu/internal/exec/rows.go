package exec

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// rowsStep runs the gathers and scatters of embedding tables: whole rows of a float32 matrix named by one int32 index each.
// Other forms are interpreted.
func (x *Executable) rowsStep(n *ir.Node) (step, bool) {
	table, index := x.g.Shapes[n.Inputs[0]], x.g.Shapes[n.Inputs[1]]
	if table.DType != dtypes.Float32 || table.Rank() != 2 || index.DType != dtypes.Int32 || index.Rank() < 1 ||
		index.Dimensions[index.Rank()-1] != 1 || table.Size() == 0 || index.Size() == 0 {
		return step{}, false
	}
	r := rows{count: table.Dimensions[0], width: table.Dimensions[1], picked: index.Size()}
	last := index.Rank() - 1
	switch a := n.Attr.(type) {
	case ir.Gather:
		ok := a.IndexVectorAxis == last && len(a.CollapsedSliceAxes) == 1 && a.CollapsedSliceAxes[0] == 0 &&
			len(a.OffsetOutputAxes) == 1 && a.OffsetOutputAxes[0] == last && a.StartIndexMap[0] == 0 &&
			a.SliceSizes[0] == 1 && a.SliceSizes[1] == r.width
		return step{kind: "gather rows", run: r.gather}, ok
	case ir.Scatter:
		ok := n.Op == ir.Primitive(compute.OpTypeScatterSum) && a.IndexVectorAxis == last && len(a.InsertedWindowAxes) == 1 &&
			a.InsertedWindowAxes[0] == 0 && len(a.UpdateWindowAxes) == 1 && a.UpdateWindowAxes[0] == last &&
			a.ScatterAxesToOperandAxes[0] == 0 && x.g.Shapes[n.Inputs[2]].Size() == r.picked*r.width
		return step{kind: "scatter rows", run: r.scatter}, ok
	}
	return step{}, false
}

// rows is the geometry: a table of count rows of width floats, picked of which are read or added to.
type rows struct{ count, width, picked int }

// gather copies table[index[i]] to out[i]; indices beyond the table are clamped, as the interface asks.
func (r rows) gather(c *context, in, out [][]byte, _ []float32) error {
	table, index, dst := floats(in[0]), view[int32](in[1], r.picked), floats(out[0])
	c.split(r.picked, r.width, func(from, to int) {
		for i := from; i < to; i++ {
			at := min(max(int(index[i]), 0), r.count-1) * r.width
			copy(dst[i*r.width:(i+1)*r.width], table[at:at+r.width])
		}
	})
	return nil
}

// scatter adds updates[i] to row index[i] in the order of i; indices beyond the table are dropped. Tasks share the columns.
func (r rows) scatter(c *context, in, out [][]byte, _ []float32) error {
	index, updates, dst := view[int32](in[1], r.picked), floats(in[2]), floats(out[0])
	if len(in[0]) != len(out[0]) {
		return fmt.Errorf("a table of %d bytes for a result of %d", len(in[0]), len(out[0]))
	}
	copy(out[0], in[0])
	add := c.kernels.set.Vector.Binary[kernel.Add]
	const columns = 64 // of one task
	c.runner.Run((r.width+columns-1)/columns, func(_, task int) {
		from, to := task*columns, min(r.width, (task+1)*columns)
		for i, k := range index {
			if k >= 0 && int(k) < r.count {
				row := dst[int(k)*r.width+from : int(k)*r.width+to]
				add(row, row, updates[i*r.width+from:i*r.width+to])
			}
		}
	})
	return nil
}
