package judge

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
)

func TestWordsOf(t *testing.T) {
	for text, want := range map[string][]string{
		"It's good, it's GOOD; 10/10 naïve":   {"10", "good", "it's", "naïve"},
		"良い映画 is fine":                        {"fine", "is", "い", "映", "画", "良"},
		"-- \xff --":                          nil,
		"end of\nline\tand\u00a0other spaces": {"and", "end", "line", "of", "other", "spaces"},
	} {
		if got := slices.Sorted(maps.Keys(wordsOf([]byte(text)))); !slices.Equal(got, want) {
			t.Errorf("%q has the words %q, want %q", text, got, want)
		}
	}
}

// The score by hand: two texts a class, five known words.
func TestBagOfWordsByHand(t *testing.T) {
	b, err := NewBagOfWords(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []struct {
		text  string
		class int32
	}{{"bad bad film", 0}, {"bad plot", 0}, {"good film", 1}, {"good great good plot", 1}} {
		if err := b.Learn([]byte(l.text), l.class); err != nil {
			t.Fatal(err)
		}
	}
	// Words of class 0: bad film bad plot = 4; of class 1: good film good great plot = 5; 5 kinds in all.
	// "great": ln(1/9) against ln(2/10); "film film great": 2/9·1/9 against 2/10·2/10; "film": 2/9 against 2/10, once only.
	for text, want := range map[string]int32{"great": 1, "film film great": 1, "film": 0, "bad good": 0, "unknown": 0, "": 0} {
		if got := b.Name([]byte(text)); got != want {
			t.Errorf("%q is named %d, want %d", text, got, want)
		}
	}
	n, err := b.Count([][]byte{[]byte("great"), []byte("film"), []byte("good film"), []byte("film")}, []int32{1, 0, 1, 1})
	if err != nil || n.Texts != 4 || n.Share != 0.75 || n.PerClass[0] != 1 || math.Abs(float64(n.PerClass[1])-2./3) > 1e-12 {
		t.Errorf("%+v (%v)", n, err)
	}
	near(t, "standard error", float64(n.StandardError), math.Sqrt(0.75*0.25/4), 1e-12)
}

func TestBagOfWordsRefuses(t *testing.T) {
	if _, err := NewBagOfWords(1); err == nil {
		t.Error("one class was taken")
	}
	b, err := NewBagOfWords(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Learn([]byte("a"), 2); err == nil {
		t.Error("class 2 of two was learnt")
	}
	if _, err := b.Count([][]byte{nil}, []int32{-1}); err == nil {
		t.Error("class -1 was counted")
	}
	if _, err := b.Count([][]byte{nil}, nil); err == nil {
		t.Error("a text without class was counted")
	}
}

func ExampleBagOfWords() {
	b, err := NewBagOfWords(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	b.Learn([]byte("a dull and lifeless film"), 0)
	b.Learn([]byte("a moving and brilliant film"), 1)
	fmt.Println(b.Name([]byte("Brilliant!")), b.Name([]byte("So dull.")))
	// Output: 1 0
}
