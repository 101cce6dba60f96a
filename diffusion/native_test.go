package diffusion

import (
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

// changes are parameterisations that a network may be moved between.
func changes(t *testing.T) []Precond {
	t.Helper()
	var all []Precond
	for _, c := range []struct {
		schedule   ScheduleConfig
		prediction Prediction
	}{
		{ScheduleConfig{}, PredictEps},
		{ScheduleConfig{Family: Cosine, Shift: 0.5}, PredictEps},
		{ScheduleConfig{Family: Cosine, Shift: 2}, PredictV},
		{ScheduleConfig{ZeroTerminalSNR: true}, PredictV},
		{ScheduleConfig{Family: FlowLinear}, PredictFlow},
		{ScheduleConfig{Family: EDM}, PredictEDM},
		{ScheduleConfig{Family: ScaledLinear}, PredictX0},
	} {
		s, err := c.schedule.Build()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Precond{Schedule: s, Prediction: c.prediction, SigmaData: 0.5})
	}
	return all
}

// network stands for a trained one: any function of its input and time will do.
func network(dst, x []float32, cNoise float64) error {
	for i, v := range x {
		dst[i] = float32(math.Sin(float64(v)*3+float64(i)) + 0.01*cNoise)
	}
	return nil
}

// Moved to any other schedule and prediction, a network is the same denoiser at every level that it knows.
func TestNativeIsTheSameDenoiser(t *testing.T) {
	x := testkit.Floats32(testkit.Fill("x", 24))
	for _, from := range changes(t) {
		for _, to := range changes(t) {
			to.Native = &from
			before, err := from.Denoiser(network)
			if err != nil {
				t.Fatal(err)
			}
			after, err := to.Denoiser(network)
			if err != nil {
				t.Fatal(err)
			}
			_, highest := from.Schedule.SigmaRange()
			for _, sigma := range []float64{0.002, 0.01, 0.3, 1, 7, 50, highest} {
				if sigma > highest {
					continue
				}
				a, b := make([]float32, len(x)), make([]float32, len(x))
				if err := before(a, x, sigma); err != nil {
					t.Fatal(err)
				}
				if err := after(b, x, sigma); err != nil {
					t.Fatal(err)
				}
				testkit.Close(t, from.Prediction.String()+" to "+to.Prediction.String(), b, a, testkit.Tol{})
			}
		}
	}
}

// Beyond the levels that it knows the denoiser goes on without a jump and its coefficients stay bounded.
func TestNativeBeyond(t *testing.T) {
	all := changes(t)
	linear, zero := all[0], all[3]
	zero.Native = &linear
	_, highest := linear.Schedule.SigmaRange()
	at, above := zero.At(highest), zero.At(highest*(1+1e-9))
	for i, d := range []float64{at.CSkip - above.CSkip, at.COut - above.COut, at.CIn - above.CIn, at.CNoise - above.CNoise} {
		if math.Abs(d) > 1e-6 {
			t.Errorf("coefficient %d jumps by %v at sigma %v", i, d, highest)
		}
	}
	end := zero.At(MaxSigma)
	if math.Abs(end.COut) > highest*1.001 {
		t.Errorf("the network's output is multiplied by %v at the end", end.COut)
	}
	// The input keeps the size that it has at the highest level known: pure noise of standard deviation 1.
	if got := end.CIn * MaxSigma; math.Abs(got-1) > 1e-3 {
		t.Errorf("the network's input is noise of standard deviation %v at the end, want 1", got)
	}
}

// With any weight the loss of a moved network is that of one which predicts the new quantity itself: both weigh the error of the clean
// estimate alike.
func TestNativeWeight(t *testing.T) {
	all := changes(t)
	for _, to := range all {
		for _, kind := range WeightKinds() {
			moved := to
			moved.Native = &all[0]
			w := Weight{Kind: kind}
			for _, sigma := range []float64{0.05, 0.7, 3, 40} {
				clean := func(p Precond) float64 { c := p.At(sigma).COut; return w.At(sigma, p) / (c * c) }
				if got, want := clean(moved), clean(to); math.Abs(got-want) > 1e-9*want {
					t.Errorf("eps moved to %v, weight %v, sigma %v: clean error weighs %v, want %v", to.Prediction, kind, sigma, got, want)
				}
			}
		}
	}
}

func TestNativeRefuses(t *testing.T) {
	all := changes(t)
	twice := all[1]
	twice.Native = &all[2]
	outer := all[3]
	outer.Native = &twice
	if err := outer.Check(); err == nil || !strings.Contains(err.Error(), "innermost") {
		t.Errorf("native inside native: %v", err)
	}
	bad := all[0]
	bad.Native = &Precond{}
	if err := bad.Check(); err == nil || !strings.Contains(err.Error(), "native") {
		t.Errorf("native without a schedule: %v", err)
	}
}
