package masked

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// BlockObjective trains block diffusion: autoregressive from block to block, absorbing diffusion within each (Arriola et al. 2025, arXiv
// 2503.09573, equation 4). Its bound lies between that of an autoregressive model (blocks of one token, where it is the likelihood
// itself) and that of masked diffusion (one block). The embedded objective holds for each block; its form by count has no variance from
// masking rates, which section 5 of the paper removes from the form by time by clipping them.
type BlockObjective struct {
	Objective
	Block int `toml:"block" json:"block"` // tokens in a block; must divide Length
}

// Check implements [Training].
func (o *BlockObjective) Check() error {
	if err := o.Objective.Check(); err != nil {
		return err
	}
	if o.Block < 1 || o.Length%o.Block != 0 {
		return fmt.Errorf("masked: blocks of %d tokens do not divide rows of %d", o.Block, o.Length)
	}
	return nil
}

// Draw implements [Training]: every block has its own masking rate.
func (o *BlockObjective) Draw(d *Draws, tokens []int32, free []bool, b Batch) error {
	if err := o.Check(); err != nil {
		return err
	}
	per := o.Length / o.Block
	blocks := Batch{Seed: b.Seed, Step: b.Step, First: b.First * per, Count: b.Count * per, Total: b.Total * per}
	if err := b.check(); err != nil {
		return err
	}
	if err := d.start(tokens, free, blocks, o.Block, o.Vocab); err != nil {
		return err
	}
	places := make([]int, 0, o.Block)
	for k := range blocks.Count {
		places = freePlaces(places[:0], free, k*o.Block, o.Block)
		// The blocks of a row lie far apart in the even spread over the batch, so that a row is not at one rate.
		u := blocks.quantile(k%per*b.Total+b.First+k/per, o.LowDiscrepancy)
		if o.Form == ByCount {
			o.drawCount(d, k, places, u, blocks)
		} else {
			o.drawTime(d, k, places, u, blocks)
		}
	}
	o.join(d, free, b.Count)
	return nil
}

// join makes rows of blocks: weights become those of a row, its rate the mean of its blocks'.
func (o *BlockObjective) join(d *Draws, free []bool, rows int) {
	per := o.Length / o.Block
	for i := range rows {
		all := len(freePlaces(nil, free, i*o.Length, o.Length))
		rate := float32(0)
		for k := i * per; k < (i+1)*per; k++ {
			share := float32(len(freePlaces(nil, free, k*o.Block, o.Block))) / float32(max(all, 1))
			for p := k * o.Block; p < (k+1)*o.Block; p++ {
				d.Weight[p] *= share
			}
			rate += d.Rate[k] * share
		}
		d.Rate[i], d.Time[i] = rate, 1000*rate
	}
	d.Rate, d.Time = d.Rate[:rows], d.Time[:rows]
}

// Loss implements [Training]. The network is the doubled one: it reads [B, 2·Length] tokens, the masked ones and then the true ones, and
// returns the logits of the first half (Text.Doubled of package nets).
func (o *BlockObjective) Loss(network Network, in Inputs) (mean, perRow *graph.Node) {
	in.check(o.Length)
	logits := cutLogits(network(graph.Concatenate([]*graph.Node{in.Input, in.Tokens}, 1), in.Time, in.Class), in.Tokens, o.Vocab)
	return weighted(CrossEntropy(logits, in.Tokens), in.Weight)
}

// Estimate returns one draw of the bound for each row, in nats per free token, like [Objective.Estimate]. The model reads single rows and
// must not look beyond the block of a place; it is called once for each block.
func (o *BlockObjective) Estimate(m Model, tokens []int32, free []bool, b Batch) ([]float64, error) {
	var d Draws
	if err := o.Draw(&d, tokens, free, b); err != nil {
		return nil, err
	}
	nats, logp := make([]float64, b.Count), make([]float64, o.Vocab)
	input, logits := make([]int32, len(tokens)), make([]float32, len(tokens)*o.Vocab)
	for lo := 0; lo < o.Length; lo += o.Block {
		for i := range input {
			switch place := i % o.Length; {
			case place < lo:
				input[i] = tokens[i]
			case place < lo+o.Block:
				input[i] = d.Input[i]
			default:
				input[i] = int32(o.Vocab)
			}
		}
		if err := m(logits, input, widen(d.Rate)); err != nil {
			return nil, err
		}
		for i, w := range d.Weight {
			if place := i % o.Length; w == 0 || place < lo || place >= lo+o.Block {
				continue
			}
			if err := logSoftmax(logp, logits[i*o.Vocab:][:o.Vocab]); err != nil {
				return nil, err
			}
			nats[i/o.Length] -= float64(w) * logp[tokens[i]]
		}
	}
	return nats, nil
}
