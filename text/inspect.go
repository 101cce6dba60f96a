package text

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Report is what Inspect finds.
type Report struct {
	Documents  int          `json:"documents"`
	Empty      int          `json:"empty_documents"`
	Duplicates int          `json:"duplicate_documents"` // that repeat an earlier one
	Bytes      int64        `json:"bytes"`
	Chars      int64        `json:"chars"`
	Lines      int64        `json:"lines"`
	Words      int64        `json:"words"`           // separated by white space
	Sizes      [5]int64     `json:"document_bytes"`  // smallest, quartiles, largest
	Alphabet   int          `json:"alphabet"`        // different characters
	Entropy    float64      `json:"unigram_entropy"` // bits per character if characters were independent: a first plateau of training
	Top        []CharCount  `json:"top_characters"`
	Classes    []ClassCount `json:"classes"`
	Issues     Issues       `json:"issues"`
	Rules      []RuleEffect `json:"rules"` // for mark-up, over all pages
	Sample     string       `json:"sample"`
	Advice     []string     `json:"advice"`
}

// CharCount is how often a character occurs.
type CharCount struct {
	Char  string `json:"char"`
	Count int64  `json:"count"`
}

// ClassCount is how many documents a class has.
type ClassCount struct {
	Class string `json:"class"`
	Count int    `json:"count"`
}

const (
	topChars    = 40
	sampleChars = 600
)

// inspector gathers a report.
type inspector struct {
	r       Report
	ascii   [utf8.RuneSelf]int64
	runes   map[rune]int64
	seen    map[[16]byte]bool
	classes map[string]int
	sizes   []int64
	size    int64 // of the present document so far
	inWord  bool
}

// Inspect reads all documents and tells what is in them.
func Inspect(docs Documents) (*Report, error) {
	in := &inspector{runes: map[rune]int64{}, seen: map[[16]byte]bool{}, classes: map[string]int{}}
	hash := sha256.New()
	for d, err := range docs {
		if err != nil {
			return nil, err
		}
		in.text(d.Text)
		in.r.Issues.add(d.Issues)
		in.rules(d.Rules)
		hash.Write(d.Text)
		in.size += int64(len(d.Text))
		if d.More {
			continue
		}
		in.document(&d, [16]byte(hash.Sum(nil)[:16]))
		hash.Reset()
	}
	return in.finish(), nil
}

// text counts characters, words and lines.
func (in *inspector) text(b []byte) {
	for i := 0; i < len(b); {
		r, n := rune(b[i]), 1
		if r < utf8.RuneSelf {
			in.ascii[r]++
		} else {
			r, n = utf8.DecodeRune(b[i:])
			in.runes[r]++
		}
		i += n
		white := r == ' ' || r == '\n' || r == '\t'
		if !white && !in.inWord {
			in.r.Words++
		}
		in.inWord = !white
	}
	if in.r.Sample == "" && len(b) > 0 {
		runes := []rune(string(b[:min(len(b), 4*sampleChars)]))
		in.r.Sample = string(runes[:min(len(runes), sampleChars)])
	}
}

func (in *inspector) rules(rules []RuleEffect) {
	if in.r.Rules == nil {
		in.r.Rules = slices.Clone(rules)
		return
	}
	for i, e := range rules {
		in.r.Rules[i].Hits += e.Hits
		in.r.Rules[i].Bytes += e.Bytes
	}
}

// document ends a document.
func (in *inspector) document(d *Document, sum [16]byte) {
	in.inWord = false
	if in.size == 0 {
		in.r.Empty++
		return
	}
	in.r.Documents++
	in.r.Bytes += in.size
	in.sizes, in.size = append(in.sizes, in.size), 0
	if in.seen[sum] {
		in.r.Duplicates++
	}
	in.seen[sum] = true
	if d.Class != "" {
		in.classes[d.Class]++
	}
}

