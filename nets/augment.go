package nets

import (
	"fmt"
	"strings"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// AugmentPrefix begins the names of the weights that only training on augmented pictures uses: without them the network is the
// same function of pictures that nothing was done to.
const AugmentPrefix = "augment_embedding."

// augmentation adds what is known of a picture's augmentation to the embedding of time, by a linear map without bias (Karras et
// al. 2022, appendix F.2; the map_augment of their networks): zeros, which say that nothing was done, add nothing.
type augmentation struct {
	dense  block.Dense
	values int
}

func newAugmentation(p *block.Params, values, width int) augmentation {
	a := augmentation{values: values}
	if values > 0 {
		a.dense = block.NewDense(p, strings.TrimSuffix(AugmentPrefix, "."), values, width, false)
	}
	return a
}

func (a augmentation) zero() {
	if a.values > 0 {
		a.dense.Zero()
	}
}

// add maps e [B, width] to [B, width].
func (a augmentation) add(c *block.Ctx, e *Node) *Node {
	if c.Augment == nil {
		return e
	}
	want := []int{e.Shape().Dimensions[0], a.values}
	if got := c.Augment.Shape(); a.values == 0 || got.Rank() != 2 || got.Dimensions[0] != want[0] || got.Dimensions[1] != want[1] {
		panic(fmt.Errorf("augmentation %s of a network that takes %v", got, want))
	}
	return graph.Add(e, a.dense.Apply(c, graph.ConvertDType(c.Augment, e.DType())))
}
