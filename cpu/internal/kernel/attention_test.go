package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// attentionOracle computes an attention and its gradients in float64, by the formulas of the textbook.
type attentionOracle struct {
	spec               AttentionSpec
	t                  *AttentionTensors
	o, lse, dq, dk, dv []float64
}

func (x *attentionOracle) score(b, h, i, j int) float64 {
	s := &x.spec
	if s.Causal && j > i {
		return math.Inf(-1)
	}
	q, k := s.Q.of(x.t.Q, b, h, i), s.K.of(x.t.K, b, h/(s.Heads/s.KVHeads), j)
	sum := 0.0
	for d := range s.Dim {
		sum += float64(q[d]) * float64(k[d])
	}
	sum *= float64(s.Scale)
	at := b*s.MaskStrides[0] + h*s.MaskStrides[1] + i*s.MaskStrides[2] + j*s.MaskStrides[3]
	switch {
	case s.Mask == AddMask:
		sum += float64(x.t.Mask.Add[at])
	case s.Mask == KeepMask && !x.t.Mask.Keep[at]:
		sum = math.Inf(-1)
	}
	return sum
}

func (x *attentionOracle) run() {
	s, t := &x.spec, x.t
	x.o, x.lse = make([]float64, len(t.O)), make([]float64, len(t.LSE))
	x.dq, x.dk, x.dv = make([]float64, len(t.DQ)), make([]float64, len(t.DK)), make([]float64, len(t.DV))
	for b := range s.Batch {
		for h := range s.Heads {
			for i := range s.Queries {
				x.row(b, h, i)
			}
		}
	}
}

func (x *attentionOracle) row(b, h, i int) {
	s, t := &x.spec, x.t
	at := func(st AttentionStrides, head, row int) int { return b*st.Batch + head*st.Head + row*st.Row }
	kv := h / (s.Heads / s.KVHeads)
	p, sum := make([]float64, s.Keys), 0.0
	for j := range p {
		p[j] = math.Exp(x.score(b, h, i, j))
		sum += p[j]
	}
	x.lse[(b*s.Heads+h)*s.Queries+i] = math.Log(sum)
	if sum == 0 {
		x.lse[(b*s.Heads+h)*s.Queries+i] = math.Inf(1)
		sum = 1
	}
	dp, d := make([]float64, s.Keys), 0.0
	for j := range p {
		p[j] /= sum
		for e := range s.Dim {
			do, v := float64(t.DO[at(s.O, h, i)+e]), float64(t.V[at(s.V, kv, j)+e])
			x.o[at(s.O, h, i)+e] += p[j] * v
			dp[j] += do * v
			x.dv[at(s.V, kv, j)+e] += p[j] * do
		}
		d += p[j] * dp[j]
	}
	for j := range p {
		ds := p[j] * (dp[j] - d) * float64(s.Scale)
		for e := range s.Dim {
			x.dq[at(s.Q, h, i)+e] += ds * float64(t.K[at(s.K, kv, j)+e])
			x.dk[at(s.K, kv, j)+e] += ds * float64(t.Q[at(s.Q, h, i)+e])
		}
	}
}

// attentionTensors makes operands for a spec, with NaN where results are to be written.
func attentionTensors(s *AttentionSpec) *AttentionTensors {
	rng := rand.New(rand.NewPCG(uint64(s.Queries), uint64(s.Keys)))
	size := func(x AttentionStrides, heads, rows int) int {
		return (s.Batch-1)*x.Batch + (heads-1)*x.Head + (rows-1)*x.Row + s.Dim
	}
	q, k, v, o := size(s.Q, s.Heads, s.Queries), size(s.K, s.KVHeads, s.Keys), size(s.V, s.KVHeads, s.Keys), size(s.O, s.Heads, s.Queries)
	t := &AttentionTensors{Q: normal(rng, q), K: normal(rng, k), V: normal(rng, v), DO: normal(rng, o),
		O: nans(o), LSE: nans(s.Batch * s.Heads * s.Queries), DQ: nans(q), DK: nans(k), DV: nans(v)}
	mask := 1
	for i, n := range []int{s.Batch, s.Heads, s.Queries, s.Keys} {
		mask += (n - 1) * s.MaskStrides[i]
	}
	switch s.Mask {
	case AddMask:
		t.Mask.Add = normal(rng, mask)
		t.Mask.Add[mask/2] = float32(math.Inf(-1))
	case KeepMask:
		for range mask {
			t.Mask.Keep = append(t.Mask.Keep, rng.IntN(4) > 0)
		}
		for j := range min(mask, s.Keys) {
			t.Mask.Keep[j*s.MaskStrides[3]] = false // a query without keys
		}
	}
	return t
}

