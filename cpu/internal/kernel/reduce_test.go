package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// sumLimit is the documented bound for sums of one row or block.
func sumLimit(absolute float64) float64 { return 80 * 0x1p-24 * absolute }

// columnLimit is the documented bound for sums over columns.
func columnLimit(rows int, absolute float64) float64 {
	return (float64(rows)/4 + 3) * 0x1p-24 * absolute
}

func TestRowReductions(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	shapes := [][2]int{{0, 5}, {3, 0}, {1, 1}, {40, 1}, {2, 5000}, {1, 12289}, {5, 64}, {3, 1000}}
	for n := 2; n < rowLengths; n++ {
		for _, rows := range []int{1, 7, 8, 16, 33, 50} {
			shapes = append(shapes, [2]int{rows, n})
		}
	}
	forTiers(t, func(t *testing.T, set *Set) {
		for _, s := range shapes {
			checkRows(t, &set.Vector, rng, s[0], s[1])
		}
	})
}

func checkRows(t *testing.T, v *Vector, rng *rand.Rand, rows, n int) {
	t.Helper()
	a, b := normal(rng, rows*n), normal(rng, rows*n)
	for _, c := range []struct {
		name string
		f    func(dst []float32)
		term func(i int) float64
	}{
		{"RowSum", func(dst []float32) { v.RowSum(dst, a, n) }, func(i int) float64 { return float64(a[i]) }},
		{"RowSumProduct", func(dst []float32) { v.RowSumProduct(dst, a, b, n) }, func(i int) float64 { return float64(a[i]) * float64(b[i]) }},
	} {
		dst, check := guarded(t, rows)
		c.f(dst)
		check()
		for r, got := range dst {
			var want, absolute float64
			for i := range n {
				want += c.term(r*n + i)
				absolute += math.Abs(c.term(r*n + i))
			}
			if !(math.Abs(float64(got)-want) <= sumLimit(absolute)) {
				t.Fatalf("%s: row %d of %d×%d: %v, want %v", c.name, r, rows, n, got, want)
			}
		}
	}
	most, checkMost := guarded(t, rows)
	least, checkLeast := guarded(t, rows)
	v.RowMax(most, a, n)
	v.RowMin(least, a, n)
	checkMost()
	checkLeast()
	for r := range rows {
		row := a[r*n : r*n+n]
		if most[r] != maxOf(row) || least[r] != minOf(row) {
			t.Fatalf("RowMax, RowMin: row %d of %d×%d: %v, %v, want %v, %v", r, rows, n, most[r], least[r], maxOf(row), minOf(row))
		}
	}
}

// TestRowPosition: a row's sum must have the same bits wherever it stands.
func TestRowPosition(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	forTiers(t, func(t *testing.T, set *Set) {
		for n := 1; n < 40; n++ {
			const rows = 41
			x := normal(rng, rows*n)
			dst := make([]float32, rows)
			set.Vector.RowSum(dst, x, n)
			for r := range rows {
				var one [1]float32
				set.Vector.RowSum(one[:], x[r*n:r*n+n], n)
				if one[0] != dst[r] {
					t.Fatalf("rows of %d: row %d alone %v, among others %v", n, r, one[0], dst[r])
				}
			}
		}
	})
}

func TestColumnReductions(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	forTiers(t, func(t *testing.T, set *Set) {
		v := &set.Vector
		for c := range rowLengths {
			for _, rows := range []int{0, 1, 2, 3, 4, 5, 8, 63, 200} {
				checkColumns(t, v, rng, rows, c)
			}
		}
		checkColumns(t, v, rng, 9, 513)
	})
}

func checkColumns(t *testing.T, v *Vector, rng *rand.Rand, rows, n int) {
	t.Helper()
	a, b, start := normal(rng, rows*n), normal(rng, rows*n), normal(rng, n)
	run := func(f func(acc []float32)) []float32 {
		acc, check := guarded(t, n)
		copy(acc, start)
		f(acc)
		check()
		return acc
	}
	sum := run(func(acc []float32) { v.ColumnSum(acc, a) })
	product := run(func(acc []float32) { v.ColumnSumProduct(acc, a, b) })
	most := run(func(acc []float32) { v.ColumnMax(acc, a) })
	least := run(func(acc []float32) { v.ColumnMin(acc, a) })
	for c := range n {
		s, p := float64(start[c]), float64(start[c])
		sa, pa := math.Abs(s), math.Abs(s)
		hi, lo := start[c], start[c]
		for r := range rows {
			x, y := float64(a[r*n+c]), float64(b[r*n+c])
			s, sa = s+x, sa+math.Abs(x)
			p, pa = p+x*y, pa+math.Abs(x*y)
			hi, lo = max(hi, a[r*n+c]), min(lo, a[r*n+c])
		}
		if !(math.Abs(float64(sum[c])-s) <= columnLimit(rows, sa)) || !(math.Abs(float64(product[c])-p) <= columnLimit(rows, pa)) {
			t.Fatalf("column %d of %d×%d: sum %v, want %v; of products %v, want %v", c, rows, n, sum[c], s, product[c], p)
		}
		if most[c] != hi || least[c] != lo {
			t.Fatalf("column %d of %d×%d: extrema %v, %v, want %v, %v", c, rows, n, least[c], most[c], lo, hi)
		}
	}
}

