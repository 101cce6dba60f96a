package cpu_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-ml/ebb/cpu"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// sameBits reports the first variable that differs in any bit.
func sameBits(got, want map[string][]float32) error {
	if len(got) != len(want) || len(want) == 0 {
		return fmt.Errorf("%d variables, want %d", len(got), len(want))
	}
	for name, w := range want {
		for i, x := range got[name] {
			if math.Float32bits(x) != math.Float32bits(w[i]) {
				return fmt.Errorf("%s[%d] is %v, want %v", name, i, x, w[i])
			}
		}
	}
	return nil
}

// trained does some steps and returns the variables.
func trained(t testing.TB, b *cpu.Backend, k task, steps int) map[string][]float32 {
	t.Helper()
	r := newTrainer(t, b, k)
	for range steps {
		r.run()
	}
	return r.state()
}

// TestBitsOfTraining trains with 1, 2, 3 and 8 threads and twice with the same number: every bit of weights, moments and
// averages is the same.
func TestBitsOfTraining(t *testing.T) {
	for _, k := range tinyTasks(t) {
		t.Run(k.name, func(t *testing.T) {
			want := trained(t, openBackend(t, "threads=1"), k, 2)
			for _, threads := range []int{2, 2, 3, 8} {
				if err := sameBits(trained(t, openBackend(t, fmt.Sprintf("threads=%d", threads)), k, 2), want); err != nil {
					t.Errorf("%d threads: %v", threads, err)
				}
			}
		})
	}
}

// gradients does one step and returns its loss and every variable's gradient, which Adam's first moment is a tenth of.
func gradients(t testing.TB, b *cpu.Backend, k task) (float64, map[string][]float32) {
	t.Helper()
	r := newTrainer(t, b, k)
	loss, _ := r.run()
	all := map[string][]float32{}
	for name, x := range r.state() {
		if strings.HasPrefix(name, "/optimizer/m/") {
			all[name] = x
		}
	}
	return loss, all
}

func norm(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}

// farthest returns the greatest distance of a variable's gradient from what is wanted, relative to the latter, or to a tenth
// of the mean over all variables where its own is next to nothing: those of biases before a normalisation, for example, are
// zero but for rounding.
func farthest(got, want map[string][]float32) float64 {
	squares := 0.0
	for _, w := range want {
		squares += norm(w) * norm(w)
	}
	typical := math.Sqrt(squares / float64(len(want)))
	worst := 0.0
	for name, w := range want {
		diff := make([]float32, len(w))
		for i := range w {
			diff[i] = got[name][i] - w[i]
		}
		worst = max(worst, norm(diff)/max(norm(w), 0.1*typical))
	}
	return worst
}

// TestGradientsOfTiers compares loss and gradients of every tier, and of convolutions without Winograd's method, with those
// of the interpreter.
func TestGradientsOfTiers(t *testing.T) {
	const limit = 2e-5
	for _, k := range tinyTasks(t) {
		t.Run(k.name, func(t *testing.T) {
			truth := openBackend(t, "threads=1")
			truth.Interpret()
			loss, want := gradients(t, truth, k)
			for _, config := range []string{"tier=reference", "tier=avx2", "tier=avx512", "conv=direct"} {
				b, err := cpu.New("threads=2," + config)
				if err != nil {
					continue // this machine lacks the tier
				}
				defer b.Finalize()
				gotLoss, got := gradients(t, b, k)
				worst := max(math.Abs(gotLoss-loss)/loss, farthest(got, want))
				t.Logf("%s: greatest difference %.1e", config, worst)
				if !(worst <= limit) {
					t.Errorf("%s: loss or a gradient differs by %.1e of its size, %.0e is allowed", config, worst, limit)
				}
			}
		})
	}
}

// TestCurvesOfConvolutions trains 50 steps with convolutions computed directly and, where the engine prefers it, by
// Winograd's method. Rounding is all that tells the curves apart.
func TestCurvesOfConvolutions(t *testing.T) {
	if testing.Short() {
		t.Skip("50 steps, twice")
	}
	k := tinyTasks(t)[0]
	k.batch = 8
	compareCurves(t, k)
}

