package text

import (
	"container/heap"
	"fmt"
	"runtime"
	"slices"

	"github.com/ebb-ml/ebb/internal/inorder"
	"github.com/ebb-ml/ebb/text/internal/bytepair"
)

// BPEConfig says how a tokenizer is trained.
type BPEConfig struct {
	Vocab    int `toml:"vocab" json:"vocab"`         // ids in all, 258 at least; fewer come out if the text does not have so many pairs
	MinCount int `toml:"min_count" json:"min_count"` // pairs that occur less often are not merged; 0 stands for 2
	Workers  int `toml:"-" json:"-"`                 // goroutines; GOMAXPROCS
}

// The special tokens of a trained tokenizer.
const (
	eosContent = "<|endoftext|>"
	padContent = "<|pad|>"
)

// TrainBPE learns merges from docs: the most frequent pair is merged again and again, of equally frequent ones the one with the lower ids
// (the rule of Hugging Face's BpeTrainer, whose merges and ids come out). Words are cut as GPT-2 does. The ids are the 256 bytes, the
// merges, then end of text and pad.
func TrainBPE(docs Documents, c BPEConfig) (*BPE, error) {
	if c.MinCount == 0 {
		c.MinCount = 2
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Vocab < 258 || c.Vocab > 1<<20 || c.MinCount < 1 {
		return nil, fmt.Errorf("text: byte-pair vocabulary of %d tokens from pairs seen %d times: need 258 to %d, and 1", c.Vocab, c.MinCount, 1<<20)
	}
	counts, err := countWords(docs, c.Workers)
	if err != nil {
		return nil, err
	}
	t := newTrainer(counts)
	t.merge(c.Vocab-2, int64(c.MinCount))
	b := &BPE{tokens: t.tokens, merges: t.merges, pattern: patternGPT2, special: Special{BOS: None, EOS: int32(len(t.tokens)), Pad: int32(len(t.tokens)) + 1}}
	b.tokens = append(b.tokens, nil, nil)
	b.added = []addedToken{{b.special.EOS, eosContent, true}, {b.special.Pad, padContent, true}}
	return b, b.finish()
}

// countWords counts the words of all documents.
func countWords(docs Documents, workers int) (map[string]int64, error) {
	total := map[string]int64{}
	for part, err := range inorder.Map(workers, docs, func(d Document) (map[string]int64, error) {
		counts := map[string]int64{}
		for text := d.Text; len(text) > 0; {
			n := patternGPT2.next(text)
			counts[string(text[:n])]++
			text = text[n:]
		}
		return counts, nil
	}) {
		if err != nil {
			return nil, err
		}
		for w, n := range part {
			total[w] += n
		}
	}
	return total, nil
}

// trainer holds the words as sequences of ids.
type trainer struct {
	tokens [][]byte
	ids    map[string]int32
	merges []bytepair.Rule
	words  [][]int32
	counts []int64
	pairs  map[uint64]int64   // how often a pair occurs
	where  map[uint64][]int32 // in which words, some named twice
	queue  pairQueue
}

// newTrainer starts with the 256 bytes, in the order of the characters that GPT-2 writes them as, so that ids agree with other programs.
func newTrainer(counts map[string]int64) *trainer {
	t := &trainer{ids: map[string]int32{}, pairs: map[uint64]int64{}, where: map[uint64][]int32{}}
	var id [256]int32
	for i, b := range byteOrder() {
		id[b] = int32(i)
		t.tokens = append(t.tokens, []byte{b})
		t.ids[string([]byte{b})] = int32(i)
	}
	for _, w := range sortedKeys(counts) { // an order that does not depend on the map
		seq := make([]int32, len(w))
		for i := range len(w) {
			seq[i] = id[w[i]]
		}
		t.words, t.counts = append(t.words, seq), append(t.counts, counts[w])
		for i := 1; i < len(seq); i++ {
			t.count(pairKey(seq[i-1], seq[i]), int32(len(t.words)-1), counts[w])
		}
	}
	for p, n := range t.pairs {
		t.queue = append(t.queue, pairCount{p, n})
	}
	heap.Init(&t.queue)
	return t
}

// count adds n occurrences of a pair in a word.
func (t *trainer) count(pair uint64, word int32, n int64) {
	t.pairs[pair] += n
	if w := t.where[pair]; len(w) == 0 || w[len(w)-1] != word {
		t.where[pair] = append(w, word)
	}
}

// merge makes tokens until there are vocab of them or no pair occurs often enough.
func (t *trainer) merge(vocab int, least int64) {
	for len(t.tokens) < vocab && len(t.queue) > 0 {
		top := heap.Pop(&t.queue).(pairCount)
		if now := t.pairs[top.pair]; now != top.n {
			if now > 0 && now < top.n {
				heap.Push(&t.queue, pairCount{top.pair, now})
			}
			continue // a higher count was queued when it rose
		}
		if top.n < least {
			return
		}
		t.apply(top.pair)
	}
}

// apply merges one pair everywhere.
func (t *trainer) apply(pair uint64) {
	left, right := int32(pair>>32), int32(uint32(pair))
	token := slices.Concat(t.tokens[left], t.tokens[right])
	id, known := t.ids[string(token)] // two pairs can spell the same token
	if !known {
		id = int32(len(t.tokens))
		t.tokens, t.ids[string(token)] = append(t.tokens, token), id
	}
	t.merges = append(t.merges, bytepair.Rule{Left: left, Right: right, ID: id})
	changed := map[uint64]bool{}
	for _, word := range t.where[pair] {
		t.rewrite(word, left, right, id, changed)
	}
	delete(t.pairs, pair)
	delete(t.where, pair)
	for p := range changed {
		if t.pairs[p] > 0 {
			heap.Push(&t.queue, pairCount{p, t.pairs[p]})
		}
	}
}

// rewrite merges a pair in one word and notes the pairs that have become more.
func (t *trainer) rewrite(word, left, right, id int32, more map[uint64]bool) {
	seq, n := t.words[word], t.counts[word]
	for i := 1; i < len(seq); i++ {
		t.pairs[pairKey(seq[i-1], seq[i])] -= n
	}
	out := seq[:0]
	for i := 0; i < len(seq); i++ {
		if i+1 < len(seq) && seq[i] == left && seq[i+1] == right {
			out = append(out, id)
			i++
		} else {
			out = append(out, seq[i])
		}
	}
	t.words[word] = out
	for i := 1; i < len(out); i++ {
		p := pairKey(out[i-1], out[i])
		t.count(p, word, n)
		if out[i-1] == id || out[i] == id {
			more[p] = true
		}
	}
}

// pairQueue is a heap of pairs, the most frequent first. Counts in it may be out of date.
type pairQueue []pairCount

type pairCount struct {
	pair uint64
	n    int64
}

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	return q[i].n > q[j].n || q[i].n == q[j].n && q[i].pair < q[j].pair
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *pairQueue) Push(x any) { *q = append(*q, x.(pairCount)) }

// Pop implements heap.Interface.
func (q *pairQueue) Pop() any {
	s := *q
	last := s[len(s)-1]
	*q = s[:len(s)-1]
	return last
}
