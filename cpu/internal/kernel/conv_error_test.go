package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// errors returns the mean and the greatest error relative to the output's root mean square.
func (o *convOracle) errors(got []float32) (mean, most float64) {
	square := 0.0
	for i, v := range o.value {
		diff := math.Abs(float64(got[i]) - v)
		mean += diff
		most = max(most, diff)
		square += v * v
	}
	n := float64(len(got))
	rms := math.Sqrt(square / n)
	return mean / n / rms, most / rms
}

// TestWinogradError holds issue 3's bar: against float64, Winograd's mean error is at most 4 times and its greatest error
// at most 6 times that of the direct method.
func TestWinogradError(t *testing.T) {
	if testing.Short() {
		t.Skip("the float64 oracle takes a second")
	}
	set := ForTier(BestTier())
	for _, s := range []ConvSpec{same3(2, 16, 16, 64, 64), same3(1, 16, 16, 128, 96), same3(4, 32, 32, 32, 16), same3(16, 32, 32, 16, 16), same3(5, 64, 64, 16, 16)} {
		for _, kind := range allKinds {
			t.Run(fmt.Sprintf("%d@%d/%v", s.InC, s.InH, kind), func(t *testing.T) {
				var mean, most [2]float64
				var exact *convOracle
				for i, algorithm := range []ConvAlgorithm{ConvDirect, ConvWinograd} {
					c, err := NewConv(set, s, kind, algorithm)
					if err != nil {
						t.Fatal(err)
					}
					a, b := c.operands(rand.New(rand.NewPCG(5, 5)))
					if exact == nil { // both methods have the same operands
						exact = oracle(s, kind, a, b)
					}
					mean[i], most[i] = exact.errors(runConv(t, c, a, b, 2, false))
				}
				t.Logf("direct %.1e / %.1e, Winograd %.1e / %.1e: %.1f and %.1f times", mean[0], most[0], mean[1], most[1], mean[1]/mean[0], most[1]/most[0])
				if mean[1] > 4*mean[0] || most[1] > 6*most[0] {
					t.Errorf("Winograd's error is %.1f (mean) and %.1f (max) times that of the direct method", mean[1]/mean[0], most[1]/most[0])
				}
			})
		}
	}
}
