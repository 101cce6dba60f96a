package masked

import "github.com/gomlx/gomlx/core/graph"

// CausalObjective trains an autoregressive model, the baseline that every other process is to be held against: the mean negative
// log-likelihood of each token given those before it. Nothing is drawn, and the loss is no bound but the likelihood itself. The network
// must be causal: its logits at place i may depend on the tokens before i only (TextConfig.Causal of package nets), the first ones on none.
type CausalObjective struct {
	Vocab  int `toml:"-" json:"-"` // tokens that can be predicted
	Length int `toml:"-" json:"-"` // tokens in a row
}

// Check implements [Training].
func (o *CausalObjective) Check() error { return checkSize(o.Vocab, o.Length) }

// Draw implements [Training]: the network reads the tokens as they are, and every free one counts alike.
func (o *CausalObjective) Draw(d *Draws, tokens []int32, free []bool, b Batch) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := d.start(tokens, free, b, o.Length, o.Vocab); err != nil {
		return err
	}
	clear(d.Time)
	clear(d.Rate)
	d.weighAll(free, o.Length)
	return nil
}

// weighAll makes every free token of a row count alike.
func (d *Draws) weighAll(free []bool, length int) {
	places := make([]int, 0, length)
	for start := 0; start < len(d.Weight); start += length {
		places = freePlaces(places[:0], free, start, length)
		for _, p := range places {
			d.Weight[p] = float32(1 / float64(len(places)))
		}
	}
}

// Loss implements [Training].
func (o *CausalObjective) Loss(network Network, in Inputs) (mean, perRow *graph.Node) {
	in.check(o.Length)
	logits := cutLogits(network(in.Input, in.Time, in.Class), in.Tokens, o.Vocab)
	return weighted(CrossEntropy(logits, in.Tokens), in.Weight)
}
