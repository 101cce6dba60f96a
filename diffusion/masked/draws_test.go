package masked

import (
	"testing"

	"github.com/ebb-ml/ebb/internal/rng/rngtest"
)

// A seed must go on giving the same tokens: runs resume and texts are named by their seed. These digests are of the first version; where
// one changes, every stored seed changes its meaning. They cover ids only, since weights may differ in a last bit between processors.
func TestDrawsNeverChange(t *testing.T) {
	const rows, length, vocab = 16, 24, 50
	tokens := make([]int32, rows*length)
	for i := range tokens {
		tokens[i] = int32(i * i % vocab)
	}
	b := Batch{Seed: 1<<40 + 9, Step: 1<<33 + 1, First: 3, Count: rows, Total: 64}
	type draw interface {
		Draw(d *Draws, tokens []int32, free []bool, b Batch) error
	}
	draws := func(o draw) string {
		var d Draws
		if err := o.Draw(&d, tokens, nil, b); err != nil {
			t.Fatal(err)
		}
		return rngtest.Digest(t, d.Input)
	}
	type sampler interface {
		Sample(m Model, c *Canvas) (int, error)
	}
	samples := func(s sampler) string {
		toy, calls := newToy(), 0
		c := NewCanvas(200, toyLength, toyVocab)
		c.First = 1<<34 + 5
		if _, err := s.Sample(toy.model(&calls), c); err != nil {
			t.Fatal(err)
		}
		return rngtest.Digest(t, c.Tokens)
	}
	toy, c := newToy(), NewCanvas(200, toyLength, toyVocab)
	if _, err := (&UniformSampler{Steps: 5, Seed: 4}).Sample(toy.uniformModel, c); err != nil {
		t.Fatal(err)
	}
	continuous := DefaultContinuous(vocab, length, 3)
	o, flow := toyContinuous(), NewCanvas(200, toyLength, toyVocab)
	if _, err := (&ContinuousSampler{Objective: o, Steps: 5, Seed: 4}).Sample(toy.vectorModel(o), toyTable, flow); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"by count", draws(&Objective{Form: ByCount, Vocab: vocab, Length: length}), "e5ff824e458ca389"},
		{"by count, spread", draws(&Objective{Form: ByCount, LowDiscrepancy: true, Vocab: vocab, Length: length}), "18747921d3006671"},
		{"by time", draws(&Objective{Vocab: vocab, Length: length}), "14aa89b9df613278"},
		{"block", draws(&BlockObjective{Objective: DefaultObjective(vocab, length), Block: 6}), "b4a49a099533288d"},
		{"continuous", draws(&continuous), "de10ecc3b58d36c0"},
		{"uniform", draws(&UniformObjective{Vocab: vocab, Length: length}), "65ed13dd3ed98e98"},
		{"ancestral", samples(&Sampler{Steps: 3, Seed: 4}), "c9d018028af94266"},
		{"first-hitting", samples(&Sampler{Method: FirstHitting, Seed: 4}), "90b2cc371e6d7cf6"},
		{"remask", samples(&Sampler{Method: Remask, Steps: 5, Eta: 0.5, Seed: 4}), "2912b50bddd13445"},
		{"confidence", samples(&Sampler{Method: Confidence, Steps: 2, Seed: 4}), "9936b07769bcccc6"},
		{"continuous sampler", rngtest.Digest(t, flow.Tokens), "19cd40c95b5fc1d7"},
		{"uniform sampler", rngtest.Digest(t, c.Tokens), "4eb29665ff967da4"},
	} {
		if c.got != c.want {
			t.Errorf("%s: digest %s, want %s", c.what, c.got, c.want)
		}
	}
}
