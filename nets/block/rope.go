package block

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// Rotary holds the tables of rotary position embeddings (Su et al. 2021, equation 34) of one graph.
type Rotary struct{ cos, sin *Node } // [1, S, 1, d/2]

// NewRotary makes the tables for length positions and heads of d numbers, d even, in like's graph and
// type: channel i is paired with channel i+d/2, and the pair at position s is turned by the angle
// s·base^(−2i/d). base is 10000 in most models.
func NewRotary(like *Node, length, d int, base float64) Rotary {
	return NewRotaryCopies(like, length, 1, d, base)
}

// NewRotaryCopies is NewRotary for rows that hold the same length positions several times, one copy after another.
func NewRotaryCopies(like *Node, length, copies, d int, base float64) Rotary {
	half := d / 2
	cos, sin := make([]float64, length*copies*half), make([]float64, length*copies*half)
	for s := range length * copies {
		for i := range half {
			sin[s*half+i], cos[s*half+i] = math.Sincos(float64(s%length) * math.Pow(base, -float64(2*i)/float64(d)))
		}
	}
	length *= copies
	table := func(v []float64) *Node { return graph.Reshape(graph.ConstAs(like, v), 1, length, 1, half) }
	return Rotary{table(cos), table(sin)}
}

// At picks the tables of some positions, integers [n] below the length of r.
func (r Rotary) At(positions *Node) Rotary {
	pick := func(table *Node) *Node {
		d := table.Shape().Dimensions
		rows := graph.Gather(graph.Reshape(table, d[1], d[3]), graph.InsertAxes(graph.StopGradient(positions), -1))
		return graph.Reshape(rows, 1, positions.Shape().Dimensions[0], 1, d[3])
	}
	return Rotary{pick(r.cos), pick(r.sin)}
}

// Apply turns x [B, S, heads, d].
func (r Rotary) Apply(x *Node) *Node {
	half := x.Shape().Dimensions[3] / 2
	x1 := graph.SliceAxis(x, 3, graph.AxisRange(0, half))
	x2 := graph.SliceAxis(x, 3, graph.AxisRange(half, 2*half))
	return graph.Concatenate([]*Node{
		graph.Sub(graph.Mul(x1, r.cos), graph.Mul(x2, r.sin)),
		graph.Add(graph.Mul(x2, r.cos), graph.Mul(x1, r.sin)),
	}, -1)
}
