package assess

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Of white noise of variance P nothing but its size is known: the best estimate is x·P/(P+sigma²), which leaves P/(P+sigma²) of the noise.
func TestWienerOfWhiteNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const h, w, c, n, deviation = 6, 5, 2, 4000, 0.5
	x := make([]float32, n*h*w*c)
	for i := range x {
		x[i] = float32(3 + deviation*r.NormFloat64())
	}
	y := newWiener(x, h, w, c)
	for _, sigma := range []float64{0.1, 0.5, 3} {
		want := deviation * deviation / (deviation*deviation + sigma*sigma)
		if got := y.eps(sigma); math.Abs(got-want) > 0.02*want {
			t.Errorf("sigma %v: %v, want %v", sigma, got, want)
		}
	}
}

// The transform keeps lengths, and a constant picture has power nowhere but in the mean.
func TestWienerOfConstants(t *testing.T) {
	x := []float32{1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1}
	y := newWiener(x, 2, 3, 1)
	for i, p := range y.power {
		want := 0.0
		if i == 0 {
			want = 6
		}
		if math.Abs(p-want) > 1e-12 {
			t.Errorf("power %d is %v, want %v", i, p, want)
		}
	}
}
