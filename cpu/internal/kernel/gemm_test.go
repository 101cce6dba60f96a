package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// goroutines is a Runner that starts a goroutine for each worker and hands out tasks by a counter.
type goroutines int

func (n goroutines) Workers() int { return int(n) }

func (n goroutines) Run(tasks int, f func(worker, task int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for w := range int(n) {
		wait.Go(func() {
			for task := next.Add(1) - 1; task < int64(tasks); task = next.Add(1) - 1 {
				f(w, int(task))
			}
		})
	}
	wait.Wait()
}

// gemmCase is a product with operands of the exact size that the spec asks for.
type gemmCase struct {
	spec       GemmSpec
	a, b, c    []float32 // c before the product
	want, size []float64 // the product, and the sum of the magnitudes of its terms
}

func newGemmCase(spec GemmSpec) *gemmCase {
	s, err := spec.normalized()
	if err != nil {
		panic(err)
	}
	na, nb, nc := s.sizes()
	rng := rand.New(rand.NewPCG(uint64(s.M*1000+s.N), uint64(s.K)))
	x := &gemmCase{spec: spec, a: normal(rng, na), b: normal(rng, nb), c: normal(rng, nc)}
	x.want, x.size = make([]float64, nc), make([]float64, nc)
	for i, v := range x.c {
		x.want[i] = float64(v)
	}
	for i := range s.Batch {
		for row := range s.M {
			for col := range s.N {
				at := i*s.StrideC + row*s.LDC + col
				x.want[at], x.size[at] = x.element(&s, i, row, col, at)
			}
		}
	}
	return x
}

func (x *gemmCase) element(s *GemmSpec, i, row, col, at int) (sum, size float64) {
	if s.Accumulate {
		sum, size = float64(x.c[at]), math.Abs(float64(x.c[at]))
	}
	for p := range s.K {
		a := x.a[i*s.StrideA+pick(s.TransA, p*s.LDA+row, row*s.LDA+p)]
		b := x.b[i*s.StrideB+pick(s.TransB, col*s.LDB+p, p*s.LDB+col)]
		sum += float64(a) * float64(b)
		size += math.Abs(float64(a) * float64(b))
	}
	return sum, size
}

// run computes the product, checks guards and that the epilogue saw every element once in its final form.
func (x *gemmCase) run(t *testing.T, g *Gemm, workers int, packed bool) []float32 {
	t.Helper()
	c, check := guarded(t, len(x.c))
	copy(c, x.c)
	scratch, checkScratch := guarded(t, g.Scratch(workers))
	s := g.spec
	seen := make([]atomic.Int32, s.Batch*s.M*s.N)
	final := make([]float32, s.Batch*s.M*s.N)
	epilogue := func(worker, row, rows, col, cols int) {
		if worker < 0 || worker >= workers || row/s.M != (row+rows-1)/s.M {
			t.Errorf("epilogue of worker %d for rows %d to %d", worker, row, row+rows)
		}
		for r := row; r < row+rows; r++ {
			for j := col; j < col+cols; j++ {
				seen[r*s.N+j].Add(1)
				final[r*s.N+j] = c[r/s.M*s.StrideC+r%s.M*s.LDC+j]
			}
		}
	}
	var err error
	if packed {
		b, checkPacked := guarded(t, g.PackSize())
		if err = g.Pack(goroutines(workers), x.b, b); err == nil {
			err = g.RunPacked(goroutines(workers), x.a, b, c, scratch, epilogue)
		}
		checkPacked()
	} else {
		err = g.Run(goroutines(workers), x.a, x.b, c, scratch, epilogue)
	}
	if err != nil {
		t.Fatal(err)
	}
	check()
	checkScratch()
	for i := range seen {
		r := i / s.N
		if n, v := seen[i].Load(), c[r/s.M*s.StrideC+r%s.M*s.LDC+i%s.N]; n != 1 || math.Float32bits(v) != math.Float32bits(final[i]) {
			t.Fatalf("element [%d,%d]: epilogue called %d times, last with %v, now %v", r, i%s.N, n, final[i], v)
		}
	}
	return c
}

func (x *gemmCase) check(t *testing.T, set *Set) {
	t.Helper()
	g, err := NewGemm(set, x.spec)
	if err != nil {
		t.Fatal(err)
	}
	var first []float32
	for _, workers := range []int{1, 2, 3, 17} {
		got := x.run(t, g, workers, workers == 3)
		if first == nil {
			first = got
			x.compare(t, g, got)
		} else if !equalBits(first, got) {
			t.Fatalf("%+v: %d workers give other bits than 1", x.spec, workers)
		}
	}
}

func (x *gemmCase) compare(t *testing.T, g *Gemm, got []float32) {
	t.Helper()
	for i, v := range got {
		if diff := math.Abs(float64(v) - x.want[i]); !(diff <= tolerance(g.spec.K, x.size[i])) {
			t.Fatalf("%+v: element at %d: %v, want %v, off by %g", x.spec, i, v, x.want[i], diff)
		}
	}
}

func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestGemmSmall(t *testing.T) {
	sizes := []int{1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 65}
	forTiers(t, func(t *testing.T, set *Set) {
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 200 {
			newGemmCase(GemmSpec{
				M: sizes[rng.IntN(len(sizes))], N: sizes[rng.IntN(len(sizes))], K: sizes[rng.IntN(len(sizes))],
				TransA: i&1 > 0, TransB: i&2 > 0, Accumulate: i&4 > 0,
			}).check(t, set)
		}
	})
}

// tierDecides marks a case whose mode depends on the tier.
const tierDecides gemmMode = 0

// TestGemmModes reaches every way of cutting a product up, with sizes that do not divide.
func TestGemmModes(t *testing.T) {
	for _, c := range []struct {
		m, n, k, batch int
		mode           gemmMode
	}{
		{70, 90, 300, 3, splitMatrix},
		{9, 1000, 1100, 1, splitMatrix},
		{300, 33, 520, 1, splitMatrix},
		{150, 140, 1100, 1, splitMatrix}, // of a transposed A, strips are copied ahead, over rows and chunks of K
		{40, 50, 60, 20, wholeMatrices},
		{7, 5, 1200, 9, wholeMatrices},
		{64, 140, 1, 1, wholeMatrices},  // nothing follows the last copied strips of a transposed A
		{17, 20, 8300, 1, splitTerms},   // parts are cut by rows where there are more workers
		{100, 70, 4200, 1, tierDecides}, // the same, of fewer parts
		{8, 2100, 1100, 1, splitMatrix}, // several groups of panels, by columns and by chunks
	} {
		forTiers(t, func(t *testing.T, set *Set) {
			for form := range 8 {
				spec := GemmSpec{M: c.m, N: c.n, K: c.k, Batch: c.batch, TransA: form&1 > 0, TransB: form&2 > 0, Accumulate: form&4 > 0}
				spec.LDA = pick(spec.TransA, c.m, c.k) + 3
				spec.LDB = pick(spec.TransB, c.k, c.n) + 1
				spec.LDC = c.n + 2
				if c.batch > 1 {
					spec.StrideA = pick(spec.TransA, c.k, c.m)*spec.LDA + 1
					spec.StrideB = pick(form < 4, 0, pick(spec.TransB, c.n, c.k)*spec.LDB)
					spec.StrideC = c.m*spec.LDC + 5
				}
				if set.Tier != BestTier() && form != 6 && form != 1 {
					continue
				}
				x := newGemmCase(spec)
				if g, err := NewGemm(set, spec); err != nil || g.plan.mode != c.mode && c.mode != tierDecides {
					t.Fatalf("%+v: mode %d, want %d (%v)", spec, g.plan.mode, c.mode, err)
				}
				x.check(t, set)
			}
		})
	}
}

func TestGemmEmpty(t *testing.T) {
	for _, spec := range []GemmSpec{{M: 3, N: 4}, {M: 3, N: 4, Accumulate: true, Batch: 2, StrideC: 12}, {M: 0, N: 4, K: 2}, {M: 4, N: 0, K: 2}, {}} {
		newGemmCase(spec).check(t, ForTier(BestTier()))
	}
}

func TestGemmSpecialValues(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		x := newGemmCase(GemmSpec{M: 9, N: 35, K: 20})
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		x.a[3], x.a[1*20+4], x.b[5*35+34] = nan, inf, 1e-45
		g, err := NewGemm(set, x.spec)
		if err != nil {
			t.Fatal(err)
		}
		c := x.run(t, g, 1, false)
		for i, v := range c {
			d := float64(v)
			switch i / 35 {
			case 0:
				if !math.IsNaN(d) {
					t.Fatalf("[0,%d] = %v, want NaN", i%35, v)
				}
			case 1:
				if !math.IsInf(d, 0) {
					t.Fatalf("[1,%d] = %v, want Inf", i%35, v)
				}
			default:
				if math.IsNaN(d) || math.IsInf(d, 0) {
					t.Fatalf("[%d,%d] = %v", i/35, i%35, v)
				}
			}
		}
		g, _ = NewGemm(set, GemmSpec{M: 1, N: 1, K: 1})
		one := make([]float32, 1)
		if err := g.Run(Serial{}, []float32{1e-30}, []float32{1e-12}, one, make([]float32, g.Scratch(1)), nil); err != nil || one[0] != float32(1e-42) {
			t.Errorf("1e-30 · 1e-12 = %v (%v): denormals are flushed", one[0], err)
		}
	})
}

