package kernel

//go:generate go -C _gen run ./vector -family philox -out ../philox_amd64.s -stubs ../philox_stubs_amd64.go -pkg kernel

import "math"

// Random holds fillers of pseudo-random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
// 1, 2, 3", §3.3 and table 2) as XLA uses it. The generator has no state: block i encrypts counter+i under the key, and
// gives four words. Element i of a fill depends on key, counter and i alone, so a fill may be cut at
// multiples of four.
type Random struct {
	// Philox writes the words of the blocks counter, counter+1, ...
	Philox func(dst []uint32, key uint64, counter Counter)
	// Uniform writes word>>8 · 2^-24 for each word of Philox: in [0, 1).
	Uniform func(dst []float32, key uint64, counter Counter)
	// Normal turns each pair of words into two standard normal numbers (Box & Muller 1958): √(-2 ln u) times the cosine and
	// sine of 2π·v, where u = max(w₀>>1 · 2^-31, 2^-33) in float32 and v = w₁>>8 · 2^-24. At most 6.77 in size; error 3e-7·√(-2 ln u).
	Normal func(dst []float32, key uint64, counter Counter)
}

// Counter is the 128-bit number of a block.
type Counter struct{ Lo, Hi uint64 }

// Add returns the counter n blocks further.
func (c Counter) Add(n uint64) Counter {
	lo := c.Lo + n
	if lo < n {
		c.Hi++
	}
	return Counter{lo, c.Hi}
}

const philoxWords = 4 // of a block

const (
	philoxMul0, philoxMul1 = 0xD2511F53, 0xCD9E8D57
	philoxKey0, philoxKey1 = 0x9E3779B9, 0xBB67AE85 // added to the key after each round: golden ratio and √3-1
	philoxRounds           = 10
)

func philoxBlock(key uint64, c Counter) [philoxWords]uint32 {
	k0, k1 := uint32(key), uint32(key>>32)
	x := [philoxWords]uint32{uint32(c.Lo), uint32(c.Lo >> 32), uint32(c.Hi), uint32(c.Hi >> 32)}
	for range philoxRounds {
		p := philoxMul0 * uint64(x[0])
		q := philoxMul1 * uint64(x[2])
		x = [philoxWords]uint32{uint32(q>>32) ^ x[1] ^ k0, uint32(q), uint32(p>>32) ^ x[3] ^ k1, uint32(p)}
		k0 += philoxKey0
		k1 += philoxKey1
	}
	return x
}

func randomReference() Random {
	return Random{Philox: philoxFill, Uniform: uniformFill, Normal: normalFill}
}

func philoxFill(dst []uint32, key uint64, counter Counter) {
	for i := 0; i < len(dst); i += philoxWords {
		x := philoxBlock(key, counter.Add(uint64(i/philoxWords)))
		copy(dst[i:], x[:])
	}
}

func uniformFill(dst []float32, key uint64, counter Counter) {
	for i := 0; i < len(dst); i += philoxWords {
		x := philoxBlock(key, counter.Add(uint64(i/philoxWords)))
		for j := range min(philoxWords, len(dst)-i) {
			dst[i+j] = float32(x[j]>>8) * (1.0 / (1 << 24))
		}
	}
}

func normalFill(dst []float32, key uint64, counter Counter) {
	for i := 0; i < len(dst); i += philoxWords {
		x := philoxBlock(key, counter.Add(uint64(i/philoxWords)))
		var z [philoxWords]float32
		z[0], z[1] = boxMuller(x[0], x[1])
		z[2], z[3] = boxMuller(x[2], x[3])
		copy(dst[i:], z[:])
	}
}

// boxMuller's first word is clamped, since the logarithm of 0 would be infinite once in 2^31 draws.
func boxMuller(w0, w1 uint32) (float32, float32) {
	u := max(float32(w0>>1)*(1.0/(1<<31)), 1.0/(1<<33))
	r := math.Sqrt(-2 * math.Log(float64(u)))
	sin, cos := math.Sincos(2 * math.Pi * float64(w1>>8) / (1 << 24))
	return float32(r * cos), float32(r * sin)
}
