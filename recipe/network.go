package recipe

import (
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// network lets package train use a network of package nets, which it does not know.
type network struct {
	nets.Network
	recompute bool
	frozen    bool
}

// Wrap makes a network of package nets usable by package train. recompute trades memory for time (gradient checkpointing).
func Wrap(n nets.Network, recompute bool) train.Network {
	return network{Network: n, recompute: recompute}
}

// Freeze returns a network made by Wrap with the present weights written into its graphs as constants, which the engine prepares once,
// wherever so few positions are computed at a time that preparing them costs as much as using them. A graph must be built anew to see
// other weights, so this is for drawing samples, never for training.
func Freeze(n train.Network) train.Network {
	w, ok := n.(network)
	if !ok {
		return n
	}
	w.frozen = true
	return w
}

// frozenPositions is the most positions (pixels or tokens, over the batch) for which weights become constants: beyond it their
// preparation is a small part of the work, and the copy of the weights is not worth its memory.
const frozenPositions = 2048

// freezes tells whether a graph of input x ([B, H, W, C] or [B, D] numbers, [B, S] tokens) gets its weights as constants.
func (n network) freezes(x *graph.Node) bool {
	if !n.frozen {
		return false
	}
	positions := x.Shape().Size()
	if dims := x.Shape().Dimensions; x.DType().IsFloat() {
		positions /= dims[len(dims)-1]
	}
	return positions <= frozenPositions
}

func (n network) Init(weights *model.Scope, seed uint64) error {
	return n.Params().Init(weights, dtypes.Float32, seed)
}

func (n network) Trainable(weights *model.Scope) ([]*model.Variable, error) {
	return n.Params().Variables(weights)
}

func (n network) Forward(weights *model.Scope, in train.NetworkInputs) *graph.Node {
	c := &block.Ctx{Scope: weights, DropoutKeys: in.Dropout, Augment: in.Augment, Recompute: n.recompute, Frozen: n.freezes(in.X)}
	return n.Network.Forward(c, in.X, in.CNoise, in.Class)
}
