package recipe

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// TextModel is a network over tokens: all that drawing text needs besides weights and the tokenizer.
type TextModel struct {
	Net        *nets.Text
	Network    train.Network // Net as it is used, with the adapters of a fine-tuning run
	Parameters int           // numbers in all weights
	Vocab      int           // the mask's id
	Length     int           // tokens in a row
	Classes    []string      // names; empty without
	Classed    bool          // the network takes a class
	Null       int32         // the class that stands for none

	adapters *finetune.LoRA // nil without
}

// TextModel builds the network of a resolved configuration of text.
func (c Config) TextModel() (*TextModel, error) {
	net, err := c.textNet()
	if err != nil {
		return nil, err
	}
	whole, err := c.Finetune.wrap(net) // marks the weights that are trained
	if err != nil {
		return nil, err
	}
	n := net.Config()
	m := &TextModel{Net: net, Network: Wrap(whole, c.Network.Recompute), Parameters: net.Params().Count(), Vocab: n.Vocab, Length: c.Text.Length,
		Classed: n.Classes > 0, Null: int32(n.Classes - 1)}
	m.adapters, _ = whole.(*finetune.LoRA)
	if c.Network.Conditional {
		m.Classes = c.Text.Classes
	}
	return m, nil
}

// textNet makes the network of a configuration of text.
func (c Config) textNet() (*nets.Text, error) {
	if c.Text == nil {
		return nil, fmt.Errorf("recipe %s is about pictures, not text", c.Recipe)
	}
	if c.Network.Kind != TextNet || c.Network.Text == nil {
		return nil, errors.New("network.kind must be text for text, with a [network.text]")
	}
	net, err := nets.NewText(c.Text.network(*c.Network.Text))
	if err != nil {
		return nil, fmt.Errorf("network.text: %w", err)
	}
	return net, nil
}

// TextTask is what package train trains: the model and what it learns. It lacks a source of data.
func (c Config) TextTask(m *TextModel) (*train.Tokens, error) {
	process, err := c.Text.training(c.Text.network(*c.Network.Text))
	if err != nil {
		return nil, err
	}
	network, table := c.trained(m)
	return &train.Tokens{Network: network, Table: table, Process: process, Length: c.Text.Length, Classes: m.Classed, Null: m.Null, Dropout: c.Network.Text.Dropout > 0}, nil
}

// TextHeldOut prepares a measurement of the process on some rows (see Rows): its likelihood, or the bound on it.
func (c Config) TextHeldOut(b compute.Backend, task *train.Tokens, m *TextModel, h train.HeldOutTokensConfig) (*train.HeldOutTokens, error) {
	process, err := c.Text.measure(c.Text.network(*c.Network.Text))
	if err != nil {
		return nil, err
	}
	h.Process = process
	return train.NewHeldOutTokens(b, task, h)
}

// Frozen returns the model with a network whose weights stay as they are (Freeze): draws of few texts are faster.
func (m *TextModel) Frozen() *TextModel {
	f := *m
	f.Network = Freeze(m.Network)
	return &f
}

// Continue runs the network on some places of rows, given what it kept of those before (nets.Text.Continue). ok is false where it cannot: it
// sees later places too, or has adapters.
func (m *TextModel) Continue() (next func(weights *model.Scope, tokens, places, class, past, hidden *graph.Node) (logits, fresh *graph.Node), ok bool) {
	return func(weights *model.Scope, tokens, places, class, past, hidden *graph.Node) (logits, fresh *graph.Node) {
		c := &block.Ctx{Scope: weights, Frozen: tokens.Shape().Size() <= frozenPositions}
		return m.Net.Continue(c, tokens, places, class, nets.Past{KeysValues: past, Hidden: hidden})
	}, m.Net.Continues() && m.adapters == nil
}

// Predictor computes the logits of a network. Use it from one goroutine at a time.
type Predictor struct {
	model *TextModel
	exec  *model.Exec
}

// NewPredictor makes a predictor on the weights of a scope, as they are when it is called (or made, of a Frozen model).
func NewPredictor(b compute.Backend, weights *model.Scope, m *TextModel) (*Predictor, error) {
	exec, err := model.NewExec(b, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		own := train.NetworkInputs{X: in[0], CNoise: in[1]}
		if m.Classed {
			own.Class = in[2]
		}
		return m.Network.Forward(weights, own)
	})
	return &Predictor{m, exec}, err
}

// Model is the logits of rows of length tokens, all of one class (m.Null for none), as samplers call them. schedule turns masking rates into
// the time that a network may read.
func (p *Predictor) Model(length int, class int32, schedule masked.Schedule) masked.Model {
	return func(dst []float32, tokens []int32, rates []float64) error {
		rows := len(tokens) / length
		time := make([]float32, rows)
		for i, r := range rates {
			time[i] = float32(1000 * schedule.Time(r))
		}
		in := []any{tensors.FromFlatDataAndDimensions(append([]int32(nil), tokens...), rows, length), time}
		if p.model.Classed {
			classes := make([]int32, rows)
			for i := range classes {
				classes[i] = class
			}
			in = append(in, classes)
		}
		out, err := p.exec.Call1(in...)
		if err != nil {
			return err
		}
		err = out.ConstFlatData(func(flat any) { copy(dst, flat.([]float32)) })
		return errors.Join(err, out.FinalizeAll(), in[0].(*tensors.Tensor).FinalizeAll())
	}
}

// Finalize frees the compiled graphs.
func (p *Predictor) Finalize() { p.exec.Finalize() }
