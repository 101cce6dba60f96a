package kernel

import (
	"math"
	"testing"
)

func TestGemm64(t *testing.T) {
	for i, spec := range []GemmSpec{
		{M: 1, N: 1, K: 1}, {M: 3, N: 5, K: 7}, {M: 70, N: 9, K: 300}, {M: 33, N: 34, K: 513}, {M: 2, N: 3}, {M: 4, K: 5}, {N: 4, K: 5},
		{M: 35, N: 6, K: 10, Batch: 3, StrideA: 360, StrideB: 0, StrideC: 250},
	} {
		for form := range 8 {
			spec.TransA, spec.TransB, spec.Accumulate = form&1 > 0, form&2 > 0, form&4 > 0
			x := newGemmCase(spec)
			wide := func(x []float32) []float64 {
				w := make([]float64, len(x))
				for i, v := range x {
					w[i] = float64(v)
				}
				return w
			}
			g, err := NewGemm64(spec)
			if err != nil {
				t.Fatal(err)
			}
			var first []float64
			for _, workers := range []int{1, 3} {
				c := wide(x.c)
				if err := g.Run(goroutines(workers), wide(x.a), wide(x.b), c, make([]float64, g.Scratch(workers))); err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = c
				}
				for j := range c {
					if c[j] != first[j] || math.Abs(c[j]-x.want[j]) > 1e-13*(x.size[j]+1) {
						t.Fatalf("case %d, form %d: element %d: %v, want %v (1 worker: %v)", i, form, j, c[j], x.want[j], first[j])
					}
				}
			}
		}
	}
}

func TestGemm64Refuses(t *testing.T) {
	if _, err := NewGemm64(GemmSpec{M: -1}); err == nil {
		t.Error("negative size accepted")
	}
	g, err := NewGemm64(GemmSpec{M: 2, N: 2, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	x, s := make([]float64, 4), make([]float64, g.Scratch(1))
	for i, err := range []error{g.Run(Serial{}, x[1:], x, x, s), g.Run(Serial{}, x, x[1:], x, s), g.Run(Serial{}, x, x, x[1:], s), g.Run(Serial{}, x, x, x, s[1:])} {
		if err == nil {
			t.Errorf("short operand %d accepted", i)
		}
	}
}

func BenchmarkGemm64(b *testing.B) {
	const n = 256
	g, err := NewGemm64(GemmSpec{M: n, N: n, K: n})
	if err != nil {
		b.Fatal(err)
	}
	x, c, s := make([]float64, n*n), make([]float64, n*n), make([]float64, g.Scratch(1))
	for b.Loop() {
		if err := g.Run(Serial{}, x, x, c, s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*n*n*n*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOPS")
}
