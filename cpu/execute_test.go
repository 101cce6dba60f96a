package cpu

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/internal/testkit"
)

// large is a shape whose buffers are mapped, outside the Go heap.
var large = shapes.Make(dtypes.Float32, 64<<10)

// sgd is a step of two variables: w -= g, and the untouched n, with the sum of w.
func sgd(b compute.Backend) (compute.Executable, error) {
	return graphCase{[]tensor{{shape: large}, {shape: large}, {shape: large}},
		func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
			w, err := f.Sub(in[0], in[1])
			if err != nil {
				return nil, err
			}
			sum, err := f.ReduceSum(w)
			return []compute.Value{w, in[2], sum}, err
		}}.compile(b)
}

// filled returns a large buffer of equal values.
func filled(t testing.TB, b compute.Backend, x float32) compute.Buffer {
	t.Helper()
	buffer, flat, err := b.NewSharedBuffer(0, large)
	if err != nil {
		t.Fatal(err)
	}
	for i := range flat.([]float32) {
		flat.([]float32)[i] = x
	}
	return buffer
}

// first returns the first value of a buffer's own memory.
func first(t testing.TB, b compute.Buffer) float32 {
	t.Helper()
	flat, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	return flat.([]float32)[0]
}

func TestDonation(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		step, err := sgd(b)
		if err != nil {
			t.Fatal(err)
		}
		w, g, n := filled(t, b, 5), filled(t, b, 1), filled(t, b, 7)
		var old []compute.Buffer // outputs of earlier runs stay as they are
		for range 3 {
			out, err := step.Execute([]compute.Buffer{w, g, n}, []bool{true, false, true}, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, gone := range []compute.Buffer{w, n} {
				if _, err := gone.Data(); err == nil || !strings.Contains(err.Error(), "donated") {
					t.Errorf("a donated buffer can still be read: %v", err)
				}
				if err := gone.Finalize(); err != nil {
					t.Errorf("finalizing a donated buffer: %v", err)
				}
			}
			w, n = out[0], out[1]
			old = append(old, out[2])
		}
		if got := first(t, w); got != 2 {
			t.Errorf("w is %v, want 2", got)
		}
		if got := first(t, n); got != 7 {
			t.Errorf("n is %v, want 7", got)
		}
		if got := first(t, g); got != 1 {
			t.Errorf("g is %v, want 1", got)
		}
		for i, want := range []float32{4 * 65536, 3 * 65536, 2 * 65536} {
			if got := first(t, old[i]); got != want {
				t.Errorf("sum of step %d is %v, want %v", i, got, want)
			}
		}
	})
}

// TestOutputsHaveTheirOwnMemory returns parameters, constants and values twice and writes into what comes back.
func TestOutputsHaveTheirOwnMemory(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		c := graphCase{[]tensor{{shape: large}}, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
			k, err := f.Constant([]float32{3, 3}, 2)
			if err != nil {
				return nil, err
			}
			y, err := f.Neg(in[0])
			if err != nil {
				return nil, err
			}
			z, err := f.Reshape(y, 256, 256)
			return []compute.Value{in[0], in[0], k, k, y, y, z}, err
		}}
		e, err := c.compile(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, donate := range []bool{false, true, false} {
			x := filled(t, b, 4)
			out, err := e.Execute([]compute.Buffer{x}, []bool{donate}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if !donate {
				out = append(out, x)
			}
			for i, o := range out {
				flat, err := o.Data()
				if err != nil {
					t.Fatal(err)
				}
				want := []float32{4, 4, 3, 3, -4, -4, -4, 4}[i]
				for j, got := range flat.([]float32) {
					if got != want {
						t.Fatalf("donated %v: output %d, element %d is %v, want %v", donate, i, j, got, want)
					}
					flat.([]float32)[j] = float32(100 + i)
				}
			}
		}
	})
}

