// Package judge measures sampled text: how likely it is to a judge that did not write it (an [NGram] model), and the numbers that keep such
// a judge honest, since a text that repeats itself is very likely: entropy, distinct n-grams, repetition, distance of the n-grams from real
// text's, and the share copied from the training text.
//
// All functions take tokens: samples are rows of ids, and n-grams do not cross rows.
package judge

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// ngrams calls f with a key for every n-gram of every row. The key is a 64-bit hash: two of a million n-grams share one with probability
// 3e-8.
func ngrams(rows [][]int32, n int, f func(key uint64)) {
	for _, row := range rows {
		for i := 0; i+n <= len(row); i++ {
			f(key(row[i : i+n]))
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

// Copied is the share of the n-grams of samples (20-grams, usually) that stand in the training text, which is given in rows of any length.
// NaN if no sample has n tokens.
func Copied(samples, training [][]int32, n int) float64 {
	counts, total := count(samples, n)
	found := 0
	ngrams(training, n, func(k uint64) {
		if c, ok := counts[k]; ok {
			found += c
			delete(counts, k)
		}
	})
	return float64(found) / float64(total)
}
