package optim

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Clip scales all gradients together so that their joint Euclidean norm is at most limit (Pascanu
// et al. 2013; torch.nn.utils.clip_grad_norm_, whose 1e-6 it shares). It returns them and the norm
// before clipping, a scalar. limit 0 only measures.
func Clip(grads []*Node, limit float64) (clipped []*Node, norm *Node) {
	if len(grads) == 0 {
		panic(fmt.Errorf("no gradients to clip"))
	}
	var sum *Node
	for _, g := range grads { // in this order on every run: float addition is not associative
		s := graph.ReduceAllSum(graph.Mul(g, g))
		if sum == nil {
			sum = s
		} else {
			sum = graph.Add(sum, graph.ConvertDType(s, sum.DType()))
		}
	}
	norm = graph.Sqrt(sum)
	if limit <= 0 {
		return grads, norm
	}
	ratio := graph.Div(graph.ConstAs(norm, limit), graph.AddScalar(norm, 1e-6))
	scale := graph.Min(ratio, graph.ConstAs(norm, 1.0))
	for _, g := range grads {
		clipped = append(clipped, graph.Mul(g, graph.ConvertDType(scale, g.DType())))
	}
	return clipped, norm
}

// InitAccumulator creates the zero sums that Accumulate needs, in s.
func InitAccumulator(s *model.Scope, vars []*model.Variable) error {
	for _, v := range vars {
		if err := newState(s, sumPath(s, v), v); err != nil {
			return err
		}
	}
	return nil
}

func sumPath(s *model.Scope, v *model.Variable) string {
	return model.JoinPath(s.Scope(), "sum", v.Path())
}

// Accumulate adds share·grads to the sums in s: one of the first parts of a batch that is too large
// for memory. share is the part's share of the batch, so that a loss that is a mean over the
// part becomes the mean over the batch.
func Accumulate(s *model.Scope, vars []*model.Variable, grads []*Node, share float64) {
	for i, sum := range addTo(s, vars, grads, share) {
		state(s, sumPath(s, vars[i])).SetNodeValue(sum)
	}
}

// Accumulated ends a batch with its last part: it returns the gradients of the whole batch and
// sets the sums back to zero.
func Accumulated(s *model.Scope, vars []*model.Variable, grads []*Node, share float64) []*Node {
	whole := addTo(s, vars, grads, share)
	for i, v := range vars {
		state(s, sumPath(s, v)).SetNodeValue(graph.ZerosLike(whole[i]))
	}
	return whole
}

func addTo(s *model.Scope, vars []*model.Variable, grads []*Node, share float64) []*Node {
	checkPairs(vars, grads)
	sums := make([]*Node, len(vars))
	for i, v := range vars {
		g := graph.ConvertDType(grads[i], v.DType())
		sums[i] = graph.Add(state(s, sumPath(s, v)).NodeValue(g), graph.MulScalar(g, share))
	}
	return sums
}
