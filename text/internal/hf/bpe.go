package hf

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ebb-ml/ebb/text/internal/bytepair"
)

// bpe merges pairs of characters, or of the characters that stand for bytes.
type bpe struct {
	ids            map[string]int32
	unk            int32
	rules          *bytepair.Rules
	prefix, suffix string // of later characters of a word, and of its last
	fuse, whole    bool
	bytes          []int32 // ids of "<0x00>" …; nil without byte_fallback
}

func newBPE(m *modelFile, known map[string]int32) (*bpe, error) {
	b := &bpe{ids: known, unk: m.unknownOf(known), prefix: deref(m.Continuing), suffix: deref(m.EndOfWord), fuse: m.Fuse, whole: m.IgnoreMerges}
	if m.Bytes {
		b.bytes = byteIDs(known)
	}
	var list []bytepair.Rule
	for i, pair := range m.Merges {
		left, ok1 := known[pair[0]]
		right, ok2 := known[pair[1]]
		id, ok3 := known[pair[0]+strings.TrimPrefix(pair[1], b.prefix)]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("merge %d, %q and %q, is of tokens that are not in the vocabulary", i, pair[0], pair[1])
		}
		list = append(list, bytepair.Rule{Left: left, Right: right, ID: id})
	}
	b.rules = bytepair.New(list)
	return b, nil
}

// byteIDs are the ids of all bytes, nil if one is missing.
func byteIDs(known map[string]int32) (ids []int32) {
	for c := range 256 {
		id, ok := known[fmt.Sprintf("<0x%02X>", c)]
		if !ok {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

func (b *bpe) unknown() int32 { return b.unk }

func (b *bpe) encode(dst []int32, word string, s *modelState) ([]int32, error) {
	if b.whole {
		if id, ok := b.ids[word]; ok {
			return append(dst, id), nil
		}
	}
	ids := s.ids[:0]
	unknown := false // the character before was
	for i := 0; i < len(word); {
		_, n := utf8.DecodeRuneInString(word[i:])
		id, ok := b.ids[b.character(word, i, n)]
		switch {
		case ok:
			ids = append(ids, id)
		case b.bytes != nil:
			for j := i; j < i+n; j++ {
				ids = append(ids, b.bytes[word[j]])
			}
		case b.unk < 0:
			return dst, &UnknownError{word[i : i+n]}
		case !unknown || !b.fuse:
			ids = append(ids, b.unk)
		}
		unknown = !ok && b.bytes == nil
		i += n
	}
	s.ids = ids
	return append(dst, b.rules.Apply(ids, &s.pairs)...), nil
}

// character is the token of n bytes of a word.
func (b *bpe) character(word string, at, n int) string {
	c := word[at : at+n]
	if at > 0 {
		c = b.prefix + c
	}
	if at+n == len(word) {
		c += b.suffix
	}
	return c
}
