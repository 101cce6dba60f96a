package pass

import (
	"slices"

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
	dead := false
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		for _, v := range g.Nodes[i].Outputs {
			keep[i] = keep[i] || live[v]
		}
		if !keep[i] {
			dead = true
			continue
		}
		for _, v := range g.Nodes[i].Inputs {
			if v != ir.None {
				live[v] = true
			}
		}
	}
	if !dead {
		return g, nil
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
	if !slices.ContainsFunc(g.Nodes, isBarrier) {
		return g, nil
	}
	e := ir.NewEmitter(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !isBarrier(*n) {
			e.Copy(n)
			continue
		}
		for j, v := range n.Outputs {
			e.Replace(v, e.To(n.Inputs[j]))
		}
	}
	return e.Finish(), nil
}

func isBarrier(n ir.Node) bool {
	t := compute.OpType(n.Op)
	return t == compute.OpTypeOptimizationBarrier || t == compute.OpTypeSchedulingBarrier
}

func bodyShapes(g *ir.Graph, n *ir.Node) []shapes.Shape {
	out := make([]shapes.Shape, len(n.Outputs))
	for i, v := range n.Outputs {
		out[i] = g.Shapes[v]
	}
	return out
}
