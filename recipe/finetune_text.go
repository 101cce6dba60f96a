package recipe

import (
	"errors"

	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/text"
)

// continueText is Continue for a model of text: the same tokenizer and network, another text, which is yet to be named.
func (c Config) continueText(from string, lora *finetune.LoRAConfig) (Config, error) {
	n := c.clone()
	n.Finetune = &Finetune{From: from, Rate: c.Train.Rate.Peak, LoRA: lora}
	if c.Finetune != nil {
		n.Finetune.Rate = c.Finetune.Rate
	}
	t := n.Text
	t.Source, t.Equations, t.Paths, t.Valid = TextFiles, nil, nil, nil
	n.Train.Rate = optim.Schedule{Shape: optim.Cosine, Peak: round3(n.Finetune.Rate * factorOf(lora))}
	n.Train.Patience, t.HeldOut.Share = patience, max(c.Text.HeldOut.Share, leastHeldOut)
	return n, nil
}

// passes over a text that fine-tuning makes if it is not told how long to train.
const passes = 10

// SetTextLength is SetLength for a text of some number of tokens.
func (c *Config) SetTextLength(tokens int64, batch int, corpus int64) {
	t := &c.Train
	if batch > 0 {
		t.Batch = batch
	}
	b := int64(t.Batch) * int64(c.Text.Length)
	if tokens == 0 {
		tokens = min(max(passes*corpus, 100*b), 20_000*b)
	}
	every := max(tokens/mostMeasurements, b)
	t.Tokens, t.LogEvery = tokens, max(every/10, b)
	t.EvalEvery, t.SampleEvery, t.SaveEvery = every, every, every
	t.Rate.Warmup, t.Rate.Horizon = min(100*b, tokens/10), tokens
}

// RowsOfOneClass keeps each row of a run within a document, as it must be where the network is told classes: rows over several documents
// have none.
func (c *Config) RowsOfOneClass(tok text.Tokenizer) error {
	if tok.Special().Pad == text.None {
		return errors.New("network.conditional: rows of one class are filled with pad, which the tokenizer of this model does not have")
	}
	c.Text.Packing = text.Separate
	return nil
}
