package recipe

import (
	"cmp"
	"fmt"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Model is a network with the noise mathematics that it is trained in: all that drawing samples needs besides weights.
type Model struct {
	Network    train.Network
	Parameters int // numbers in all weights
	Precond    diffusion.Precond
	Shape      []int // of a sample as the network sees it, channels last
	Height     int   // of a picture
	Width      int
	Channels   int
	Norm       data.Norm
	Depth      data.Depth // of pictures
	Classes    []string   // names; empty without
	Classed    bool       // the network takes a class
	Null       int32      // the class that stands for none
	// SelfCondition says that the network sees its last clean estimate behind the channels of x (Chen et al. 2022).
	SelfCondition bool
}

// Forward is the network without dropout, for drawing samples: F(x, cNoise, class) on the weights of a scope. A network that sees its last
// estimate is told that there is none where x has only the channels of a sample.
func (m *Model) Forward(weights *model.Scope, x, cNoise, class *graph.Node) *graph.Node {
	if dims := x.Shape().Dimensions; m.SelfCondition && dims[len(dims)-1] == m.Channels {
		x = graph.Concatenate([]*graph.Node{x, graph.ZerosLike(x)}, -1)
	}
	return m.Network.Forward(weights, train.NetworkInputs{X: x, CNoise: cNoise, Class: class})
}

// Frozen returns the model with a network whose weights stay as they are (Freeze): draws of few samples are faster.
func (m *Model) Frozen() *Model {
	f := *m
	f.Network = Freeze(m.Network)
	return &f
}

// Model builds the network of a resolved configuration.
func (c Config) Model() (*Model, error) {
	net, err := c.Network.build()
	if err != nil {
		return nil, err
	}
	if net, err = c.Finetune.wrap(net); err != nil {
		return nil, err
	}
	precond, err := c.precond()
	if err != nil {
		return nil, err
	}
	d := c.Data
	m := &Model{Network: Wrap(net, c.Network.Recompute), Parameters: net.Params().Count(), Shape: []int{d.Height, d.Width, d.Channels},
		Height: d.Height, Width: d.Width, Channels: d.Channels, Norm: d.Norm, Classes: d.Classes, SelfCondition: c.Diffusion.SelfCondition > 0,
		Precond: precond, Depth: cmp.Or(data.Depth(d.Bits), data.Bits8)}
	switch c.Network.Kind {
	case UNet:
		m.Classed, m.Null = c.Network.UNet.Classes > 0, int32(c.Network.UNet.Classes-1)
	case DiT: // always takes a class; without classes it is always told the null class
		m.Classed, m.Null = true, int32(c.Network.DiT.Classes)
	case MLP:
		m.Classed, m.Null = c.Network.MLP.Classes > 0, int32(c.Network.MLP.Classes-1)
		m.Shape = []int{d.Height * d.Width * d.Channels}
	}
	if !c.Network.Conditional {
		m.Classes = nil
	}
	return m, m.Precond.Check()
}

// build makes the network of a configuration of pictures or text, without what fine-tuning adds to it.
func (c Config) build() (nets.Network, error) {
	if c.Text == nil {
		return c.Network.build()
	}
	return c.textNet()
}

func (n Network) build() (nets.Network, error) {
	var net nets.Network
	var err error
	switch n.Kind {
	case UNet:
		net, err = nets.NewUNet(*n.UNet)
	case DiT:
		net, err = nets.NewDiT(*n.DiT)
	case MLP:
		net, err = nets.NewMLP(*n.MLP)
	default:
		return nil, fmt.Errorf("network.kind %v is not known", n.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("network.%v: %w", n.Kind, err)
	}
	return net, nil
}

// objective is what a model is trained for.
func (c Config) objective(m *Model) (*diffusion.Objective, error) {
	d := c.Diffusion
	o := &diffusion.Objective{
		Precond: m.Precond, Weight: diffusion.Weight{Kind: d.Weight, Gamma: d.WeightGamma, Bias: d.WeightBias}, LossKind: d.Loss, Delta: d.LossDelta,
		Time:        diffusion.TimeSampling{Dist: d.Time, Mean: d.TimeMean, Std: d.TimeStd, LowDiscrepancy: d.LowDiscrepancy},
		OffsetNoise: d.OffsetNoise, InputPerturbation: d.InputPerturbation, SelfCondition: d.SelfCondition,
		Size: m.Height * m.Width * m.Channels, Channels: m.Shape[len(m.Shape)-1],
	}
	if d.LossAware > 0 {
		var err error
		if o.Resampler, err = diffusion.NewResampler(d.LossAware); err != nil {
			return nil, fmt.Errorf("diffusion.loss_aware: %w", err)
		}
	}
	return o, nil
}

// Task is what package train trains: the model and what it learns. It lacks a source of data.
func (c Config) Task(m *Model) (*train.Denoising, error) {
	o, err := c.objective(m)
	if err != nil {
		return nil, err
	}
	dropout := c.Network.UNet != nil && c.Network.UNet.Dropout > 0 || c.Network.DiT != nil && c.Network.DiT.Dropout > 0
	t := &train.Denoising{Network: m.Network, Objective: o, Shape: m.Shape, Classes: m.Classed, Null: m.Null, Blind: !c.Network.Conditional, Dropout: dropout}
	if c.Data.Augment > 0 {
		t.Augment = data.AugmentDim
	}
	return t, nil
}
