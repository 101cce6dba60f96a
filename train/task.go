package train

import (
	"context"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/event"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Network is a raw network as training sees it: something that makes its weights in a scope and runs on them. Package recipe makes
// one from any network of package nets.
type Network interface {
	// Init creates all weights in the scope, a pure function of seed.
	Init(weights *model.Scope, seed uint64) error
	// Trainable lists the weights that training changes: all of them, or some; the others stay as they are.
	Trainable(weights *model.Scope) ([]*model.Variable, error)
	// Forward builds the network on the weights of a scope.
	Forward(weights *model.Scope, in NetworkInputs) *graph.Node
}

// NetworkInputs are the inputs of a network in a graph. Those that a network does not take are nil.
type NetworkInputs struct {
	X       *graph.Node // [B, …, C] numbers, or [B, L] int32 tokens
	CNoise  *graph.Node // [B] floating point: the noise level
	Class   *graph.Node // [B] int32
	Augment *graph.Node // [B, values] what augmentation did to each sample; nil: nothing
	Dropout *graph.Node // [B] uint32, a random key for each sample; nil switches dropout off
}

// Unit is what the progress of a run is counted in.
type Unit struct {
	Name   string // in the plural: "images", "tokens"
	PerRow int64  // how many of them a row of a batch is
}

// Task is what a run learns, from what: all that depends on the kind of data. The loop knows nothing else of it. Denoising and Tokens
// are tasks.
type Task interface {
	// Check says what is wrong, before anything is made.
	Check() error
	// Unit is what is counted.
	Unit() Unit
	// Init creates all weights in the scope, a pure function of seed.
	Init(weights *model.Scope, seed uint64) error
	// Trainable lists the weights that training changes.
	Trainable(weights *model.Scope) ([]*model.Variable, error)
	// Loss builds the loss of some rows from their inputs, as Batch.Inputs returns them: it is a LossFunc.
	Loss(weights *model.Scope, in []*graph.Node) (mean, perRow *graph.Node)
	// Batch is the batch of a step, counted from 0: a function of the step and of seed, batch and drop_class of the configuration. It is
	// valid until the next call.
	Batch(c Config, step int64) (Batch, error)
	// Levels is what is learnt about noise levels from the losses of rows (Batch.Learn), nil for nothing. It is part of checkpoints.
	Levels() *diffusion.Resampler
}

// Batch is the batch of one step.
type Batch interface {
	// Inputs are the inputs of Loss for count rows from first on, with all that is random about them. What is drawn for a row does not
	// depend on how the batch is cut. Tensors among them are freed after use. Call it for all rows in order.
	Inputs(first, count int) ([]any, error)
	// Learn takes in the loss of each row, once the step was good.
	Learn(losses []float32) error
	// Offender names the first of the inputs that is not finite, "" if all are.
	Offender() string
}

// Measure returns the loss of the weights of a scope on data that training does not see, the same each time, so that two numbers
// differ only by the weights. HeldOut.Measure and HeldOutTokens.Measure are such functions.
type Measure func(ctx context.Context, weights *model.Scope) (event.Evaluated, error)

// NewTaskStep prepares the training step of a task in a store: fresh weights, then what start, if not nil, makes of them, then
// optimiser and averages, which begin as the weights.
func NewTaskStep(b compute.Backend, store *model.Store, task Task, seed uint64, start func(*model.Scope) error, config StepConfig) (*Step, error) {
	weights := Weights(store)
	if err := task.Init(weights, seed); err != nil {
		return nil, err
	}
	if start != nil {
		if err := start(weights); err != nil {
			return nil, err
		}
	}
	vars, err := task.Trainable(weights)
	if err != nil {
		return nil, err
	}
	return NewStep(b, store, vars, config, task.Loss)
}

// RunBatch is Run for a batch of so many rows of a task.
func (s *Step) RunBatch(b Batch, rows int, lr float64, decays []float64) (Outcome, error) {
	n := rows / s.config.Parts
	return s.Run(lr, decays, func(part int) ([]any, error) { return b.Inputs(part*n, n) })
}

// dropoutKey hashes seed, step and row (SplitMix64, Steele et al. 2014): what a row drops does not depend on its batch.
func dropoutKey(seed, step, row uint64) uint32 {
	h := seed
	for _, v := range [...]uint64{step, row} {
		h += 0x9e3779b97f4a7c15 * (v + 1)
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return uint32(h >> 32)
}

// dropoutKeys are the keys of count rows from first on.
func dropoutKeys(c Config, step int64, first, count int) []uint32 {
	keys := make([]uint32, count)
	for i := range keys {
		keys[i] = dropoutKey(c.Seed, uint64(step), uint64(first+i))
	}
	return keys
}

// labels returns the classes of count rows from first on for a network whose last class, null, stands for none: rows without a label
// get it, and of the others a share of c.DropClass.
func labels(c Config, all []int32, null int32, step int64, first, count int) ([]int32, error) {
	own := append([]int32(nil), all[first:first+count]...)
	if err := nullLabels(own, null); err != nil {
		return nil, err
	}
	which := diffusion.Batch{Seed: c.Seed, Step: uint64(step), First: first, Count: count, Total: c.Batch}
	return own, diffusion.DropLabels(own, null, c.DropClass, which)
}