func TestGemmRefuses(t *testing.T) {
	set := ForTier(Reference)
	for _, spec := range []GemmSpec{
		{M: -1}, {N: -1}, {K: -1}, {Batch: -1},
		{M: 2, N: 2, K: 2, LDA: 1}, {M: 2, N: 2, K: 2, LDB: 1}, {M: 2, N: 2, K: 2, LDC: 1},
		{M: 2, N: 2, K: 2, Batch: 2}, {M: 2, N: 2, K: 2, Batch: 2, StrideA: -1, StrideC: 4},
		{M: 1 << 40, N: 1 << 40, K: 1}, {M: math.MaxInt, N: 2, K: math.MaxInt},
	} {
		if _, err := NewGemm(set, spec); err == nil {
			t.Errorf("%+v: accepted", spec)
		}
	}
	g, err := NewGemm(set, GemmSpec{M: 4, N: 4, K: 4})
	if err != nil {
		t.Fatal(err)
	}
	x, s := make([]float32, 16), make([]float32, g.Scratch(1))
	for _, short := range []error{
		g.Run(Serial{}, x[1:], x, x, s, nil), g.Run(Serial{}, x, x[1:], x, s, nil), g.Run(Serial{}, x, x, x[1:], s, nil),
		g.Run(Serial{}, x, x, x, s[1:], nil), g.Pack(Serial{}, x[1:], make([]float32, g.PackSize())),
		g.Pack(Serial{}, x, make([]float32, g.PackSize()-1)), g.RunPacked(Serial{}, x, x[:3], x, s, nil),
		(&Gemm{spec: g.spec, micro: g.micro}).Run(Serial{}, x, x, x, s, nil),
	} {
		if short == nil {
			t.Error("a short operand was accepted")
		}
	}
}

