package masked

import (
	"fmt"
	"math"
)

// Model writes to dst the logits [B, L, V] of every position of tokens [B, L], in which the id V is the mask. rates [B] are the masking
// rates that belong to the rows, for networks with a time input (Schedule.Time, times 1000); others do not look at them. tokens may not be changed. An error ends
// the sampler that called the model: that is how a run is cancelled, and a wrapper that looks at tokens is how the text is shown while it
// appears.
type Model func(dst []float32, tokens []int32, rates []float64) error

// Guide returns the classifier-free guided model base + scale·(cond - base), in logits (Ho & Salimans 2022; Nie et al. 2025, arXiv
// 2502.09992, equation 6 with scale = 1 + w). Scale 1 is cond alone. It keeps a scratch buffer: use it from one goroutine at a time.
func Guide(cond, base Model, scale float64) Model {
	if scale == 1 {
		return cond
	}
	var scratch []float32
	return func(dst []float32, tokens []int32, rates []float64) error {
		if err := cond(dst, tokens, rates); err != nil {
			return err
		}
		if len(scratch) != len(dst) {
			scratch = make([]float32, len(dst))
		}
		if err := base(scratch, tokens, rates); err != nil {
			return err
		}
		for i, b := range scratch {
			dst[i] = b + float32(scale)*(dst[i]-b)
		}
		return nil
	}
}

// Canvas is the text that a sampler works on.
type Canvas struct {
	Tokens []int32 // [rows, Length]; the id Vocab marks what is to be filled in, everything else stays
	Length int
	Vocab  int
	First  uint64 // index of the first row: row i of any batch gets the draws of sample First+i
	// Fill ends what a [Sampler] fills: masks from this place on stay, as a context of which nothing is known. 0 fills all.
	Fill int
}

// NewCanvas returns a canvas of masks.
func NewCanvas(rows, length, vocab int) *Canvas {
	c := &Canvas{Tokens: make([]int32, rows*length), Length: length, Vocab: vocab}
	for i := range c.Tokens {
		c.Tokens[i] = int32(vocab)
	}
	return c
}

// Rows is the number of rows.
func (c *Canvas) Rows() int { return len(c.Tokens) / c.Length }

// Row returns row i.
func (c *Canvas) Row(i int) []int32 { return c.Tokens[i*c.Length:][:c.Length] }

// end is the place where filling ends.
func (c *Canvas) end() int {
	if c.Fill > 0 {
		return min(c.Fill, c.Length)
	}
	return c.Length
}

func (c *Canvas) masked(place int) bool { return c.Tokens[place] == int32(c.Vocab) }

func (c *Canvas) check() error {
	if err := checkSize(c.Vocab, c.Length); err != nil {
		return err
	}
	if len(c.Tokens) == 0 || len(c.Tokens)%c.Length != 0 {
		return fmt.Errorf("masked: canvas of %d tokens for rows of %d: need whole rows", len(c.Tokens), c.Length)
	}
	return checkTokens(c.Tokens, nil, c.Rows(), c.Length, c.Vocab+1)
}

// logSoftmax writes float64 log-probabilities of logits, exactly normalised. Logits of -∞ are probability 0.
func logSoftmax(dst []float64, logits []float32) error {
	top := float32(math.Inf(-1))
	for _, x := range logits {
		if x != x {
			return fmt.Errorf("masked: the model returned NaN")
		}
		top = max(top, x)
	}
	if math.IsInf(float64(top), 0) {
		return fmt.Errorf("masked: the model's largest logit is %v", top)
	}
	sum := 0.0
	for i, x := range logits {
		dst[i] = float64(x) - float64(top)
		sum += math.Exp(dst[i])
	}
	log := math.Log(sum)
	for i := range dst {
		dst[i] -= log
	}
	return nil
}
