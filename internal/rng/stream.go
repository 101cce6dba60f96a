package rng

import "math"

// Stream names the random numbers of one use of one item; the package comment has the layout. It is a value: it has no
// position, and block i is the same whenever it is asked for.
type Stream struct {
	Seed  uint64
	Index uint64 // which item
	Draw  uint32 // which of the item's uses
}

// ForStep is the stream of row index of the batch of a training step. It is one of its own while a batch has no more than
// 2^24 rows and a run no more than 2^40 steps, which callers check.
func ForStep(seed, step uint64, index int, draw uint32) Stream {
	return Stream{Seed: seed, Index: step<<24 | uint64(index), Draw: draw}
}

// Block returns four words of 32 uniform bits.
func (s Stream) Block(block uint32) [4]uint32 {
	return Philox4x32([4]uint32{block, s.Draw, uint32(s.Index), uint32(s.Index >> 32)}, [2]uint32{uint32(s.Seed), uint32(s.Seed >> 32)})
}

// Pair returns two independent uniform numbers in (0, 1), never an end: odd multiples of 2^-53.
func (s Stream) Pair(block uint32) (float64, float64) {
	w := s.Block(block)
	return open(w[0], w[1]), open(w[2], w[3])
}

// Uniform returns the first number of Pair.
func (s Stream) Uniform(block uint32) float64 {
	u, _ := s.Pair(block)
	return u
}

// open makes a number in (0, 1) of 52 bits.
func open(hi, lo uint32) float64 {
	return (float64(uint64(hi)<<20|uint64(lo)>>12) + 0.5) / (1 << 52)
}

// Normals fills dst with independent N(0, 1) numbers, from block 0 on (Box and Muller 1958: two words make two numbers).
// Both uniform numbers are odd multiples of 2^-33, which keeps the logarithm finite and clamps |z| to 6.77: of 10^11 true
// normal numbers one is larger.
func (s Stream) Normals(dst []float32) {
	for block := uint32(0); len(dst) > 0; block++ {
		w := s.Block(block)
		var z [4]float32
		z[0], z[1] = boxMuller(w[0], w[1])
		z[2], z[3] = boxMuller(w[2], w[3])
		dst = dst[copy(dst, z[:]):]
	}
}

func boxMuller(a, b uint32) (float32, float32) {
	r := math.Sqrt(-2 * math.Log((float64(a)+0.5)/(1<<32)))
	sin, cos := math.Sincos(2 * math.Pi * (float64(b) + 0.5) / (1 << 32))
	return float32(r * cos), float32(r * sin)
}

// Spread moves the points index/total of a regular grid by one common offset in (0, 1), around the end to the beginning. With
// a uniform offset each point is uniform in (0, 1), and all of them together cover it evenly (Kingma et al. 2021,
// arXiv 2107.00630, appendix I.1). The ends themselves are never returned.
func Spread(offset float64, index, total int) float64 {
	u := offset + float64(index)/float64(total)
	if u >= 1 {
		u--
	}
	return min(max(u, 0x1p-53), 1-0x1p-53)
}
