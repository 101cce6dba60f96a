package masked

import "math/bits"

// philox is the ten-round Philox4x32 bijection of a counter under a key (Salmon et al. 2011, section 3). Random numbers here are
// functions of what they are for, so that batches can be cut and resumed anywhere.
func philox(ctr [4]uint32, key [2]uint32) [4]uint32 {
	for range 10 {
		h0, l0 := bits.Mul32(0xD2511F53, ctr[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, ctr[2])
		ctr = [4]uint32{h1 ^ ctr[1] ^ key[0], l1, h0 ^ ctr[3] ^ key[1], l0}
		key[0] += 0x9E3779B9
		key[1] += 0xBB67AE85
	}
	return ctr
}

// stream is the randomness of one use of one row: block 0, 1, … of it are independent.
type stream struct {
	seed  uint64
	index uint64 // row
	draw  uint32 // what it is for; samplers use it as the step
}

// What training draws are for. Samplers count steps from 0, far below.
const (
	drawTime    uint32 = 0xE000_0000 + iota // t or k of one row
	drawBatch                               // their common offset in a batch
	drawMask                                // which positions
	drawReplace                             // by which tokens
)

// pair returns two independent numbers in (0, 1), never an end.
func (s stream) pair(block uint32) (float64, float64) {
	w := philox([4]uint32{block, s.draw, uint32(s.index), uint32(s.index >> 32)}, [2]uint32{uint32(s.seed), uint32(s.seed >> 32)})
	return unit(w[0], w[1]), unit(w[2], w[3])
}

// uniform returns one number in (0, 1).
func (s stream) uniform(block uint32) float64 {
	u, _ := s.pair(block)
	return u
}

func unit(hi, lo uint32) float64 {
	return (float64(uint64(hi)<<20|uint64(lo)>>12) + 0.5) / (1 << 52)
}

// trainStream keys a training draw. A batch never has 2^24 rows nor a run 2^40 steps, so (step, index) fits one number.
func trainStream(seed, step uint64, index int, draw uint32) stream {
	return stream{seed: seed, index: step<<24 | uint64(index), draw: draw}
}
