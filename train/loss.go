package train

import (
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Network is a raw network as training sees it: something that makes its weights in a scope and runs on them. Package recipe makes
// one from any network of package nets.
type Network interface {
	// Init creates all weights in the scope, a pure function of seed.
	Init(weights *model.Scope, seed uint64) error
	// Trainable lists the weights that training changes.
	Trainable(weights *model.Scope) ([]*model.Variable, error)
	// Forward builds F(x, cNoise, class) on the weights of a scope. x is [B, …, C], cNoise [B] floating point, class [B] int32 or nil.
	// dropout holds a random key for each sample, [B] uint32; nil switches dropout off.
	Forward(weights *model.Scope, dropout, x, cNoise, class *graph.Node) *graph.Node
}

// Task is what a network learns: to denoise samples of one shape, perhaps of a known class.
type Task struct {
	Network   Network
	Objective *diffusion.Objective
	Shape     []int // of one sample, the channels last: [H, W, C], or [D]
	Classes   bool  // the network takes a class
	Dropout   bool  // the network drops activations while it trains
}

// Piece is some samples of a batch with their random draws, on the host.
type Piece struct {
	X0      []float32 // [n, Shape…]
	Classes []int32   // [n], if the task has classes
	Dropout []uint32  // [n], if the task has dropout
	Draws   *diffusion.Draws
}

// args turns a piece into the inputs of Loss. They are copies: the piece may be used again.
func (t *Task) args(p Piece) ([]any, error) {
	size := t.Objective.Size
	if size == 0 || len(p.X0)%size != 0 {
		return nil, fmt.Errorf("train: %d numbers do not make samples of %v", len(p.X0), t.Shape)
	}
	dims := append([]int{len(p.X0) / size}, t.Shape...)
	args := []any{
		tensors.FromFlatDataAndDimensions(p.X0, dims...),
		tensors.FromFlatDataAndDimensions(p.Draws.Noise, dims...),
		tensors.FromFlatDataAndDimensions(p.Draws.Terms, dims[0], diffusion.NumTerms),
	}
	if t.Objective.InputPerturbation > 0 {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Draws.InputNoise, dims...))
	}
	if t.Classes {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Classes, dims[0]))
	}
	if t.Dropout {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Dropout, dims[0]))
	}
	return args, nil
}

// loss is the LossFunc of the task: its inputs are those of args.
func (t *Task) loss(weights *model.Scope, in []*graph.Node) (mean, perSample *graph.Node) {
	inputs := diffusion.Inputs{X0: in[0], Noise: in[1], Terms: in[2]}
	in = in[3:]
	next := func() *graph.Node {
		n := in[0]
		in = in[1:]
		return n
	}
	if t.Objective.InputPerturbation > 0 {
		inputs.InputNoise = next()
	}
	if t.Classes {
		inputs.Class = next()
	}
	var dropout *graph.Node
	if t.Dropout {
		dropout = next()
	}
	network := func(x, cNoise, class *graph.Node) *graph.Node {
		return t.Network.Forward(weights, dropout, x, cNoise, class)
	}
	return t.Objective.Loss(network, inputs)
}

// NewStep prepares the training step of the task on fresh weights in the store.
func (t *Task) NewStep(b compute.Backend, store *model.Store, seed uint64, config StepConfig) (*Step, error) {
	weights := Weights(store)
	if err := t.Network.Init(weights, seed); err != nil {
		return nil, err
	}
	vars, err := t.Network.Trainable(weights)
	if err != nil {
		return nil, err
	}
	return NewStep(b, store, vars, config, t.loss)
}

// Run is Step.Run for a batch of pieces of this task.
func (t *Task) Run(s *Step, lr float64, decays []float64, piece func(part int) (Piece, error)) (Outcome, error) {
	return s.Run(lr, decays, func(part int) ([]any, error) {
		p, err := piece(part)
		if err != nil {
			return nil, err
		}
		return t.args(p)
	})
}
