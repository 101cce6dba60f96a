package pool

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The engine's kernels ask for this interface (kernel.Runner); importing it would tie this test to theirs.
var _ interface {
	Workers() int
	Run(tasks int, f func(worker, task int))
} = (*Pool)(nil)

func open(t testing.TB, workers int) *Pool {
	t.Helper()
	p, err := New(workers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestEveryTaskOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		p := open(t, workers)
		if p.Workers() != workers {
			t.Errorf("Workers() = %d, want %d", p.Workers(), workers)
		}
		active := make([]atomic.Int32, workers)
		for _, tasks := range []int{-1, 0, 1, 2, 3, 7, 8, 9, 64, 1000} {
			count := make([]atomic.Int32, max(tasks, 0))
			p.Run(tasks, func(worker, task int) {
				if active[worker].Add(1) != 1 {
					t.Errorf("worker %d runs two tasks at once", worker)
				}
				count[task].Add(1)
				active[worker].Add(-1)
			})
			for task := range count {
				if n := count[task].Load(); n != 1 {
					t.Fatalf("%d workers: task %d of %d ran %d times", workers, task, tasks, n)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(0); err == nil {
		t.Error("New(0) succeeded")
	}
}

// TestManyRegions hunts for lost wake-ups: regions with and without pauses that let the workers sleep.
func TestManyRegions(t *testing.T) {
	p := open(t, 3)
	var sum atomic.Int64
	const regions = 2000
	for i := range regions {
		if i%500 == 0 {
			time.Sleep(3 * spinTime)
		}
		p.Run(5, func(_, task int) { sum.Add(int64(task)) })
	}
	if got := sum.Load(); got != regions*10 {
		t.Errorf("sum %d, want %d", got, regions*10)
	}
}

func TestConcurrentAndNestedRuns(t *testing.T) {
	p := open(t, 3)
	var sum atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 50 {
				p.Run(4, func(_, _ int) {
					p.Run(3, func(_, task int) { sum.Add(int64(task)) })
				})
			}
		})
	}
	clients.Wait()
	if got := sum.Load(); got != 4*50*4*3 {
		t.Errorf("sum %d, want %d", got, 4*50*4*3)
	}
}

func TestPanicReachesCaller(t *testing.T) {
	want := errors.New("boom")
	for _, workers := range []int{1, 2, 4} {
		p := open(t, workers)
		for _, tasks := range []int{1, 8} {
			err := catch(func() {
				p.Run(tasks, func(_, task int) {
					if task == tasks-1 {
						panic(want)
					}
				})
			})
			var failure *Panic
			if !errors.As(err, &failure) || failure.Task != tasks-1 || !errors.Is(err, want) || len(failure.Stack) == 0 {
				t.Errorf("%d workers: caught %v", workers, err)
			}
		}
		ran := 0
		p.Run(1, func(int, int) { ran++ })
		if ran != 1 {
			t.Error("pool unusable after a panic")
		}
	}
}

func catch(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

func TestGoexitInTask(t *testing.T) {
	p := open(t, 2)
	for range 3 {
		done := make(chan error)
		go func() {
			var err error
			defer func() { done <- err }()
			err = catch(func() { p.Run(2, func(int, int) { runtime.Goexit() }) })
		}()
		<-done // either a panic or the end of the goroutine, never a hang
	}
	var n atomic.Int32
	p.Run(2, func(int, int) { n.Add(1) })
	if n.Load() != 2 {
		t.Error("pool unusable after Goexit")
	}
}

func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		p, err := New(4)
		if err != nil {
			t.Fatal(err)
		}
		p.Run(8, func(int, int) {})
		p.Close()
		p.Close()
		n := 0
		p.Run(3, func(worker, task int) { n++ })
		if n != 3 {
			t.Errorf("closed pool ran %d of 3 tasks", n)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestIdleWorkersSleep(t *testing.T) {
	p := open(t, 3)
	p.Run(3, func(int, int) {})
	for range 1000 {
		if p.parked.Load() == 2 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d of 2 workers sleep", p.parked.Load())
}

// BenchmarkForkJoin is the cost of a region without work.
func BenchmarkForkJoin(b *testing.B) {
	p := open(b, 2)
	for b.Loop() {
		p.Run(2, func(int, int) {})
	}
}

// BenchmarkForkJoinCollector is the same while the garbage collector runs.
func BenchmarkForkJoinCollector(b *testing.B) {
	p := open(b, 2)
	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				runtime.GC()
			}
		}
	})
	for b.Loop() {
		p.Run(2, func(int, int) {})
	}
	close(stop)
	collector.Wait()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	b.ReportMetric(float64(stats.PauseTotalNs)/float64(max(stats.NumGC, 1))/1e3, "µs/pause")
}
