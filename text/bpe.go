package text

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// BPE is a byte-level byte-pair tokenizer (Sennrich et al. 2016, arXiv 1508.07909; on bytes: Radford et al. 2019, GPT-2). It knows every
// text. With the same merges it gives the same ids as Hugging Face's tokenizers. Train it by TrainBPE or read a tokenizer.json.
type BPE struct {
	tokens   [][]byte         // text of each id; nil for special ones and for holes
	ids      map[string]int32 // its inverse
	merges   []mergeRule      // in order of rank
	rank     map[uint64]int32 // pair of ids → place in merges
	bytes    [256]int32       // ids of single bytes
	pattern  pattern
	prefix   bool // a space is put before the text
	whole    bool // a word that is a token is not merged up ("ignore_merges")
	added    []addedToken
	special  Special
	encoders sync.Pool // of *bpeEncoder
}

type mergeRule struct{ left, right, id int32 }

// addedToken stands outside the merges. Those that are no special ones are recognised in text before it is cut into words.
type addedToken struct {
	id      int32
	content string
	special bool
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// finish derives the tables.
func (t *BPE) finish() error {
	t.ids, t.rank = make(map[string]int32, len(t.tokens)), make(map[uint64]int32, len(t.merges))
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
	for i, m := range t.merges {
		if _, twice := t.rank[pairKey(m.left, m.right)]; !twice {
			t.rank[pairKey(m.left, m.right)] = int32(i)
		}
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
		if p := indexString(text[:min(len(text), first+len(a.content)-1)], a.content); p >= 0 && p < first {
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
	cache map[string]span // word → its ids
	store []int32
	ids   []int32
	heap  mergeHeap
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

// merge applies the merge of the lowest rank, the leftmost of equal ones, until there is none left.
func (e *bpeEncoder) merge(dst []int32, word []byte) []int32 {
	ids := e.ids[:0]
	for _, c := range word {
		ids = append(ids, e.bytes[c])
	}
	if len(ids) > 48 { // the search below is quadratic
		ids = e.mergeLong(ids)
	}
	for len(ids) > 1 {
		best, place := int32(math.MaxInt32), 0
		for i := range len(ids) - 1 {
			if r, ok := e.rank[pairKey(ids[i], ids[i+1])]; ok && r < best {
				best, place = r, i
			}
		}
		if best == math.MaxInt32 {
			break
		}
		ids[place] = e.merges[best].id
		ids = append(ids[:place+1], ids[place+2:]...)
	}
	e.ids = ids
	return append(dst, ids...)
}

// mergeLong does the same with a heap of candidates over a linked list: n·log n, for words without end such as a line of dashes.
func (e *bpeEncoder) mergeLong(ids []int32) []int32 {
	n := len(ids)
	next, prev := make([]int32, n), make([]int32, n)
	e.heap = e.heap[:0]
	for i := range n {
		next[i], prev[i] = int32(i+1), int32(i-1)
	}
	push := func(i int32) {
		if i >= 0 && int(next[i]) < n {
			if r, ok := e.rank[pairKey(ids[i], ids[next[i]])]; ok {
				e.heap.push(candidate{r, i})
			}
		}
	}
	for i := range n - 1 {
		push(int32(i))
	}
	for len(e.heap) > 0 {
		c := e.heap.pop()
		i, m := c.place, e.merges[c.rank]
		if ids[i] != m.left || int(next[i]) >= n || ids[next[i]] != m.right {
			continue // an earlier merge took one of them
		}
		gone := next[i]
		ids[i], ids[gone] = m.id, -1
		if next[i] = next[gone]; int(next[i]) < n {
			prev[next[i]] = i
		}
		push(prev[i])
		push(i)
	}
	return slices.DeleteFunc(ids, func(id int32) bool { return id < 0 })
}
