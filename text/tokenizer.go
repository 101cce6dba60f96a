package text

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Tokenizer maps text to ids from 0 to Vocab-1 and back. The methods may be called from several goroutines.
type Tokenizer interface {
	// Vocab counts the ids. The id Vocab itself is the mask's, in networks for masked diffusion.
	Vocab() int
	// Special are the ids that stand for no text.
	Special() Special
	// Encode appends the ids of text to dst. It never gives a special id, whatever the text says.
	Encode(dst []int32, text []byte) ([]int32, error)
	// Decode appends the text of ids to dst; special ids give none. The mask is an error.
	Decode(dst []byte, ids []int32) ([]byte, error)
	// Write stores the tokenizer as JSON that ReadTokenizer reads.
	Write(w io.Writer) error
}

// None is the id of a special token that a tokenizer does not have.
const None int32 = -1

// Special are the ids of a tokenizer that stand for no text, or None.
type Special struct {
	BOS int32 // begin of text
	EOS int32 // end of text, written after each document
	Pad int32 // fills up short rows; the loss does not count it
}

// noSpecial has none.
func noSpecial() Special { return Special{None, None, None} }

// ids lists those there are.
func (s Special) ids() (ids []int32) {
	for _, id := range []int32{s.BOS, s.EOS, s.Pad} {
		if id != None {
			ids = append(ids, id)
		}
	}
	return ids
}

// CheckSpecial refuses a tokenizer in which one id has two meanings: two special ones, a special one and a text, or a special one and
// the mask (id Vocab). A pad that is the end of text, for example, would never be learnt.
func CheckSpecial(t Tokenizer) error {
	s := t.Special()
	seen := map[int32]string{int32(t.Vocab()): "mask"}
	for _, c := range []struct {
		name string
		id   int32
	}{{"begin of text", s.BOS}, {"end of text", s.EOS}, {"pad", s.Pad}} {
		if c.id == None {
			continue
		}
		if other, taken := seen[c.id]; taken {
			return fmt.Errorf("text: %s and %s are both token %d: give each its own", c.name, other, c.id)
		}
		seen[c.id] = c.name
		if c.id < 0 || int(c.id) >= t.Vocab() {
			return fmt.Errorf("text: %s is token %d, outside the vocabulary of %d", c.name, c.id, t.Vocab())
		}
		if word, err := t.Decode(nil, []int32{c.id}); err != nil || len(word) > 0 {
			return fmt.Errorf("text: token %d is %s, but also stands for %q (%v): give it its own", c.id, c.name, word, err)
		}
	}
	return nil
}

// Show decodes ids for a person to look at: masks are written as mask, special ids as nothing.
func Show(t Tokenizer, ids []int32, mask string) (string, error) {
	var b strings.Builder
	for len(ids) > 0 {
		n := 0
		for n < len(ids) && int(ids[n]) != t.Vocab() {
			n++
		}
		part, err := t.Decode(nil, ids[:n])
		if err != nil {
			return "", err
		}
		b.Write(part)
		if n < len(ids) {
			b.WriteString(mask)
			n++
		}
		ids = ids[n:]
	}
	return b.String(), nil
}

// UnknownError says that a text holds a character that the alphabet lacks.
type UnknownError struct {
	Rune   rune
	Offset int // in bytes
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("text: the character %q at byte %d is not in the tokenizer's alphabet", e.Rune, e.Offset)
}

func badID(id int32, vocab int) error {
	if int(id) == vocab {
		return fmt.Errorf("text: token %d is the mask and stands for no text: the sampling was not finished", id)
	}
	return fmt.Errorf("text: token %d is not among the %d of the vocabulary: is this the model's tokenizer?", id, vocab)
}

// EncodeMasked encodes a text with holes: [MASK] stands for one masked token, [MASK:40] for forty. They become the id Vocab.
func EncodeMasked(t Tokenizer, text string) ([]int32, error) {
	var ids []int32
	for {
		before, rest, hole := strings.Cut(text, "[MASK")
		n, after, ok := holeSize(rest)
		if hole && !ok {
			return nil, fmt.Errorf("text: %.20q begins no hole: write [MASK] or [MASK:40], with at most %d tokens", "[MASK"+rest, maxHole)
		}
		var err error
		if ids, err = t.Encode(ids, []byte(before)); err != nil {
			return nil, err
		}
		if !hole {
			return ids, nil
		}
		for range n {
			ids = append(ids, int32(t.Vocab()))
		}
		text = after
	}
}

const maxHole = 1 << 20

// holeSize reads what follows "[MASK".
func holeSize(s string) (n int, after string, ok bool) {
	if after, ok = strings.CutPrefix(s, "]"); ok {
		return 1, after, true
	}
	digits, after, ok := strings.Cut(s, "]")
	digits, colon := strings.CutPrefix(digits, ":")
	n, err := strconv.Atoi(digits)
	return n, after, ok && colon && err == nil && n > 0 && n <= maxHole
}
