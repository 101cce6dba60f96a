package diffusion

import (
	"fmt"
	"math"
	"slices"
)

// tableau is an explicit Runge-Kutta method (Butcher 1963): stage i+1 starts from x + h·Σ stages[i][k]·slope_k, the step ends at
// x + h·Σ weights[k]·slope_k, and errors are the differences from the weights of a method of one order less.
type tableau struct {
	stages  [][]float64
	weights []float64
	errors  []float64 // nil: none
}

func heunTableau() tableau {
	return tableau{stages: [][]float64{{1}}, weights: []float64{0.5, 0.5}}
}

func rk4Tableau() tableau {
	return tableau{stages: [][]float64{{0.5}, {0, 0.5}, {0, 0, 1}}, weights: []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6}}
}

// dormandPrince: Dormand & Prince 1980, "A family of embedded Runge-Kutta formulae", table 2. Its last stage is the end of the step, and so the
// first slope of the next.
func dormandPrince() tableau {
	last := []float64{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}
	lower := []float64{5179. / 57600, 0, 7571. / 16695, 393. / 640, -92097. / 339200, 187. / 2100, 1. / 40}
	t := tableau{weights: append(slices.Clone(last), 0), stages: [][]float64{
		{1. / 5},
		{3. / 40, 9. / 40},
		{44. / 45, -56. / 15, 32. / 9},
		{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
		{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
		last,
	}}
	for k, w := range t.weights {
		t.errors = append(t.errors, w-lower[k])
	}
	return t
}

// slopes evaluates all stages of a step from x at tau, the first of which is known.
func (f *flow) slopes(t tableau, first flowSlope, tau, h float64) ([]flowSlope, error) {
	all, y := []flowSlope{first}, make([]float32, len(f.x))
	for _, row := range t.stages {
		at := tau
		for _, a := range row {
			at += a * h
		}
		copy(y, f.x)
		advance(y, nil, h, row, all)
		s, err := f.at(y, at)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// advance adds h·Σ weights·slopes to x and to logDet, which may be nil.
func advance(x []float32, logDet []float64, h float64, weights []float64, slopes []flowSlope) {
	scaled, xs := make([]float64, len(weights)), make([][]float32, len(weights))
	for k, w := range weights {
		scaled[k], xs[k] = h*w, slopes[k].x
		for i := range logDet {
			logDet[i] += scaled[k] * slopes[k].log[i]
		}
	}
	combineAll(x, 1, x, scaled, xs)
}

// fixed integrates in equal steps of ln sigma.
func (f *flow) fixed(steps int, t tableau) error {
	start := math.Log(f.SigmaMin)
	h := (math.Log(f.SigmaMax) - start) / float64(steps)
	for k := range steps {
		tau := start + float64(k)*h
		first, err := f.at(f.x, tau)
		if err != nil {
			return err
		}
		slopes, err := f.slopes(t, first, tau, h)
		if err != nil {
			return err
		}
		advance(f.x, f.logDet, h, t.weights, slopes)
	}
	return nil
}

// adaptive integrates in steps whose error is below the tolerance.
func (f *flow) adaptive(limit int, tolerance float64, t tableau) error {
	tau, end := math.Log(f.SigmaMin), math.Log(f.SigmaMax)
	h := (end - tau) / 30
	first, err := f.at(f.x, tau)
	if err != nil {
		return err
	}
	for range limit {
		last := tau+h >= end-1e-12
		if last {
			h = end - tau
		}
		slopes, err := f.slopes(t, first, tau, h)
		if err != nil {
			return err
		}
		e := f.localError(h, tau+h, t, slopes) / tolerance
		if math.IsNaN(e) {
			return fmt.Errorf("diffusion: the likelihood is not a number at sigma %.4g: the network returns NaN or infinities", math.Exp(tau+h))
		}
		if e <= 1 {
			advance(f.x, f.logDet, h, t.weights, slopes)
			if last {
				return nil
			}
			tau, first = tau+h, slopes[len(slopes)-1]
		}
		h *= clamp(0.9*math.Pow(math.Max(e, 1e-10), -1./5), 0.2, 5)
	}
	return fmt.Errorf("diffusion: the likelihood took %d steps and is at sigma %.4g of %.4g: allow more Steps or a larger Tolerance",
		limit, math.Exp(tau), f.SigmaMax)
}

// localError is the largest over the samples of the error of x, root mean square in units of √(1+sigma²), and of the log-density per
// dimension.
func (f *flow) localError(h, tau float64, t tableau, slopes []flowSlope) float64 {
	unit, worst := math.Hypot(1, math.Exp(tau)), 0.0
	for i := range f.logDet {
		squares, log := 0.0, 0.0
		for j := i * f.Size; j < (i+1)*f.Size; j++ {
			d := 0.0
			for k, s := range slopes {
				d += t.errors[k] * float64(s.x[j])
			}
			squares += d * d
		}
		for k, s := range slopes {
			log += t.errors[k] * s.log[i]
		}
		e := math.Abs(h) * math.Max(math.Sqrt(squares/float64(f.Size))/unit, math.Abs(log)/float64(f.Size))
		if !(e <= worst) {
			worst = e
		}
	}
	return worst
}
