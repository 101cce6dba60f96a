package recipe

import (
	"fmt"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Sizes where the configuration names none.
const (
	defaultBlock  = 16 // tokens of a block of block diffusion at most
	defaultVector = 64 // numbers of an embedding of continuous diffusion
)

// network is a network as the process needs it: what it sees, whether it reads the noise level, and whether tokens or embeddings.
func (t Text) network(n nets.TextConfig) nets.TextConfig {
	n.Causal, n.Block = t.Process == masked.ProcessAutoregressive, 0
	switch t.Process {
	case masked.ProcessUniform:
		n.Time = true
	case masked.ProcessBlock:
		n.Block = t.blockSize()
	case masked.ProcessContinuous:
		n.Time = true
		if n.Vector == 0 {
			n.Vector = defaultVector
		}
	}
	if t.Process != masked.ProcessContinuous {
		n.Vector = 0
	}
	return n
}

// blockSize is the configured one, or the largest that divides a row.
func (t Text) blockSize() int {
	size := t.Block
	if size == 0 {
		for size = min(defaultBlock, max(t.Length, 1)); t.Length%size != 0; size-- {
		}
	}
	return size
}

// training is what the process asks of a training step.
func (t Text) training(n nets.TextConfig) (masked.Training, error) {
	o := t.Masked
	o.Vocab, o.Length = n.Vocab, t.Length
	switch t.Process {
	case masked.ProcessAbsorbing:
		return &o, nil
	case masked.ProcessUniform:
		return &masked.UniformObjective{Schedule: o.Schedule, LowDiscrepancy: o.LowDiscrepancy, MinRate: o.MinRate, Vocab: o.Vocab, Length: o.Length}, nil
	case masked.ProcessAutoregressive:
		return &masked.CausalObjective{Vocab: o.Vocab, Length: o.Length}, nil
	case masked.ProcessBlock:
		if size := t.blockSize(); size < 1 || t.Length%size != 0 {
			return nil, fmt.Errorf("text.block is %d, must divide text.length, %d", size, t.Length)
		}
		return &masked.BlockObjective{Objective: o, Block: t.blockSize()}, nil
	case masked.ProcessContinuous:
		c := t.ContinuousOf(n)
		return &c, nil
	}
	return nil, fmt.Errorf("text.process %v is not known", t.Process)
}

// ContinuousOf is the objective of continuous diffusion for a network: that of [text.continuous], or the usual one.
func (t Text) ContinuousOf(n nets.TextConfig) masked.ContinuousObjective {
	c := masked.DefaultContinuous(n.Vocab, t.Length, n.Vector)
	if t.Continuous != nil {
		c = *t.Continuous
		c.Vocab, c.Length, c.Width = n.Vocab, t.Length, n.Vector
	}
	return c
}

// measure is what the held-out loss of the process is: where tokens are masked the bound by count, evenly spread, which has the least
// variance; for continuous diffusion the loss without anything given, which is no bound.
func (t Text) measure(n nets.TextConfig) (masked.Training, error) {
	switch t.Process {
	case masked.ProcessAbsorbing, masked.ProcessBlock:
		t.Masked = masked.Objective{Schedule: t.Masked.Schedule, Form: masked.ByCount, LowDiscrepancy: true}
	case masked.ProcessUniform:
		t.Masked.LowDiscrepancy = true
	case masked.ProcessContinuous:
		c := t.ContinuousOf(n)
		c.Given, c.LowDiscrepancy = 0, true
		return &c, nil
	}
	return t.training(n)
}

// trained is the network that training runs, where it is not the one that draws, and the table of embeddings, if there is one.
func (c Config) trained(m *TextModel) (train.Network, func(*model.Scope, *graph.Node) *graph.Node) {
	switch c.Text.Process {
	case masked.ProcessBlock:
		doubled := m.Net.Doubled()
		if m.adapters != nil {
			doubled = m.adapters.Around(doubled)
		}
		return Wrap(doubled, c.Network.Recompute), nil
	case masked.ProcessContinuous: // no adapter changes the table: it is no linear layer
		return m.Network, func(weights *model.Scope, like *graph.Node) *graph.Node {
			return m.Net.Table(&block.Ctx{Scope: weights}, like)
		}
	}
	return m.Network, nil
}

// withEnds lets networks that write all places of a text at once learn the padding behind the end of one, so that they can write short
// texts in long rows (as Nie et al. 2025, arXiv 2502.09992, section 2.3). Held-out losses never count padding.
func (t Text) withEnds(l *text.Loader) train.TokenSource {
	if t.Packing == text.Separate && t.Process != masked.ProcessAutoregressive {
		return learntEnds{l}
	}
	return l
}

type learntEnds struct{ *text.Loader }

// Batch implements train.TokenSource.
func (l learntEnds) Batch(step int64) (*text.Batch, error) {
	b, err := l.Loader.Batch(step)
	if b != nil {
		b.Free = nil
	}
	return b, err
}
