package kernel

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
)

// TestAdamWPyTorch repeats three steps of torch.optim.AdamW; testdata/adamw.py wrote them.
func TestAdamWPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/adamw.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		LR, Beta1, Beta2, Epsilon, Decay, Scale float64
		EMADecay                                float32 `json:"ema_decay"`
		W0, W, M, V, EMA                        []float32
		Gradients                               [][]float32
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	n := len(golden.W0)
	forTiers(t, func(t *testing.T, set *Set) {
		a, err := NewAdamW(set, []int{n})
		if err != nil {
			t.Fatal(err)
		}
		ema := append([]float32(nil), golden.W0...)
		x := AdamWTensor{W: append([]float32(nil), golden.W0...), M: make([]float32, n), V: make([]float32, n), EMA: [][]float32{ema}}
		for i, g := range golden.Gradients {
			x.G = g
			step := AdamWStep{golden.LR, golden.Beta1, golden.Beta2, golden.Epsilon, golden.Decay,
				1 - math.Pow(golden.Beta1, float64(i+1)), 1 - math.Pow(golden.Beta2, float64(i+1)), golden.Scale}
			if err := a.Run(Serial{}, []AdamWTensor{x}, step, []float32{golden.EMADecay}); err != nil {
				t.Fatal(err)
			}
		}
		for name, pair := range map[string][2][]float32{"w": {x.W, golden.W}, "m": {x.M, golden.M}, "v": {x.V, golden.V}, "ema": {ema, golden.EMA}} {
			for i, want := range pair[1] {
				if got := pair[0][i]; math.Abs(float64(got-want)) > 4e-7*(math.Abs(float64(want))+1e-4) {
					t.Errorf("%s[%d] = %v, PyTorch has %v", name, i, got, want)
				}
			}
		}
	})
}

// goRunner is a Runner of n goroutines, each taking every n-th task.
type goRunner int

func (r goRunner) Workers() int { return int(r) }

func (r goRunner) Run(tasks int, f func(worker, task int)) {
	var wait sync.WaitGroup
	for w := range int(r) {
		wait.Go(func() {
			for i := w; i < tasks; i += int(r) {
				f(w, i)
			}
		})
	}
	wait.Wait()
}

// adamwTensors returns variables of the given lengths, the same each time.
func adamwTensors(lengths []int) []AdamWTensor {
	rng := rand.New(rand.NewPCG(23, 24))
	tensors := make([]AdamWTensor, len(lengths))
	for i, n := range lengths {
		x := AdamWTensor{W: normal(rng, n), M: normal(rng, n), V: normal(rng, n), G: normal(rng, n), EMA: [][]float32{normal(rng, n), normal(rng, n)}}
		for j := range x.V {
			x.V[j] *= x.V[j]
		}
		tensors[i] = x
	}
	return tensors
}

var adamwStep = AdamWStep{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, Correction1: 0.1, Correction2: 0.001, GradScale: 1}

func TestAdamWWorkers(t *testing.T) {
	lengths := []int{5, 70000, 0, 1, 131072, 1000}
	forTiers(t, func(t *testing.T, set *Set) {
		a, err := NewAdamW(set, lengths)
		if err != nil {
			t.Fatal(err)
		}
		var first []AdamWTensor
		var norm float64
		for _, workers := range []int{1, 2, 3, 8} {
			x := adamwTensors(lengths)
			s, err := a.SumSquares(goRunner(workers), x, make([]float64, a.Tasks()))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Run(goRunner(workers), x, adamwStep, []float32{0.9, 0.999}); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first, norm = x, s
				var want float64
				for _, v := range x {
					want += dot64(v.G, v.G)
				}
				if math.Abs(s-want) > sumLimit(want) {
					t.Errorf("sum of squares %v, want %v", s, want)
				}
			}
			if s != norm {
				t.Errorf("%d workers: sum of squares %v, 1 worker %v", workers, s, norm)
			}
			for i := range x {
				for j := range x[i].W {
					if x[i].W[j] != first[i].W[j] || x[i].M[j] != first[i].M[j] || x[i].V[j] != first[i].V[j] || x[i].EMA[1][j] != first[i].EMA[1][j] {
						t.Fatalf("%d workers: variable %d differs at %d", workers, i, j)
					}
				}
			}
		}
	})
}

func TestAdamWLengths(t *testing.T) {
	forTiers(t, func(t *testing.T, set *Set) {
		c := adamwStep.coefficients()
		for n := range lengths {
			got, want := adamwTensors([]int{n})[0], adamwTensors([]int{n})[0]
			w, check := guarded(t, n)
			copy(w, got.W)
			set.Vector.adamw(w, got.M, got.V, got.G, &c)
			check()
			adamwReference(want.W, want.M, want.V, want.G, &c)
			for i := range w {
				if math.Abs(float64(w[i]-want.W[i])) > 1e-6 || math.Abs(float64(got.V[i]-want.V[i])) > 1e-6 {
					t.Fatalf("%d of %d: %v, want %v", i, n, w[i], want.W[i])
				}
			}
		}
	})
}

func TestAdamWRefuses(t *testing.T) {
	set := ForTier(Reference)
	if _, err := NewAdamW(set, []int{-1}); err == nil {
		t.Error("a negative length was accepted")
	}
	a, err := NewAdamW(set, []int{2})
	if err != nil {
		t.Fatal(err)
	}
	two := make([]float32, 2)
	good := AdamWTensor{W: two, M: two, V: two, G: two}
	short := good
	short.V = two[:1]
	ragged := good
	ragged.EMA = [][]float32{two[:1]}
	for _, c := range []struct {
		tensors []AdamWTensor
		decays  []float32
		says    string
	}{
		{nil, nil, "0 variables where 1"},
		{[]AdamWTensor{short}, nil, "lengths 2, 2, 1, 2"},
		{[]AdamWTensor{good}, []float32{0.9}, "0 averages where 1"},
		{[]AdamWTensor{ragged}, []float32{0.9}, "length 1 where 2"},
	} {
		if err := a.Run(Serial{}, c.tensors, adamwStep, c.decays); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want one that says %q", err, c.says)
		}
	}
	if _, err := a.SumSquares(Serial{}, []AdamWTensor{good}, nil); err == nil {
		t.Error("no scratch was accepted")
	}
}
