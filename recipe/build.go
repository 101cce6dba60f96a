package recipe

import (
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
	Classes    []string // names; empty without
	Classed    bool     // the network takes a class
	Null       int32    // the class that stands for none
}

// Forward is the network without dropout, for drawing samples: F(x, cNoise, class) on the weights of a scope.
func (m *Model) Forward(weights *model.Scope, x, cNoise, class *graph.Node) *graph.Node {
	return m.Network.Forward(weights, nil, x, cNoise, class)
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
	schedule, err := c.Diffusion.schedule().Build()
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	d := c.Data
	m := &Model{Network: Wrap(net, c.Network.Recompute), Parameters: net.Params().Count(), Shape: []int{d.Height, d.Width, d.Channels},
		Height: d.Height, Width: d.Width, Channels: d.Channels, Norm: d.Norm, Classes: d.Classes,
		Precond: diffusion.Precond{Schedule: schedule, Prediction: c.Diffusion.Prediction, SigmaData: c.Diffusion.SigmaData}}
	if m.Precond.SigmaData == 0 {
		m.Precond.SigmaData = 0.5
	}
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

func (d Diffusion) schedule() diffusion.ScheduleConfig {
	return diffusion.ScheduleConfig{Family: d.Schedule, Steps: d.Steps, BetaStart: d.BetaStart, BetaEnd: d.BetaEnd, ZeroTerminalSNR: d.ZeroSNR,
		Shift: d.Shift, SigmaMin: d.SigmaMin, SigmaMax: d.SigmaMax, Rho: d.Rho}
}

// objective is what a model is trained for.
func (c Config) objective(m *Model) (*diffusion.Objective, error) {
	d := c.Diffusion
	o := &diffusion.Objective{
		Precond: m.Precond, Weight: diffusion.Weight{Kind: d.Weight, Gamma: d.WeightGamma, Bias: d.WeightBias}, LossKind: d.Loss, Delta: d.LossDelta,
		Time:        diffusion.TimeSampling{Dist: d.Time, Mean: d.TimeMean, Std: d.TimeStd, LowDiscrepancy: d.LowDiscrepancy},
		OffsetNoise: d.OffsetNoise, InputPerturbation: d.InputPerturbation,
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

// Task is what package train trains: the model and what it learns.
func (c Config) Task(m *Model) (*train.Task, error) {
	o, err := c.objective(m)
	if err != nil {
		return nil, err
	}
	dropout := c.Network.UNet != nil && c.Network.UNet.Dropout > 0 || c.Network.DiT != nil && c.Network.DiT.Dropout > 0
	return &train.Task{Network: m.Network, Objective: o, Shape: m.Shape, Classes: m.Classed, Dropout: dropout}, nil
}
