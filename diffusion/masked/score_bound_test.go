package masked

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// causal is the toy's exact autoregressive model.
func (t *toy) causal(dst []float32, tokens []int32, _ []float64) error {
	for i := range tokens {
		row := append([]int32(nil), tokens[i/toyLength*toyLength:][:toyLength]...)
		for j := i % toyLength; j < toyLength; j++ {
			row[j] = toyVocab
		}
		for k, p := range t.conditional(row, i%toyLength) {
			dst[i*toyVocab+k] = float32(math.Log(p)) - 1.5
		}
	}
	return nil
}

// All three ways to score the toy give -log p(x) of each of its rows: exactly from left to right, on average by the bound.
func TestAllScoresOfTheToyAgree(t *testing.T) {
	toy, calls := newToy(), 0
	for _, batch := range []int{1, 7, 27} {
		nats, err := CausalScore(toy.causal, toy.all(), toyLength, toyVocab, batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range toy.p {
			near(t, "-log p, autoregressive", nats[3*i]+nats[3*i+1]+nats[3*i+2], -math.Log(p), 1e-6)
		}
	}
	for _, form := range []Form{ByCount, ByTime} {
		o := &Objective{Form: form, LowDiscrepancy: true, Vocab: toyVocab, Length: toyLength}
		nats, err := Bound(o, toy.model(&calls), toy.all(), nil, toyLength, BoundConfig{Draws: 300, Batch: 10, Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := Bound(o, toy.model(&calls), toy.all(), nil, toyLength, BoundConfig{Draws: 300, Batch: 27, Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		sum, want := 0.0, 0.0
		for i, p := range toy.p {
			sum, want = sum+nats[i], want-math.Log(p)
			near(t, "the bound of a row in another batch", nats[i], whole[i], 1e-9)
		}
		near(t, "bound by "+form.String(), sum/27, want/27, 0.06)
	}
}

// A model that looks at nothing scores its cross-entropy: exactly where each token is a row of its own, whatever the text.
func TestUnigramIsExactByCount(t *testing.T) {
	freq := []float64{0.55, 0.3, 0.1, 0.05}
	unigram := func(dst []float32, in []int32, _ []float64) error {
		for i := range in {
			for k, f := range freq {
				dst[4*i+k] = float32(math.Log(f))
			}
		}
		return nil
	}
	tokens, want := make([]int32, 120), 0.0
	for i := range tokens {
		tokens[i] = int32(i * i % 7 % 4)
		want -= math.Log(freq[tokens[i]])
	}
	o := DefaultObjective(4, 1)
	single, err := Bound(&o, unigram, tokens, nil, 1, BoundConfig{})
	if err != nil {
		t.Fatal(err)
	}
	exact, err := CausalScore(unigram, tokens, 12, 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	sum, left := 0.0, 0.0
	for i := range tokens {
		sum, left = sum+single[i], left+exact[i]
	}
	near(t, "bound by count of single tokens", sum, want, 1e-5)
	near(t, "exact score", left, want, 1e-5)

	// In rows of 12 the mean over draws must come to it; padding must not count.
	free := make([]bool, len(tokens))
	for i := range free {
		free[i] = i%12 < 9
	}
	counted := 0.0
	for i, id := range tokens {
		if free[i] {
			counted -= math.Log(freq[id])
		}
	}
	for _, form := range []Form{ByCount, ByTime} {
		o := &Objective{Form: form, LowDiscrepancy: true, Vocab: 4, Length: 12}
		nats, err := Bound(o, unigram, tokens, free, 12, BoundConfig{Draws: 1500, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, n := range nats {
			sum += n
		}
		near(t, "bound of a unigram by "+form.String(), sum/counted, 1, 0.02)
	}
}

// A network that is sure of the mask predicts nothing else by it: its logit is cut off before the softmax, in the loss and so in training.
func TestTheMaskGetsNoMass(t *testing.T) {
	o := DefaultObjective(2, 2)
	exec, err := graph.NewExec(testkit.Backend(t), func(in []*graph.Node) *graph.Node {
		loss, _ := o.Loss(func(x, _, _ *graph.Node) *graph.Node {
			return graph.BroadcastToDims(graph.Reshape(in[3], 1, 1, 3), 1, 2, 3)
		}, Inputs{Tokens: in[0], Input: in[1], Weight: in[2]})
		return loss
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call1([][]int32{{0, 1}}, [][]int32{{2, 2}}, [][]float32{{0.5, 0.5}}, []float32{1, 1, 1e4})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "loss", float64(tensors.ToScalar[float32](out)), math.Ln2, 1e-6)
}

func TestScoresRefuse(t *testing.T) {
	toy, calls := newToy(), 0
	o := DefaultObjective(toyVocab, toyLength)
	if _, err := Bound(&o, toy.model(&calls), []int32{0, 1}, nil, toyLength, BoundConfig{}); err == nil {
		t.Error("half a row was scored")
	}
	if _, err := CausalScore(toy.causal, []int32{0, 1, 3}, toyLength, toyVocab, 1); err == nil {
		t.Error("the mask was scored as a token")
	}
	if _, err := CausalScore(toy.causal, []int32{0, 1, 2}, toyLength, toyVocab, 0); err == nil {
		t.Error("no rows a call were accepted")
	}
}
