// Package bytepair merges pairs of ids by rank, as byte-pair encoding does (Sennrich et al. 2016, arXiv 1508.07909).
package bytepair

import (
	"math"
	"slices"
)

// Rule makes the id of two neighbours.
type Rule struct{ Left, Right, ID int32 }

// Rules are merges in the order of their rank.
type Rules struct {
	list []Rule
	rank map[uint64]int32
}

// New orders rules by their place in list; of two for one pair the first counts.
func New(list []Rule) *Rules {
	r := &Rules{list, make(map[uint64]int32, len(list))}
	for i, m := range list {
		if k := key(m.Left, m.Right); !r.has(k) {
			r.rank[k] = int32(i)
		}
	}
	return r
}

func (r *Rules) has(k uint64) bool { _, ok := r.rank[k]; return ok }

func key(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// Scratch is the working memory of one goroutine.
type Scratch struct{ heap mergeHeap }

// long is from how many ids on the search through all pairs, which is quadratic, is slower than a heap.
const long = 48

// Apply makes the merge of the lowest rank, the leftmost of equal ones, until there is none left. It changes ids and returns a part of them.
func (r *Rules) Apply(ids []int32, s *Scratch) []int32 {
	if len(ids) > long {
		ids = r.applyLong(ids, s)
	}
	for len(ids) > 1 {
		best, place := int32(math.MaxInt32), 0
		for i := range len(ids) - 1 {
			if k, ok := r.rank[key(ids[i], ids[i+1])]; ok && k < best {
				best, place = k, i
			}
		}
		if best == math.MaxInt32 {
			break
		}
		ids[place] = r.list[best].ID
		ids = append(ids[:place+1], ids[place+2:]...)
	}
	return ids
}

// applyLong does the same with a heap of candidates over a linked list: n·log n, for words without end such as a line of dashes.
func (r *Rules) applyLong(ids []int32, s *Scratch) []int32 {
	n := len(ids)
	next, prev := make([]int32, n), make([]int32, n)
	s.heap = s.heap[:0]
	for i := range n {
		next[i], prev[i] = int32(i+1), int32(i-1)
	}
	push := func(i int32) {
		if i >= 0 && int(next[i]) < n {
			if k, ok := r.rank[key(ids[i], ids[next[i]])]; ok {
				s.heap.push(candidate{k, i})
			}
		}
	}
	for i := range n - 1 {
		push(int32(i))
	}
	for len(s.heap) > 0 {
		c := s.heap.pop()
		i, m := c.place, r.list[c.rank]
		if ids[i] != m.Left || int(next[i]) >= n || ids[next[i]] != m.Right {
			continue // an earlier merge took one of them
		}
		gone := next[i]
		ids[i], ids[gone] = m.ID, -1
		if next[i] = next[gone]; int(next[i]) < n {
			prev[next[i]] = i
		}
		push(prev[i])
		push(i)
	}
	return slices.DeleteFunc(ids, func(id int32) bool { return id < 0 })
}
