package data

import (
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/internal/rng"
)

// order says which picture draw n of a run is: a pure function of n, without a table or a state.
// Every source is gone through in a fresh permutation each epoch; epochs follow each other without a gap.
type order struct {
	seed       uint64
	sequential bool
	sizes      []int // of the sources
	first      []int // index of each source's first picture
	slots      []int // end of each source's share of a round of draws; nil: one source
}

// round is how many draws share out the weights; weights are exact to 1/round.
const round = 4096

// newOrder checks the weights (nil: each picture equally often) against the sizes of the sources.
func newOrder(seed uint64, sequential bool, sizes []int, weights []float64) (*order, error) {
	o := &order{seed: seed, sequential: sequential, sizes: sizes, first: make([]int, len(sizes))}
	for i := 1; i < len(sizes); i++ {
		o.first[i] = o.first[i-1] + sizes[i-1]
	}
	if weights == nil || sequential {
		o.sizes, o.first = []int{o.first[len(sizes)-1] + sizes[len(sizes)-1]}, []int{0}
		return o, nil
	}
	if len(weights) != len(sizes) {
		return nil, fmt.Errorf("%d weights for %d sources", len(weights), len(sizes))
	}
	total := 0.0
	for i, w := range weights {
		if !(w > 0) || math.IsInf(w, 0) || sizes[i] == 0 {
			return nil, fmt.Errorf("source %d has weight %v and %d pictures; both must be positive", i+1, w, sizes[i])
		}
		total += w
	}
	sum := 0.0
	for i, w := range weights {
		sum += w
		end := int(math.Round(round * sum / total))
		if i > 0 && end <= o.slots[i-1] || end == 0 {
			return nil, fmt.Errorf("weight %v of source %d is too small: less than 1/%d of the sum", w, i+1, round)
		}
		o.slots = append(o.slots, end)
	}
	return o, nil
}

// at returns the picture of draw n.
func (o *order) at(n uint64) int {
	if o.sequential {
		return int(n % uint64(o.sizes[0]))
	}
	if o.slots == nil {
		return o.pick(0, n)
	}
	block, slot := n/round, rng.NewPerm(round, o.seed, drawSource, n/round).At(int(n%round))
	lo := 0
	for k, hi := range o.slots {
		if slot < hi {
			return o.first[k] + o.pick(k, block*uint64(hi-lo)+uint64(slot-lo))
		}
		lo = hi
	}
	return 0
}

// pick returns the position, in source k, of that source's own draw n.
func (o *order) pick(k int, n uint64) int {
	size := uint64(o.sizes[k])
	epoch := n/size*uint64(len(o.sizes)) + uint64(k) // each source has its own sequence of permutations
	return rng.NewPerm(o.sizes[k], o.seed, drawOrder, epoch).At(int(n % size))
}

// replacement is the picture to take for draw n when the picture it names is broken; attempts are numbered from 0.
func (o *order) replacement(n uint64, attempt int) int {
	if o.sequential {
		return int((n + uint64(attempt) + 1) % uint64(o.sizes[0]))
	}
	s := rng.NewSequence(o.seed, drawReplacement, n)
	for range attempt {
		s.Uint64()
	}
	total := o.first[len(o.first)-1] + o.sizes[len(o.sizes)-1]
	return s.IntN(total)
}
