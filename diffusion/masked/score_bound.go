package masked

import "fmt"

// Estimator draws the bound of a process: [Objective], [UniformObjective] and [BlockObjective] are some.
type Estimator interface {
	// Estimate returns one draw of the bound for each row, in nats per free token.
	Estimate(m Model, tokens []int32, free []bool, b Batch) ([]float64, error)
}

// BoundConfig says how a bound is measured. The zero value takes one draw of each row, 64 rows at once.
type BoundConfig struct {
	Batch int    // rows at once; 0 stands for 64
	Draws int    // of each row, averaged; 0 stands for 1
	Seed  uint64 // of the draws, which do not depend on Batch
}

// Bound measures the negative log-likelihood of rows [rows, length], or its upper bound: nats of each row, summed over its free tokens.
// Low-discrepancy objectives spread the noise levels over all rows. The call with the last rows may have fewer than a batch.
func Bound(e Estimator, m Model, tokens []int32, free []bool, length int, c BoundConfig) ([]float64, error) {
	if length < 1 || len(tokens) == 0 || len(tokens)%length != 0 || free != nil && len(free) != len(tokens) || c.Batch < 0 || c.Draws < 0 {
		return nil, fmt.Errorf("masked: bound of %d tokens (%d marked free or not) in rows of %d with %d draws, %d rows at once: need whole rows",
			len(tokens), len(free), length, c.Draws, c.Batch)
	}
	rows, draws, batch := len(tokens)/length, max(c.Draws, 1), c.Batch
	if batch == 0 {
		batch = 64
	}
	nats := make([]float64, rows)
	for step := range draws {
		for first := 0; first < rows; first += batch {
			b := Batch{Seed: c.Seed, Step: uint64(step), First: first, Count: min(batch, rows-first), Total: rows}
			lo, hi := first*length, (first+b.Count)*length
			var f []bool
			if free != nil {
				f = free[lo:hi]
			}
			perToken, err := e.Estimate(m, tokens[lo:hi], f, b)
			if err != nil {
				return nil, err
			}
			for i, n := range perToken {
				nats[first+i] += n / float64(draws) * float64(len(freePlaces(nil, f, i*length, length)))
			}
		}
	}
	return nats, nil
}

// CausalScore returns the exact negative log-likelihood, in nats, of every token of rows [rows, length] under an autoregressive model, whose
// logits at place i are those of token i after the tokens before it, as those of a network that [CausalObjective] trained. It is
// comparable with what [ChainRule] returns, and costs one call for batch rows, the last ones padded.
func CausalScore(m Model, tokens []int32, length, vocab, batch int) ([]float64, error) {
	if err := checkSize(vocab, length); err != nil {
		return nil, err
	}
	if batch < 1 || len(tokens)%length != 0 {
		return nil, fmt.Errorf("masked: score of %d tokens in rows of %d, %d rows a call: need whole rows and at least one", len(tokens), length, batch)
	}
	if err := checkTokens(tokens, nil, len(tokens)/length, length, vocab); err != nil {
		return nil, err
	}
	nats, logp := make([]float64, len(tokens)), make([]float64, vocab)
	input, logits := make([]int32, batch*length), make([]float32, batch*length*vocab)
	for first := 0; first < len(tokens); first += len(input) {
		n := copy(input, tokens[first:])
		clear(input[n:])
		if err := m(logits, input, make([]float64, batch)); err != nil {
			return nil, err
		}
		for i, id := range input[:n] {
			if err := logSoftmax(logp, logits[i*vocab:][:vocab]); err != nil {
				return nil, fmt.Errorf("row %d, place %d: %w", (first+i)/length, i%length, err)
			}
			nats[first+i] = -logp[id]
		}
	}
	return nats, nil
}
