package masked

import (
	"math"
	"testing"
)

// toy is a distribution over rows of three tokens out of three, all 27 with different probabilities, and the model that knows its
// conditionals exactly. Every quantity of this package can be enumerated for it.
type toy struct{ p [27]float64 }

const toyLength, toyVocab = 3, 3

func newToy() *toy {
	var t toy
	sum := 0.0
	for i := range t.p {
		t.p[i] = 0.05 + math.Pow(math.Sin(float64(3*i+1)), 2) + float64(i%4)
		sum += t.p[i]
	}
	for i := range t.p {
		t.p[i] /= sum
	}
	return &t
}

func toyRow(i int) []int32 { return []int32{int32(i / 9), int32(i / 3 % 3), int32(i % 3)} }

func toyIndex(row []int32) int { return int(9*row[0] + 3*row[1] + row[2]) }

// conditional is p(token at place | visible tokens).
func (t *toy) conditional(row []int32, place int) [3]float64 {
	var out [3]float64
	sum := 0.0
	for i, p := range t.p {
		full, fits := toyRow(i), true
		for j, id := range row {
			fits = fits && (j == place || id == toyVocab || id == full[j])
		}
		if fits {
			out[full[place]] += p
			sum += p
		}
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

// model is the exact model, and counts its calls.
func (t *toy) model(calls *int) Model {
	return func(dst []float32, tokens []int32, _ []float64) error {
		*calls++
		for i := range tokens {
			row := tokens[i/toyLength*toyLength:][:toyLength]
			for k, p := range t.conditional(row, i%toyLength) {
				dst[i*toyVocab+k] = float32(math.Log(p)) + 2.5 // an offset must not matter
			}
		}
		return nil
	}
}

func (t *toy) all() []int32 {
	var tokens []int32
	for i := range t.p {
		tokens = append(tokens, toyRow(i)...)
	}
	return tokens
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.9g, want %.9g ± %.2g", what, got, want, tol)
	}
}

// For exact conditionals every order of revealing gives the same likelihood, so chain rule and bound both are -log p(x) itself.
func TestChainRuleIsExact(t *testing.T) {
	toy, calls := newToy(), 0
	for _, batch := range []int{1, 4, 100} {
		nats, err := ChainRule(toy.model(&calls), toy.all(), toyLength, toyVocab, batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range toy.p {
			near(t, "-log p", nats[3*i]+nats[3*i+1]+nats[3*i+2], -math.Log(p), 1e-6)
		}
	}
	if want := 81 + 21 + 1; calls != want {
		t.Errorf("%d calls, want %d", calls, want)
	}
}

// The two forms of the bound, enumerated over all masks: their expectation is -log p(x)/L for the exact model.
func TestBoundEnumerated(t *testing.T) {
	toy, calls := newToy(), 0
	model := toy.model(&calls)
	logits := make([]float32, 9)
	for i, p := range toy.p {
		row, byCount := toyRow(i), 0.0
		for mask := 1; mask < 8; mask++ {
			input, k := append([]int32(nil), row...), 0
			for j := range input {
				if mask>>j&1 == 1 {
					input[j], k = toyVocab, k+1
				}
			}
			if err := model(logits, input, nil); err != nil {
				t.Fatal(err)
			}
			for j := range input {
				if input[j] == toyVocab {
					c := toy.conditional(input, j)
					subsets := []float64{1, 3, 3, 1}[k]
					byCount -= math.Log(c[row[j]]) / float64(k) / subsets / toyLength
				}
			}
		}
		near(t, "enumerated bound", byCount, -math.Log(p)/toyLength, 1e-9)
	}
}

// Draws of both forms and all schedules must average to the same number, within four standard errors.
func TestFormsAgree(t *testing.T) {
	toy, calls := newToy(), 0
	tokens, want := toy.all(), 0.0
	for _, p := range toy.p {
		want -= math.Log(p) / toyLength / 27
	}
	for _, o := range []Objective{
		{Form: ByCount}, {Form: ByCount, LowDiscrepancy: true}, {Form: ByTime}, {Form: ByTime, LowDiscrepancy: true},
		{Form: ByTime, Schedule: Schedule{Family: Cosine}}, {Form: ByTime, Schedule: Schedule{Family: Polynomial, Power: 2}},
		{Form: ByTime, LowDiscrepancy: true, Schedule: Schedule{Family: Polynomial, Power: 0.5}, MinRate: 0.01},
	} {
		o.Vocab, o.Length = toyVocab, toyLength
		var sum, squares float64
		const steps = 200
		for step := range uint64(steps) {
			nats, err := o.Estimate(toy.model(&calls), tokens, nil, Batch{Seed: 3, Step: step, Count: 27, Total: 27})
			if err != nil {
				t.Fatal(err)
			}
			mean := 0.0
			for _, n := range nats {
				mean += n / 27
			}
			sum, squares = sum+mean/steps, squares+mean*mean/steps
		}
		se := math.Sqrt((squares - sum*sum) / steps)
		if math.Abs(sum-want) > 4*se || se > 0.05 {
			t.Errorf("%v %v: bound %.4f ± %.4f, want %.4f", o.Form, o.Schedule, sum, se, want)
		}
	}
}

// A model that ignores its input and knows the frequencies must score the cross-entropy: exactly by count, and by time on average.
func TestUnigramGate(t *testing.T) {
	freq := []float64{0.5, 0.3, 0.15, 0.05}
	const length, rows = 8, 16
	tokens := make([]int32, rows*length)
	for i := range tokens {
		tokens[i] = int32(i * 7 % 4)
	}
	want := 0.0
	for _, id := range tokens[:length] { // every row has the same tokens
		want -= math.Log(freq[id]) / length
	}
	unigram := func(dst []float32, in []int32, _ []float64) error {
		for i := range in {
			for k, f := range freq {
				dst[4*i+k] = float32(math.Log(f))
			}
		}
		return nil
	}
	nats, err := ChainRule(unigram, tokens, length, 4, 32)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, n := range nats {
		sum += n / float64(len(nats))
	}
	near(t, "chain rule of a unigram", sum, want, 1e-7)
	for _, form := range []Form{ByCount, ByTime} {
		o := Objective{Form: form, LowDiscrepancy: true, Vocab: 4, Length: length}
		sum, n := 0.0, 0.0
		for step := range uint64(1000) {
			nats, err := o.Estimate(unigram, tokens, nil, Batch{Seed: 1, Step: step, Count: rows, Total: rows})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range nats {
				sum, n = sum+x, n+1
			}
		}
		near(t, "bound of a unigram by "+form.String(), sum/n, want, 0.03)
	}
	// With one kind of token every draw is exact by count.
	same := make([]int32, rows*length)
	o := DefaultObjective(4, length)
	nats, err = o.Estimate(unigram, same, nil, Batch{Count: rows, Total: rows})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nats {
		near(t, "bound by count of one kind of token", n, -math.Log(0.5), 1e-7)
	}
}