func (in *inspector) finish() *Report {
	r := &in.r
	for c, n := range in.ascii {
		if n > 0 {
			in.runes[rune(c)] = n
		}
	}
	r.Lines = in.ascii['\n']
	r.Alphabet = len(in.runes)
	for c, n := range in.runes {
		r.Chars += n
		r.Top = append(r.Top, CharCount{string(c), n})
	}
	for _, c := range r.Top {
		p := float64(c.Count) / float64(r.Chars)
		r.Entropy -= p * math.Log2(p)
	}
	slices.SortFunc(r.Top, func(a, b CharCount) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Char, b.Char)) })
	r.Top = r.Top[:min(len(r.Top), topChars)]
	for _, name := range sortedKeys(in.classes) {
		r.Classes = append(r.Classes, ClassCount{name, in.classes[name]})
	}
	slices.Sort(in.sizes)
	for i := range r.Sizes {
		if n := len(in.sizes); n > 0 {
			r.Sizes[i] = in.sizes[i*(n-1)/4]
		}
	}
	r.advise()
	return r
}

// advise says what a person should do about what was found.
func (r *Report) advise() {
	say := func(format string, args ...any) { r.Advice = append(r.Advice, fmt.Sprintf(format, args...)) }
	switch {
	case r.Documents == 0:
		say("there is no text: check the path and the endings of the files")
		return
	case r.Alphabet <= 256:
		say("tokenizer: chars, the alphabet has %d characters only", r.Alphabet)
	case r.Bytes < 1<<20:
		say("tokenizer: bytes, %s of text are too few to learn words from", size(r.Bytes))
	default:
		say("tokenizer: bpe; the text has %d different characters", r.Alphabet)
	}
	if r.Bytes < 1<<20 {
		say("%s of text is little: expect the model to repeat it; add text or use dropout", size(r.Bytes))
	}
	if r.Duplicates*20 > r.Documents {
		say("%d of %d documents repeat others: remove them, or the model will memorise them", r.Duplicates, r.Documents)
	}
	if r.Issues.Invalid > 0 {
		say("%d bytes are no UTF-8: if the text is western European of old, choose the encoding windows-1252", r.Issues.Invalid)
	}
	if r.Issues.LongLines > 0 {
		say("%d lines have more than a mebibyte: look whether they are text", r.Issues.LongLines)
	}
	if n := len(r.Classes); n > 1 && 10*r.smallestClass() < r.Documents/n {
		say("the classes are uneven: the smallest has %d of %d documents", r.smallestClass(), r.Documents)
	}
}

func (r *Report) smallestClass() int {
	return slices.MinFunc(r.Classes, func(a, b ClassCount) int { return a.Count - b.Count }).Count
}

func size(n int64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}

// WriteText writes the report for a person to read.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "documents   %d (%d empty, %d repeat others)\n", r.Documents, r.Empty, r.Duplicates)
	fmt.Fprintf(&b, "text        %s, %d characters, %d words, %d lines\n", size(r.Bytes), r.Chars, r.Words, r.Lines)
	fmt.Fprintf(&b, "sizes       %d bytes (smallest), %d, %d, %d (quartiles), %d (largest)\n", r.Sizes[0], r.Sizes[1], r.Sizes[2], r.Sizes[3], r.Sizes[4])
	fmt.Fprintf(&b, "alphabet    %d characters, %.3f bits each if they were independent\n            ", r.Alphabet, r.Entropy)
	for _, c := range r.Top {
		fmt.Fprintf(&b, "%s ", strings.Trim(fmt.Sprintf("%q", c.Char), `"`))
	}
	b.WriteByte('\n')
	for _, c := range r.Classes {
		fmt.Fprintf(&b, "class       %-20s %d documents\n", c.Class, c.Count)
	}
	fmt.Fprintf(&b, "odd         %v\n", r.Issues)
	for _, e := range r.Rules {
		fmt.Fprintf(&b, "rule        %-10s %9d times, %11d bytes: %s\n", e.Rule, e.Hits, e.Bytes, e.About)
	}
	fmt.Fprintf(&b, "begins      %s\n", strings.ReplaceAll(strings.TrimSpace(r.Sample), "\n", "\n            "))
	for _, a := range r.Advice {
		fmt.Fprintf(&b, "advice      %s\n", a)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
