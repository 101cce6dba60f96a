package recipe

import (
	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
)

// baseText is what presets of text share.
func baseText(tokens int64, batch, length int) Config {
	perStep := int64(batch) * int64(length)
	return Config{
		Text: &Text{Length: length, Masked: masked.Objective{Form: masked.ByCount, LowDiscrepancy: true},
			HeldOut: TextHeldOut{Share: 0.01, Windows: 512, Batch: 64, Seed: 1},
			Sample:  TextSample{Steps: max(1, length), Temperature: 1, TopP: 1, Guidance: 1, Rows: 8, Batch: 8}},
		Network: Network{Kind: TextNet},
		Train: train.Config{Tokens: tokens, Batch: batch, Parts: 1, Clip: 1, AdamW: optim.DefaultAdamW(),
			Rate:     optim.Schedule{Peak: 1e-3, Warmup: 100 * perStep},
			Averages: []optim.EMA{{Decay: 0.999}}, LogEvery: 10 * perStep, EvalEvery: tokens / 8, SampleEvery: tokens / 8, SaveEvery: tokens / 8},
	}
}

// equations learns to add numbers from 10 to 49: all sums have two digits too, so that every equation is nine characters and the end of text,
// a row of its own. In rows of many equations the network takes far longer to find out which digits belong together.
func equations() Config {
	const batch, length = 128, 10
	c := baseText(3_750_000, batch, length)
	t := c.Text
	t.Source, t.Equations = TextEquations, &text.Equations{Documents: 100_000, Each: 1, Min: 10, Max: 49}
	t.Tokenizer = text.TokenizerConfig{Kind: text.KindChars, Alphabet: text.EquationAlphabet}
	t.Sample.Block = 5 // the two numbers before their sum
	t.Packing, t.HeldOut.Windows, t.HeldOut.Batch = text.Separate, 512, 256
	c.Network.Text = &nets.TextConfig{Dim: 96, Layers: 2, Heads: 4, Positions: length, Init: nets.InitZero} // rotary positions alone do not tell masks apart
	c.Train.Rate = optim.Schedule{Shape: optim.Cosine, Peak: 3e-3, Warmup: 100 * batch * length, Horizon: c.Train.Tokens}
	c.Train.Averages = []optim.EMA{{SigmaRel: 0.05}}
	c.Train.LogEvery = 50 * batch * length
	c.Train.EvalEvery, c.Train.SampleEvery = c.Train.Tokens/8, c.Train.Tokens/4
	return c
}

// textSmall is the set-up of ebb's text learning curve: everything decays, as in torch.optim.AdamW.
func textSmall() Config {
	c := baseText(6_553_600, 64, 128)
	n := nets.TextSmall()
	c.Network.Text = &n
	c.Text.Tokenizer = text.TokenizerConfig{Kind: text.KindChars, Alphabet: "abcdefghijklmnopqrstuvwxyz ", NoSpecial: true}
	c.Text.Masked.Form = masked.ByTime
	c.Train.AdamW.WeightDecay, c.Train.AdamW.DecayAll = 0.03, true
	return c
}

// textFolder is completed by Config.ResolveText, which looks at the text.
func textFolder() Config {
	c := baseText(0, 0, 0)
	t := &c.Train
	t.Rate = optim.Schedule{Shape: optim.InverseSqrt, Peak: 1e-3, Warmup: unset, Horizon: unset}
	t.LogEvery, t.EvalEvery, t.SampleEvery, t.SaveEvery = unset, unset, unset, unset
	c.Network.Conditional, t.DropClass = true, 0.1
	c.Text.Tokenizer = text.TokenizerConfig{Kind: text.KindBPE}
	c.Text.HeldOut.Share = 0.02
	c.Text.Sample.Steps = 128
	return c
}
