package masked

import (
	"cmp"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/internal/rng"
)

// run is one call of Sample at work on the places lo…hi-1 of every row.
type run struct {
	*Sampler
	model  Model
	c      *Canvas
	given  []bool // not a mask at the start: never changed
	choose *chooser
	logits []float32
	rates  []float64
	lo, hi int
	step   uint32 // counts over all blocks, so that no draw is used twice
	calls  int
}

func newRun(s *Sampler, m Model, c *Canvas) *run {
	r := &run{Sampler: s, model: m, c: c, given: make([]bool, len(c.Tokens)), choose: newChooser(s, c.Vocab),
		logits: make([]float32, len(c.Tokens)*c.Vocab), rates: make([]float64, c.Rows())}
	for i := range c.Tokens {
		r.given[i] = !c.masked(i)
	}
	return r
}

func (r *run) fill() error {
	steps := max(1, int(math.Round(float64(r.Steps)*float64(r.hi-r.lo)/float64(r.c.end()))))
	switch r.Method {
	case FirstHitting:
		return r.firstHitting()
	case Confidence:
		return r.confidence(steps)
	default:
		return r.ancestral(steps)
	}
}

// predict calls the model at one masking rate for all rows.
func (r *run) predict(rate float64) error {
	for i := range r.rates {
		r.rates[i] = rate
	}
	return r.call()
}

func (r *run) call() error {
	r.calls++
	return r.model(r.logits, r.c.Tokens, r.rates)
}

// stream is the randomness of a row in the present step; block l of it belongs to place l.
func (r *run) stream(row int) rng.Stream {
	return rng.Stream{Seed: r.Seed, Index: r.c.First + uint64(row), Draw: r.step}
}

// reveal draws the token at a place at quantile u.
func (r *run) reveal(place int, u float64) (token int32, probability float64, err error) {
	return r.choose.draw(r.logits[place*r.c.Vocab:][:r.c.Vocab], u)
}

// masks returns the masked places of a row in the present block.
func (r *run) masks(row int) []int {
	var places []int
	for l := r.lo; l < r.hi; l++ {
		if place := row*r.c.Length + l; r.c.masked(place) {
			places = append(places, place)
		}
	}
	return places
}

// drawn is a place that gets a token in this step.
type drawn struct {
	place      int
	u          float64
	token      int32
	confidence float64
}

// ancestral is the reverse process on an even grid of times, with or without remasking. Which places are revealed does not depend on
// what the model says, so it is only asked when there are some; that also holds for networks with a time input.
func (r *run) ancestral(steps int) error {
	var reveal []drawn
	for k := range steps {
		from, to := float64(steps-k)/float64(steps), float64(steps-k-1)/float64(steps)
		rate, next := r.Schedule.Rate(from), r.Schedule.Rate(to)
		if k == steps-1 {
			next = 0
		}
		show, hide := transition(rate, next, r.remaskLimit(rate, next))
		reveal = reveal[:0]
		var again []int
		for row := range r.c.Rows() {
			reveal, again = r.flip(row, show, hide, reveal, again)
		}
		if len(reveal) > 0 {
			if err := r.predict(rate); err != nil {
				return err
			}
		}
		if err := r.write(reveal); err != nil {
			return err
		}
		for _, place := range again {
			r.c.Tokens[place] = int32(r.c.Vocab)
		}
		r.step++
	}
	return nil
}

// transition returns the probabilities that a mask is revealed and that a revealed token is masked again when the masking rate falls
// from rate to next: Wang et al. 2025, equation 6, with alpha = 1 - rate. remask 0 gives Sahoo et al. 2024, equation 7.
func transition(rate, next, remask float64) (show, hide float64) {
	return ((1 - next) - (1-remask)*(1-rate)) / rate, remask
}

// remaskLimit is sigma of Wang et al. 2025, section 4.1: at most min(1, (1-alpha_s)/alpha_t).
func (r *run) remaskLimit(rate, next float64) float64 {
	if r.Method != Remask {
		return 0
	}
	limit := 1.0
	if next < 1-rate {
		limit = next / (1 - rate)
	}
	if r.Rescale {
		return r.Eta * limit
	}
	return min(r.Eta, limit)
}

// flip decides for each place of a row in the block whether it changes.
func (r *run) flip(row int, show, hide float64, reveal []drawn, again []int) ([]drawn, []int) {
	s := r.stream(row)
	for l := r.lo; l < r.hi; l++ {
		place := row*r.c.Length + l
		if r.given[place] || hide == 0 && !r.c.masked(place) {
			continue
		}
		coin, u := s.Pair(uint32(l))
		switch {
		case r.c.masked(place) && coin < show:
			reveal = append(reveal, drawn{place: place, u: u})
		case !r.c.masked(place) && coin < hide:
			again = append(again, place)
		}
	}
	return reveal, again
}

// write draws the tokens of places.
func (r *run) write(places []drawn) error {
	for _, d := range places {
		token, _, err := r.reveal(d.place, d.u)
		if err != nil {
			return err
		}
		r.c.Tokens[d.place] = token
	}
	return nil
}

// firstHitting reveals one uniformly chosen mask of every row per call. The times at which that happens are order statistics: with n
// masks left the rate falls by the factor u^(1/n).
func (r *run) firstHitting() error {
	for i := range r.rates {
		r.rates[i] = 1
	}
	for {
		var reveal []drawn
		for row := range r.c.Rows() {
			masks := r.masks(row)
			if len(masks) == 0 {
				continue
			}
			s := r.stream(row)
			pick, u := s.Pair(0)
			place := masks[min(int(pick*float64(len(masks))), len(masks)-1)]
			r.rates[row] *= math.Pow(s.Uniform(1), 1/float64(len(masks)))
			reveal = append(reveal, drawn{place: place, u: u})
		}
		if len(reveal) == 0 {
			return nil
		}
		if err := r.call(); err != nil {
			return err
		}
		if err := r.write(reveal); err != nil {
			return err
		}
		r.step++
	}
}

// confidence draws a token for every mask in each step and keeps the surest, as many as bring all rows to the end in time.
func (r *run) confidence(steps int) error {
	for k := range steps {
		open := 0
		for row := range r.c.Rows() {
			open += len(r.masks(row))
		}
		if open == 0 {
			return nil
		}
		if err := r.predict(float64(steps-k) / float64(steps)); err != nil {
			return err
		}
		for row := range r.c.Rows() {
			if err := r.keepSurest(row, steps-k); err != nil {
				return err
			}
		}
		r.step++
	}
	return nil
}

// keepSurest fills a share of 1/left of a row's masks.
func (r *run) keepSurest(row, left int) error {
	masks, s := r.masks(row), r.stream(row)
	candidates := make([]drawn, len(masks))
	for i, place := range masks {
		token, p, err := r.reveal(place, s.Uniform(uint32(place-row*r.c.Length)))
		if err != nil {
			return err
		}
		candidates[i] = drawn{place: place, token: token, confidence: p}
	}
	slices.SortStableFunc(candidates, func(a, b drawn) int { return cmp.Compare(b.confidence, a.confidence) })
	for _, d := range candidates[:(len(masks)+left-1)/left] {
		r.c.Tokens[d.place] = d.token
	}
	return nil
}
