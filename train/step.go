package train

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/optim"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Scopes of a store in which training keeps its variables: the weights, the optimiser's state, the sums of gradients of a batch in
// parts, and for each average its own.
const (
	weightsScope   = "/net"
	optimizerScope = "/optimizer"
	sumsScope      = "/sums"
	averagesScope  = "/average"
)

// Weights is the scope of a store that holds the weights being trained.
func Weights(s *model.Store) *model.Scope { return s.Scope(weightsScope) }

// Averages is the scope of a store that holds one moving average of the weights.
func Averages(s *model.Store, e optim.EMA) *model.Scope {
	return s.Scope(averagesScope).In("%s", model.EscapeScopeName(e.String()))
}

// LossFunc builds the loss of one piece of a batch from its input nodes: the mean over the piece, a scalar, and the loss of each
// sample, [B].
type LossFunc func(weights *model.Scope, in []*graph.Node) (mean, perSample *graph.Node)

// StepConfig says what one optimiser step does after the loss.
type StepConfig struct {
	AdamW    optim.AdamW
	Clip     float64     // joint norm that gradients are scaled down to; 0 only measures
	Averages []optim.EMA // of the weights, all kept side by side
	Parts    int         // pieces that a batch is fed in, equal in size; at least 1
}

// Step is a training step compiled into one graph: loss, gradients, clipping, AdamW and averages. The variables stay in the backend.
// With several parts, all but the last run a second graph that only adds up gradients. The first Run compiles (model.Exec.PreCompile of
// GoMLX v0.28.1 would do so earlier, but takes the variables' buffers and loses them).
type Step struct {
	config StepConfig
	loss   LossFunc
	store  *model.Store
	vars   []*model.Variable
	part   *model.Exec
	last   *model.Exec
}

// Outcome is what a step reports.
type Outcome struct {
	Loss      float64   // mean over the batch
	GradNorm  float64   // before clipping
	PerSample []float32 // loss of each sample, in order
}

// NewStep prepares a step for the trainable variables vars, which lie in Weights(store). It creates the optimiser's state and the
// averages.
func NewStep(b compute.Backend, store *model.Store, vars []*model.Variable, config StepConfig, loss LossFunc) (*Step, error) {
	if config.Parts < 1 {
		return nil, fmt.Errorf("train: a batch of %d parts: give at least 1", config.Parts)
	}
	s := &Step{config: config, loss: loss, store: store, vars: vars}
	if err := s.initState(); err != nil {
		return nil, err
	}
	var err error
	if s.last, err = model.NewExec(b, store, s.buildLast); err != nil {
		return nil, err
	}
	if config.Parts > 1 {
		s.part, err = model.NewExec(b, store, s.buildPart)
	}
	return s, err
}

func (s *Step) initState() error {
	if err := s.config.AdamW.Init(s.store.Scope(optimizerScope), s.vars); err != nil {
		return err
	}
	for _, e := range s.config.Averages {
		if err := optim.InitAverage(Averages(s.store, e), Weights(s.store)); err != nil {
			return err
		}
	}
	if s.config.Parts > 1 {
		return optim.InitAccumulator(s.store.Scope(sumsScope), s.vars)
	}
	return nil
}

// gradients builds the loss of a piece and its gradients.
func (s *Step) gradients(in []*graph.Node) (mean, perSample *graph.Node, grads []*graph.Node) {
	mean, perSample = s.loss(Weights(s.store), in)
	values := make([]*graph.Node, len(s.vars))
	for i, v := range s.vars {
		values[i] = v.NodeValue(mean)
	}
	return mean, perSample, graph.Gradient(mean, values...)
}

// buildPart is the graph of every piece but the last.
func (s *Step) buildPart(_ *model.Scope, in []*graph.Node) []*graph.Node {
	mean, perSample, grads := s.gradients(in)
	optim.Accumulate(s.store.Scope(sumsScope), s.vars, grads, 1/float64(s.config.Parts))
	return []*graph.Node{mean, perSample}
}

// buildLast is the graph of a whole batch, or of its last piece. Its inputs are the learning rate, the decay of each average, and the
// piece.
func (s *Step) buildLast(_ *model.Scope, in []*graph.Node) []*graph.Node {
	lr, decays, in := in[0], in[1:1+len(s.config.Averages)], in[1+len(s.config.Averages):]
	mean, perSample, grads := s.gradients(in)
	if s.config.Parts > 1 {
		grads = optim.Accumulated(s.store.Scope(sumsScope), s.vars, grads, 1/float64(s.config.Parts))
	}
	grads, norm := optim.Clip(grads, s.config.Clip)
	s.config.AdamW.Update(s.store.Scope(optimizerScope), s.vars, grads, lr)
	for i, e := range s.config.Averages {
		optim.Average(Averages(s.store, e), Weights(s.store), s.vars, decays[i])
	}
	return []*graph.Node{mean, perSample, norm}
}

func (s *Step) lastArgs(lr float64, decays []float64, piece []any) []any {
	args := []any{float32(lr)}
	for _, d := range decays {
		args = append(args, float32(d))
	}
	return append(args, piece...)
}

// Run does one step. piece returns the inputs of the given part of the batch, whose tensors are freed after use; decays holds one number for each average. After an
// error the variables may be lost (a failed execution loses what was donated to it): go back to a checkpoint.
func (s *Step) Run(lr float64, decays []float64, piece func(part int) ([]any, error)) (Outcome, error) {
	var o Outcome
	for part := range s.config.Parts {
		in, err := piece(part)
		if err != nil {
			return o, err
		}
		var out []*tensors.Tensor
		if part < s.config.Parts-1 {
			out, err = s.part.Call(in...)
		} else {
			out, err = s.last.Call(s.lastArgs(lr, decays, in)...)
		}
		err = errors.Join(err, free(in))
		if err != nil {
			return o, fmt.Errorf("train: a step failed: %w", err)
		}
		if err := o.add(out, s.config.Parts); err != nil {
			return o, err
		}
	}
	return o, nil
}

// add takes up the results of one piece.
func (o *Outcome) add(out []*tensors.Tensor, parts int) error {
	o.Loss += float64(tensors.ToScalar[float32](out[0])) / float64(parts)
	if len(out) > 2 {
		o.GradNorm = float64(tensors.ToScalar[float32](out[2]))
	}
	if err := out[1].ConstFlatData(func(flat any) { o.PerSample = append(o.PerSample, flat.([]float32)...) }); err != nil {
		return err
	}
	for _, t := range out {
		if err := t.FinalizeAll(); err != nil {
			return err
		}
	}
	return nil
}

// free gives back the memory of inputs that are tensors: the garbage collector does not know how large they are.
func free(in []any) (err error) {
	for _, v := range in {
		if t, ok := v.(*tensors.Tensor); ok {
			err = errors.Join(err, t.FinalizeAll())
		}
	}
	return err
}

// Finalize frees the compiled graphs.
func (s *Step) Finalize() {
	s.last.Finalize()
	if s.part != nil {
		s.part.Finalize()
	}
}
