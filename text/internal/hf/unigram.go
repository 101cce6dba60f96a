package hf

import (
	"errors"
	"math"
	"unicode/utf8"
)

// unigram finds the most probable way to cut a word (Kudo 2018, arXiv 1804.10959, section 3.2), by Viterbi's algorithm.
type unigram struct {
	trie   []trieNode
	scores []scored
	unk    int32
	lost   float64 // score of an unknown character
	bytes  []int32 // ids of "<0x00>" …; nil without byte_fallback
}

// trieNode is a beginning of words.
type trieNode struct {
	bytes []byte
	next  []int32
	id    int32 // of the word that ends here; -1 for none
}

// unknownPenalty is how much less than the least probable word an unknown character scores.
const unknownPenalty = 10

func newUnigram(m *modelFile, known map[string]int32, scores []scored) (*unigram, error) {
	u := &unigram{scores: scores, unk: -1, trie: []trieNode{{id: -1}}, lost: math.Inf(1)}
	if m.UnknownID != nil {
		if u.unk = *m.UnknownID; u.unk < 0 || int(u.unk) >= len(scores) {
			return nil, errors.New("unk_id is outside the vocabulary")
		}
	}
	for id, s := range scores {
		u.lost = min(u.lost, s.score)
		if have, ok := known[s.word]; ok && have == int32(id) && s.word != "" {
			u.insert(s.word, int32(id))
		}
	}
	u.lost -= unknownPenalty
	if m.Bytes {
		u.bytes = byteIDs(known)
	}
	return u, nil
}

func (u *unigram) insert(word string, id int32) {
	at := int32(0)
	for i := range len(word) {
		next := u.trie[at].child(word[i])
		if next < 0 {
			next = int32(len(u.trie))
			u.trie = append(u.trie, trieNode{id: -1})
			u.trie[at].bytes, u.trie[at].next = append(u.trie[at].bytes, word[i]), append(u.trie[at].next, next)
		}
		at = next
	}
	u.trie[at].id = id
}

func (n *trieNode) child(c byte) int32 {
	for i, b := range n.bytes {
		if b == c {
			return n.next[i]
		}
	}
	return -1
}

// step is the best way to a place.
type step struct {
	score float64
	from  int32 // -1: there is none yet
	id    int32
}

func (u *unigram) unknown() int32 { return u.unk }

func (u *unigram) encode(dst []int32, word string, s *modelState) ([]int32, error) {
	path := append(s.path[:0], step{from: 0})
	for range len(word) {
		path = append(path, step{from: -1})
	}
	s.path = path
	for at := 0; at < len(word); {
		_, n := utf8.DecodeRuneInString(word[at:])
		if !u.extend(path, word, at, n) {
			if u.unk < 0 {
				return dst, &UnknownError{word[at : at+n]}
			}
			better(&path[at+n], path[at].score+u.lost, at, u.unk)
		}
		at += n
	}
	return u.collect(dst, word, path), nil
}

// extend follows all words that begin at a place, and tells whether one of them is a single character of n bytes.
func (u *unigram) extend(path []step, word string, at, n int) (single bool) {
	node := int32(0)
	for i := at; i < len(word); i++ {
		if node = u.trie[node].child(word[i]); node < 0 {
			break
		}
		if id := u.trie[node].id; id >= 0 {
			better(&path[i+1], path[at].score+u.scores[id].score, at, id)
			single = single || i+1 == at+n
		}
	}
	return single
}

func better(s *step, score float64, from int, id int32) {
	if s.from < 0 || score > s.score {
		*s = step{score, int32(from), id}
	}
}

// collect walks the best way back. Neighbouring unknown characters are one token, or the bytes that they are.
func (u *unigram) collect(dst []int32, word string, path []step) []int32 {
	start := len(dst)
	lost := false
	for at := len(word); at > 0; at = int(path[at].from) {
		s := path[at]
		unknown := s.id == u.unk
		switch {
		case unknown && u.bytes != nil:
			for i := at - 1; i >= int(s.from); i-- {
				dst = append(dst, u.bytes[word[i]])
			}
		case !unknown || !lost:
			dst = append(dst, s.id)
		}
		lost = unknown
	}
	for i, j := start, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}