func nans(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}

func checkAttention(t *testing.T, set *Set, spec AttentionSpec) {
	t.Helper()
	a, err := NewAttention(set, spec)
	if err != nil {
		t.Fatal(err)
	}
	x := attentionTensors(&spec)
	var first []float32
	for _, workers := range []int{1, 2, 3} {
		r := goroutines(workers)
		scratch, check := guarded(t, a.ForwardScratch(workers))
		if err := a.Forward(r, x, scratch); err != nil {
			t.Fatal(err)
		}
		check()
		scratch, check = guarded(t, a.BackwardScratch(workers))
		if err := a.Backward(r, x, scratch); err != nil {
			t.Fatal(err)
		}
		check()
		var all []float32
		for _, part := range [][]float32{x.O, x.LSE, x.DQ, x.DK, x.DV} {
			all = append(all, part...)
		}
		if first != nil && !equalBits(first, all) {
			t.Fatalf("%+v: %d workers give other bits than 1", spec, workers)
		}
		first = all
	}
	oracle := attentionOracle{spec: spec, t: x}
	oracle.run()
	for _, part := range []struct {
		name string
		got  []float32
		want []float64
	}{{"output", x.O, oracle.o}, {"log-sum-exp", x.LSE, oracle.lse}, {"query gradient", x.DQ, oracle.dq}, {"key gradient", x.DK, oracle.dk}, {"value gradient", x.DV, oracle.dv}} {
		compareRMS(t, fmt.Sprintf("%s of %+v", part.name, spec), part.got, part.want)
	}
}

// compareRMS allows an error of 1e-5 of the root mean square and 2e-6 of the element; where both vanish, rounding leaves up to 1e-5. Elements that the strides skip stay NaN and 0.
func compareRMS(t *testing.T, name string, got []float32, want []float64) {
	t.Helper()
	rms, n := 0.0, 0
	for _, w := range want {
		if !math.IsInf(w, 0) && w != 0 {
			rms += w * w
			n++
		}
	}
	limit := 1e-5 * math.Sqrt(rms/float64(max(n, 1)))
	for i, w := range want {
		g := float64(got[i])
		if w == 0 && math.IsNaN(g) || g == w {
			continue
		}
		if !(math.Abs(g-w) <= limit+2e-6*math.Abs(w)+1e-5) {
			t.Fatalf("%s: element %d is %v, want %v (limit %g)", name, i, g, w, limit)
		}
	}
}

// headsFirst is a spec with contiguous tensors [batch, heads, positions, dim].
func headsFirst(batch, heads, kv, queries, keys, dim int) AttentionSpec {
	q, k := BHSD(queries, heads, dim), BHSD(keys, kv, dim)
	return AttentionSpec{Batch: batch, Heads: heads, KVHeads: kv, Queries: queries, Keys: keys, Dim: dim, Q: q, K: k, V: k, O: q,
		Scale: float32(1 / math.Sqrt(float64(dim)))}
}

func positionsFirst(batch, heads, kv, queries, keys, dim int) AttentionSpec {
	s := headsFirst(batch, heads, kv, queries, keys, dim)
	s.Q, s.K = BSHD(queries, heads, dim), BSHD(keys, kv, dim)
	s.V, s.O = s.K, s.Q
	return s
}

