package kernel

//go:generate go -C _gen run ./vector -family adamw -out ../adamw_amd64.s -stubs ../adamw_stubs_amd64.go -pkg kernel

import (
	"fmt"
	"math"
)

// Optimizer holds the optimiser's update of a block.
type Optimizer struct {
	// adamw updates w, m and v, which have the length of g.
	adamw func(w, m, v, g []float32, c *adamwCoefficients)
	// Approach moves dst towards x by the share s: dst += s·(x-dst), as a moving average does with s = 1-decay.
	Approach func(dst, x []float32, s float32)
}

// AdamWStep holds the numbers of one step of AdamW (Loshchilov & Hutter 2019, algorithm 2, in PyTorch's form).
type AdamWStep struct {
	LearningRate float64
	Beta1, Beta2 float64
	Epsilon      float64
	WeightDecay  float64
	Correction1  float64 // 1-Beta1^t, t counting steps from 1
	Correction2  float64 // 1-Beta2^t
	GradScale    float64 // multiplies every gradient, for clipping or averaging; 1 for neither
}

// adamwCoefficients are what the kernel reads: scale, blend1, beta2, blend2, root, epsilon, keep and rate of
//
//	g' = scale·g;  m += blend1·(g'-m);  v = beta2·v + blend2·g'²;  w = keep·w - rate·m/(√v·root + epsilon)
type adamwCoefficients = [8]float32

func (s AdamWStep) coefficients() adamwCoefficients {
	return adamwCoefficients{
		float32(s.GradScale), float32(1 - s.Beta1), float32(s.Beta2), float32(1 - s.Beta2), float32(1 / math.Sqrt(s.Correction2)),
		float32(s.Epsilon), float32(1 - s.LearningRate*s.WeightDecay), float32(s.LearningRate / s.Correction1),
	}
}

func optimizerReference() Optimizer {
	return Optimizer{adamw: adamwReference, Approach: approachReference}
}

func approachReference(dst, x []float32, s float32) {
	for i := range dst {
		dst[i] = fma32(s, x[i]-dst[i], dst[i])
	}
}

func adamwReference(w, m, v, g []float32, c *adamwCoefficients) {
	scale, blend1, beta2, blend2, root, epsilon, keep, rate := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	for i := range g {
		d := scale * g[i]
		m[i] = fma32(blend1, d-m[i], m[i])
		v[i] = fma32(blend2, float32(d*d), float32(beta2*v[i]))
		denominator := fma32(float32(math.Sqrt(float64(v[i]))), root, epsilon)
		w[i] = fma32(-rate, m[i]/denominator, float32(keep*w[i]))
	}
}

// AdamWTensor is one variable with its state. The slices have equal lengths.
type AdamWTensor struct {
	W, M, V, G []float32
	EMA        [][]float32 // moving averages of W, one for each decay given to Run
}

// AdamW updates all variables of a model in one pass over memory: gradients are read, weights, moments and averages read
// and written once.
type AdamW struct {
	set     *Set
	lengths []int
	pieces  []adamwPiece
	tasks   []int // task i does pieces[tasks[i]:tasks[i+1]]
}

// adamwPiece is a part of one tensor.
type adamwPiece struct{ tensor, from, to int }

const (
	adamwTask  = 1 << 16 // floats of a task
	adamwBlock = 1 << 10 // floats updated at a time: weights stay in the first cache for the averages
)

// NewAdamW prepares the update of variables of the given lengths.
func NewAdamW(set *Set, lengths []int) (*AdamW, error) {
	a := &AdamW{set: set, lengths: lengths, tasks: []int{0}}
	room := adamwTask
	for t, n := range lengths {
		if n < 0 {
			return nil, fmt.Errorf("kernel: AdamW: variable %d has length %d", t, n)
		}
		for from := 0; from < n; {
			to := min(n, from+room)
			a.pieces = append(a.pieces, adamwPiece{t, from, to})
			room -= to - from
			from = to
			if room == 0 {
				a.tasks = append(a.tasks, len(a.pieces))
				room = adamwTask
			}
		}
	}
	if a.tasks[len(a.tasks)-1] < len(a.pieces) {
		a.tasks = append(a.tasks, len(a.pieces))
	}
	return a, nil
}

// Tasks returns the number of tasks of one pass.
func (a *AdamW) Tasks() int { return len(a.tasks) - 1 }

// Run updates every tensor by one step. decays[i] is the weight kept by the tensors' EMA[i]: ema = decay·ema + (1-decay)·w.
// The tensors are those, in order, whose lengths were given to [NewAdamW].
func (a *AdamW) Run(r Runner, tensors []AdamWTensor, step AdamWStep, decays []float32) error {
	if err := a.check(tensors, len(decays)); err != nil {
		return err
	}
	c := step.coefficients()
	v := &a.set.Vector
	r.Run(a.Tasks(), func(_, task int) {
		for _, p := range a.pieces[a.tasks[task]:a.tasks[task+1]] {
			for from := p.from; from < p.to; from += adamwBlock {
				tensors[p.tensor].update(v, from, min(from+adamwBlock, p.to), &c, decays)
			}
		}
	})
	return nil
}

func (t *AdamWTensor) update(v *Vector, from, to int, c *adamwCoefficients, decays []float32) {
	w := t.W[from:to]
	v.adamw(w, t.M[from:to], t.V[from:to], t.G[from:to], c)
	for i, d := range decays {
		ema := t.EMA[i][from:to]
		v.Approach(ema, w, 1-d)
	}
}

// SumSquares returns the sum of the squares of all gradients, which clipping by global norm needs. partial is scratch of at
// least [AdamW.Tasks] elements.
func (a *AdamW) SumSquares(r Runner, tensors []AdamWTensor, partial []float64) (float64, error) {
	if err := a.check(tensors, 0); err != nil {
		return 0, err
	}
	if len(partial) < a.Tasks() {
		return 0, fmt.Errorf("kernel: AdamW: scratch of %d sums where %d are needed", len(partial), a.Tasks())
	}
	r.Run(a.Tasks(), func(_, task int) {
		var s float64
		for _, p := range a.pieces[a.tasks[task]:a.tasks[task+1]] {
			s += a.set.Vector.SumSquares(tensors[p.tensor].G[p.from:p.to])
		}
		partial[task] = s
	})
	var s float64
	for _, p := range partial[:a.Tasks()] {
		s += p
	}
	return s, nil
}

func (a *AdamW) check(tensors []AdamWTensor, averages int) error {
	if len(tensors) != len(a.lengths) {
		return fmt.Errorf("kernel: AdamW: %d variables where %d were prepared", len(tensors), len(a.lengths))
	}
	for i, t := range tensors {
		n := a.lengths[i]
		if len(t.W) != n || len(t.M) != n || len(t.V) != n || len(t.G) != n {
			return fmt.Errorf("kernel: AdamW: variable %d: lengths %d, %d, %d, %d of w, m, v, g where %d was prepared",
				i, len(t.W), len(t.M), len(t.V), len(t.G), n)
		}
		if len(t.EMA) < averages {
			return fmt.Errorf("kernel: AdamW: variable %d has %d averages where %d decays are given", i, len(t.EMA), averages)
		}
		for j, e := range t.EMA {
			if len(e) != n {
				return fmt.Errorf("kernel: AdamW: variable %d: average %d has length %d where %d was prepared", i, j, len(e), n)
			}
		}
	}
	return nil
}