func compareCurves(t *testing.T, k task) {
	t.Helper()
	const steps = 50
	curve := func(config string) []float64 {
		b := openBackend(t, config)
		r := newTrainer(t, b, k)
		losses := make([]float64, steps)
		for i := range losses {
			losses[i], _ = r.run()
		}
		var profile strings.Builder
		if err := b.WriteProfile(&profile); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(profile.String(), "winograd") == strings.Contains(config, "direct") {
			t.Errorf("%s runs\n%s", config, &profile)
		}
		return losses
	}
	direct, auto := curve("conv=direct"), curve("conv=auto")
	if !(direct[steps-1] < 0.9*direct[0]) {
		t.Errorf("the loss went from %v to %v only: nothing was learnt", direct[0], direct[steps-1])
	}
	apart := func(a, b []float64) (mean, most float64) {
		for i := range a {
			d := math.Abs(a[i]-b[i]) / a[i]
			mean, most = mean+d/steps, max(most, d)
		}
		return mean, most
	}
	mean, most := apart(direct, auto)
	t.Logf("loss %.4f to %.4f; curves differ by %.1e on average, by %.1e at most", direct[0], direct[steps-1], mean, most)
	if mean > 1e-4 || most > 1e-3 {
		t.Errorf("curves differ by %.1e on average, by %.1e at most", mean, most)
	}
}

// TestTrainingKeepsItsMemory wants no memory beyond that of the second step in the following ones: variables are donated
// and updated in place, all else is used again. What the plan asks for is what is used.
func TestTrainingKeepsItsMemory(t *testing.T) {
	for _, k := range tinyTasks(t) {
		t.Run(k.name, func(t *testing.T) {
			k.batch *= 8 // activations of more than a page
			b := openBackend(t, "threads=2")
			r := newTrainer(t, b, k)
			total := func() int64 {
				runtime.GC()
				used, unused := b.MemorySizes()
				return used + unused
			}
			r.run()
			r.run()
			second := total()
			for range 8 {
				r.run()
			}
			if last := total(); last > second {
				t.Errorf("memory grew from %d to %d bytes in 8 steps", second, last)
			}
			variables := int64(0)
			for _, x := range r.state() {
				variables += 4 * int64(len(x))
			}
			arena, outputs := b.LargestProgram()
			t.Logf("mapped %d, planned arena %d, results %d, variables %d bytes", second, arena, outputs, variables)
			if estimate := arena + outputs; second > estimate+estimate/4+1<<20 || second < arena {
				t.Errorf("%d bytes are mapped, %d for arena and results were planned", second, estimate)
			}
		})
	}
}

// TestTasksAtOnce trains all tasks at once on one backend; each comes out as if it had been alone.
func TestTasksAtOnce(t *testing.T) {
	tasks := tinyTasks(t)
	want := make([]map[string][]float32, len(tasks))
	for i, k := range tasks {
		want[i] = trained(t, openBackend(t, "threads=2"), k, 2)
	}
	shared := openBackend(t, "threads=2")
	var wg sync.WaitGroup
	for i, k := range tasks {
		r := newTrainer(t, shared, k)
		wg.Go(func() {
			for range 2 {
				r.run()
			}
			if err := sameBits(r.state(), want[i]); err != nil {
				t.Errorf("%s: %v", k.name, err)
			}
		})
	}
	wg.Wait()
}

// TestTierOfEnvironment forces every tier by the environment variable and has it named in the description.
func TestTierOfEnvironment(t *testing.T) {
	for tier := kernel.Reference; tier <= kernel.BestTier(); tier++ {
		t.Setenv("EBB_CPU_TIER", tier.String())
		if b := openBackend(t, ""); !strings.Contains(b.Description(), tier.String()) {
			t.Errorf("EBB_CPU_TIER=%s gives %s", tier, b.Description())
		}
	}
	t.Setenv("EBB_CPU_TIER", "sse")
	if _, err := cpu.New(""); err == nil {
		t.Error("EBB_CPU_TIER=sse is accepted")
	}
}
