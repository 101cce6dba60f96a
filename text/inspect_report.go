package text

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Report is what Inspect finds.
type Report struct {
	Documents  int             `json:"documents"`
	Empty      int             `json:"empty_documents"`
	Duplicates int             `json:"duplicate_documents"` // that repeat an earlier one
	Near       int             `json:"near_duplicates"`     // that share three quarters of their sequences of five words with an earlier one
	NearPairs  [][2]string     `json:"near_pairs"`          // some of those, with the earlier one first
	Bytes      int64           `json:"bytes"`
	Chars      int64           `json:"chars"`
	Lines      int64           `json:"lines"`
	Words      int64           `json:"words"`           // separated by white space
	Sizes      [5]int64        `json:"document_bytes"`  // smallest, quartiles, largest
	Longest    []Line          `json:"longest_lines"`   // the longest first
	Alphabet   int             `json:"alphabet"`        // different characters
	Entropy    float64         `json:"unigram_entropy"` // bits per character if characters were independent: a first plateau of training
	Top        []CharCount     `json:"top_characters"`
	Classes    []ClassCount    `json:"classes"`
	Issues     Issues          `json:"issues"`
	Rules      []RuleEffect    `json:"rules"`       // for mark-up, over all pages
	Page       *PageSample     `json:"sample_page"` // of a wiki: what the rules do to one page; nil without mark-up
	Sample     string          `json:"sample"`
	Tokenizer  TokenizerConfig `json:"suggested_tokenizer"`
	Advice     []string        `json:"advice"`
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

// Line is a long line.
type Line struct {
	Document string `json:"document"`
	Number   int    `json:"line"` // from 1
	Bytes    int64  `json:"bytes"`
	Begins   string `json:"begins"`
}

// PageSample is a page before and after cleaning.
type PageSample struct {
	Name   string       `json:"name"`
	Rules  []RuleEffect `json:"rules"`
	Before string       `json:"before"` // its beginning
	After  string       `json:"after"`
	used   int          // rules that did something
}

// Sizes by which SuggestTokenizer decides.
const (
	fewChars  = 64      // need no words
	someChars = 512     // can be learnt one by one
	fewBytes  = 4 << 20 // teach no words
)

// SuggestTokenizer chooses a tokenizer by the amount of text and the number of different characters: words cannot be learnt from little, and
// need not be where characters are few.
func SuggestTokenizer(bytes int64, alphabet int) TokenizerConfig {
	switch {
	case alphabet <= fewChars || bytes < fewBytes && alphabet <= someChars:
		return TokenizerConfig{Kind: KindChars}
	case bytes < fewBytes:
		return TokenizerConfig{Kind: KindBytes}
	}
	vocab := 4096
	for limit := int64(10 << 20); bytes > limit && vocab < 32768; limit *= 10 {
		vocab *= 2
	}
	return TokenizerConfig{Kind: KindBPE, Vocab: vocab}
}

// tokenizerReason says why SuggestTokenizer chose c.
func tokenizerReason(c TokenizerConfig, bytes int64, alphabet int) string {
	switch c.Kind {
	case KindChars:
		return fmt.Sprintf("the alphabet has %d characters only, and there are %s of text", alphabet, size(bytes))
	case KindBytes:
		return fmt.Sprintf("%s of text are too few to learn words from, and %d characters too many to learn each", size(bytes), alphabet)
	}
	return fmt.Sprintf("the text has %d different characters and %s to learn words from", alphabet, size(bytes))
}

// Reason says for a person why a text of so many bytes and different characters has that tokenizer.
func (c TokenizerConfig) Reason(bytes int64, alphabet int) string {
	flags := "--tokenizer " + c.Kind.String()
	if c.Vocab > 0 {
		flags += fmt.Sprintf(" --vocab %d", c.Vocab)
	}
	return flags + ": " + tokenizerReason(c, bytes, alphabet)
}

// advise says what a person should do about what was found.
func (r *Report) advise() {
	say := func(format string, args ...any) { r.Advice = append(r.Advice, fmt.Sprintf(format, args...)) }
	if r.Documents == 0 {
		say("there is no text: check the path and the endings of the files")
		return
	}
	say("%s", r.Tokenizer.Reason(r.Bytes, r.Alphabet))
	if r.Bytes < 1<<20 {
		say("%s of text is little: expect the model to repeat it; add text or use dropout", size(r.Bytes))
	}
	if r.Duplicates*20 > r.Documents {
		say("%d of %d documents repeat others: remove them, or the model will memorise them", r.Duplicates, r.Documents)
	}
	if r.Near*20 > r.Documents {
		say("%d of %d documents are nearly the same as others: look at some and remove them", r.Near, r.Documents)
	}
	if r.Issues.Invalid > 0 {
		say("%d bytes are no UTF-8: if the text is western European of old, choose --encoding windows-1252", r.Issues.Invalid)
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

// shownClasses are how many classes WriteText lists.
const shownClasses = 20

// oddLine is a length in bytes from which on lines are listed one by one.
const oddLine = 2000

// WriteText writes the report for a person to read.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "documents   %d (%d empty, %d repeat others, %d more are nearly like others)\n", r.Documents, r.Empty, r.Duplicates, r.Near)
	for _, p := range r.NearPairs {
		fmt.Fprintf(&b, "near        %s is nearly %s\n", p[1], p[0])
	}
	fmt.Fprintf(&b, "text        %s, %d characters, %d words, %d lines\n", size(r.Bytes), r.Chars, r.Words, r.Lines)
	fmt.Fprintf(&b, "sizes       %d bytes (smallest), %d, %d, %d (quartiles), %d (largest)\n", r.Sizes[0], r.Sizes[1], r.Sizes[2], r.Sizes[3], r.Sizes[4])
	for i, l := range r.Longest {
		if i > 0 && l.Bytes < oddLine {
			break
		}
		fmt.Fprintf(&b, "long line   %d bytes: line %[3]d of %[2]s, %[4]q…\n", l.Bytes, l.Document, l.Number, l.Begins)
	}
	fmt.Fprintf(&b, "alphabet    %d characters, %.3f bits each if they were independent; the most frequent first:\n            ", r.Alphabet, r.Entropy)
	for _, c := range r.Top {
		fmt.Fprintf(&b, "%s ", shownChar(c.Char))
	}
	b.WriteByte('\n')
	for i, c := range r.Classes {
		if i == shownClasses {
			fmt.Fprintf(&b, "class       and %d more; --json lists all\n", len(r.Classes)-i)
			break
		}
		fmt.Fprintf(&b, "class       %-20s %d documents\n", c.Class, c.Count)
	}
	fmt.Fprintf(&b, "odd         %v\n", r.Issues)
	r.markup(&b)
	if r.Page == nil {
		fmt.Fprintf(&b, "begins      %s\n", indented(r.Sample))
	}
	for _, a := range r.Advice {
		fmt.Fprintf(&b, "advice      %s\n", a)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markup lists the rules and what they did to all pages and to one.
func (r *Report) markup(b *strings.Builder) {
	if r.Page == nil {
		return
	}
	fmt.Fprintf(b, "rules for mark-up, in their order: times and bytes removed on all pages, and on %s\n", r.Page.Name)
	for i, e := range r.Rules {
		p := r.Page.Rules[i]
		fmt.Fprintf(b, "  %-10s %9d %11d  %6d %7d  %s\n", e.Rule, e.Hits, e.Bytes, p.Hits, p.Bytes, e.About)
	}
	fmt.Fprintf(b, "before      %s\n", indented(r.Page.Before))
	fmt.Fprintf(b, "after       %s\n", indented(r.Page.After))
}

func shownChar(c string) string {
	switch c {
	case " ":
		return "space"
	case `"`, `\`:
		return c
	}
	return strings.Trim(strconv.Quote(c), `"`)
}

func indented(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n            ")
}
