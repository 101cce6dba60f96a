package diffusion

import (
	"context"
	"fmt"
	"math"
)

// Curve holds how well a denoiser does at each of some noise levels, sample by sample. All forms of the error are one number seen on
// different scales: x = x0 + sigma·eps fixes two of x0, eps and v once the third is estimated.
type Curve struct {
	Sigmas []float64
	X0     [][]float64 // [level][sample] mean squared error of the estimate of x0
}

// Scale returns the factor from the squared error of x0 to that of another prediction at noise level sigma: 1/sigma² for eps and for the
// flow velocity (1+sigma)²/sigma², for v (1+sigma²)/sigma² (Salimans & Ho 2022, arXiv 2202.00512, appendix D), for the network of EDM with
// data of deviation sigmaData (sigma²+sigmaData²)/(sigma·sigmaData)² (Karras et al. 2022, table 1).
func (p Prediction) Scale(sigma, sigmaData float64) float64 {
	switch p {
	case PredictX0:
		return 1
	case PredictV:
		return 1 + 1/(sigma*sigma)
	case PredictFlow:
		return (1 + sigma) * (1 + sigma) / (sigma * sigma)
	case PredictEDM:
		return 1/(sigmaData*sigmaData) + 1/(sigma*sigma)
	default:
		return 1 / (sigma * sigma)
	}
}

// Measure appends to a curve the errors of the batch x0 of samples of size numbers, of which noise gives the k-th level its noise as step k.
// Two denoisers measured with the same samples and noise can be compared in pairs ([PairedDifference]): EMA and raw weights, before and after.
func (c *Curve) Measure(ctx context.Context, d Denoiser, x0 []float32, size int, noise NoiseFunc) error {
	if size < 1 || len(x0) == 0 || len(x0)%size != 0 {
		return fmt.Errorf("diffusion: denoising error of %d numbers in samples of %d: need whole samples", len(x0), size)
	}
	if len(c.X0) == 0 {
		c.X0 = make([][]float64, len(c.Sigmas))
	}
	if len(c.Sigmas) == 0 || len(c.X0) != len(c.Sigmas) {
		return fmt.Errorf("diffusion: denoising curve with %d noise levels and %d rows: set Sigmas, and leave X0 to Measure", len(c.Sigmas), len(c.X0))
	}
	x, clean := make([]float32, len(x0)), make([]float32, len(x0))
	for k, sigma := range c.Sigmas {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := checkSigma(sigma); err != nil {
			return err
		}
		noise(x, k)
		combine(x, 1, x0, sigma, x)
		if err := d(clean, x, sigma); err != nil {
			return fmt.Errorf("denoising error at sigma %.4g: %w", sigma, err)
		}
		for i := range len(x0) / size {
			e := squaredDistance(x0[i*size:][:size], clean[i*size:][:size]) / float64(size)
			if math.IsNaN(e) || math.IsInf(e, 0) {
				return fmt.Errorf("denoising error at sigma %.4g: the network's estimate of sample %d is not finite: its weights diverged", sigma, i)
			}
			c.X0[k] = append(c.X0[k], e)
		}
	}
	return nil
}

// Samples returns for each sample its error at level k as prediction p counts it.
func (c *Curve) Samples(k int, p Prediction, sigmaData float64) []float64 {
	out, factor := make([]float64, len(c.X0[k])), p.Scale(c.Sigmas[k], sigmaData)
	for i, e := range c.X0[k] {
		out[i] = factor * e
	}
	return out
}

// OverLevels returns for each sample the mean of its errors over the levels, as prediction p counts them: one number per sample, whose mean
// is the area under the curve.
func (c *Curve) OverLevels(p Prediction, sigmaData float64) []float64 {
	if len(c.X0) == 0 {
		return nil
	}
	out := make([]float64, len(c.X0[0]))
	for k := range c.X0 {
		for i, e := range c.Samples(k, p, sigmaData) {
			out[i] += e / float64(len(c.X0))
		}
	}
	return out
}

// Estimate is a mean over N samples with its standard error; Value ± 1.96·StandardError is a 95 % interval where N is above some 30.
type Estimate struct {
	Value, StandardError float64
	N                    int
}

// Interval returns the ends of the 95 % interval.
func (e Estimate) Interval() (lo, hi float64) {
	const z = 1.959963984540054
	return e.Value - z*e.StandardError, e.Value + z*e.StandardError
}

// Mean estimates the mean of independent values. Of fewer than two the error is unknown, NaN.
func Mean(values []float64) Estimate {
	n := float64(len(values))
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	if len(values) < 2 {
		return Estimate{Value: mean, StandardError: math.NaN(), N: len(values)}
	}
	return Estimate{Value: mean, StandardError: math.Sqrt(squares / (n - 1) / n), N: len(values)}
}

// PairedDifference estimates the mean of a - b of the same samples under two models. What the samples share cancels, so it sees
// differences that the two means alone would hide.
func PairedDifference(a, b []float64) (Estimate, error) {
	if len(a) != len(b) {
		return Estimate{}, fmt.Errorf("diffusion: %d values paired with %d: both models must be measured on the same samples", len(a), len(b))
	}
	d := make([]float64, len(a))
	for i, v := range a {
		d[i] = v - b[i]
	}
	return Mean(d), nil
}

// Gap estimates mean(heldOut) - mean(train) of different samples, the overfitting gap: Welch 1947's standard error, two independent means.
func Gap(train, heldOut []float64) Estimate {
	a, b := Mean(train), Mean(heldOut)
	return Estimate{Value: b.Value - a.Value, StandardError: math.Hypot(a.StandardError, b.StandardError), N: min(a.N, b.N)}
}