func TestAttentionAgainstFloat64(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		for _, spec := range []AttentionSpec{
			headsFirst(1, 1, 1, 1, 1, 1),
			headsFirst(2, 3, 3, 7, 5, 3),
			positionsFirst(2, 4, 2, 70, 33, 32),
			positionsFirst(1, 2, 1, 150, 40, 37),
			headsFirst(1, 1, 1, 300, 65, 64),
			positionsFirst(1, 1, 1, 3, 1100, 40),
		} {
			for variant := range 6 {
				x := spec
				x.Causal = variant&1 > 0
				x.Mask = MaskKind(variant / 2)
				x.MaskStrides = [4]int{0, 0, x.Keys, 1}
				if variant == 4 {
					x.MaskStrides = [4]int{x.Heads * x.Keys * 2, x.Keys * 2, 0, 2}
				}
				checkAttention(t, set, x)
			}
		}
	})
}

// TestAttentionPackedProjection reads queries, keys and values out of one tensor [batch, positions, 3, heads, dim].
func TestAttentionPackedProjection(t *testing.T) {
	const batch, positions, heads, dim = 2, 9, 2, 16
	spec := positionsFirst(batch, heads, heads, positions, positions, dim)
	packed := AttentionStrides{Batch: positions * 3 * heads * dim, Head: dim, Row: 3 * heads * dim}
	spec.Q, spec.K, spec.V = packed, packed, packed
	checkAttention(t, ForTier(BestTier()), spec)
}

func TestAttentionLongRowsStayFinite(t *testing.T) {
	spec := headsFirst(1, 1, 1, 2, 1300, 32)
	spec.Scale = 40 // scores of some hundred: exponentials would overflow without the running maximum
	a, err := NewAttention(ForTier(BestTier()), spec)
	if err != nil {
		t.Fatal(err)
	}
	x := attentionTensors(&spec)
	if err := a.Forward(Serial{}, x, make([]float32, a.ForwardScratch(1))); err != nil {
		t.Fatal(err)
	}
	oracleMax := 0.0
	for _, v := range x.V {
		oracleMax = max(oracleMax, math.Abs(float64(v)))
	}
	for i, v := range x.O {
		if !(math.Abs(float64(v)) <= oracleMax*1.0001) {
			t.Fatalf("element %d is %v: outside the values' range", i, v)
		}
	}
}

// TestSoftmaxMaximum puts a row's maximum in every lane, or above the row: it is what comes back, and all else is far below.
func TestSoftmaxMaximum(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		k := attentionFor(set.Tier)
		for n := k.lanes; n <= 6*k.lanes; n += k.lanes {
			for at := range n + 1 {
				x := make([]float32, n+1)
				for i := range x {
					x[i] = float32(-200 + i%7)
				}
				x[at] = 45
				high := float32(-50)
				if at == n {
					high = 90
				}
				if got, _ := k.softmax(n, &x[0], 2, high); got != 90 {
					t.Fatalf("%d values, the greatest at %d: maximum %v, want 90", n, at, got)
				}
				for i, v := range x[:n] {
					if i == at && v != 1 || i != at && v != 0 {
						t.Fatalf("%d values, the greatest at %d: value %d became %v", n, at, i, v)
					}
				}
			}
		}
	})
}

// TestAttentionNaN puts a NaN in one key: every query that sees the key must show it, no other.
func TestAttentionNaN(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		spec := headsFirst(1, 1, 1, 50, 50, 24)
		spec.Causal = true
		a, err := NewAttention(set, spec)
		if err != nil {
			t.Fatal(err)
		}
		x := attentionTensors(&spec)
		const bad = 21
		x.K[bad*24+5] = float32(math.NaN())
		if err := a.Forward(Serial{}, x, make([]float32, a.ForwardScratch(1))); err != nil {
			t.Fatal(err)
		}
		for i, v := range x.O {
			if isNaN := v != v; isNaN != (i/24 >= bad) {
				t.Fatalf("query %d: %v", i/24, v)
			}
		}
	})
}

func FuzzAttention(f *testing.F) {
	f.Add(uint8(3), uint8(40), uint8(7), uint8(0))
	f.Add(uint8(130), uint8(70), uint8(33), uint8(255))
	f.Fuzz(func(t *testing.T, queries, keys, dim, form uint8) {
		spec := positionsFirst(1+int(form>>7), 2, 1+int(form&1), 1+int(queries), 1+int(keys), 1+int(dim%70))
		spec.Causal, spec.Mask = form&2 > 0, MaskKind(form>>2&3%3)
		spec.MaskStrides = [4]int{0, 0, spec.Keys, 1}
		checkAttention(t, ForTier(Tier(form>>4&3%3)), spec)
	})
}

