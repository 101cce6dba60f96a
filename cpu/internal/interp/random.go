package interp

import (
	"encoding/binary"
	"math/bits"
)

// randomBits fills its second output with the bits of Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random
// numbers: as easy as 1, 2, 3"), as XLA does: the state is the key and a 128-bit counter, low word first; block i encrypts
// counter + i; its words are used in order, low bytes first. Types of fewer than 32 bits take one word per element.
func randomBits(c *call) error {
	state := c.in[0].Flat.([]uint64)
	key, counter := state[0], [2]uint64{state[1], state[2]}
	out, width := c.out[1].Bytes(), c.out[1].Shape.DType.Size()
	stride := min(width, 4) // bytes of a word that are used
	var block [16]byte
	for at := 0; at < len(out); {
		philox(&block, counter, key)
		counter = next(counter)
		for word := 0; word < 16 && at < len(out); word += 4 {
			at += copy(out[at:], block[word:word+stride])
		}
	}
	copy(c.out[0].Flat.([]uint64), []uint64{key, counter[0], counter[1]})
	return nil
}

func next(counter [2]uint64) [2]uint64 {
	low, carry := bits.Add64(counter[0], 1, 0)
	return [2]uint64{low, counter[1] + carry}
}

// philox encrypts a counter in ten rounds.
func philox(block *[16]byte, counter [2]uint64, key uint64) {
	x := [4]uint32{uint32(counter[0]), uint32(counter[0] >> 32), uint32(counter[1]), uint32(counter[1] >> 32)}
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		h0, l0 := bits.Mul32(x[0], 0xD2511F53)
		h1, l1 := bits.Mul32(x[2], 0xCD9E8D57)
		x = [4]uint32{h1 ^ x[1] ^ k0, l1, h0 ^ x[3] ^ k1, l0}
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	for i, w := range x {
		binary.LittleEndian.PutUint32(block[4*i:], w)
	}
}
