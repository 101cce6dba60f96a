package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Chars is the tokenizer whose tokens are characters of an alphabet, in the order given; special ids come after it. If U+FFFD is in the
// alphabet, it stands for all characters that are not; otherwise those are an error.
type Chars struct {
	alphabet []rune
	ascii    [utf8.RuneSelf]int32 // id, or None
	others   map[rune]int32
	unknown  int32
	special  Special
	vocab    int
}

// NewChars returns the tokenizer of an alphabet, with or without end of text and pad.
func NewChars(alphabet []rune, withSpecial bool) (*Chars, error) {
	c := &Chars{alphabet: slices.Clone(alphabet), others: map[rune]int32{}, unknown: None, special: noSpecial(), vocab: len(alphabet)}
	for i := range c.ascii {
		c.ascii[i] = None
	}
	for i, r := range alphabet {
		if c.id(r) != None || !utf8.ValidRune(r) {
			return nil, fmt.Errorf("text: the character %q (%U) is twice in the alphabet, or none", r, r)
		}
		if r < utf8.RuneSelf {
			c.ascii[r] = int32(i)
		} else {
			c.others[r] = int32(i)
		}
	}
	if len(alphabet) == 0 {
		return nil, fmt.Errorf("text: there are no characters to make an alphabet of")
	}
	c.unknown = c.id(utf8.RuneError)
	if withSpecial {
		c.special.EOS, c.special.Pad = int32(c.vocab), int32(c.vocab)+1
		c.vocab += 2
	}
	return c, nil
}

func (c *Chars) id(r rune) int32 {
	if r < utf8.RuneSelf {
		return c.ascii[r]
	}
	if id, ok := c.others[r]; ok {
		return id
	}
	return None
}

// LearnChars returns the tokenizer of the characters of docs, in the order of Unicode. Of more than limit (0: no limit) the most frequent
// ones are taken, and U+FFFD for the rest.
func LearnChars(docs Documents, limit int, withSpecial bool) (*Chars, error) {
	counts := map[rune]int64{}
	var ascii [utf8.RuneSelf]int64
	for d, err := range docs {
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(d.Text); {
			if b := d.Text[i]; b < utf8.RuneSelf {
				ascii[b]++
				i++
				continue
			}
			r, n := utf8.DecodeRune(d.Text[i:])
			counts[r]++
			i += n
		}
	}
	for r, n := range ascii {
		if n > 0 {
			counts[rune(r)] = n
		}
	}
	return NewChars(mostFrequent(counts, limit), withSpecial)
}

// mostFrequent returns the runes of counts, or limit of them with U+FFFD for the others, sorted.
func mostFrequent(counts map[rune]int64, limit int) []rune {
	all := make([]rune, 0, len(counts))
	for r := range counts {
		all = append(all, r)
	}
	if limit > 0 && len(all) > limit {
		slices.SortFunc(all, func(a, b rune) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
		all = all[:limit]
		if !slices.Contains(all, utf8.RuneError) {
			all[limit-1] = utf8.RuneError
		}
	}
	slices.Sort(all)
	return all
}

// Alphabet returns the characters in the order of their ids.
func (c *Chars) Alphabet() []rune { return slices.Clone(c.alphabet) }

// Vocab implements Tokenizer.
func (c *Chars) Vocab() int { return c.vocab }

// Special implements Tokenizer.
func (c *Chars) Special() Special { return c.special }

// Encode implements Tokenizer. A character outside the alphabet is an *UnknownError.
func (c *Chars) Encode(dst []int32, text []byte) ([]int32, error) {
	dst = slices.Grow(dst, len(text))
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		var id int32
		if r < utf8.RuneSelf {
			id = c.ascii[r]
		} else {
			r, n = utf8.DecodeRune(text[i:])
			id = c.id(r)
		}
		if id == None {
			if id = c.unknown; id == None {
				return dst, &UnknownError{Rune: r, Offset: i}
			}
		}
		dst = append(dst, id)
		i += n
	}
	return dst, nil
}

// Decode implements Tokenizer.
func (c *Chars) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		switch {
		case id < 0 || int(id) >= c.vocab:
			return dst, badID(id, c.vocab)
		case int(id) < len(c.alphabet):
			dst = utf8.AppendRune(dst, c.alphabet[id])
		}
	}
	return dst, nil
}

// Write implements Tokenizer.
func (c *Chars) Write(w io.Writer) error {
	return writeJSON(w, ownFile{Kind: "chars", Alphabet: string(c.alphabet), Special: c.special.EOS != None})
}
