package judge

import (
	"fmt"
	"math"
)

// NGram is an n-gram model with Witten and Bell's interpolation (Witten & Bell 1991; Chen & Goodman 1998, section 2.5):
//
//	p(w | h) = (c(h w) + T(h)·p(w | h')) / (c(h) + T(h))
//
// where h' is the context h without its first token, T(h) how many different tokens follow h, and the last resort 1/vocab. Every token has
// a probability above zero and they sum to one.
type NGram struct {
	order, vocab int
	counts       []map[uint64]int32   // of the i+1-grams
	contexts     []map[uint64]context // of the contexts of length i
}

type context struct{ total, kinds int32 }

// NewNGram counts n-grams up to the given order in rows.
func NewNGram(rows [][]int32, order, vocab int) (*NGram, error) {
	if order < 1 || order > 10 || vocab < 1 {
		return nil, fmt.Errorf("judge: %d-grams over %d tokens: need an order of 1 to 10 and a vocabulary", order, vocab)
	}
	m := &NGram{order: order, vocab: vocab, counts: make([]map[uint64]int32, order), contexts: make([]map[uint64]context, order)}
	for n := range order {
		m.counts[n], m.contexts[n] = map[uint64]int32{}, map[uint64]context{}
		for _, row := range rows {
			for i := n; i < len(row); i++ {
				m.see(row[i-n : i+1])
			}
		}
	}
	return m, nil
}

// see counts one n-gram and its context.
func (m *NGram) see(gram []int32) {
	n := len(gram) - 1
	k, h := key(gram), key(gram[:n])
	c := m.contexts[n][h]
	if m.counts[n][k] == 0 {
		c.kinds++
	}
	c.total++
	m.counts[n][k]++
	m.contexts[n][h] = c
}

// P is the probability of a token after others; only the last order-1 of them matter.
func (m *NGram) P(before []int32, token int32) float64 {
	p := 1 / float64(m.vocab)
	gram := make([]int32, 0, m.order)
	for n := range min(m.order, len(before)+1) {
		h := before[len(before)-n:]
		c, ok := m.contexts[n][key(h)]
		if !ok {
			break // longer contexts were not seen either
		}
		gram = append(append(gram[:0], h...), token)
		p = (float64(m.counts[n][key(gram)]) + float64(c.kinds)*p) / float64(c.total+c.kinds)
	}
	return p
}

// Score is the mean negative log-probability of the tokens of all rows, in nats per token; its exponential is the perplexity.
func (m *NGram) Score(rows [][]int32) (float64, error) {
	sum, total := 0.0, 0
	for _, row := range rows {
		for i, id := range row {
			if id < 0 || int(id) >= m.vocab {
				return 0, fmt.Errorf("judge: token %d is not among %d", id, m.vocab)
			}
			sum -= math.Log(m.P(row[max(0, i-m.order+1):i], id))
			total++
		}
	}
	if total == 0 {
		return 0, fmt.Errorf("judge: there is no text to score")
	}
	return sum / float64(total), nil
}
