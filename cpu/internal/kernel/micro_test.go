package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// forTiers runs a test for every tier that this machine has.
func forTiers(t *testing.T, f func(t *testing.T, set *Set)) {
	t.Helper()
	for tier := Reference; tier <= AVX512; tier++ {
		if !tier.Available() {
			t.Logf("tier %s: not on this machine", tier)
			continue
		}
		t.Run(tier.String(), func(t *testing.T) { f(t, ForTier(tier)) })
	}
}

const guard = float32(-77777)

// guarded returns n floats at an odd address, with eight guard values on each side, and a check of the guards.
func guarded(t *testing.T, n int) (data []float32, check func()) {
	t.Helper()
	const margin = 8
	all := make([]float32, n+2*margin+1)
	for i := range all {
		all[i] = guard
	}
	data = all[margin+1 : margin+1+n : margin+1+n]
	return data, func() {
		t.Helper()
		for i, v := range all {
			if inside := i > margin && i <= margin+n; !inside && v != guard {
				t.Fatalf("wrote %v at %d of %d floats", v, i-margin-1, n)
			}
		}
	}
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// tolerance bounds the error of a chain of k float32 products of magnitude at most sumAbs in total.
func tolerance(k int, sumAbs float64) float64 { return (float64(k)/2 + 2) * 0x1p-23 * sumAbs }

func TestMicroAgainstFloat64(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		m := set.Micro
		for rows := 1; rows <= m.MR; rows++ {
			for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 8, 64, 131} {
				for _, accumulate := range []bool{false, true} {
					t.Run(fmt.Sprintf("%dx%d", rows, k), func(t *testing.T) { checkMicro(t, m, rows, k, accumulate) })
				}
			}
		}
		if m.Rows[0] != nil || m.Cols[0] != nil || (m.MR < maxRows && m.Rows[m.MR+1] != nil) {
			t.Error("tables have entries outside 1..MR")
		}
	})
}

func checkMicro(t *testing.T, m Micro, rows, k int, accumulate bool) {
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(k)))
	lda, ldb, ldc := k+3, m.NR+5, m.NR+1
	a, b := normal(rng, rows*lda+1), normal(rng, (k+1)*ldb+1)
	at := make([]float32, (k+1)*(rows+2))
	for i := range rows {
		for p := range k {
			at[p*(rows+2)+i] = a[i*lda+p]
		}
	}
	start := normal(rng, rows*ldc)
	byRows, checkRows := guarded(t, (rows-1)*ldc+m.NR)
	byCols, checkCols := guarded(t, (rows-1)*ldc+m.NR)
	copy(byRows, start)
	copy(byCols, start)
	m.Rows[rows](k, 1, &a[0], &b[0], &byRows[0], lda, ldb, ldc, 0, 0, 0, accumulate)
	m.Cols[rows](k, 1, &at[0], &b[0], &byCols[0], rows+2, ldb, ldc, 0, 0, 0, accumulate)
	checkRows()
	checkCols()
	for i := range rows {
		for j := range ldc {
			if i*ldc+j >= len(byRows) {
				break
			}
			got := byRows[i*ldc+j]
			if math.Float32bits(got) != math.Float32bits(byCols[i*ldc+j]) {
				t.Fatalf("[%d,%d]: by rows %v, by columns %v", i, j, got, byCols[i*ldc+j])
			}
			want, limit := float64(start[i*ldc+j]), 0.0
			if j < m.NR {
				want, limit = 0, 0
				if accumulate {
					want = float64(start[i*ldc+j])
				}
				limit = math.Abs(want)
				for p := range k {
					x := float64(a[i*lda+p]) * float64(b[p*ldb+j])
					want += x
					limit += math.Abs(x)
				}
			}
			if diff := math.Abs(float64(got) - want); diff > tolerance(k, limit) {
				t.Fatalf("[%d,%d]: %v, want %v (off by %g)", i, j, got, want, diff)
			}
		}
	}
}

// TestMicroTiles computes several tiles in one call, which must be those of calls of their own.
func TestMicroTiles(t *testing.T) {
	const k, tiles = 9, 4
	forTiers(t, func(t *testing.T, set *Set) {
		m := &set.Micro
		for _, step := range [][3]int{{0, 0, m.NR}, {3, 0, 2 * m.NR}, {0, 5, m.NR}, {1, k * m.NR, 3 * m.NR}} {
			for rows := 1; rows <= m.MR; rows++ {
				kernels := []MicroFunc{m.Rows[rows], m.Cols[rows]}
				if m.asking(rows) != nil {
					kernels = append(kernels, m.next)
				}
				for i, kernel := range kernels {
					lda, ldc := pick(i == 1, rows+1, k+2), 3*m.NR*tiles
					rng := rand.New(rand.NewPCG(uint64(rows), uint64(i)))
					a, b := normal(rng, m.MR*(k+2)+k*(rows+1)+3*tiles), normal(rng, (k+tiles*k)*m.NR+5*tiles)
					want, got := make([]float32, rows*ldc), make([]float32, rows*ldc)
					for j := range tiles {
						kernel(k, 1, &a[j*step[0]], &b[j*step[1]], &want[j*step[2]], lda, m.NR, ldc, 0, 0, 0, true)
					}
					kernel(k, tiles, &a[0], &b[0], &got[0], lda, m.NR, ldc, step[0], step[1], step[2], true)
					if !slices.Equal(got, want) {
						t.Fatalf("%d rows, kernel %d, steps %v: differs from one tile a call", rows, i, step)
					}
				}
			}
		}
	})
}

func TestMeasurePeak(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		if peak := MeasurePeak(set, 0.001); !(peak > 0.01 && peak < 1e4) {
			t.Errorf("%g GFLOPS", peak)
		}
	})
}

// TestStrips copies rows of a transposed A of every number into strips, with the kernel that the tier has for it.
func TestStrips(t *testing.T) {
	const lda, strips = 61, 5
	forTiers(t, func(t *testing.T, set *Set) {
		m := &set.Micro
		for k := 1; k <= 40; k++ {
			n := pick(m.packStrips == nil, 2, strips)
			gap := stripRows*k + 3
			a := normal(rand.New(rand.NewPCG(1, uint64(k))), (k-1)*lda+(n-1)*m.MR+stripRows)
			to, check := guarded(t, n*gap)
			if m.packStrips == nil {
				m.copyStrips(k, &a[0], lda, &to[0], &to[gap])
			} else {
				m.packStrips(k, n, &a[0], lda, &to[0], gap)
			}
			check()
			for i := range n * gap {
				strip, at := i/gap, i%gap
				want := guard
				if at < stripRows*k {
					want = a[at/stripRows*lda+strip*m.MR+at%stripRows]
				}
				if to[i] != want {
					t.Fatalf("%d rows: strip %d has %v at %d, want %v", k, strip, to[i], at, want)
				}
			}
		}
	})
}