func TestAttentionRefuses(t *testing.T) {
	set := ForTier(Reference)
	for i, change := range []func(*AttentionSpec){
		func(s *AttentionSpec) { s.Batch = 0 }, func(s *AttentionSpec) { s.Keys = -1 }, func(s *AttentionSpec) { s.KVHeads = 3 },
		func(s *AttentionSpec) { s.Scale = 0 }, func(s *AttentionSpec) { s.Q.Row = 1 }, func(s *AttentionSpec) { s.K.Batch = -1 },
		func(s *AttentionSpec) { s.Queries = math.MaxInt }, func(s *AttentionSpec) { s.MaskStrides[2] = -1 },
	} {
		spec := headsFirst(1, 4, 4, 5, 6, 7)
		change(&spec)
		if _, err := NewAttention(set, spec); err == nil {
			t.Errorf("change %d accepted", i)
		}
	}
	spec := headsFirst(1, 1, 1, 4, 4, 4)
	spec.Mask, spec.MaskStrides = KeepMask, [4]int{0, 0, 4, 1}
	a, err := NewAttention(set, spec)
	if err != nil {
		t.Fatal(err)
	}
	scratch := make([]float32, max(a.ForwardScratch(1), a.BackwardScratch(1)))
	for i, change := range []func(*AttentionTensors){
		func(x *AttentionTensors) { x.Q = x.Q[1:] }, func(x *AttentionTensors) { x.O = x.O[1:] }, func(x *AttentionTensors) { x.LSE = x.LSE[1:] },
		func(x *AttentionTensors) { x.Mask.Keep = x.Mask.Keep[1:] },
	} {
		x := attentionTensors(&spec)
		change(x)
		if a.Forward(Serial{}, x, scratch) == nil || a.Backward(Serial{}, x, scratch) == nil {
			t.Errorf("short operand %d accepted", i)
		}
	}
	x := attentionTensors(&spec)
	if a.Forward(Serial{}, x, scratch[:3]) == nil || a.Backward(Serial{}, x, scratch[:3]) == nil {
		t.Error("short scratch accepted")
	}
	x.LSE = nil
	if err := a.Forward(Serial{}, x, scratch); err != nil {
		t.Errorf("without log-sum-exp: %v", err)
	}
	x.DK = nil
	if a.Backward(Serial{}, x, scratch) == nil {
		t.Error("backward without operands accepted")
	}
}

func BenchmarkAttention(b *testing.B) {
	for _, spec := range []AttentionSpec{positionsFirst(16, 6, 6, 256, 256, 64), positionsFirst(16, 8, 8, 256, 256, 64), positionsFirst(16, 1, 1, 256, 256, 256)} {
		for _, backward := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dx%dx%dx%d/backward=%v", spec.Batch, spec.Heads, spec.Queries, spec.Dim, backward), func(b *testing.B) {
				benchmarkAttention(b, spec, backward)
			})
		}
	}
}

func benchmarkAttention(b *testing.B, spec AttentionSpec, backward bool) {
	set := ForTier(BestTier())
	a, err := NewAttention(set, spec)
	if err != nil {
		b.Fatal(err)
	}
	x, r := attentionTensors(&spec), newBenchRunner(b)
	scratch := make([]float32, max(a.ForwardScratch(r.Workers()), a.BackwardScratch(r.Workers())))
	product := 2 * float64(spec.Batch*spec.Heads*spec.Queries) * float64(spec.Keys*spec.Dim)
	if !backward {
		reportShare(b, set, r, 2*product, func() { err = a.Forward(r, x, scratch) })
	} else if err = a.Forward(r, x, scratch); err == nil {
		reportShare(b, set, r, 5*product, func() { err = a.Backward(r, x, scratch) })
	}
	if err != nil {
		b.Fatal(err)
	}
}
