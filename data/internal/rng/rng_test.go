package rng

import (
	"math"
	"testing"
)

// Known answers published with the Random123 library (kat_vectors).
func TestPhiloxKnownAnswers(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		ctr, want [4]uint32
		key       [2]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{ctr: [4]uint32{f, f, f, f}, key: [2]uint32{f, f}, want: [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{ctr: [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, key: [2]uint32{0xa4093822, 0x299f31d0},
			want: [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox4x32(c.ctr, c.key); got != c.want {
			t.Errorf("Philox4x32(%x, %x) = %x, want %x", c.ctr, c.key, got, c.want)
		}
	}
}

func TestPermIsAPermutation(t *testing.T) {
	for n := 1; n < 300; n++ {
		p := NewPerm(n, 7, 1, uint64(n))
		seen := make([]bool, n)
		for i := range n {
			j := p.At(i)
			if j < 0 || j >= n || seen[j] {
				t.Fatalf("n=%d: position %d goes to %d, outside or taken", n, i, j)
			}
			seen[j] = true
		}
	}
}

// Over many keys each item must stand at each place about equally often (chi-square with 5 % tails far out).
func TestPermIsUniform(t *testing.T) {
	const n, keys = 10, 20000
	var count [n][n]float64
	for k := range uint64(keys) {
		p := NewPerm(n, 3, 1, k)
		for i := range n {
			count[i][p.At(i)]++
		}
	}
	chi := 0.0
	for _, row := range count {
		for _, c := range row {
			chi += (c - keys/n) * (c - keys/n) / (keys / n)
		}
	}
	if chi > 140 { // 81 degrees of freedom: mean 81, standard deviation 12.7
		t.Errorf("chi-square %v, expected about 81", chi)
	}
}

func TestMoments(t *testing.T) {
	const n = 50000
	var m, v, u float64
	for i := range uint64(n) {
		s := New(5, 2, i)
		x := s.Normal()
		m += x / n
		v += x * x / n
		u += s.Float64() / n
	}
	if math.Abs(m) > 0.02 || math.Abs(v-1) > 0.03 || math.Abs(u-0.5) > 0.006 {
		t.Errorf("normal mean %v variance %v, uniform mean %v", m, v, u)
	}
}

func TestStreamsDiffer(t *testing.T) {
	a, b, c, d := New(1, 1, 1), New(2, 1, 1), New(1, 2, 1), New(1, 1, 2)
	seen := map[uint64]bool{a.Uint64(): true, b.Uint64(): true, c.Uint64(): true, d.Uint64(): true}
	if len(seen) != 4 {
		t.Error("seed, purpose or index does not change the stream")
	}
}
