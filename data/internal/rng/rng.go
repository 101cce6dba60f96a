// Package rng draws random numbers by counting: a draw is a pure function of (seed, stream, index, position), so that
// neither the number of workers nor a stop and resume can change it. There is no state to save.
package rng

import "math"

// Philox4x32 is the ten-round Philox bijection of a 128-bit counter under a 64-bit key.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.
func Philox4x32(ctr [4]uint32, key [2]uint32) [4]uint32 {
	const m0, m1, w0, w1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
	for range 10 {
		p0, p1 := uint64(m0)*uint64(ctr[0]), uint64(m1)*uint64(ctr[2])
		ctr = [4]uint32{uint32(p1>>32) ^ ctr[1] ^ key[0], uint32(p1), uint32(p0>>32) ^ ctr[3] ^ key[1], uint32(p0)}
		key[0] += w0
		key[1] += w1
	}
	return ctr
}

// Stream is the sequence of draws that belongs to one (seed, purpose, index). Copy it freely; it is not for concurrent use.
type Stream struct {
	key   [2]uint32
	ctr   [4]uint32
	block [4]uint32
	used  int
}

// New returns the stream of one item: purpose keeps draws for different uses apart (crop, flip, order …),
// index is the item's number. A purpose must be below 2^16, which leaves 2^16 blocks to each stream.
func New(seed uint64, purpose uint16, index uint64) Stream {
	return Stream{
		key:  [2]uint32{uint32(seed), uint32(seed >> 32)},
		ctr:  [4]uint32{0, uint32(purpose), uint32(index), uint32(index >> 32)},
		used: 4,
	}
}

// Uint32 returns 32 uniform bits.
func (s *Stream) Uint32() uint32 {
	if s.used == 4 {
		s.block = Philox4x32(s.ctr, s.key)
		s.ctr[0]++
		s.used = 0
	}
	v := s.block[s.used]
	s.used++
	return v
}

// Uint64 returns 64 uniform bits.
func (s *Stream) Uint64() uint64 { return uint64(s.Uint32())<<32 | uint64(s.Uint32()) }

// Float64 is uniform in [0, 1) with 53 bits.
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// Uniform is uniform in [lo, hi).
func (s *Stream) Uniform(lo, hi float64) float64 { return lo + (hi-lo)*s.Float64() }

// IntN is uniform in [0, n); n must be positive. The bias of the multiply-shift is below 2^-32 and does not matter here.
func (s *Stream) IntN(n int) int { return int(s.Float64() * float64(n)) }

// Normal is a standard normal draw (Box and Muller 1958, the cosine branch only, so that each draw costs the same).
func (s *Stream) Normal() float64 {
	u := float64(s.Uint64()>>11+1) / (1 << 53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*s.Float64())
}
