package nets

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// ClassifierConfig describes a small residual network that sorts pictures into classes.
type ClassifierConfig struct {
	Channels int   `toml:"channels" json:"channels"` // of the pictures
	Classes  int   `toml:"classes" json:"classes"`
	Widths   []int `toml:"widths" json:"widths"` // channels of each resolution; multiples of 8
}

// Validate says what is wrong with the configuration.
func (c ClassifierConfig) Validate() error {
	if err := positive("classifier", []field{{"channels", c.Channels}, {"classes", c.Classes}, {"resolutions (widths)", len(c.Widths)}}); err != nil {
		return err
	}
	for _, w := range c.Widths {
		if w < 8 || w%8 != 0 {
			return fmt.Errorf("classifier: width %d must be a multiple of 8: a group norm has eight groups", w)
		}
	}
	return nil
}

// Classifier is a residual network with pre-activation (He et al. 2016, arXiv 1603.05027) and group norms in place of batch norms: what it says
// of a picture never depends on the pictures beside it. The first resolution has no block, the work is at the lower ones.
type Classifier struct {
	config  ClassifierConfig
	params  *block.Params
	stem    block.Conv
	stages  []classifierStage
	normOut block.GroupNorm
	head    block.Dense
}

// classifierStage halves the resolution and then refines it.
type classifierStage struct {
	down         block.Conv
	norm1, norm2 block.GroupNorm
	conv1, conv2 block.Conv
}

// NewClassifier checks the configuration and declares the parameters.
func NewClassifier(config ClassifierConfig) (*Classifier, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	n, w := &Classifier{config: config, params: block.NewParams()}, config.Widths
	p := n.params
	n.stem = block.NewConv(p, "stem", config.Channels, w[0], 3)
	for i := 1; i < len(w); i++ {
		q := p.Sub("stages.%d", i-1)
		s := classifierStage{
			down:  block.NewDownConv(q, "down", w[i-1], w[i], 1),
			norm1: block.NewGroupNorm(q, "norm1", w[i], 8, 1e-5), conv1: block.NewConv(q, "conv1", w[i], w[i], 3),
			norm2: block.NewGroupNorm(q, "norm2", w[i], 8, 1e-5), conv2: block.NewConv(q, "conv2", w[i], w[i], 3),
		}
		s.conv2.Zero()
		n.stages = append(n.stages, s)
	}
	last := w[len(w)-1]
	n.normOut = block.NewGroupNorm(p, "norm_out", last, 8, 1e-5)
	n.head = block.NewDense(p, "head", last, config.Classes, true)
	n.head.Zero()
	return n, nil
}

// Params lists the parameters.
func (n *Classifier) Params() *block.Params { return n.params }

// Config returns the configuration.
func (n *Classifier) Config() ClassifierConfig { return n.config }

// Forward maps x [B, H, W, Channels] of any size to the features before the last layer, [B, width of the last resolution], and to the logits of
// the classes, [B, Classes].
func (n *Classifier) Forward(c *block.Ctx, x *Node) (features, logits *Node) {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[3] != n.config.Channels {
		panic(fmt.Errorf("classifier: input %s, want [batch, height, width, %d]", x.Shape(), n.config.Channels))
	}
	h := n.stem.Apply(c, x)
	for _, s := range n.stages {
		h = s.down.Apply(c, block.SiLU(h))
		r := s.conv1.Apply(c, block.SiLU(s.norm1.Apply(c, h)))
		h = graph.Add(h, s.conv2.Apply(c, block.SiLU(s.norm2.Apply(c, r))))
	}
	h = block.SiLU(n.normOut.Apply(c, h))
	m := h.Shape().Dimensions
	features = graph.MulScalar(graph.ReduceSum(h, 1, 2), 1/float64(m[1]*m[2]))
	return features, n.head.Apply(c, features)
}
