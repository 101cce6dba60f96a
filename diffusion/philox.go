package diffusion

import "math/bits"

// philox is one block of the counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
// section 3.3). Word order and counter increment are those of XLA's RngBitGenerator, so a graph can make the same bits.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		m0, m1 = 0xD2511F53, 0xCD9E8D57 // multipliers
		w0, w1 = 0x9E3779B9, 0xBB67AE85 // Weyl increments of the key
	)
	for range 10 {
		hi0, lo0 := bits.Mul32(m0, counter[0])
		hi1, lo1 := bits.Mul32(m1, counter[2])
		counter = [4]uint32{hi1 ^ counter[1] ^ key[0], lo1, hi0 ^ counter[3] ^ key[1], lo0}
		key[0] += w0
		key[1] += w1
	}
	return counter
}

// stream is one sequence of random numbers. Key: seed (low, high word). Counter: block number, draw, index (low, high word).
type stream struct {
	seed  uint64
	index uint64 // which sample
	draw  uint32 // which of the sample's draws
}

// The purpose of a draw, in the top bits of its number: sampling step k uses k itself, training draws are apart from it.
const (
	drawTime   uint32 = 0xF000_0000 + iota // time of one image
	drawBatch                              // offset of a whole batch
	drawNoise                              // eps
	drawOffset                             // offset noise
	drawPerturb
	drawSelf  // coin of self-conditioning
	drawLabel // coin of label dropout
)

// words returns four random words.
func (s stream) words(block uint32) [4]uint32 {
	return philox([4]uint32{block, s.draw, uint32(s.index), uint32(s.index >> 32)}, [2]uint32{uint32(s.seed), uint32(s.seed >> 32)})
}

// uniform returns one number in (0, 1), never an end.
func (s stream) uniform() float64 {
	w := s.words(0)
	return (float64(uint64(w[0])<<20|uint64(w[1])>>12) + 0.5) / (1 << 52)
}
