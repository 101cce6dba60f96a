package rng

import "math/bits"

// Philox4x32 is the ten-round Philox bijection of a counter under a key (Salmon et al. 2011, section 3).
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 {
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

// golden is 2^64 divided by the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// Mix64 is the finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 16, the variant 13 of Stafford): a bijection of
// 64 bits in which every bit of z counts for every bit of the result. It maps 0 to 0.
func Mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// SplitMix64 is what the generator SplitMix64 returns in state z (Steele, Lea and Flood 2014, figure 17). It serves as a hash.
func SplitMix64(z uint64) uint64 { return Mix64(z + golden) }
