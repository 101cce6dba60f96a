// Package judge measures sampled text: how likely it is to a judge that did not write it (an [NGram] model), and the numbers that keep such
// a judge honest, since a text that repeats itself is very likely: entropy, distinct n-grams, repetition, distance of the n-grams from real
// text's, and the share copied from the training text.
//
// [Likelihood] is the other half: bits per character and per byte of a held-out text under a model, with standard errors, whoever computed
// its nats. A [Report] holds all of it.
//
// All functions take tokens: samples are rows of ids, and n-grams do not cross rows.
package judge

import (
	"fmt"
	"iter"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// ngrams calls f with a key for every n-gram of every row. The key is a 64-bit hash: two of a million n-grams share one with probability
// 3e-8. It is rolled from place to place: Σ mix(id_k)·base^(n-1-k), mixed once more.
func ngrams(rows [][]int32, n int, f func(key uint64)) {
	const base = 0x9E3779B97F4A7C15
	power := uint64(1) // base^n
	for range n {
		power *= base
	}
	for _, row := range rows {
		h := uint64(0)
		for i, id := range row {
			h = h*base + rng.SplitMix64(uint64(uint32(id)))
			if i >= n {
				h -= power * rng.SplitMix64(uint64(uint32(row[i-n])))
			}
			if i+1 >= n {
				f(rng.Mix64(h))
			}
		}
	}
}

// key hashes a sequence of ids.
func key(ids []int32) uint64 {
	h := uint64(len(ids))
	for _, id := range ids {
		h = rng.Mix64(h ^ rng.SplitMix64(uint64(uint32(id))))
	}
	return h
}

func count(rows [][]int32, n int) (counts map[uint64]int, total int) {
	counts = map[uint64]int{}
	ngrams(rows, n, func(k uint64) { counts[k]++; total++ })
	return counts, total
}

// Entropy is that of the tokens of all rows, in nats per token: low for text that uses few words.
func Entropy(rows [][]int32) float64 {
	counts, total := count(rows, 1)
	h := 0.0
	for _, c := range counts {
		p := float64(c) / float64(total)
		h -= p * math.Log(p)
	}
	return h
}

// Distinct is the share of n-grams that are different ones, over all rows (Li et al. 2016, arXiv 1510.03055). It falls with the amount of
// text: compare equal amounts. NaN if no row has n tokens.
func Distinct(rows [][]int32, n int) float64 {
	counts, total := count(rows, n)
	return float64(len(counts)) / float64(total)
}

// Repetition is the share of n-grams that occurred before in the same row. NaN if no row has n tokens.
func Repetition(rows [][]int32, n int) float64 {
	repeated, total := 0, 0
	for _, row := range rows {
		counts, all := count([][]int32{row}, n)
		repeated, total = repeated+all-len(counts), total+all
	}
	return float64(repeated) / float64(total)
}

// Divergence is the Jensen-Shannon divergence between the n-gram distributions of two texts, in nats: 0 for equal ones, ln 2 for texts
// without a common n-gram. It depends on the amount of text: compare equal amounts.
func Divergence(a, b [][]int32, n int) (float64, error) {
	p, np := count(a, n)
	q, nq := count(b, n)
	if np == 0 || nq == 0 {
		return 0, fmt.Errorf("judge: no %d-grams in one of the texts", n)
	}
	d := 0.0
	for k, c := range p {
		x, y := float64(c)/float64(np), float64(q[k])/float64(nq)
		d += x * math.Log(2*x/(x+y)) / 2
	}
	for k, c := range q {
		x, y := float64(p[k])/float64(np), float64(c)/float64(nq)
		d += y * math.Log(2*y/(x+y)) / 2
	}
	return max(d, 0), nil
}

// Copied is, for each set of rows, the share of its n-grams (20-grams, usually) that stand in the training text. That is read once, in rows
// of any length, which should overlap by n-1 tokens; memory holds the n-grams of the sets only. NaN for a set whose rows have no n tokens.
func Copied(n int, training iter.Seq2[[]int32, error], sets ...[][]int32) ([]float64, error) {
	sought, total, found := map[uint64][]int{}, make([]int, len(sets)), make([]int, len(sets))
	for i, rows := range sets {
		ngrams(rows, n, func(k uint64) {
			if sought[k] == nil {
				sought[k] = make([]int, len(sets))
			}
			sought[k][i]++
			total[i]++
		})
	}
	for row, err := range training {
		if err != nil {
			return nil, err
		}
		ngrams([][]int32{row}, n, func(k uint64) {
			if counts, ok := sought[k]; ok {
				for i, c := range counts {
					found[i] += c
				}
				delete(sought, k)
			}
		})
	}
	shares := make([]float64, len(sets))
	for i := range shares {
		shares[i] = float64(found[i]) / float64(total[i])
	}
	return shares, nil
}
