package kernel

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// BenchmarkBlock runs every element-wise kernel on a block of 2048 floats in the first-level cache.
func BenchmarkBlock(b *testing.B) {
	const n = 2048
	x, y, z := make([]float32, n), make([]float32, n), make([]float32, n)
	dst := make([]float32, n)
	for i := range x {
		x[i], y[i], z[i] = float32(i%97)/20+0.01, float32(i%89)/20-2, 1
	}
	for tier := AVX2; tier <= BestTier(); tier++ {
		v := ForTier(tier).Vector
		run := func(name string, operands int, f func()) {
			b.Run(tier.String()+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(4 * n * (operands + 1)))
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n*16, "ns/16")
			})
		}
		for op, f := range v.Unary {
			run(Unary(op).String(), 1, func() { f(dst, x) })
		}
		for op, f := range v.Binary {
			run(Binary(op).String(), 2, func() { f(dst, x, y) })
		}
		for op, f := range v.Ternary {
			run(Ternary(op).String(), 3, func() { f(dst, x, y, z) })
		}
		for _, w := range []int{4, 16, 64, 256} {
			rows := n / w
			name := string(rune('0'+w/100)) + string(rune('0'+w/10%10)) + string(rune('0'+w%10))
			run("broadcastrows"+name, 1, func() { v.BroadcastRows(dst, x[:rows], w) })
			run("tilerow"+name, 1, func() { v.TileRow(dst, x[:w]) })
			run("rowsum"+name, 1, func() { v.RowSum(dst[:rows], x, w) })
			run("rowmax"+name, 1, func() { v.RowMax(dst[:rows], x, w) })
			run("columnsum"+name, 1, func() { v.ColumnSum(dst[:w], x) })
		}
		run("transpose32x64", 1, func() { v.Transpose(dst, 32, x, 64, 32, 64) })
		run("uniform", 0, func() { v.Uniform(dst, 1, Counter{}) })
		run("normal", 0, func() { v.Normal(dst, 1, Counter{}) })
	}
}

// BenchmarkStream runs kernels over 64 MB arrays, in blocks as the engine does, and prints each one's share of the bandwidth
// of a plain copy measured in the same rounds. Bytes count what is read and written once each.
func BenchmarkStream(b *testing.B) {
	const n, block = 16 << 20, 1024
	x, y, dst := make([]float32, n), make([]float32, n), make([]float32, n)
	w, m, s := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i], dst[i] = float32(math.Sin(float64(i))), 1, 1
		w[i], m[i], s[i] = 1, 1, 1
	}
	v := ForTier(BestTier()).Vector
	a, b16 := make([]float32, block), make([]float32, block)
	sums, squares := make([]float32, 128), make([]float32, 128)
	c := adamwStep.coefficients()
	ahead := func(x []float32, i int) { v.Prefetch(x[i:min(i+block, n)]) }
	works := []struct {
		name   string
		arrays int // read or written
		f      func(from, to int)
	}{
		{"copy", 2, func(i, j int) { v.Copy2D(dst[i:j], block, x[i:j], block, 1, block) }},
		{"add", 3, func(i, j int) { v.Binary[Add](dst[i:j], x[i:j], y[i:j]) }},
		{"relu", 2, func(i, j int) { v.BinaryScalar[Max](dst[i:j], x[i:j], 0) }},
		{"silu", 2, func(i, j int) { v.Unary[SiLU](dst[i:j], x[i:j]) }},
		{"exp", 2, func(i, j int) { v.Unary[Exp](dst[i:j], x[i:j]) }},
		{"norm apply", 2, func(i, j int) { v.Ternary[MulAdd](dst[i:j], x[i:j], a, b16) }},
		{"norm apply+silu", 2, func(i, j int) { v.Ternary[MulAdd](a, x[i:j], a, b16); v.Unary[SiLU](dst[i:j], a) }},
		{"norm statistics, prefetch", 1, func(i, j int) {
			ahead(x, j)
			v.ColumnSum(sums, x[i:j])
			v.ColumnSumProduct(squares, x[i:j], x[i:j])
		}},
		{"sum", 1, func(i, j int) { sums[0] += float32(v.Sum(x[i:j])) }},
		{"row sums of 256", 1, func(i, j int) { v.RowSum(sums[:block/256], x[i:j], 256) }},
		{"AdamW", 7, func(i, j int) { v.adamw(w[i:j], m[i:j], s[i:j], x[i:j], &c) }},
	}
	best := make([]float64, len(works))
	for range 5 {
		for k, work := range works {
			start := time.Now()
			for i := 0; i < n; i += block {
				work.f(i, i+block)
			}
			best[k] = max(best[k], float64(4*n*work.arrays)/time.Since(start).Seconds()/1e9)
		}
	}
	for k, work := range works {
		fmt.Printf("%-30s %6.1f GB/s, %4.0f %% of copy\n", work.name, best[k], 100*best[k]/best[0])
	}
}
