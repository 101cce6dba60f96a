package text

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/ebb-ml/ebb/text/internal/bytepair"
	"golang.org/x/text/unicode/norm"
)

// BPE is a byte-level byte-pair tokenizer (Sennrich et al. 2016, arXiv 1508.07909; on bytes: Radford et al. 2019, GPT-2). It knows every
// text. With the same merges it gives the same ids as Hugging Face's tokenizers. Train it by TrainBPE or read a tokenizer.json.
type BPE struct {
	tokens   [][]byte         // text of each id; nil for special ones and for holes
	ids      map[string]int32 // its inverse
	merges   []bytepair.Rule  // in order of rank
	rules    *bytepair.Rules  // the merges
	bytes    [256]int32       // ids of single bytes
	pattern  pattern
	nfc      bool // characters are composed first (Unicode's NFC)
	prefix   bool // a space is put before the text
	whole    bool // a word that is a token is not merged up ("ignore_merges")
	added    []addedToken
	special  Special
	encoders sync.Pool // of *bpeEncoder
}

// addedToken stands outside the merges. Those that are no special ones are recognised in text before it is cut into words.
type addedToken struct {
	id      int32
	content string
	special bool
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// finish derives the tables.
func (t *BPE) finish() error {
	t.ids, t.rules = make(map[string]int32, len(t.tokens)), bytepair.New(t.merges)
	for id, b := range t.tokens {
		if b != nil {
			t.ids[string(b)] = int32(id)
		}
	}
	for c := range 256 {
		id, ok := t.ids[string([]byte{byte(c)})]
		if !ok {
			return fmt.Errorf("text: no token for the byte %#02x: this is no byte-level tokenizer", c)
		}
		t.bytes[c] = id
	}
	slices.SortFunc(t.added, func(a, b addedToken) int { return len(b.content) - len(a.content) })
	return CheckSpecial(t)
}

// Vocab implements Tokenizer.
func (t *BPE) Vocab() int { return len(t.tokens) }

// Special implements Tokenizer.
func (t *BPE) Special() Special { return t.special }

// Decode implements Tokenizer.
func (t *BPE) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		if id < 0 || int(id) >= len(t.tokens) {
			return dst, badID(id, len(t.tokens))
		}
		dst = append(dst, t.tokens[id]...)
	}
	return dst, nil
}

// Encode implements Tokenizer; it never fails.
func (t *BPE) Encode(dst []int32, text []byte) ([]int32, error) {
	e, _ := t.encoders.Get().(*bpeEncoder)
	if e == nil {
		e = &bpeEncoder{BPE: t, cache: map[string]span{}}
	}
	defer t.encoders.Put(e)
	if t.nfc && !norm.NFC.IsNormal(text) {
		text = norm.NFC.Bytes(text)
	}
	for len(text) > 0 {
		place, token := t.nextAdded(text)
		dst = e.plain(dst, text[:place])
		if token == nil {
			break
		}
		dst = append(dst, token.id)
		text = text[place+len(token.content):]
	}
	return dst, nil
}

// nextAdded finds the first added token that is no special one; without any it returns the end.
func (t *BPE) nextAdded(text []byte) (int, *addedToken) {
	first, token := len(text), (*addedToken)(nil)
	for i, a := range t.added {
		if a.special || a.content == "" {
			continue
		}
		if p := bytes.Index(text[:min(len(text), first+len(a.content)-1)], []byte(a.content)); p >= 0 && p < first {
			first, token = p, &t.added[i]
		}
	}
	return first, token
}

const (
	cacheWords = 1 << 16 // words whose ids are remembered
	cacheBytes = 32      // the longest of them
)

// span is a part of a slice.
type span struct{ from, to int32 }

// bpeEncoder is the working memory of one goroutine.
type bpeEncoder struct {
	*BPE
	cache   map[string]span // word → its ids
	store   []int32
	ids     []int32
	scratch bytepair.Scratch
}

// plain encodes text without added tokens.
func (e *bpeEncoder) plain(dst []int32, text []byte) []int32 {
	if e.prefix && len(text) > 0 && text[0] != ' ' {
		text = append([]byte{' '}, text...)
	}
	for len(text) > 0 {
		n := e.pattern.next(text)
		dst = e.word(dst, text[:n])
		text = text[n:]
	}
	return dst
}

func (e *bpeEncoder) word(dst []int32, word []byte) []int32 {
	if s, ok := e.cache[string(word)]; ok {
		return append(dst, e.store[s.from:s.to]...)
	}
	if id, ok := e.ids0(word); ok {
		return append(dst, id)
	}
	start := len(dst)
	dst = e.merge(dst, word)
	if len(word) <= cacheBytes && len(e.cache) < cacheWords {
		from := len(e.store)
		e.store = append(e.store, dst[start:]...)
		e.cache[string(word)] = span{int32(from), int32(len(e.store))}
	}
	return dst
}

func (e *bpeEncoder) ids0(word []byte) (int32, bool) {
	if !e.whole {
		return 0, false
	}
	id, ok := e.BPE.ids[string(word)]
	return id, ok
}

func (e *bpeEncoder) merge(dst []int32, word []byte) []int32 {
	ids := e.ids[:0]
	for _, c := range word {
		ids = append(ids, e.bytes[c])
	}
	e.ids = ids
	return append(dst, e.rules.Apply(ids, &e.scratch)...)
}
