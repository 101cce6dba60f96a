// Package optim updates weights: AdamW, global-norm clipping, gradient accumulation, learning-rate
// schedules, and moving averages of the weights (EMA) with their reconstruction after the fact.
//
// The parts that touch weights build GoMLX graphs, so that a whole training step (loss, gradients,
// clipping, AdamW, EMA) is one graph:
//
//	grads, norm := optim.Clip(graph.Gradient(loss, values...), 1)
//	adam.Update(state, vars, grads, lr)
//	optim.Average(ema, weights, vars, decay)
//
// Their state lives in non-trainable variables of a scope that the caller chooses, created by
// an Init function and named after the weights, so that a checkpoint is a copy of the store. What
// changes from step to step (learning rate, decay) is a pure function of the images seen, computed
// outside and passed in as a scalar.
//
// Like all GoMLX graph functions, those with Nodes panic with an error when something does not
// fit; model.Exec turns that into the error of its Call.
package optim

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Node is a value of the graph being built.
type Node = graph.Node

// newState makes a zero, non-trainable variable shaped like v.
func newState(s *model.Scope, path string, like *model.Variable) error {
	if s.Store().GetVariable(path) != nil {
		return fmt.Errorf("optimiser state %q exists already: initialise once, or load a checkpoint instead", path)
	}
	s.Store().VariableWithValue(path, tensors.FromShape(like.Shape())).SetTrainable(false)
	return nil
}

// state fetches a state variable. GoMLX's loaders bring variables back as trainable, so the mark is
// set again at every graph.
func state(s *model.Scope, path string) *model.Variable {
	v := s.Store().GetVariable(path)
	if v == nil {
		panic(fmt.Errorf("no optimiser state %q: call Init or load a checkpoint first", path))
	}
	return v.SetTrainable(false)
}

// checkPairs panics unless there is one gradient of the right shape for each variable.
func checkPairs(vars []*model.Variable, grads []*Node) {
	if len(vars) != len(grads) {
		panic(fmt.Errorf("%d gradients for %d variables", len(grads), len(vars)))
	}
	for i, v := range vars {
		if !v.Shape().EqualDimensions(grads[i].Shape()) {
			panic(fmt.Errorf("gradient %s for variable %q %s", grads[i].Shape(), v.Path(), v.Shape()))
		}
	}
}
