package text

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	topChars    = 40
	sampleChars = 600
	longestKept = 5
	pagesTried  = 300 // of a wiki, to find one that shows the rules
)

// inspector gathers a report.
type inspector struct {
	r       Report
	ascii   [utf8.RuneSelf]int64
	runes   map[rune]int64
	seen    map[[16]byte]bool
	near    nearIndex
	classes map[string]int
	sizes   []int64
	pages   int

	// Of the present document so far.
	size   int64
	sketch sketch
	inWord bool
	line   Line

	longLines int64
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
		in.lines(&d)
		in.sketch.add(d.Text)
		in.r.Issues.add(d.Issues)
		in.rules(&d)
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

// text counts characters and words.
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
		in.r.Sample = beginning(b, sampleChars)
	}
}

// beginning is at most n characters.
func beginning(b []byte, n int) string {
	runes := []rune(string(b[:min(len(b), utf8.UTFMax*n)]))
	return string(runes[:min(len(runes), n)])
}

// lines finds the longest ones.
func (in *inspector) lines(d *Document) {
	for b := d.Text; ; {
		end := bytes.IndexByte(b, '\n')
		if in.line.Bytes == 0 {
			in.line.Begins = beginning(b[:min(len(b), 4*60)], 60)
		}
		if end < 0 {
			in.line.Bytes += int64(len(b))
			break
		}
		in.line.Bytes += int64(end)
		in.endLine(d.Name)
		b = b[end+1:]
	}
	if !d.More {
		in.endLine(d.Name)
		in.line = Line{}
	}
}

func (in *inspector) endLine(name string) {
	if in.line.Number++; in.line.Bytes > longLine {
		in.longLines++
	}
	kept := in.r.Longest
	if n := len(kept); in.line.Bytes > 0 && (n < longestKept || in.line.Bytes > kept[n-1].Bytes) {
		l := in.line
		l.Document = name
		if l.Begins, _, _ = strings.Cut(l.Begins, "\n"); n == longestKept {
			kept = kept[:n-1]
		}
		at, _ := slices.BinarySearchFunc(kept, l, func(a, b Line) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), -1) })
		in.r.Longest = slices.Insert(kept, at, l)
	}
	in.line = Line{Number: in.line.Number}
}

// rules adds up what the rules for mark-up did, and keeps the page on which most of them did something.
func (in *inspector) rules(d *Document) {
	if d.Rules == nil {
		return
	}
	if in.r.Rules == nil {
		in.r.Rules = make([]RuleEffect, len(d.Rules))
	}
	used := 0
	for i, e := range d.Rules {
		in.r.Rules[i].Rule, in.r.Rules[i].About = e.Rule, e.About
		in.r.Rules[i].Hits += e.Hits
		in.r.Rules[i].Bytes += e.Bytes
		if e.Hits > 0 {
			used++
		}
	}
	if in.pages++; in.pages <= pagesTried && (in.r.Page == nil || used > in.r.Page.used) {
		in.r.Page = &PageSample{Name: d.Name, Rules: slices.Clone(d.Rules), Before: beginning(d.Source, sampleChars), After: beginning(d.Text, sampleChars), used: used}
	}
}

// document ends a document.
func (in *inspector) document(d *Document, sum [16]byte) {
	in.inWord = false
	in.sketch.endWord()
	s, n := in.sketch, in.size
	in.sketch, in.size = sketch{}, 0
	if n == 0 {
		in.r.Empty++
		return
	}
	in.r.Documents++
	in.r.Bytes += n
	in.sizes = append(in.sizes, n)
	if d.Class != "" {
		in.classes[d.Class]++
	}
	if in.seen[sum] {
		in.r.Duplicates++
		return
	}
	in.seen[sum] = true
	if twin, found := in.near.find(d.Name, &s); found {
		if in.r.Near++; len(in.r.NearPairs) < nearExample {
			in.r.NearPairs = append(in.r.NearPairs, [2]string{twin, d.Name})
		}
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
	r.Issues.LongLines = in.longLines // a line in several parts was counted in each
	r.Alphabet = len(in.runes)
	for c, n := range in.runes {
		r.Chars += n
		r.Top = append(r.Top, CharCount{string(c), n})
	}
	slices.SortFunc(r.Top, func(a, b CharCount) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Char, b.Char)) })
	for _, c := range r.Top {
		p := float64(c.Count) / float64(r.Chars)
		r.Entropy -= p * math.Log2(p)
	}
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
	r.Tokenizer = SuggestTokenizer(r.Bytes, r.Alphabet)
	r.advise()
	return r
}
