package optim

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// AdamW is Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), in the
// arithmetic of torch.optim.AdamW.
type AdamW struct {
	Beta1       float64 `toml:"beta1" json:"beta1"`
	Beta2       float64 `toml:"beta2" json:"beta2"`
	Eps         float64 `toml:"eps" json:"eps"`
	WeightDecay float64 `toml:"weight_decay" json:"weight_decay"`
	// DecayAll decays norms and biases too, as torch.optim.AdamW does by default. Otherwise
	// only matrices, kernels and tables decay: variables of two axes or more.
	DecayAll bool `toml:"decay_all" json:"decay_all"`
}

// DefaultAdamW has PyTorch's numbers: 0.9, 0.999, 1e-8, decay 0.01.
func DefaultAdamW() AdamW {
	return AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}
}

// Validate says what is wrong with the settings, if anything.
func (a AdamW) Validate() error {
	switch {
	case !(a.Beta1 >= 0 && a.Beta1 < 1):
		return fmt.Errorf("adamw: beta1 is %v, must be at least 0 and below 1", a.Beta1)
	case !(a.Beta2 >= 0 && a.Beta2 < 1):
		return fmt.Errorf("adamw: beta2 is %v, must be at least 0 and below 1", a.Beta2)
	case !(a.Eps > 0) || math.IsInf(a.Eps, 0):
		return fmt.Errorf("adamw: eps is %v, must be positive", a.Eps)
	case !(a.WeightDecay >= 0) || math.IsInf(a.WeightDecay, 0):
		return fmt.Errorf("adamw: weight_decay is %v, must not be negative", a.WeightDecay)
	}
	return nil
}

// Init creates the state in s: both moments of each variable, under "m" and "v", and the number of
// steps done, "step" (int64).
func (a AdamW) Init(s *model.Scope, vars []*model.Variable) error {
	if s.GetVariable("step") != nil {
		return fmt.Errorf("scope %s holds the state of an optimiser already", s.Scope())
	}
	for _, v := range vars {
		for _, k := range []string{"m", "v"} {
			if err := newState(s, momentPath(s, k, v), v); err != nil {
				return err
			}
		}
	}
	s.VariableWithValue("step", int64(0)).SetTrainable(false)
	return nil
}

func momentPath(s *model.Scope, kind string, v *model.Variable) string {
	return model.JoinPath(s.Scope(), kind, v.Path())
}

// Update builds one step: it gives every variable its new value and moves the state on. lr is a
// floating-point scalar.
func (a AdamW) Update(s *model.Scope, vars []*model.Variable, grads []*Node, lr *Node) {
	checkPairs(vars, grads)
	g := lr.Graph()
	step := state(s, model.JoinPath(s.Scope(), "step"))
	next := graph.OnePlus(step.NodeValue(g))
	step.SetNodeValue(next)
	// The scalars are float64, as in PyTorch's loop: in float32, 1−β₂ᵗ at t = 1 has lost four digits.
	lr = graph.ConvertDType(lr, dtypes.Float64)
	t := graph.ConvertDType(next, dtypes.Float64)
	correction := func(beta float64) *Node {
		return graph.OneMinus(graph.Pow(graph.Const(g, beta), t))
	}
	u := adamStep{
		AdamW: a,
		size:  graph.Div(lr, correction(a.Beta1)),
		root:  graph.Reciprocal(graph.Sqrt(correction(a.Beta2))),
		keep:  graph.OneMinus(graph.MulScalar(lr, a.WeightDecay)),
	}
	for i, v := range vars {
		u.one(s, v, grads[i])
	}
}

// adamStep holds the scalars that all variables share.
type adamStep struct {
	AdamW
	size, root, keep *Node // lr/(1−β₁ᵗ), 1/√(1−β₂ᵗ), 1−lr·decay
}

func (u adamStep) one(s *model.Scope, v *model.Variable, grad *Node) {
	mv, vv := state(s, momentPath(s, "m", v)), state(s, momentPath(s, "v", v))
	grad = graph.ConvertDType(grad, v.DType())
	as := func(x *Node) *Node { return graph.ConvertDType(x, v.DType()) }
	w, m, q := v.NodeValue(grad), mv.NodeValue(grad), vv.NodeValue(grad)
	m = graph.Add(m, graph.MulScalar(graph.Sub(grad, m), 1-u.Beta1))
	q = graph.Add(graph.MulScalar(q, u.Beta2), graph.MulScalar(graph.Mul(grad, grad), 1-u.Beta2))
	if u.WeightDecay > 0 && (u.DecayAll || v.Shape().Rank() > 1) {
		w = graph.Mul(w, as(u.keep))
	}
	denominator := graph.AddScalar(graph.Mul(graph.Sqrt(q), as(u.root)), u.Eps)
	w = graph.Sub(w, graph.Mul(as(u.size), graph.Div(m, denominator)))
	mv.SetNodeValue(m)
	vv.SetNodeValue(q)
	v.SetNodeValue(w)
}
