package masked

import (
	"fmt"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Which of a row's random streams a training draw reads; block l of one belongs to place l. Samplers count their steps from 0, far below.
const (
	drawTime    uint32 = 0xE000_0000 + iota // t or k of one row
	drawBatch                               // their common offset in a batch
	drawMask                                // which positions
	drawReplace                             // by which tokens
	drawGiven                               // continuous: what is given
	drawNoise                               // continuous: noise of embeddings
)

// Draws is a masked batch, as [Objective.Draw] makes it. The slices are reused from call to call.
type Draws struct {
	Input  []int32   // [rows, Length] what the network sees
	Weight []float32 // [rows, Length] what each position's cross-entropy counts, 0 where it is visible
	Time   []float32 // [rows] t times 1000, the time input of a network that has one
	Rate   []float32 // [rows] how much is noise: for losses by noise level, and input of the graph of uniform noise; continuous: sigma
	Noise  []float32 // [rows, Length, Width] normal, for ContinuousObjective only
	Again  []float32 // [rows] 1 where the network is fed with what it said first, for ContinuousObjective only
}

// Draw masks a piece of a batch. tokens are [b.Count, Length], ids 0…Vocab-1; free says which of them may be masked (padding and
// prompts may not, and do not count), nil for all. The weighted sum of a row's cross-entropies then estimates the bound in nats per free
// token; a row without free tokens counts nothing. A row's draw is a function of seed, step and its place in the whole batch.
func (o *Objective) Draw(d *Draws, tokens []int32, free []bool, b Batch) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := d.start(tokens, free, b, o.Length, o.Vocab); err != nil {
		return err
	}
	places := make([]int, 0, o.Length)
	for i := range b.Count {
		places = freePlaces(places[:0], free, i*o.Length, o.Length)
		u := b.spread(i, o.LowDiscrepancy)
		if o.Form == ByCount {
			o.drawCount(d, i, places, u, b)
		} else {
			o.drawTime(d, i, places, u, b)
		}
	}
	return nil
}

// start checks the arguments of a Draw and makes Input the tokens, with no weight on any.
func (d *Draws) start(tokens []int32, free []bool, b Batch, length, vocab int) error {
	if err := b.check(); err != nil {
		return err
	}
	if err := checkTokens(tokens, free, b.Count, length, vocab); err != nil {
		return err
	}
	d.size(b.Count, length)
	copy(d.Input, tokens)
	return nil
}

// checkTokens refuses ids that a network's embedding would read out of bounds.
func checkTokens(tokens []int32, free []bool, rows, length, vocab int) error {
	if len(tokens) != rows*length || free != nil && len(free) != len(tokens) {
		return fmt.Errorf("masked: %d tokens (%d marked free or not) for %d rows of %d: need one for each place", len(tokens), len(free), rows, length)
	}
	for i, id := range tokens {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("masked: token %d in row %d, place %d is not among the %d of the vocabulary", id, i/length, i%length, vocab)
		}
	}
	return nil
}

func (d *Draws) size(rows, length int) {
	if cap(d.Input) < rows*length || cap(d.Time) < rows {
		*d = Draws{Input: make([]int32, rows*length), Weight: make([]float32, rows*length), Time: make([]float32, rows), Rate: make([]float32, rows)}
	}
	d.Input, d.Weight, d.Time, d.Rate = d.Input[:rows*length], d.Weight[:rows*length], d.Time[:rows], d.Rate[:rows]
	clear(d.Weight)
}

// freePlaces appends the places of a row, counted from the start of the batch, that may be masked.
func freePlaces(dst []int, free []bool, start, length int) []int {
	for p := start; p < start+length; p++ {
		if free == nil || free[p] {
			dst = append(dst, p)
		}
	}
	return dst
}

// drawCount masks k = 1 + floor(u·n) places, a uniform subset by Fisher & Yates.
func (o *Objective) drawCount(d *Draws, row int, places []int, u float64, b Batch) {
	n := len(places)
	if n == 0 {
		return
	}
	k := min(1+int(u*float64(n)), n)
	s := rng.ForStep(b.Seed, b.Step, b.First+row, drawMask)
	for j := range k {
		r := j + min(int(s.Uniform(uint32(j))*float64(n-j)), n-j-1)
		places[j], places[r] = places[r], places[j]
		d.Input[places[j]], d.Weight[places[j]] = int32(o.Vocab), float32(1/float64(k))
	}
	rate := float64(k) / float64(n)
	d.Rate[row], d.Time[row] = float32(rate), float32(1000*o.Schedule.Time(rate))
}

// drawTime masks each place with probability Rate(t) at t = u.
func (o *Objective) drawTime(d *Draws, row int, places []int, u float64, b Batch) {
	t, weight := o.timeWeight(u)
	rate := o.Schedule.Rate(t)
	d.Rate[row], d.Time[row] = float32(rate), float32(1000*t)
	s := rng.ForStep(b.Seed, b.Step, b.First+row, drawMask)
	for j, p := range places {
		if s.Uniform(uint32(j)) < rate {
			d.Input[p], d.Weight[p] = int32(o.Vocab), float32(weight/float64(len(places)))
		}
	}
}

// timeWeight returns the time drawn at quantile u and the weight Rate'/Rate there (Sahoo et al. 2024, equation 10). Below MinRate, at
// times up to t0, all draws are made at t0 with weight 1/t0: the interval's share of the bound is ∫Rate'·CE dt = Rate(t0)·CE, and that
// is t0 · (1/t0) · Rate(t0) · CE.
func (o *Objective) timeWeight(u float64) (t, weight float64) {
	if t0 := o.Schedule.Time(leastRate(o.MinRate)); u <= t0 {
		return t0, 1 / t0
	}
	return u, o.Schedule.Slope(u) / o.Schedule.Rate(u)
}

func leastRate(rate float64) float64 {
	if rate == 0 {
		return 1e-3
	}
	return rate
}