func FuzzGemm(f *testing.F) {
	f.Add(uint8(1), uint8(2), uint16(3), uint8(0), uint8(1))
	f.Add(uint8(70), uint8(33), uint16(700), uint8(7), uint8(2))
	f.Fuzz(func(t *testing.T, m, n uint8, k uint16, form, batch uint8) {
		m, n, k, batch = m%80, n%80, k%1100, 1+batch%10
		spec := GemmSpec{M: int(m), N: int(n), K: int(k), Batch: int(batch), TransA: form&1 > 0, TransB: form&2 > 0, Accumulate: form&4 > 0}
		spec.LDC = spec.N + int(form>>6)
		spec.StrideA, spec.StrideB, spec.StrideC = spec.M*spec.K, spec.K*spec.N*int(form>>3&1), spec.M*spec.LDC
		newGemmCase(spec).check(t, ForTier(Tier(form>>4&3%3)))
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct {
		m, n, k int
		form    string
	}{
		{512, 512, 512, "NN"}, {1024, 1024, 1024, "NN"}, {2048, 2048, 2048, "NN"}, {4096, 384, 1536, "NN"}, {4096, 1536, 384, "NN"},
		{4096, 1152, 384, "NN"}, {16384, 128, 128, "NN"}, {4096, 512, 512, "NT"}, {4096, 384, 1536, "NT"}, {1024, 1024, 1024, "NT"},
		{384, 1536, 4096, "TN"}, {384, 384, 16384, "TN"}, {128, 128, 16384, "TN"}, {1024, 1024, 1024, "TN"},
		{16, 512, 512, "NN"}, {16, 512, 512, "NT"}, {512, 512, 16, "TN"}, {1, 512, 512, "NN"},
	} {
		for _, tier := range []Tier{AVX512, AVX2} {
			b.Run(fmt.Sprintf("%s/%s/%dx%dx%d", tier, s.form, s.m, s.n, s.k), func(b *testing.B) {
				spec := GemmSpec{M: s.m, N: s.n, K: s.k, TransA: s.form[0] == 'T', TransB: s.form[1] == 'T'}
				benchmarkGemm(b, ForTier(tier), spec)
			})
		}
	}
}

func benchmarkGemm(b *testing.B, set *Set, spec GemmSpec) {
	g, err := NewGemm(set, spec)
	if err != nil {
		b.Fatal(err)
	}
	x := newOperands(g)
	runner := newBenchRunner(b)
	scratch := make([]float32, g.Scratch(runner.Workers()))
	flops := 2 * float64(spec.M) * float64(spec.N) * float64(spec.K) * float64(g.spec.Batch)
	reportShare(b, set, runner, flops, func() {
		if err := g.Run(runner, x.a, x.b, x.c, scratch, nil); err != nil {
			b.Fatal(err)
		}
	})
}

func newOperands(g *Gemm) gemmCase {
	na, nb, nc := g.spec.sizes()
	rng := rand.New(rand.NewPCG(1, 1))
	return gemmCase{a: normal(rng, na), b: normal(rng, nb), c: make([]float32, nc)}
}
