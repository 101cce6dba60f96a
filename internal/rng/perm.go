package rng

import "math/bits"

// Perm is a pseudo-random permutation of 0 … n-1 that needs no table: a Feistel network of eight rounds over the next even
// power of two, walked along its cycles until it lands inside (Black and Rogaway 2002, "Ciphers with arbitrary finite
// domains"). Its round function is [Mix64] of the half, a key and a constant.
type Perm struct {
	n    uint64
	half uint // bits of each half
	add  uint64
	keys [8]uint64
}

// NewPerm returns the permutation of n items that belongs to (seed, draw, epoch), whose keys are a [Sequence]. n must be
// positive.
func NewPerm(n int, seed uint64, draw uint32, epoch uint64) Perm {
	p := newPerm(n)
	s := NewSequence(seed, draw, epoch)
	for i := range p.keys {
		p.keys[i] = s.Uint64()
	}
	return p
}

// NewSplitMixPerm returns the permutation of n items that belongs to (seed, epoch), whose keys and rounds are [SplitMix64]:
// the order of token windows. It differs from [NewPerm] for no other reason than that runs rely on it. n must be positive.
func NewSplitMixPerm(n int, seed, epoch uint64) Perm {
	p := newPerm(n)
	p.add = golden
	for i := range p.keys {
		p.keys[i] = SplitMix64(SplitMix64(SplitMix64(seed)+epoch) + uint64(i))
	}
	return p
}

func newPerm(n int) Perm {
	width := max(bits.Len64(uint64(n-1)), 2)
	return Perm{n: uint64(n), half: uint(width+1) / 2}
}

// At returns where position i goes; 0 <= i < n. At most four walks through the network are expected.
func (p Perm) At(i int) int {
	x := p.encrypt(uint64(i))
	for x >= p.n {
		x = p.encrypt(x)
	}
	return int(x)
}

func (p Perm) encrypt(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	l, r := x>>p.half, x&mask
	for _, k := range p.keys {
		l, r = r, l^(Mix64((r^k)+p.add)&mask)
	}
	return l<<p.half | r
}
