package masked

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// VectorModel is a [Model] of continuous diffusion: it writes to dst the logits [B, L, V] for x [B, L, 2·Width+1], which is what
// [ContinuousObjective.Loss] describes, and the times [B] on the scale 0 to 1000.
type VectorModel func(dst, x []float32, times []float64) error

// ContinuousSampler draws text by the probability flow of Gaussian noise on embeddings: Euler's method, in which the network's mean
// embedding stands for the clean one, and at the last and lowest noise a draw of each token from the network's probabilities.
type ContinuousSampler struct {
	Objective   ContinuousObjective // of training
	Steps       int                 // calls of the model
	Temperature float64             // logits are divided by it; 0 stands for 1
	TopP        float64             // of the last draw; 0 stands for 1, all
	Greedy      bool                // take the most probable token at last instead of a draw
	Seed        uint64
	// Watch, if set, is shown the most probable tokens [rows, Length] after each call.
	Watch func(tokens []int32)
}

// Check says whether the settings make sense.
func (s *ContinuousSampler) Check() error {
	if err := s.Objective.Check(); err != nil {
		return err
	}
	return (&Sampler{Steps: s.Steps, Temperature: s.Temperature, TopP: s.TopP}).Check()
}

// flow is one call of Sample at work.
type flow struct {
	*ContinuousSampler
	c      *Canvas
	table  []float32 // [V, D]
	choose *chooser
	given  []bool
	noisy  []float32 // [rows, L, D] the state x
	before []float32 // [rows, L, D] the estimate of the call before
	input  []float32 // [rows, L, 2D+1]
	logits []float32
	best   []int32
}

// Sample fills the masks of a canvas; table holds the embeddings of all tokens, [Vocab, Width]. What is given stays, and the model sees it
// without noise. Row i depends on the seed and on First+i alone.
func (s *ContinuousSampler) Sample(m VectorModel, table []float32, c *Canvas) (calls int, err error) {
	if err := s.Check(); err != nil {
		return 0, err
	}
	if err := c.check(); err != nil {
		return 0, err
	}
	if c.Vocab != s.Objective.Vocab || len(table) != c.Vocab*s.Objective.Width {
		return 0, fmt.Errorf("masked: a table of %d numbers for %d tokens of %d: is it this model's?", len(table), c.Vocab, s.Objective.Width)
	}
	f := s.start(table, c)
	times := make([]float64, c.Rows())
	for k := range s.Steps {
		sigma := s.level(k)
		for i := range times {
			times[i] = s.Objective.time(sigma)
		}
		f.build(sigma)
		if err := m(f.logits, f.input, times); err != nil {
			return k, err
		}
		if k == s.Steps-1 {
			break
		}
		if err := f.move(s.level(k+1) / sigma); err != nil {
			return k + 1, err
		}
		if s.Watch != nil {
			s.Watch(f.best)
		}
	}
	return s.Steps, f.finish()
}

// level is the noise of call k: from the most to the least, evenly in the time of training.
func (s *ContinuousSampler) level(k int) float64 {
	return s.Objective.Sigma(1 - float64(k)/float64(max(s.Steps-1, 1)))
}

func (s *ContinuousSampler) start(table []float32, c *Canvas) *flow {
	d, n := s.Objective.Width, len(c.Tokens)
	f := &flow{ContinuousSampler: s, c: c, table: table, given: make([]bool, n), noisy: make([]float32, n*d), before: make([]float32, n*d),
		input: make([]float32, n*(2*d+1)), logits: make([]float32, n*c.Vocab), best: make([]int32, n),
		choose: newChooser(&Sampler{Temperature: s.Temperature, TopP: s.TopP, Greedy: s.Greedy}, c.Vocab)}
	for row := range c.Rows() {
		rng.Stream{Seed: s.Seed, Index: c.First + uint64(row)}.Normals(f.noisy[row*c.Length*d:][:c.Length*d])
	}
	most := float32(s.level(0))
	for i, id := range c.Tokens {
		f.given[i] = !c.masked(i)
		for k := range d {
			if f.noisy[i*d+k] *= most; f.given[i] {
				f.noisy[i*d+k] = table[int(id)*d+k]
			}
		}
	}
	copy(f.best, c.Tokens)
	return f
}

// build lays out the model's input.
func (f *flow) build(sigma float64) {
	d := f.Objective.Width
	scale := float32(1 / math.Sqrt(1+sigma*sigma))
	for i, given := range f.given {
		in, by := f.input[i*(2*d+1):][:2*d+1], scale
		if given {
			by, in[2*d] = 1, 1
		}
		for k := range d {
			in[k], in[d+k] = f.noisy[i*d+k]*by, f.before[i*d+k]
		}
	}
}

// move goes to the noise that is ratio of the present one: dx/dsigma = (x - mean)/sigma.
func (f *flow) move(ratio float64) error {
	d := f.Objective.Width
	for i, given := range f.given {
		mean := f.before[i*d:][:d]
		best, err := f.choose.expect(mean, f.logits[i*f.c.Vocab:][:f.c.Vocab], f.table)
		if err != nil {
			return err
		}
		if given {
			continue
		}
		f.best[i] = best
		for k, m := range mean {
			f.noisy[i*d+k] = m + float32(ratio)*(f.noisy[i*d+k]-m)
		}
	}
	return nil
}

// finish draws the tokens.
func (f *flow) finish() error {
	for i, given := range f.given {
		if given {
			continue
		}
		s := rng.Stream{Seed: f.Seed, Index: f.c.First + uint64(i/f.c.Length), Draw: 1}
		token, _, err := f.choose.draw(f.logits[i*f.c.Vocab:][:f.c.Vocab], s.Uniform(uint32(i%f.c.Length)))
		if err != nil {
			return err
		}
		f.c.Tokens[i] = token
	}
	return nil
}
