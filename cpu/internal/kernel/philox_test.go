package kernel

import (
	"math"
	"testing"
)

// TestPhiloxKnownAnswers has the vectors that Random123 publishes for philox4x32-10 (file kat_vectors).
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		key     uint64
		counter Counter
		want    [philoxWords]uint32
	}{
		{0, Counter{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{math.MaxUint64, Counter{math.MaxUint64, math.MaxUint64}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0a4093822, Counter{0x85a308d3243f6a88, 0x0370734413198a2e}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		forTiers(t, func(t *testing.T, set *Set) {
			var got [philoxWords]uint32
			set.Vector.Philox(got[:], c.key, c.counter)
			if got != c.want {
				t.Errorf("key %x, counter %x: %08x, want %08x", c.key, c.counter, got, c.want)
			}
		})
	}
}

// TestPhiloxLengths compares all fillers with the reference, also where the counter's lower half overflows.
func TestPhiloxLengths(t *testing.T) {
	const key = 0x123456789abcdef0
	for _, c := range []Counter{{5, 9}, {math.MaxUint64 - 2, 7}, {math.MaxUint64 - 20, math.MaxUint64}, {1<<32 - 3, 0}} {
		want := make([]uint32, lengths)
		philoxFill(want, key, c)
		wantUniform, wantNormal := make([]float32, lengths), make([]float32, lengths)
		uniformFill(wantUniform, key, c)
		normalFill(wantNormal, key, c)
		forTiers(t, func(t *testing.T, set *Set) {
			for n := range lengths {
				words := make([]uint32, n+1)
				words[n] = 77
				set.Vector.Philox(words[:n], key, c)
				uniform, check := guarded(t, n)
				set.Vector.Uniform(uniform, key, c)
				check()
				z, check := guarded(t, n)
				set.Vector.Normal(z, key, c)
				check()
				for i := range n {
					if words[i] != want[i] || uniform[i] != wantUniform[i] {
						t.Fatalf("counter %x, %d of %d: %08x, %v, want %08x, %v", c, i, n, words[i], uniform[i], want[i], wantUniform[i])
					}
					radius := math.Sqrt(-2 * math.Log(max(float64(float32(want[i&^1]>>1))/(1<<31), 0x1p-33)))
					if math.Abs(float64(z[i]-wantNormal[i])) > 3e-7*radius {
						t.Fatalf("counter %x, %d of %d: normal %v, want %v", c, i, n, z[i], wantNormal[i])
					}
				}
				if words[n] != 77 {
					t.Fatalf("wrote beyond %d words", n)
				}
			}
		})
	}
}

// TestNormalMoments: the numbers of a long fill must have the moments of the standard normal distribution, and a fill must
// not depend on how it is cut.
func TestNormalMoments(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		const n = 1 << 17
		z := make([]float32, n)
		set.Vector.Normal(z, 42, Counter{})
		var moments [5]float64
		for _, v := range z {
			p := 1.0
			for k := range moments {
				moments[k] += p / n
				p *= float64(v)
			}
		}
		for k, want := range []float64{1, 0, 1, 0, 3} {
			// five standard errors of the k-th moment: its variance is at most E[z^2k]
			if limit := 5 * math.Sqrt([]float64{0, 1, 3, 15, 105}[k]/n); math.Abs(moments[k]-want) > limit+1e-9 {
				t.Errorf("moment %d is %v, want %v within %v", k, moments[k], want, limit)
			}
		}
		part := make([]float32, 1000)
		set.Vector.Normal(part, 42, Counter{}.Add(444/philoxWords))
		for i, v := range part {
			if v != z[444+i] {
				t.Fatalf("element %d is %v in a fill from 444 on, %v in the whole", i, v, z[444+i])
			}
		}
	})
}

// TestBoxMullerExtremes: the largest number stays finite.
func TestBoxMullerExtremes(t *testing.T) {
	for _, w := range []uint32{0, 1, 2, math.MaxUint32} {
		z, _ := boxMuller(w, 0)
		if !(z >= 0 && z < 6.77) {
			t.Errorf("boxMuller(%d, 0) = %v", w, z)
		}
	}
}