// TestRefusedInputsStay wants an error for every kind of wrong input, after which all buffers are as before.
func TestRefusedInputsStay(t *testing.T) {
	b, other := open(t, "threads=1"), open(t, "threads=1")
	step, err := sgd(b)
	if err != nil {
		t.Fatal(err)
	}
	w, g, n := filled(t, b, 5), filled(t, b, 1), filled(t, b, 7)
	foreign, gone := filled(t, other, 1), filled(t, b, 1)
	if err := gone.Finalize(); err != nil {
		t.Fatal(err)
	}
	small, err := b.BufferFromFlatData(0, []float32{1}, shapes.Make(dtypes.Float32, 1))
	if err != nil {
		t.Fatal(err)
	}
	integers, err := b.BufferFromFlatData(0, make([]int32, large.Size()), shapes.Make(dtypes.Int32, large.Size()))
	if err != nil {
		t.Fatal(err)
	}
	all := []bool{true, true, true}
	for name, c := range map[string]struct {
		in     []compute.Buffer
		donate []bool
		device compute.DeviceNum
	}{
		"too few":              {[]compute.Buffer{w, g}, nil, 0},
		"too many":             {[]compute.Buffer{w, g, n, n}, nil, 0},
		"donate of other size": {[]compute.Buffer{w, g, n}, []bool{true}, 0},
		"wrong shape":          {[]compute.Buffer{w, g, small}, all, 0},
		"wrong dtype":          {[]compute.Buffer{w, g, integers}, all, 0},
		"finalized":            {[]compute.Buffer{w, g, gone}, all, 0},
		"another backend's":    {[]compute.Buffer{w, g, foreign}, all, 0},
		"nil":                  {[]compute.Buffer{w, g, nil}, all, 0},
		"donated twice":        {[]compute.Buffer{w, g, w}, all, 0},
		"donated and read":     {[]compute.Buffer{w, w, n}, []bool{true, false, true}, 0},
		"read and donated":     {[]compute.Buffer{w, w, n}, []bool{false, true, true}, 0},
		"no such device":       {[]compute.Buffer{w, g, n}, all, 1},
	} {
		if _, err := step.Execute(c.in, c.donate, c.device); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if first(t, w) != 5 || first(t, g) != 1 || first(t, n) != 7 || first(t, foreign) != 1 {
		t.Error("a refused input was changed")
	}
	if _, err := step.Execute([]compute.Buffer{w, w, w}, nil, 0); err != nil {
		t.Errorf("one buffer as three inputs that are not donated: %v", err)
	}
	if _, err := step.Execute([]compute.Buffer{w, g, n}, all, 0); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
	step.Finalize()
	if _, err := step.Execute([]compute.Buffer{foreign, foreign, foreign}, nil, 0); err == nil {
		t.Error("a finalized executable runs")
	}
}

// failing is a program that panics.
type failing struct{ program }

func (failing) Run([][]byte, []bool, allocator) ([]result, error) { panic("kernel out of its mind") }

func TestPanicBecomesAnError(t *testing.T) {
	b := open(t, "threads=1")
	step, err := sgd(b)
	if err != nil {
		t.Fatal(err)
	}
	e := step.(*Executable)
	e.program = failing{e.program}
	w, g, n := filled(t, b, 5), filled(t, b, 1), filled(t, b, 7)
	_, err = e.Execute([]compute.Buffer{w, g, n}, []bool{true, false, false}, 0)
	if err == nil || !strings.Contains(err.Error(), "kernel out of its mind") {
		t.Errorf("got error %v", err)
	}
	if first(t, g) != 1 || first(t, n) != 7 {
		t.Error("inputs that were not donated are gone")
	}
}

// TestPanicOfAKernel lets the kernel of subtraction panic on a worker: the error names the operation, and what was not
// donated and the backend stay usable.
func TestPanicOfAKernel(t *testing.T) {
	b := open(t, "threads=3")
	sub := b.kernels.Vector.Binary[kernel.Sub]
	var broken atomic.Bool
	b.kernels.Vector.Binary[kernel.Sub] = func(dst, x, y []float32) {
		if broken.Load() {
			panic("out of its mind")
		}
		sub(dst, x, y)
	}
	step, err := sgd(b)
	if err != nil {
		t.Fatal(err)
	}
	w, g, n := filled(t, b, 5), filled(t, b, 1), filled(t, b, 7)
	broken.Store(true)
	_, err = step.Execute([]compute.Buffer{w, g, n}, []bool{true, false, false}, 0)
	if err == nil || !strings.Contains(err.Error(), "out of its mind") || !strings.Contains(err.Error(), "Fused(") ||
		!strings.Contains(err.Error(), "Sub: out of its mind") {
		t.Errorf("got error %v", err)
	}
	broken.Store(false)
	out, err := step.Execute([]compute.Buffer{n, g, n}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := first(t, out[0]); got != 6 {
		t.Errorf("afterwards 7-1 is %v", got)
	}
}

// TestFailingOperationIsNamed executes a node whose attribute no builder would make.
func TestFailingOperationIsNamed(t *testing.T) {
	b := open(t, "threads=1")
	b.interpret = true
	step, err := sgd(b)
	if err != nil {
		t.Fatal(err)
	}
	step.(*Executable).graph.Nodes[1].Attr = nil
	w := filled(t, b, 5)
	if _, err := step.Execute([]compute.Buffer{w, w, w}, nil, 0); err == nil || !strings.Contains(err.Error(), "ReduceSum") {
		t.Errorf("got error %v", err)
	}
}

// TestConcurrentExecutions runs several executables on shared inputs at once.
func TestConcurrentExecutions(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		g, n := filled(t, b, 1), filled(t, b, 7)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				step, err := sgd(b)
				if err != nil {
					t.Error(err)
					return
				}
				w := filled(t, b, 20)
				for range 10 {
					out, err := step.Execute([]compute.Buffer{w, g, n}, []bool{true, false, false}, 0)
					if err != nil {
						t.Error(err)
						return
					}
					w = out[0]
					if out[1].Finalize() != nil || out[2].Finalize() != nil {
						t.Error("Finalize failed")
					}
				}
				if got := first(t, w); got != 10 {
					t.Errorf("w is %v, want 10", got)
				}
			})
		}
		wg.Wait()
	})
}

