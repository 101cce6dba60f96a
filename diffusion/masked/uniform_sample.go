package masked

import (
	"fmt"
	"math"
)

// UniformSampler draws text by the reverse of uniform noise: every token may change in every step.
type UniformSampler struct {
	Schedule    Schedule // that of training, or another
	Steps       int      // calls of the model
	Temperature float64  // logits are divided by it; 0 stands for 1
	Seed        uint64
}

// Check says whether the settings make sense.
func (s *UniformSampler) Check() error {
	if err := s.Schedule.Check(); err != nil {
		return err
	}
	if s.Steps < 1 || s.Steps > 1<<24 || !(s.Temperature >= 0 && s.Temperature <= 100) {
		return fmt.Errorf("masked: %d steps at temperature %v: need 1 to %d, and 0 to 100", s.Steps, s.Temperature, 1<<24)
	}
	return nil
}

// Sample fills the masks of a canvas: with uniform noise first, then step by step with text; what is given stays. The model never sees the
// mask. Row i depends on the seed and on First+i alone. It returns how often the model was called.
func (s *UniformSampler) Sample(m Model, c *Canvas) (calls int, err error) {
	if err := s.Check(); err != nil {
		return 0, err
	}
	if err := c.check(); err != nil {
		return 0, err
	}
	r := newRun(&Sampler{Seed: s.Seed, Temperature: s.Temperature}, m, c)
	for i := range c.Tokens {
		if !r.given[i] {
			u := r.stream(i / c.Length).Uniform(uint32(i % c.Length))
			c.Tokens[i] = min(int32(u*float64(c.Vocab)), int32(c.Vocab)-1)
		}
	}
	for k := range s.Steps {
		r.step++
		rate, next := s.Schedule.Rate(float64(s.Steps-k)/float64(s.Steps)), s.Schedule.Rate(float64(s.Steps-k-1)/float64(s.Steps))
		if err := r.predict(rate); err != nil {
			return r.calls, err
		}
		for i := range c.Tokens {
			if r.given[i] {
				continue
			}
			if err := r.resample(i, rate, next); err != nil {
				return r.calls, err
			}
		}
	}
	return r.calls, nil
}

// resample draws the token at a place for the noise next from that at noise rate (Schiff et al. 2024, equation 13):
//
//	p(y) ∝ (alpha_t/alpha_s·[y = z] + (1-alpha_t/alpha_s)/V) · (alpha_s·p_y + (1-alpha_s)/V)
func (r *run) resample(place int, rate, next float64) error {
	v := r.c.Vocab
	if err := logSoftmax(r.choose.logp, r.logits[place*v:][:v]); err != nil {
		return err
	}
	weights, total := r.choose.logp, 0.0
	for i, l := range weights {
		weights[i] = math.Exp(l / r.choose.temperature)
		total += weights[i]
	}
	keep := (1 - rate) / (1 - next)
	all := 0.0
	for i := range weights {
		jump := (1 - keep) / float64(v)
		if int32(i) == r.c.Tokens[place] {
			jump += keep
		}
		weights[i] = jump * ((1-next)*weights[i]/total + next/float64(v))
		all += weights[i]
	}
	rest := r.stream(place/r.c.Length).Uniform(uint32(place%r.c.Length)) * all
	for i, w := range weights {
		if w == 0 {
			continue
		}
		r.c.Tokens[place] = int32(i)
		if rest -= w; rest < 0 {
			break
		}
	}
	return nil
}
