package rng

import "math"

// Sequence goes through the words of a [Stream] in order. Copy it freely; one copy is not for concurrent use.
type Sequence struct {
	stream Stream
	next   uint32 // block
	words  [4]uint32
	used   int
}

// NewSequence begins with the first word of the stream of one use (draw) of one item (index).
func NewSequence(seed uint64, draw uint32, index uint64) Sequence {
	return Sequence{stream: Stream{Seed: seed, Index: index, Draw: draw}, used: 4}
}

// Uint32 returns 32 uniform bits.
func (s *Sequence) Uint32() uint32 {
	if s.used == len(s.words) {
		s.words = s.stream.Block(s.next)
		s.next++
		s.used = 0
	}
	v := s.words[s.used]
	s.used++
	return v
}

// Uint64 returns 64 uniform bits.
func (s *Sequence) Uint64() uint64 { return uint64(s.Uint32())<<32 | uint64(s.Uint32()) }

// Float64 is uniform in [0, 1) with 53 bits.
func (s *Sequence) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// Uniform is uniform in [lo, hi).
func (s *Sequence) Uniform(lo, hi float64) float64 { return lo + (hi-lo)*s.Float64() }

// IntN is uniform in [0, n); n must be positive. No item is more likely than another by more than n·2^-53.
func (s *Sequence) IntN(n int) int { return int(s.Float64() * float64(n)) }

// Normal is a standard normal draw (Box and Muller 1958, the cosine branch only, so that each draw costs the same).
// Its logarithm is of a number in (0, 1], and so finite.
func (s *Sequence) Normal() float64 {
	u := float64(s.Uint64()>>11+1) / (1 << 53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*s.Float64())
}
