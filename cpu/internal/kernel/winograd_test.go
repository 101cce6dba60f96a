package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestWinogradIdentity checks the matrices exactly, in float64: A^T[(G g) ⊙ (B^T d)] is the correlation of d with g.
func TestWinogradIdentity(t *testing.T) {
	for tap := range 3 {
		for pixel := range 6 {
			for out := range 4 {
				var got float64
				for i := range 6 {
					got += float64(winogradAT[out][i]) * float64(winogradG[i][tap]) * float64(winogradBT[i][pixel])
				}
				want := 0.0
				if pixel == out+tap {
					want = 1
				}
				if math.Abs(got-want) > 2e-7 {
					t.Errorf("pixel %d, tap %d, output %d: %v, want %v", pixel, tap, out, got, want)
				}
			}
		}
	}
}

// transformCase runs one transform of two sets and compares all that they write, guards included.
func transformCase(t *testing.T, name string, size int, limit float64, run func(w *Winograd, out []float32), tier, ref Winograd) {
	t.Helper()
	want, _ := guarded(t, size)
	got, check := guarded(t, size)
	run(&ref, want)
	run(&tier, got)
	check()
	for i := range want {
		if diff := math.Abs(float64(got[i]) - float64(want[i])); diff > limit {
			t.Fatalf("%s: [%d] = %v, want %v", name, i, got[i], want[i])
		}
	}
}

func TestWinogradTransforms(t *testing.T) {
	for _, tier := range []Tier{AVX2, AVX512} {
		if !tier.Available() {
			continue
		}
		for _, c := range []int{16, 32, 48, 80} {
			t.Run(fmt.Sprintf("%v/%d", tier, c), func(t *testing.T) {
				checkTransforms(t, winogradFor(tier), winogradReference(), c)
			})
		}
	}
}

func checkTransforms(t *testing.T, tier, ref Winograd, c int) {
	rng := rand.New(rand.NewPCG(7, uint64(c)))
	xi, px := c+5, c+3
	row := 6*px + 1
	x := normal(rng, 6*row+7)[1:]
	var table [36]*float32
	for i := range table {
		table[i] = &x[i/6*row+i%6*px]
	}
	grid := normal(rng, 36*xi+1)[1:]
	transformCase(t, "input", 36*xi, 2e-5, func(w *Winograd, out []float32) { w.input(c, &table, &table, &out[0], xi) }, tier, ref)
	transformCase(t, "output", 4*row, 1e-4, func(w *Winograd, out []float32) {
		m := append([]float32{0}, grid...)[1:]
		w.output(c, &m[0], xi, &out[0], px, row)
	}, tier, ref)
	transformCase(t, "gradient", 36*xi, 1e-4, func(w *Winograd, out []float32) {
		w.gradient(c, &x[0], &x[0], px, row, &out[0], xi)
	}, tier, ref)
	const rows = 3
	transformCase(t, "filter", 36*rows*c+c, 2e-5, func(w *Winograd, out []float32) {
		for k := 0; k < c; k += w.lanes {
			w.filter(rows, &x[k], 0, px, &out[k], rows*c, c)
		}
	}, tier, ref)
	transformCase(t, "filterGradient", 9*rows*c+c, 1e-4, func(w *Winograd, out []float32) {
		u := normal(rand.New(rand.NewPCG(1, 2)), 36*rows*c+c)
		for k := 0; k < c; k += w.lanes {
			w.filterGradient(rows, &u[k], rows*c, c, &out[k], rows*c, c)
		}
	}, tier, ref)
}