func TestWholeReductions(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	forTiers(t, func(t *testing.T, set *Set) {
		sizes := []int{1000, 4096, 4097, 100003}
		for n := range lengths {
			sizes = append(sizes, n)
		}
		for _, n := range sizes {
			x := normal(rng, n)
			for i := range x {
				x[i] += 0.1 // so that the terms do not cancel
			}
			var absolute float64
			for _, v := range x {
				absolute += math.Abs(float64(v))
			}
			v := &set.Vector
			if got, want := v.Sum(x), sum64(x); !(math.Abs(got-want) <= sumLimit(absolute)) {
				t.Errorf("Sum of %d: %v, want %v", n, got, want)
			}
			if got, want := v.SumSquares(x), dot64(x, x); !(math.Abs(got-want) <= sumLimit(want)) {
				t.Errorf("SumSquares of %d: %v, want %v", n, got, want)
			}
			if v.Max(x) != maxOf(x) || v.Min(x) != minOf(x) {
				t.Errorf("extrema of %d: %v, %v, want %v, %v", n, v.Min(x), v.Max(x), minOf(x), maxOf(x))
			}
		}
	})
}

// TestReductionsNaN puts a NaN in each place in turn: it must reach the result.
func TestReductionsNaN(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		v := &set.Vector
		for _, n := range []int{1, 2, 3, 4, 8, 16, 17, 80} {
			for at := range n {
				x := make([]float32, 20*n) // twenty rows, the NaN in the third
				x[2*n+at] = float32(math.NaN())
				var dst [20]float32
				for name, f := range map[string]func(dst, x []float32, n int){"sum": v.RowSum, "max": v.RowMax, "min": v.RowMin} {
					f(dst[:], x, n)
					for r, got := range dst {
						if (got != got) != (r == 2) {
							t.Fatalf("%s of rows of %d with a NaN in row 2, place %d: row %d gives %v", name, n, at, r, got)
						}
					}
				}
				if m, l := v.Max(x), v.Min(x); m == m || l == l {
					t.Fatalf("extrema of %d with a NaN: %v, %v", len(x), m, l)
				}
				for name, f := range map[string]func(acc, x []float32){"sum": v.ColumnSum, "max": v.ColumnMax, "min": v.ColumnMin} {
					acc := make([]float32, n)
					f(acc, x)
					for c, got := range acc {
						if (got != got) != (c == at) {
							t.Fatalf("%s of columns of 20×%d with a NaN in column %d: column %d gives %v", name, n, at, c, got)
						}
					}
				}
			}
		}
	})
}

// TestGroupNorm builds a group normalisation of a picture [pixels, channels] from the kernels alone, as the engine does, and
// compares it with float64 (Wu & He 2018, equation 1).
func TestGroupNorm(t *testing.T) {
	const pixels, channels, groups, epsilon = 60, 24, 6, 1e-5
	const each = channels / groups
	rng := rand.New(rand.NewPCG(19, 20))
	x := normal(rng, pixels*channels)
	for i := range x {
		x[i] = 3*x[i] + 2
	}
	forTiers(t, func(t *testing.T, set *Set) {
		v := &set.Vector
		perChannel, squares := make([]float32, channels), make([]float32, channels)
		v.ColumnSum(perChannel, x)
		v.ColumnSumProduct(squares, x, x)
		mean, square := make([]float32, groups), make([]float32, groups)
		v.RowSum(mean, perChannel, each)
		v.RowSum(square, squares, each)
		const n = pixels * each
		v.BinaryScalar[Mul](mean, mean, 1.0/n)
		v.BinaryScalar[Mul](square, square, 1.0/n)
		v.Ternary[NegMulAdd](square, mean, mean, square)
		v.BinaryScalar[Add](square, square, epsilon)
		v.Unary[Rsqrt](square, square)
		scale, shift := make([]float32, channels), make([]float32, channels)
		v.BroadcastRows(scale, square, each)
		v.BroadcastRows(shift, mean, each)
		rowScale, rowShift := make([]float32, len(x)), make([]float32, len(x))
		v.TileRow(rowScale, scale)
		v.TileRow(rowShift, shift)
		y := make([]float32, len(x))
		v.Binary[Sub](y, x, rowShift)
		v.Binary[Mul](y, y, rowScale)
		for g := range groups {
			var s, q float64
			for p := range pixels {
				for c := g * each; c < (g+1)*each; c++ {
					s += float64(x[p*channels+c])
				}
			}
			m := s / n
			for p := range pixels {
				for c := g * each; c < (g+1)*each; c++ {
					q += math.Pow(float64(x[p*channels+c])-m, 2)
				}
			}
			for p := range pixels {
				for c := g * each; c < (g+1)*each; c++ {
					i := p*channels + c
					if want := (float64(x[i]) - m) / math.Sqrt(q/n+epsilon); math.Abs(float64(y[i])-want) > 2e-6*(1+math.Abs(want)) {
						t.Fatalf("group %d, element %d: %v, want %v", g, i, y[i], want)
					}
				}
			}
		}
	})
}
