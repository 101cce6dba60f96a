package masked

import "fmt"

// ChainRule returns the exact negative log-likelihood, in nats, of every token of rows [rows, length] when a model writes them from left
// to right: -log p(x_i | x_0 … x_(i-1), masks from i on). The sum over a row is the row's, no bound, and directly comparable with an
// autoregressive model's. It costs length calls per row; they are made batch rows at a time, the last ones padded.
func ChainRule(m Model, tokens []int32, length, vocab, batch int) ([]float64, error) {
	if err := checkSize(vocab, length); err != nil {
		return nil, err
	}
	if batch < 1 || length < 1 || len(tokens)%length != 0 {
		return nil, fmt.Errorf("masked: score of %d tokens in rows of %d, %d rows a call: need whole rows and at least one", len(tokens), length, batch)
	}
	if err := checkTokens(tokens, nil, len(tokens)/length, length, vocab); err != nil {
		return nil, err
	}
	nats := make([]float64, len(tokens))
	input, logits, rates := make([]int32, batch*length), make([]float32, batch*length*vocab), make([]float64, batch)
	logp := make([]float64, vocab)
	for first := 0; first < len(tokens); first += batch {
		for j := range batch {
			place := min(first+j, len(tokens)-1)
			prefix(input[j*length:][:length], tokens[place/length*length:][:length], place%length, int32(vocab))
			rates[j] = 1 - float64(place%length)/float64(length)
		}
		if err := m(logits, input, rates); err != nil {
			return nil, err
		}
		for place := first; place < min(first+batch, len(tokens)); place++ {
			at := (place-first)*length + place%length
			if err := logSoftmax(logp, logits[at*vocab:][:vocab]); err != nil {
				return nil, err
			}
			nats[place] = -logp[tokens[place]]
		}
	}
	return nats, nil
}

// prefix copies the first n tokens of a row and masks the rest.
func prefix(dst, row []int32, n int, mask int32) {
	copy(dst, row[:n])
	for i := n; i < len(dst); i++ {
		dst[i] = mask
	}
}

// Estimate returns one draw of the bound for each row, in nats per free token: what [Objective.Loss] computes in a graph, here from a
// model's logits and in float64. Average it over rows, and over steps of b for several draws.
func (o *Objective) Estimate(m Model, tokens []int32, free []bool, b Batch) ([]float64, error) {
	var d Draws
	if err := o.Draw(&d, tokens, free, b); err != nil {
		return nil, err
	}
	logits := make([]float32, len(tokens)*o.Vocab)
	if err := m(logits, d.Input, widen(d.Rate)); err != nil {
		return nil, err
	}
	nats, logp := make([]float64, b.Count), make([]float64, o.Vocab)
	for i, w := range d.Weight {
		if w == 0 {
			continue
		}
		if err := logSoftmax(logp, logits[i*o.Vocab:][:o.Vocab]); err != nil {
			return nil, fmt.Errorf("row %d, place %d: %w", i/o.Length, i%o.Length, err)
		}
		nats[i/o.Length] -= float64(w) * logp[tokens[i]]
	}
	return nats, nil
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
