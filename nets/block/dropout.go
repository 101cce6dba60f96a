package block

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Dropout zeroes elements of x [B, ...] with probability rate and divides the others by 1−rate
// (Srivastava et al. 2014), if the context gives keys.
//
// The decision for element i of a sample is a hash of the sample's key, the number of the dropout
// layer and i: no state, and the same whatever else is in the batch.
func (c *Ctx) Dropout(x *Node, rate float64) *Node {
	if c.DropoutKeys == nil || rate <= 0 {
		return x
	}
	c.dropouts++
	d := x.Shape().Dimensions
	key := hash(graph.Add(c.DropoutKeys, u32(x, c.dropouts*0x9e3779b9)))
	n := x.Shape().Size() / d[0]
	i := graph.Iota(x.Graph(), shapes.Make(dtypes.Uint32, 1, n), 1)
	bits := hash(graph.Add(graph.Reshape(key, d[0], 1), hash(i)))
	keep := graph.GreaterOrEqual(bits, u32(x, uint32(math.Min(rate*(1<<32), math.MaxUint32))))
	mask := graph.MulScalar(graph.ConvertDType(keep, x.DType()), 1/(1-rate))
	return graph.Mul(x, graph.StopGradient(graph.Reshape(mask, d...)))
}

// hash scrambles 32-bit integers (C. Wellons, "lowbias32").
func hash(x *Node) *Node {
	x = xorShift(x, 16)
	x = xorShift(graph.Mul(x, u32(x, 0x7feb352d)), 15)
	return xorShift(graph.Mul(x, u32(x, 0x846ca68b)), 16)
}

func xorShift(x *Node, n uint32) *Node {
	return graph.BitwiseXor(x, graph.BitwiseShiftRightLogical(x, u32(x, n)))
}

func u32(x *Node, v uint32) *Node { return graph.Const(x.Graph(), v) }
