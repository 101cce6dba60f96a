package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
)

// asBytes is a tokenizer of bytes with an end of text, 256.
func asBytes(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		if id < 256 {
			dst = append(dst, byte(id))
		}
	}
	return dst, nil
}

// A character that two windows share is counted once.
func TestExtentsAddUp(t *testing.T) {
	text := []byte("aé東京z")
	var ids []int32
	for _, b := range text {
		ids = append(ids, int32(b))
	}
	ids = append(ids, 256)
	for cut := range ids {
		e, err := Extents(asBytes, [][]int32{ids[:cut], ids[cut:]})
		if err != nil {
			t.Fatal(err)
		}
		if e[0].Chars+e[1].Chars != 5 || e[0].Bytes+e[1].Bytes != int64(len(text)) || e[0].Tokens+e[1].Tokens != int64(len(ids)) {
			t.Errorf("cut at %d: %+v", cut, e)
		}
	}
}

// By hand: windows of 2 and 3 characters that cost 2 and 4 bits: 6/5 bits each, residuals -0.4 and +0.4, error √(2/1·0.32)/5.
func TestLikelihoodByHand(t *testing.T) {
	l, err := NewLikelihood([]float64{2 * math.Ln2, 4 * math.Ln2}, []Extent{{Tokens: 2, Chars: 2, Bytes: 2}, {Tokens: 2, Chars: 3, Bytes: 6}})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "bits per character", float64(l.BitsPerChar), 1.2, 1e-12)
	near(t, "standard error", float64(l.StandardError), math.Sqrt(2*0.32)/5, 1e-12)
	near(t, "bits per byte", float64(l.BitsPerByte), 0.75, 1e-12)
	near(t, "perplexity", float64(l.Perplexity), math.Pow(2, 1.5), 1e-12)
	near(t, "error of the perplexity", float64(l.StandardErrorPPL), math.Pow(2, 1.5)*math.Ln2/2, 1e-12)
	difference, sigmas := Agreement([]float64{1, 3}, []float64{1, 2}, []Extent{{Chars: 1}, {Chars: 1}})
	near(t, "difference", difference, 0.5/math.Ln2, 1e-12)
	near(t, "in standard errors", sigmas, 1, 1e-12)
	if _, err := NewLikelihood(nil, nil); err == nil {
		t.Error("the likelihood of nothing was accepted")
	}
}

// The standard error over windows must be the spread of the mean over repetitions.
func TestStandardErrorIsTheSpread(t *testing.T) {
	const windows, repeats = 50, 400
	var mean, square, said float64
	seed := uint64(1)
	for range repeats {
		nats, extents := make([]float64, windows), make([]Extent, windows)
		for i := range nats {
			seed = seed*6364136223846793005 + 1442695040888963407
			chars := int64(10 + seed>>60)
			extents[i] = Extent{Chars: chars, Tokens: chars, Bytes: chars}
			seed = seed*6364136223846793005 + 1442695040888963407
			nats[i] = float64(chars) * (1 + float64(seed>>40)/(1<<24))
		}
		r, se := Ratio(nats, extents, func(e Extent) int64 { return e.Chars })
		mean, square, said = mean+r/repeats, square+r*r/repeats, said+se/repeats
	}
	spread := math.Sqrt(square - mean*mean)
	near(t, "standard error over spread", said/spread, 1, 0.15)
}

func whole(rows [][]int32) func() iter.Seq2[[]int32, error] {
	return func() iter.Seq2[[]int32, error] {
		return func(yield func([]int32, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

func report(t testing.TB) *Report {
	var training, held, again, samples [][]int32
	for i := range int32(8) {
		row := make([]int32, 40)
		for k := range row {
			row[k] = (i*i + int32(k)*(i+1)) % 7
		}
		training = append(training, row)
		held, again = append(held, append([]int32{6, 5}, row[:30]...)), append(again, row[3:35])
		samples = append(samples, make([]int32, 32))
	}
	samples[0] = training[0][:32]
	unigram, err1 := NewNGram(training, 1, 7)
	five, err2 := NewNGram(training, 5, 7)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a := Against{Unigram: unigram, NGram: five, HeldOut: held, Training: whole(training)}
	stats, err := a.Describe(samples, again)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLikelihood([]float64{3}, []Extent{{2, 2, 2}})
	if err != nil {
		t.Fatal(err)
	}
	return &Report{Likelihood: l, How: "bound by count", Samples: &stats[0], HeldOut: &stats[1]}
}

// Samples that say one word again and again are likely, and every other number must give them away.
func TestRepetitionIsGivenAway(t *testing.T) {
	r := report(t)
	s, real := r.Samples, r.HeldOut
	if s.Repetition < 0.8 || s.Entropy > real.Entropy || s.Distinct[3] > real.Distinct[3] || s.Divergence[1] < real.Divergence[1] || s.Rows != 8 || s.Tokens != 256 {
		t.Errorf("samples %+v, real %+v", s, real)
	}
	near(t, "copied of the samples", float64(s.Copied), 1./8, 1e-12)
	near(t, "copied of the training text", float64(real.Copied), 1, 1e-12)
}

// The fields that other programs read stand at the top, and what could not be had is null.
func TestReportAsJSON(t *testing.T) {
	b, err := json.Marshal(report(t))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatal(err)
	}
	near(t, "bits per character", top["bits_per_char"].(float64), 1.5/math.Ln2, 1e-6)
	if v, ok := top["standard_error"]; !ok || v != nil {
		t.Errorf("the error of one window is %v", v)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil || !math.IsNaN(float64(back.StandardError)) || back.Samples.Rows != 8 {
		t.Errorf("%+v (%v)", back, err)
	}
	var w bytes.Buffer
	if err := back.WriteText(&w); err != nil || !strings.Contains(w.String(), "bound by count") || !strings.Contains(w.String(), "20-grams") {
		t.Errorf("%s (%v)", w.String(), err)
	}
}

func ExampleNewLikelihood() {
	nats := []float64{70, 62, 66}                                 // what three windows cost under some model
	extents := []Extent{{16, 40, 41}, {16, 38, 38}, {16, 39, 39}} // their tokens, characters, bytes
	l, err := NewLikelihood(nats, extents)
	fmt.Printf("%.3f ± %.3f bits per character, perplexity %.1f %v\n", float64(l.BitsPerChar), float64(l.StandardError), float64(l.Perplexity), err)
	// Output:
	// 2.441 ± 0.049 bits per character, perplexity 61.9 <nil>
}