// TestNothingLeaks compiles and executes many times and forgets most of the results.
func TestNothingLeaks(t *testing.T) {
	b := open(t, "threads=2")
	compiles, executions := 1000, 10000
	run := func() {
		step, err := sgd(b)
		if err != nil {
			t.Fatal(err)
		}
		defer step.Finalize()
		w, g, n := filled(t, b, 5), filled(t, b, 1), filled(t, b, 7)
		for range executions / compiles {
			out, err := step.Execute([]compute.Buffer{w, g, n}, []bool{true, false, true}, 0)
			if err != nil {
				t.Fatal(err)
			}
			w, n = out[0], out[1]
		}
	}
	run()
	goroutines := runtime.NumGoroutine()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range compiles {
		run()
	}
	for range 100 { // cleanups run some time after a collection
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
		if used, _ := b.memory.sizes(); used == 0 {
			break
		}
	}
	runtime.ReadMemStats(&after)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before %d", n, goroutines)
	}
	if used, unused := b.memory.sizes(); used != 0 || unused > keepAtAll {
		t.Errorf("%d bytes in use and %d kept when all buffers are forgotten", used, unused)
	}
	if growth := int64(after.HeapAlloc) - int64(before.HeapAlloc); growth > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", growth)
	}
}

func TestMemoryEstimate(t *testing.T) {
	forConfigs(t, func(t *testing.T, b *Backend) {
		step, err := sgd(b)
		if err != nil {
			t.Fatal(err)
		}
		estimate := step.(*Executable).MemoryEstimate()
		// Of the two outputs the new weights may take over the old ones' memory, which compiled programs count on.
		if least := large.ByteSize(); estimate < least || estimate > 6*least {
			t.Errorf("estimate %d bytes, an output alone takes %d", estimate, least)
		}
	})
}

func TestBuffers(t *testing.T) {
	b := open(t, "")
	for _, in := range []tensor{of([]bool{true, false}, 2), of([]complex64{1i}, 1), of([]float64{}, 0, 3), of([]uint16{7})} {
		buffer, err := b.BufferFromFlatData(0, in.flat, in.shape)
		if err != nil {
			t.Fatal(err)
		}
		copied, err := buffer.CopyToDevice(0)
		if err != nil {
			t.Fatal(err)
		}
		if err := buffer.Finalize(); err != nil {
			t.Fatal(err)
		}
		got, err := fetch(copied)
		if err != nil {
			t.Fatal(err)
		}
		if diff := testkit.Diff(in.flat, got.flat); diff != "" || !got.shape.Equal(in.shape) {
			t.Errorf("%s: %s", got.shape, diff)
		}
		if _, err := fetch(buffer); err == nil {
			t.Error("a finalized buffer can be read")
		}
	}
	for name, c := range map[string]tensor{
		"too short": {[]float32{1}, shapes.Make(dtypes.Float32, 2)}, "wrong type": {[]int32{1}, shapes.Make(dtypes.Float32, 1)},
		"no slice": {float32(1), shapes.Make(dtypes.Float32)}, "nil": {nil, shapes.Make(dtypes.Float32)},
		"invalid": {[]float32{1}, shapes.Invalid()},
	} {
		if _, err := b.BufferFromFlatData(0, c.flat, c.shape); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	b.Finalize()
	b.Finalize()
	if _, err := b.BufferFromFlatData(0, []float32{1}, shapes.Make(dtypes.Float32, 1)); err == nil || !b.IsFinalized() {
		t.Error("a finalized backend works")
	}
}
