package rng

import "math/bits"

// Perm is a pseudo-random permutation of 0 … n-1 that needs no table: a Feistel network over the next even power of two,
// walked along its cycles until it lands inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
type Perm struct {
	n    uint64
	half uint
	keys [8]uint64
}

// NewPerm returns the permutation of n items that belongs to (seed, purpose, epoch). n must be positive.
func NewPerm(n int, seed uint64, purpose uint16, epoch uint64) Perm {
	width := max(bits.Len64(uint64(n-1)), 2)
	p := Perm{n: uint64(n), half: uint(width+1) / 2}
	s := New(seed, purpose, epoch)
	for i := range p.keys {
		p.keys[i] = s.Uint64()
	}
	return p
}

// At returns where position i goes; 0 <= i < n. At most four rounds through the network are expected.
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
		l, r = r, l^(mix(r^k)&mask)
	}
	return l<<p.half | r
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 16).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
