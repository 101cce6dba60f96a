package optim

import (
	"math"
	"strings"
	"testing"
)

func TestScheduleShapes(t *testing.T) {
	for _, c := range []struct {
		s      Schedule
		images int64
		want   float64
	}{
		{Schedule{Peak: 2}, 0, 2},
		{Schedule{Peak: 2, Warmup: 100}, 25, 0.5},
		{Schedule{Peak: 2, Warmup: 100}, 1000, 2},
		{Schedule{Shape: Linear, Peak: 2, Floor: 1, Warmup: 100, Horizon: 300}, 50, 1},
		{Schedule{Shape: Linear, Peak: 2, Floor: 1, Warmup: 100, Horizon: 300}, 200, 1.5},
		{Schedule{Shape: Linear, Peak: 2, Floor: 1, Warmup: 100, Horizon: 300}, 9999, 1},
		{Schedule{Shape: Cosine, Peak: 2, Horizon: 300}, 150, 1},
		{Schedule{Shape: Cosine, Peak: 2, Horizon: 300}, 100, 1.5},
		{Schedule{Shape: Cosine, Peak: 2, Floor: 0.5, Horizon: 300}, 300, 0.5},
		{Schedule{Shape: InverseSqrt, Peak: 2, Horizon: 100}, 100, 2},
		{Schedule{Shape: InverseSqrt, Peak: 2, Horizon: 100}, 400, 1},
	} {
		if err := c.s.Validate(); err != nil {
			t.Error(err)
		}
		if got := c.s.At(c.images); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v at %d images: %v, want %v", c.s, c.images, got, c.want)
		}
	}
}

func TestValidateSaysWhatIsWrong(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		err  error
		want string
	}{
		{Schedule{}.Validate(), "peak"},
		{Schedule{Peak: nan}.Validate(), "peak"},
		{Schedule{Peak: 1, Floor: 2}.Validate(), "floor"},
		{Schedule{Peak: 1, Warmup: -1}.Validate(), "warmup"},
		{Schedule{Peak: 1, Shape: Cosine, Warmup: 5, Horizon: 5}.Validate(), "horizon"},
		{Schedule{Peak: 1, Shape: 9}.Validate(), "shape"},
		{new(Shape).UnmarshalText([]byte("step")), "inverse-sqrt"},
		{AdamW{Beta1: 1, Eps: 1}.Validate(), "beta1"},
		{AdamW{Beta2: -1, Eps: 1}.Validate(), "beta2"},
		{AdamW{}.Validate(), "eps"},
		{AdamW{Eps: 1, WeightDecay: nan}.Validate(), "weight_decay"},
		{EMA{}.Validate(), "decay or sigma_rel"},
		{EMA{Decay: 1}.Validate(), "decay"},
		{EMA{Decay: 0.9, SigmaRel: 0.1}.Validate(), "exclude"},
		{EMA{SigmaRel: 0.3}.Validate(), "sigma_rel"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", c.err, c.want)
		}
	}
}

// Gamma against its definition, and against the pairs that Karras et al. 2024 name: γ of 16.97 and
// 6.94 for widths 0.050 and 0.100.
func TestGamma(t *testing.T) {
	for _, s := range []float64{0.001, 0.01, 0.05, 0.1, 0.2, 0.28} {
		g := Gamma(s)
		if back := math.Sqrt((g + 1) / ((g + 2) * (g + 2) * (g + 3))); math.Abs(back-s) > 1e-12 {
			t.Errorf("Gamma(%v) = %v has width %v", s, g, back)
		}
	}
	if g := Gamma(0.05); math.Abs(g-16.97) > 0.01 {
		t.Errorf("Gamma(0.05) = %v", g)
	}
	if g := Gamma(0.1); math.Abs(g-6.94) > 0.01 {
		t.Errorf("Gamma(0.1) = %v", g)
	}
	if !math.IsNaN(Gamma(0.3)) || !math.IsNaN(Gamma(0)) {
		t.Error("an impossible width has an exponent")
	}
}

// The inner product of two profiles against numerical integration.
func TestOverlap(t *testing.T) {
	p, q := Profile{700, 0.05}, Profile{1000, 0.12}
	at := func(p Profile, x float64) float64 {
		if x > p.Time {
			return 0
		}
		g := Gamma(p.SigmaRel)
		return (g + 1) * math.Pow(x, g) / math.Pow(p.Time, g+1)
	}
	const n = 200000
	sum := 0.0
	for i := range n {
		x := (float64(i) + 0.5) * 700 / n
		sum += at(p, x) * at(q, x) * 700 / n
	}
	if got := overlap(p, q); math.Abs(got-sum) > 1e-8*sum {
		t.Errorf("overlap %v, integral %v", got, sum)
	}
}

// Track two widths over a random walk, keep snapshots, and rebuild a third width: it must come near
// the one that was tracked along.
func TestReconstruct(t *testing.T) {
	widths := []EMA{{SigmaRel: 0.05}, {SigmaRel: 0.1}, {SigmaRel: 0.075}}
	avg := make([]float64, 3)
	var stored []Profile
	var kept [][]float32
	w, noise := 0.0, uint64(1)
	const steps, batch = 4000, 16
	for k := int64(1); k <= steps; k++ {
		noise = noise*6364136223846793005 + 1442695040888963407
		w += float64(noise>>40)/(1<<24) - 0.5
		for i, e := range widths {
			d := e.At(k*batch, batch)
			avg[i] = w + d*(avg[i]-w)
		}
		if k%250 == 0 {
			for i := range 2 {
				stored = append(stored, Profile{float64(k * batch), widths[i].SigmaRel})
				kept = append(kept, []float32{float32(avg[i]), 1})
			}
		}
	}
	r, err := Reconstruct(stored, Profile{steps * batch, 0.075})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Mix(kept)
	if err != nil {
		t.Fatal(err)
	}
	if r.Error > 0.01 || math.Abs(float64(got[0])-avg[2]) > 0.02*math.Abs(avg[0]-avg[1]) || math.Abs(float64(got[1])-1) > 1e-3 {
		t.Errorf("rebuilt %v, tracked %v (0.05: %v, 0.10: %v), error %v", got, avg[2], avg[0], avg[1], r.Error)
	}
	far, err := Reconstruct(stored[:2], Profile{steps * batch, 0.2})
	if err != nil || far.Error < 0.2 {
		t.Errorf("a width out of reach has error %v, %v", far.Error, err)
	} else if sum := far.Weights[0] + far.Weights[1]; math.Abs(sum-1) > 1e-12 {
		t.Errorf("its weights sum to %v", sum)
	}
	if _, err := Reconstruct([]Profile{stored[0], stored[0]}, stored[1]); err == nil {
		t.Error("the same snapshot twice passes")
	}
	if _, err := Reconstruct(nil, stored[0]); err == nil {
		t.Error("no snapshots pass")
	}
}

// The power function tracked step by step is the weighted mean that it stands for: of the steps'
// weights w(k) = k, the mean is (γ+1)/(γ+2) of the last.
func TestPowerFunctionMean(t *testing.T) {
	e := EMA{SigmaRel: 0.1}
	avg := 0.0
	const n = 20000
	for k := int64(1); k <= n; k++ {
		d := e.At(k*8, 8)
		avg = float64(k) + d*(avg-float64(k))
	}
	g := Gamma(0.1)
	if want := (g + 1) / (g + 2); math.Abs(avg/n-want) > 1e-3 {
		t.Errorf("mean age %v, want %v", avg/n, want)
	}
}
