package judge

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// BagOfWords names the class of a text by the words that occur in it, without regard to their order or number: naive Bayes on the presence
// of words, with add-one smoothing (Pang, Lee & Vaithyanathan 2002, section 5.1, who find it better than their number on film reviews),
// each class as likely beforehand. It is a judge of class-conditional samples that knows nothing of the model that wrote them. Words are
// runs of letters, digits and apostrophes in lower case; of scripts without spaces each character is one. It should learn from texts as long
// as those that it is to name.
type BagOfWords struct {
	classes int
	with    map[string][]int32 // texts of each class that the word occurs in
	words   []float64          // different words of texts of each class, summed
}

// NewBagOfWords returns a judge that has learnt nothing yet.
func NewBagOfWords(classes int) (*BagOfWords, error) {
	if classes < 2 {
		return nil, fmt.Errorf("judge: %d classes: to tell them apart it takes two", classes)
	}
	return &BagOfWords{classes: classes, with: map[string][]int32{}, words: make([]float64, classes)}, nil
}

// Learn counts a text of a class, 0 to classes-1.
func (b *BagOfWords) Learn(text []byte, class int32) error {
	if class < 0 || int(class) >= b.classes {
		return fmt.Errorf("judge: class %d is not among %d", class, b.classes)
	}
	for word := range wordsOf(text) {
		counts := b.with[word]
		if counts == nil {
			counts = make([]int32, b.classes)
			b.with[word] = counts
		}
		counts[class]++
		b.words[class]++
	}
	return nil
}

// Name returns the class that the words of a text speak for most; of equals the first, so class 0 for a text without known words.
func (b *BagOfWords) Name(text []byte) int32 {
	scores, kinds := make([]float64, b.classes), float64(len(b.with))
	for word := range wordsOf(text) {
		counts := b.with[word]
		if counts == nil {
			continue
		}
		for c := range scores {
			scores[c] += math.Log(float64(counts[c])+1) - math.Log(b.words[c]+kinds)
		}
	}
	best := 0
	for c := range scores {
		if scores[c] > scores[best]+1e-9 { // sums are in the order of a map
			best = c
		}
	}
	return int32(best)
}

// wordsOf is the set of words of a text.
func wordsOf(text []byte) map[string]struct{} {
	set := map[string]struct{}{}
	var word []byte
	end := func() {
		if len(word) > 0 {
			set[string(word)] = struct{}{}
			word = word[:0]
		}
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
			end()
			set[string(r)] = struct{}{}
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '\'' || r == '’':
			word = utf8.AppendRune(word, unicode.ToLower(r))
		default:
			end()
		}
	}
	end()
	return set
}

// Named counts how many texts a judge named rightly.
type Named struct {
	Guidance      Value   `json:"guidance,omitempty"` // with which samples were drawn; 0 for real text
	Texts         int     `json:"texts"`
	Share         Value   `json:"share"` // of them of which the class was named rightly
	StandardError Value   `json:"standard_error"`
	PerClass      []Value `json:"per_class"` // the share of each class; NaN without texts
}

// Classes is what a judge of classes says of the samples of a class-conditional model, next to what it says of real text.
type Classes struct {
	Names     []string `json:"names"`
	Documents Named    `json:"held_out_documents"` // whole documents that it did not learn from: how good a judge it is
	Windows   Named    `json:"held_out_windows"`   // real text of the length of samples: what a perfect model without guidance would get
	Samples   []Named  `json:"samples"`            // by guidance
}

// Count holds the names that the judge gives to texts against their classes.
func (b *BagOfWords) Count(texts [][]byte, classes []int32) (Named, error) {
	n := Named{Texts: len(texts), PerClass: make([]Value, b.classes)}
	if len(texts) != len(classes) {
		return n, fmt.Errorf("judge: %d texts of %d classes", len(texts), len(classes))
	}
	right, of := make([]float64, b.classes), make([]float64, b.classes)
	all := 0.0
	for i, t := range texts {
		c := classes[i]
		if c < 0 || int(c) >= b.classes {
			return n, fmt.Errorf("judge: class %d is not among %d", c, b.classes)
		}
		of[c]++
		if b.Name(t) == c {
			right[c]++
			all++
		}
	}
	for c := range right {
		n.PerClass[c] = Value(right[c] / of[c])
	}
	p := all / float64(len(texts))
	n.Share, n.StandardError = Value(p), Value(math.Sqrt(p*(1-p)/float64(len(texts))))
	return n, nil
}

// table writes who was named rightly.
func (c *Classes) table(b *strings.Builder) {
	fmt.Fprintf(b, "%-40s %18s", "class named rightly by its words, share", "all")
	for _, name := range c.Names {
		fmt.Fprintf(b, " %10s", name)
	}
	b.WriteString("\n")
	row := func(what string, n Named) {
		fmt.Fprintf(b, "%-40s %18s", fmt.Sprintf("%s (%d)", what, n.Texts), plusMinus(n.Share, n.StandardError, 3))
		for _, v := range n.PerClass {
			fmt.Fprintf(b, " %10.3f", float64(v))
		}
		b.WriteString("\n")
	}
	row("held-out documents", c.Documents)
	row("held-out text of a sample's length", c.Windows)
	for _, n := range c.Samples {
		row(fmt.Sprintf("samples, guidance %g", float64(n.Guidance)), n)
	}
}
