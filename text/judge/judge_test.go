package judge

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

var rows = [][]int32{{0, 1, 0, 1, 2}, {0, 1, 0}}

// one is a training text of one row.
func one(row []int32) iter.Seq2[[]int32, error] {
	return func(yield func([]int32, error) bool) { yield(row, nil) }
}

// Rolled keys must be those of the n-gram alone, wherever it stands.
func TestKeysDoNotDependOnThePlace(t *testing.T) {
	for n := 1; n <= 5; n++ {
		row := []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}
		var rolled, alone []uint64
		ngrams([][]int32{row}, n, func(k uint64) { rolled = append(rolled, k) })
		for i := 0; i+n <= len(row); i++ {
			ngrams([][]int32{row[i : i+n]}, n, func(k uint64) { alone = append(alone, k) })
		}
		if !slices.Equal(rolled, alone) {
			t.Errorf("%d-grams: %x, alone %x", n, rolled, alone)
		}
	}
}

func TestMeasures(t *testing.T) {
	near(t, "entropy", Entropy(rows), -(4*math.Log(0.5)+3*math.Log(3./8)+math.Log(1./8))/8, 1e-12)
	near(t, "distinct bigrams", Distinct(rows, 2), 3./6, 1e-12)
	near(t, "repetition of bigrams", Repetition(rows, 2), 1./6, 1e-12)
	copied, err := Copied(3, one([]int32{5, 0, 1, 0, 9, 1, 2}), rows, [][]int32{{0, 9, 1}, {1, 0, 9}, {1, 0, 8}}, [][]int32{{1}})
	if err != nil || !math.IsNaN(copied[2]) {
		t.Fatal(copied, err)
	}
	near(t, "copied", copied[0], 2./4, 1e-12)
	near(t, "copied of another set", copied[1], 2./3, 1e-12)
	if !math.IsNaN(Distinct(rows, 9)) {
		t.Error("distinct 9-grams of short rows must be NaN")
	}
	same, err := Divergence(rows, rows, 2)
	near(t, "divergence from itself", same, 0, 1e-12)
	apart, err2 := Divergence(rows, [][]int32{{7, 8}}, 2)
	near(t, "divergence of strangers", apart, math.Ln2, 1e-12)
	if _, err3 := Divergence(rows, nil, 2); err != nil || err2 != nil || err3 == nil {
		t.Error(err, err2, err3)
	}
}

// The probabilities of all tokens must sum to one after every context, seen or not.
func TestNGramIsADistribution(t *testing.T) {
	for order := 1; order <= 4; order++ {
		m, err := NewNGram(rows, order, 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, before := range [][]int32{nil, {0}, {0, 1}, {3, 3, 3}, {0, 1, 0, 1}, {2}} {
			sum := 0.0
			for id := range int32(4) {
				sum += m.P(before, id)
			}
			near(t, "sum of probabilities", sum, 1, 1e-12)
		}
	}
}

// By hand: p(1) = (3 + 3/4)/(8+3); after 0, seen four times with 1 only (three times): (3 + 1·p(1))/(3+1).
func TestNGramByHand(t *testing.T) {
	m, err := NewNGram(rows, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	p1 := (3 + 3./4) / 11
	near(t, "p(1)", m.P(nil, 1), p1, 1e-12)
	near(t, "p(1 | 0)", m.P([]int32{0}, 1), (3+p1)/4, 1e-12)
	score, err := m.Score([][]int32{{1}, {0, 1}})
	near(t, "score", score, -(math.Log(p1)+math.Log(m.P(nil, 0))+math.Log((3+p1)/4))/3, 1e-12)
	if _, err2 := m.Score([][]int32{{4}}); err != nil || err2 == nil {
		t.Error("an unknown token must be refused")
	}
}

func ExampleNGram_Score() {
	text := []int32{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}
	judge, err := NewNGram([][]int32{text}, 3, 3)
	if err != nil {
		panic(err)
	}
	for _, sample := range [][]int32{{0, 1, 2, 0}, {2, 1, 0, 2}} {
		nats, err := judge.Score([][]int32{sample})
		fmt.Printf("%.2f %v\n", nats, err)
	}
	// Output:
	// 0.33 <nil>
	// 2.25 <nil>
}
