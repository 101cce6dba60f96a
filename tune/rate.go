package tune

import (
	"fmt"
	"math"
	"slices"
)

// Ramp is the learning rate of step i of n of a range test, from low in the first step to high in the last, in equal ratios (Smith 2017,
// arXiv 1506.01186, section 3.3; in equal ratios as Howard and Gugger 2020, arXiv 2002.04688, do it).
func Ramp(low, high float64, i, n int) float64 {
	return low * math.Pow(high/low, float64(i)/float64(max(n-1, 1)))
}

// RateRange is what a range test found.
type RateRange struct {
	Steepest float64   `json:"steepest"` // rate at which the loss falls fastest: a good peak
	Lowest   float64   `json:"lowest"`   // rate at which the loss was lowest: the upper end of what is worth trying
	Diverged float64   `json:"diverged"` // first rate at which training broke out; 0: none did
	Smoothed []float64 `json:"-"`        // loss at each rate, as it was read
}

// The rates of a test that are too few to read, the width of the smoothing in decades of the rate, and the share of the fall that must be
// lost again for training to count as broken out.
const (
	fewestRates   = 20
	smoothDecades = 0.2
	brokenOut     = 0.5
)

// FindRate reads a range test of rising rates and the training loss of the step at each. The losses are smoothed over neighbouring rates, for
// each is of one batch; a loss that is not finite ends the test. It fails where the loss falls nowhere.
func FindRate(rates, losses []float64) (RateRange, error) {
	var r RateRange
	if len(rates) != len(losses) || len(rates) < fewestRates {
		return r, fmt.Errorf("tune: a range test of %d rates and %d losses: needs as many, and at least %d", len(rates), len(losses), fewestRates)
	}
	for i, v := range rates {
		if !(v > 0) || i > 0 && v <= rates[i-1] {
			return r, fmt.Errorf("tune: rate %d of a range test is %v: rates must be above 0 and rise", i+1, v)
		}
	}
	n := len(losses)
	if k := slices.IndexFunc(losses, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }); k >= 0 {
		n, r.Diverged = k, rates[k]
	}
	if n < fewestRates {
		return r, fmt.Errorf("tune: training diverged after %d steps of the range test, at rate %.3g: begin lower", n, r.Diverged)
	}
	r.Smoothed = smooth(rates[:n], losses[:n])
	return r, r.read(rates[:n])
}

// read finds the three rates on the smoothed curve.
func (r *RateRange) read(rates []float64) error {
	s := r.Smoothed
	lowest := 0
	for i, v := range s {
		if v < s[lowest] {
			lowest = i
		}
	}
	start := slices.Max(s[:lowest+1])
	if lowest < 2 || !(s[lowest] < 0.97*start) {
		return fmt.Errorf("tune: the loss fell at no rate of the range test, from %.3g to %.3g: is the data what it should be, or are the weights trained already?",
			rates[0], rates[len(rates)-1])
	}
	for i := lowest; i < len(s); i++ {
		if s[i] > s[lowest]+brokenOut*(start-s[lowest]) {
			if r.Diverged == 0 || rates[i] < r.Diverged {
				r.Diverged = rates[i]
			}
			break
		}
	}
	steepest, slope := 1, 0.0
	for i := 1; i <= lowest && i+1 < len(s); i++ {
		if d := (s[i+1] - s[i-1]) / math.Log(rates[i+1]/rates[i-1]); d < slope {
			steepest, slope = i, d
		}
	}
	r.Steepest, r.Lowest = rates[steepest], rates[lowest]
	return nil
}

// smooth averages over neighbouring rates with Gaussian weights. What has broken out is cut off first: it must not reach into rates before it.
func smooth(rates, losses []float64) []float64 {
	first := slices.Clone(losses[:max(len(losses)/10, 3)])
	slices.Sort(first)
	most := 2 * first[len(first)/2]
	out := make([]float64, len(losses))
	for i := range out {
		sum, weight := 0.0, 0.0
		for j, v := range losses {
			d := math.Log10(rates[j]/rates[i]) / smoothDecades
			w := math.Exp(-d * d / 2)
			sum, weight = sum+w*min(v, most), weight+w
		}
		out[i] = sum / weight
	}
	return out
}

// Range is where to look for the best peak: from half the lower of the steepest rate and a tenth of the lowest one, up to the lowest one.
func (r RateRange) Range() (low, high float64) {
	return min(r.Steepest, r.Lowest/10) / 2, r.Lowest
}
