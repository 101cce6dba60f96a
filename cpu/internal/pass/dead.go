package pass

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// removeDead drops nodes none of whose outputs is used.
func removeDead(g *ir.Graph, _ *Options) (*ir.Graph, error) {
	live := make([]bool, len(g.Shapes))
	for _, v := range g.Outputs {
		live[v] = true
	}
	keep := make([]bool, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		for _, v := range g.Nodes[i].Outputs {
			keep[i] = keep[i] || live[v]
		}
		if !keep[i] {
			continue
		}
		for _, v := range g.Nodes[i].Inputs {
			if v != ir.None {
				live[v] = true
			}
		}
	}
	e := ir.NewEmitter(g)
	for i := range g.Nodes {
		if keep[i] {
			e.Copy(&g.Nodes[i])
		}
	}
	return e.Finish(), nil
}

// dropBarriers removes the barriers that kept the clean pass from merging a checkpointed block with its recomputation.
func dropBarriers(g *ir.Graph, _ *Options) (*ir.Graph, error) {
	e := ir.NewEmitter(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch compute.OpType(n.Op) {
		case compute.OpTypeOptimizationBarrier, compute.OpTypeSchedulingBarrier:
			for j, v := range n.Outputs {
				e.Replace(v, e.To(n.Inputs[j]))
			}
		default:
			e.Copy(n)
		}
	}
	return e.Finish(), nil
}

func bodyShapes(g *ir.Graph, n *ir.Node) []shapes.Shape {
	out := make([]shapes.Shape, len(n.Outputs))
	for i, v := range n.Outputs {
		out[i] = g.Shapes[v]
	}
	return out
}
