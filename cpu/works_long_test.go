//go:build long

package cpu_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/ebb-ml/ebb/cpu"
	"github.com/ebb-ml/ebb/nets"
)

// works are the networks that `ebb bench` times, at smaller batches.
func works(t testing.TB) []task {
	t.Helper()
	small, err := nets.NewUNet(nets.UNetSmall())
	if err != nil {
		t.Fatal(err)
	}
	cifar, err := nets.NewUNet(nets.DDPMCifar10())
	if err != nil {
		t.Fatal(err)
	}
	c := nets.DiTSmall()
	c.Init = nets.InitTorch // with zeros, most gradients would be zero
	dit, err := nets.NewDiT(c)
	if err != nil {
		t.Fatal(err)
	}
	x := nets.TextBase()
	x.Init = nets.InitTorch
	text, err := nets.NewText(x)
	if err != nil {
		t.Fatal(err)
	}
	return []task{{"unet-small", small, 8, 32, 0}, {"unet-cifar", cifar, 3, 32, 0}, {"dit-s", dit, 4, 32, 0}, {"text-base", text, 3, 0, 256}}
}

// TestBitsOfWorks is TestBitsOfTraining on networks of real size.
func TestBitsOfWorks(t *testing.T) {
	for _, k := range works(t) {
		t.Run(k.name, func(t *testing.T) {
			want := trained(t, openBackend(t, "threads=1"), k, 2)
			for _, threads := range []int{2, 3, 8} {
				b := openBackend(t, fmt.Sprintf("threads=%d", threads))
				if err := sameBits(trained(t, b, k, 2), want); err != nil {
					t.Errorf("%d threads: %v", threads, err)
				}
				b.Finalize()
			}
		})
	}
}

// TestTiersOfWorks compares the gradients of AVX2, and of convolutions without Winograd's method, with those of AVX-512.
func TestTiersOfWorks(t *testing.T) {
	const limit = 1e-4
	for _, k := range works(t) {
		t.Run(k.name, func(t *testing.T) {
			_, want := gradients(t, openBackend(t, ""), k)
			for _, config := range []string{"tier=avx2", "conv=direct"} {
				b, err := cpu.New(config)
				if err != nil {
					continue // this machine lacks the tier
				}
				defer b.Finalize()
				_, got := gradients(t, b, k)
				worst := farthest(got, want)
				t.Logf("%s: greatest difference %.1e", config, worst)
				if !(worst <= limit) {
					t.Errorf("%s: a gradient differs by %.1e of its size, %.0e is allowed", config, worst, limit)
				}
			}
		})
	}
}

// TestCurvesOfUNetSmall is TestCurvesOfConvolutions on the network of ebb's learning curves.
func TestCurvesOfUNetSmall(t *testing.T) { compareCurves(t, works(t)[0]) }

// TestManySteps trains 3000 steps: no goroutine and no memory more than after the first ones.
func TestManySteps(t *testing.T) {
	for _, k := range tinyTasks(t) {
		t.Run(k.name, func(t *testing.T) {
			b := openBackend(t, "threads=2")
			r := newTrainer(t, b, k)
			sizes := func() (goroutines int, mapped, heap int64) {
				var s runtime.MemStats
				runtime.GC()
				runtime.GC() // the first one only queues what is to be cleaned up
				runtime.ReadMemStats(&s)
				used, unused := b.MemorySizes()
				return runtime.NumGoroutine(), used + unused, int64(s.HeapAlloc)
			}
			for range 20 {
				r.run()
			}
			goroutines, mapped, heap := sizes()
			for range 3000 {
				r.run()
			}
			g, m, h := sizes()
			if g > goroutines || m > mapped || h > heap+2<<20 {
				t.Errorf("%d goroutines, %d bytes mapped, %d in the heap; before %d, %d, %d", g, m, h, goroutines, mapped, heap)
			}
		})
	}
}
