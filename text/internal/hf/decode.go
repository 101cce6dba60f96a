package hf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decodeStep turns the words of ids into text, step by step; what is left is joined.
type decodeStep func(words []string) []string

func (c *component) decoder() ([]decodeStep, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		var all []decodeStep
		for _, d := range c.Decoders {
			steps, err := d.decoder()
			if err != nil {
				return nil, err
			}
			all = append(all, steps...)
		}
		return all, nil
	case "ByteLevel":
		return []decodeStep{bytesOf()}, nil
	case "WordPiece":
		return []decodeStep{c.wordPiece}, nil
	case "Metaspace":
		return []decodeStep{c.blanks}, nil
	case "BPEDecoder":
		return []decodeStep{c.suffixes}, nil
	case "ByteFallback":
		return []decodeStep{fallback}, nil
	case "Fuse":
		return []decodeStep{func(w []string) []string { return []string{strings.Join(w, "")} }}, nil
	case "Strip":
		return []decodeStep{c.stripEach}, nil
	case "Replace":
		replace, err := c.replace()
		return []decodeStep{func(words []string) []string {
			for i, w := range words {
				words[i] = replace(w)
			}
			return words
		}}, err
	}
	return nil, fmt.Errorf("the decoder %s is not known", c.Type)
}

// bytesOf reads characters as the bytes that they stand for.
func bytesOf() decodeStep {
	of := map[rune]byte{}
	for b, r := range byteRunes() {
		of[r] = byte(b)
	}
	return func(words []string) []string {
		for i, w := range words {
			out := make([]byte, 0, len(w))
			for _, r := range w {
				if b, ok := of[r]; ok {
					out = append(out, b)
				} else {
					out = utf8.AppendRune(out, r)
				}
			}
			words[i] = string(out)
		}
		return words
	}
}

// tightened are marks that BERT's decoder writes without the blank before them.
var tightened = strings.NewReplacer(" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m", " do not", " don't", " 's", "'s",
	" 've", "'ve", " 're", "'re")

// wordPiece puts blanks between words, not before their later parts.
func (c *component) wordPiece(words []string) []string {
	for i, w := range words {
		if i > 0 {
			part, later := strings.CutPrefix(w, c.Prefix)
			if w = part; !later {
				w = " " + part
			}
		}
		if orTrue(c.Cleanup) {
			w = tightened.Replace(w)
		}
		words[i] = w
	}
	return words
}

func (c *component) blanks(words []string) []string {
	for i, w := range words {
		to := " "
		if i == 0 && c.scheme() != "never" {
			to = ""
		}
		words[i] = strings.ReplaceAll(w, c.Replacement, to)
	}
	return words
}

func (c *component) suffixes(words []string) []string {
	for i, w := range words {
		to := " "
		if i == len(words)-1 {
			to = ""
		}
		words[i] = strings.ReplaceAll(w, c.Suffix, to)
	}
	return words
}

// fallback reads runs of "<0xE4>" as bytes; those that are no UTF-8 become U+FFFD each.
func fallback(words []string) (out []string) {
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Repeat("\uFFFD", len(run)))
		}
		run = nil
	}
	for _, w := range words {
		if b, ok := byteToken(w); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, w)
	}
	flush()
	return out
}

func byteToken(w string) (byte, bool) {
	if len(w) != 6 || !strings.HasPrefix(w, "<0x") || w[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(w[3:5], 16, 8)
	return byte(b), err == nil
}

// stripEach takes up to Start characters off the beginning and Stop off the end of each word.
func (c *component) stripEach(words []string) []string {
	for i, w := range words {
		for range c.Start {
			w = strings.TrimPrefix(w, c.Content)
		}
		for range c.Stop {
			w = strings.TrimSuffix(w, c.Content)
		}
		words[i] = w
	}
	return words
}
