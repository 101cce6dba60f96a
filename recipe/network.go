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
}

// Wrap makes a network of package nets usable by package train. recompute trades memory for time (gradient checkpointing).
func Wrap(n nets.Network, recompute bool) train.Network { return network{n, recompute} }

func (n network) Init(weights *model.Scope, seed uint64) error {
	return n.Params().Init(weights, dtypes.Float32, seed)
}

func (n network) Trainable(weights *model.Scope) ([]*model.Variable, error) {
	return n.Params().Variables(weights)
}

func (n network) Forward(weights *model.Scope, dropout, x, cNoise, class *graph.Node) *graph.Node {
	c := &block.Ctx{Scope: weights, DropoutKeys: dropout, Recompute: n.recompute}
	return n.Network.Forward(c, x, cNoise, class)
}
