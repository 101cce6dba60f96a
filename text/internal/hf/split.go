package hf

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitter cuts pieces into smaller ones, or changes them.
type splitter func([]piece) []piece

// gpt2 is the pattern of ByteLevel.
const gpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

func (c *component) splitters() ([]splitter, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		var all []splitter
		for _, p := range c.Pretokenizers {
			s, err := p.splitters()
			if err != nil {
				return nil, err
			}
			all = append(all, s...)
		}
		return all, nil
	case "ByteLevel":
		return c.byteLevel()
	case "Metaspace":
		return c.metaspace()
	case "Split":
		return c.by(c.Pattern.matcher())
	case "Whitespace":
		s, err := (&component{Behavior: "Removed", Invert: true}).by(compile(`\w+|[^\w\s]+`))
		return s, err
	case "WhitespaceSplit":
		return []splitter{cut(where(unicode.IsSpace), removed, false)}, nil
	case "BertPreTokenizer":
		return []splitter{cut(where(unicode.IsSpace), removed, false), cut(where(isPunctuation), isolated, false)}, nil
	case "Punctuation":
		if c.Behavior == "" {
			c.Behavior = "Isolated"
		}
		return c.by(where(isPunctuation), nil)
	case "Digits":
		how := contiguous
		if c.Individual {
			how = isolated
		}
		return []splitter{cut(where(unicode.IsNumber), how, false)}, nil
	case "CharDelimiterSplit":
		return []splitter{cut(where(func(r rune) bool { return string(r) == c.Delimiter }), removed, false)}, nil
	}
	return nil, fmt.Errorf("the pre_tokenizer %s is not known", c.Type)
}

// by cuts by a pattern as the behaviour says.
func (c *component) by(m matcher, err error) ([]splitter, error) {
	if err != nil {
		return nil, err
	}
	how, ok := map[string]behaviour{"Removed": removed, "Isolated": isolated, "Contiguous": contiguous, "MergedWithPrevious": withPrevious,
		"MergedWithNext": withNext}[c.Behavior]
	if !ok {
		return nil, fmt.Errorf("the behavior %q of pre_tokenizer %s is not known", c.Behavior, c.Type)
	}
	return []splitter{cut(m, how, c.Invert)}, nil
}

// behaviour says what becomes of what a pattern matches.
type behaviour int

const (
	removed behaviour = iota
	isolated
	contiguous
	withPrevious
	withNext
)

func cut(m matcher, how behaviour, invert bool) splitter {
	return func(pieces []piece) []piece {
		var out []piece
		for _, p := range pieces {
			spans := m(p.text)
			if invert {
				for i := range spans {
					spans[i].match = !spans[i].match
				}
			}
			for _, s := range how.join(spans) {
				out = append(out, piece{p.text[s.from:s.to], p.first && s.from == 0, -1})
			}
		}
		return out
	}
}

// join makes the parts that remain.
func (b behaviour) join(spans []span) []span {
	switch b {
	case removed:
		return slices.DeleteFunc(spans, func(s span) bool { return s.match })
	case contiguous:
		return merged(spans, func(before, s span) bool { return before.match == s.match })
	case withPrevious:
		return merged(spans, func(before, s span) bool { return s.match && !before.match })
	case withNext:
		slices.Reverse(spans)
		spans = merged(spans, func(before, s span) bool { return s.match && !before.match })
		slices.Reverse(spans)
	}
	return spans
}

// merged joins each span to the one before it where join says so of the two as they were.
func merged(spans []span, join func(before, s span) bool) []span {
	var out []span
	for i, s := range spans {
		if i > 0 && join(spans[i-1], s) {
			last := &out[len(out)-1]
			last.from, last.to = min(last.from, s.from), max(last.to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// each changes pieces one by one.
func each(change func(p piece) string) splitter {
	return func(pieces []piece) []piece {
		for i := range pieces {
			if pieces[i].text != "" {
				pieces[i].text = change(pieces[i])
			}
		}
		return pieces
	}
}

// byteLevel puts a blank before, cuts as GPT-2 does and writes bytes as characters.
func (c *component) byteLevel() (all []splitter, err error) {
	if orTrue(c.PrefixSpace) {
		all = append(all, each(func(p piece) string {
			if p.text[0] == ' ' {
				return p.text
			}
			return " " + p.text
		}))
	}
	if orTrue(c.Regex) {
		m, err := compile(gpt2)
		if err != nil {
			return nil, err
		}
		all = append(all, cut(m, isolated, false))
	}
	runes := byteRunes()
	return append(all, each(func(p piece) string {
		var b strings.Builder
		for i := range len(p.text) {
			b.WriteRune(runes[p.text[i]])
		}
		return b.String()
	})), nil
}

// byteRunes are the characters that stand for bytes: printable ones for themselves, the others from U+0100 on.
func byteRunes() (runes [256]rune) {
	next := rune(0x100)
	for b := range 256 {
		runes[b] = rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xA1 && b != 0xAD) {
			runes[b] = next
			next++
		}
	}
	return runes
}

// metaspace writes blanks as "▁" and cuts before them.
func (c *component) metaspace() ([]splitter, error) {
	mark, scheme := c.Replacement, c.scheme()
	if utf8.RuneCountInString(mark) != 1 {
		return nil, fmt.Errorf("the replacement %q of Metaspace is not one character", mark)
	}
	s := []splitter{each(func(p piece) string {
		text := strings.ReplaceAll(p.text, " ", mark)
		if (scheme == "always" || scheme == "first" && p.first) && !strings.HasPrefix(text, mark) {
			text = mark + text
		}
		return text
	})}
	if orTrue(c.Split) {
		s = append(s, cut(where(func(r rune) bool { return string(r) == mark }), withNext, false))
	}
	return s, nil
}

// scheme is when Metaspace puts its mark before a text.
func (c *component) scheme() string {
	switch {
	case c.PrependScheme != "":
		return c.PrependScheme
	case orTrue(c.PrefixSpace):
		return "always"
	}
	return "never"
}
