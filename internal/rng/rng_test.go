package rng

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// Known answers published with the Random123 library (kat_vectors).
func TestPhiloxKnownAnswers(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		counter, want [4]uint32
		key           [2]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{counter: [4]uint32{f, f, f, f}, key: [2]uint32{f, f}, want: [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{counter: [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, key: [2]uint32{0xa4093822, 0x299f31d0},
			want: [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox4x32(c.counter, c.key); got != c.want {
			t.Errorf("Philox4x32(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

const (
	goldenSeed  = 0x0123456789ABCDEF
	goldenIndex = 7<<32 + 5
	goldenDraw  = 0xF0000003
)

// golden.json is written by golden.py beside it.
type goldens struct {
	Words                          []uint32
	Open, Normals, Floats, Cosines []float64
	Mix, Splitmix                  []string
	Perms                          [][]int
	SplitmixPerms                  [][]int `json:"splitmix_perms"`
}

func readGoldens(t *testing.T) (g goldens) {
	testkit.ReadJSON(t, "testdata/golden.json", &g)
	return g
}

func TestStreamGolden(t *testing.T) {
	g, s := readGoldens(t), Stream{Seed: goldenSeed, Index: goldenIndex, Draw: goldenDraw}
	var words []uint32
	var uniform []float64
	for block := range uint32(3) {
		w := s.Block(block)
		a, b := s.Pair(block)
		if a != s.Uniform(block) {
			t.Error("Uniform is not the first of Pair")
		}
		words, uniform = append(words, w[:]...), append(uniform, a, b)
	}
	if !slices.Equal(words, g.Words) || !slices.Equal(uniform, g.Open) {
		t.Errorf("words %x, uniform %v; want %x, %v", words, uniform, g.Words, g.Open)
	}
	for n := range len(g.Normals) + 1 { // every length, whole blocks or not
		z := make([]float32, n)
		s.Normals(z)
		testkit.Close(t, fmt.Sprint(n, " normals"), z, g.Normals[:n], testkit.Tol{Rel: 1e-7})
	}
	if got := ForStep(1, 2, 3, 4); got != (Stream{Seed: 1, Index: 2<<24 + 3, Draw: 4}) {
		t.Errorf("row 3 of step 2 is %+v", got)
	}
}

func TestSequenceGolden(t *testing.T) {
	g := readGoldens(t)
	s := NewSequence(goldenSeed, goldenDraw, goldenIndex)
	words, floats, normals := s, s, s
	for i, want := range g.Words {
		if got := words.Uint32(); got != want {
			t.Errorf("word %d: %x, want %x", i, got, want)
		}
	}
	for i, want := range g.Floats {
		if got := floats.Float64(); got != want {
			t.Errorf("float %d: %v, want %v", i, got, want)
		}
	}
	var z []float64
	for range g.Cosines {
		z = append(z, normals.Normal())
	}
	testkit.Close(t, "normals", z, g.Cosines, testkit.Tol{Rel: 1e-12, Abs: 1e-14})
	scaled, ints := s, s
	if u, n := scaled.Uniform(-2, 3), ints.IntN(1000); u != -2+5*g.Floats[0] || n != int(1000*g.Floats[0]) {
		t.Errorf("scaled %v, integer %d of %v", u, n, g.Floats[0])
	}
}

func TestMixGolden(t *testing.T) {
	g := readGoldens(t)
	s := NewSequence(goldenSeed, goldenDraw, goldenIndex)
	for i, want := range g.Mix {
		z := s.Uint64()
		if mixed, split := fmt.Sprint(Mix64(z)), fmt.Sprint(SplitMix64(z)); mixed != want || split != g.Splitmix[i] {
			t.Errorf("%x becomes %s and %s, want %s and %s", z, mixed, split, want, g.Splitmix[i])
		}
	}
	if got := fmt.Sprint(SplitMix64(math.MaxUint64)); got != g.Splitmix[len(g.Mix)] {
		t.Errorf("all ones become %s", got)
	}
}

func TestPermGolden(t *testing.T) {
	g := readGoldens(t)
	for i, want := range g.Perms {
		n := len(want)
		a, b := NewPerm(n, goldenSeed, 7, uint64(1<<33+n)), NewSplitMixPerm(n, goldenSeed, uint64(1<<33+n))
		var gotA, gotB []int
		for k := range n {
			gotA, gotB = append(gotA, a.At(k)), append(gotB, b.At(k))
		}
		if !slices.Equal(gotA, want) || !slices.Equal(gotB, g.SplitmixPerms[i]) {
			t.Errorf("n = %d: %v and %v, want %v and %v", n, gotA, gotB, want, g.SplitmixPerms[i])
		}
	}
}

func TestPermIsAPermutation(t *testing.T) {
	for n := 1; n < 300; n++ {
		for _, p := range []Perm{NewPerm(n, 7, 1, uint64(n)), NewSplitMixPerm(n, 7, uint64(n))} {
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
}

// Over many keys each item must stand at each place about equally often.
func TestPermIsUniform(t *testing.T) {
	const n, keys = 10, 20000
	var count [2][n][n]float64
	for k := range uint64(keys) {
		for which, p := range []Perm{NewPerm(n, 3, 1, k), NewSplitMixPerm(n, 3, k)} {
			for i := range n {
				count[which][i][p.At(i)]++
			}
		}
	}
	for which := range count {
		chi := 0.0
		for _, row := range count[which] {
			for _, c := range row {
				chi += (c - keys/n) * (c - keys/n) / (keys / n)
			}
		}
		if chi > 140 { // 81 degrees of freedom: mean 81, standard deviation 12.7
			t.Errorf("permutation %d: chi-square %v, expected about 81", which, chi)
		}
	}
}

func TestMoments(t *testing.T) {
	const n = 50000
	z := make([]float32, n)
	Stream{Seed: 5}.Normals(z)
	var m, v, u, mz, vz float64
	for i := range uint64(n) {
		s := NewSequence(5, 2, i)
		x, y := s.Normal(), float64(z[i])
		m, v, u = m+x/n, v+x*x/n, u+s.Float64()/n
		mz, vz = mz+y/n, vz+y*y/n
	}
	if math.Abs(m) > 0.02 || math.Abs(v-1) > 0.03 || math.Abs(u-0.5) > 0.006 || math.Abs(mz) > 0.02 || math.Abs(vz-1) > 0.03 {
		t.Errorf("normal means %v, %v, variances %v, %v, uniform mean %v", m, mz, v, vz, u)
	}
}

// The ends of the range of words must give finite normals and uniform numbers inside (0, 1).
func TestEndsOfTheRange(t *testing.T) {
	const last = math.MaxUint32
	for _, a := range []uint32{0, 1, 1 << 31, last} {
		for _, b := range []uint32{0, 1, 1 << 31, last} {
			x, y := boxMuller(a, b)
			if r := math.Hypot(float64(x), float64(y)); !(r < 6.77) {
				t.Errorf("words %x, %x give normals %v, %v", a, b, x, y)
			}
			if u := open(a, b); !(u > 0 && u < 1) {
				t.Errorf("words %x, %x give %v", a, b, u)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		offset       float64
		index, total int
		want         float64
	}{{0.25, 0, 4, 0.25}, {0.25, 1, 4, 0.5}, {0.5, 3, 4, 0.25}, {0.5, 1, 2, 0x1p-53}, {1 - 0x1p-53, 0, 1, 1 - 0x1p-53}} {
		if got := Spread(c.offset, c.index, c.total); got != c.want {
			t.Errorf("Spread(%v, %d, %d) = %v, want %v", c.offset, c.index, c.total, got, c.want)
		}
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[[4]uint32]bool{}
	for _, s := range []Stream{{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}, {1 << 32, 1, 1}, {1, 1 << 32, 1}} {
		seen[s.Block(0)], seen[s.Block(1)] = true, true
	}
	if len(seen) != 12 {
		t.Error("seed, index, draw or block does not change the words")
	}
}
