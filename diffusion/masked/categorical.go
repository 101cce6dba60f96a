package masked

import (
	"math"
	"slices"
)

// chooser draws tokens from logits in float64. It keeps scratch memory.
type chooser struct {
	temperature float64
	topP        float64 // 1 keeps all
	greedy      bool
	logp        []float64
	order       []int32
}

func newChooser(s *Sampler, vocab int) *chooser {
	c := &chooser{temperature: s.Temperature, topP: s.TopP, greedy: s.Greedy, logp: make([]float64, vocab)}
	if c.temperature == 0 {
		c.temperature = 1
	}
	if c.topP == 0 {
		c.topP = 1
	}
	return c
}

// draw returns the token at quantile u of softmax(logits/temperature), cut to its nucleus, and the model's own probability of it.
func (c *chooser) draw(logits []float32, u float64) (token int32, probability float64, err error) {
	if err := logSoftmax(c.logp, logits); err != nil {
		return 0, 0, err
	}
	if c.greedy {
		best := 0
		for i, l := range c.logp {
			if l > c.logp[best] {
				best = i
			}
		}
		return int32(best), math.Exp(c.logp[best]), nil
	}
	var k int32
	if c.topP < 1 {
		k = c.nucleus(u)
	} else {
		k = c.inverse(u)
	}
	return k, math.Exp(c.logp[k]), nil
}

// tempered is the unnormalised probability of token i, at most 1 for the model's most probable one.
func (c *chooser) tempered(i int, top float64) float64 {
	return math.Exp((c.logp[i] - top) / c.temperature)
}

// expect writes the mean of rows of a table [V, len(dst)] under softmax(logits/temperature), and returns the most probable token.
func (c *chooser) expect(dst, logits, table []float32) (best int32, err error) {
	if err := logSoftmax(c.logp, logits); err != nil {
		return 0, err
	}
	top, total := slices.Max(c.logp), 0.0
	sum := make([]float64, len(dst))
	for i := range c.logp {
		if c.logp[i] > c.logp[best] {
			best = int32(i)
		}
		p := c.tempered(i, top)
		total += p
		if p < 1e-9 { // of the most probable token: lost in float32
			continue
		}
		for k, e := range table[i*len(dst):][:len(dst)] {
			sum[k] += p * float64(e)
		}
	}
	for k, s := range sum {
		dst[k] = float32(s / total)
	}
	return best, nil
}

// inverse is the inverse of the distribution function: the first token whose cumulative probability exceeds u.
func (c *chooser) inverse(u float64) int32 {
	top, total := slices.Max(c.logp), 0.0
	for i := range c.logp {
		total += c.tempered(i, top)
	}
	rest, last := u*total, int32(0)
	for i := range c.logp {
		p := c.tempered(i, top)
		if p == 0 {
			continue
		}
		last = int32(i)
		if rest -= p; rest < 0 {
			break
		}
	}
	return last
}

// nucleus draws from the smallest set of most probable tokens with a mass of at least topP (Holtzman et al. 2019, arXiv 1904.09751).
// Tokens below (1-topP)/V can be left out before sorting, because all of them together weigh less than what is cut off.
func (c *chooser) nucleus(u float64) int32 {
	top, total := slices.Max(c.logp), 0.0
	for i := range c.logp {
		total += c.tempered(i, top)
	}
	c.order = c.order[:0]
	for i := range c.logp {
		if c.tempered(i, top) >= (1-c.topP)/float64(len(c.logp))*total {
			c.order = append(c.order, int32(i))
		}
	}
	slices.SortFunc(c.order, func(a, b int32) int {
		switch {
		case c.logp[a] > c.logp[b]:
			return -1
		case c.logp[a] < c.logp[b]:
			return 1
		}
		return int(a - b)
	})
	mass, n := 0.0, 0
	for n < len(c.order) && (n == 0 || mass < c.topP*total) {
		mass += c.tempered(int(c.order[n]), top)
		n++
	}
	rest := u * mass
	for _, i := range c.order[:n] {
		if rest -= c.tempered(int(i), top); rest < 0 {
			return i
		}
	}
	return c.order[n-1]
}
