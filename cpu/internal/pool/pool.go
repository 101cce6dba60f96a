// Package pool runs the parallel regions of the engine on a fixed set of goroutines.
//
// A training step consists of thousands of regions, many of them shorter than the 50 µs that waking a sleeping thread
// takes. The workers of a [Pool] therefore keep looking for the next region for a few milliseconds after the last one and
// only then sleep: a region started in time costs a fraction of a microsecond, and an idle pool costs nothing.
//
// A program that computes should set GOMAXPROCS to the number of workers + 1, so that its other goroutines (data loader,
// HTTP, timers) need not wait for a worker to be preempted. The package does not change GOMAXPROCS itself and does not
// bind goroutines to threads, which makes waking slower.
package pool

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	spinTime   = 2 * time.Millisecond // an idle worker looks for work this long before it sleeps
	pauses     = 4                    // PAUSE instructions between two looks, about 0.1 µs
	clockEvery = 64                   // looks between two readings of the clock
	yieldAfter = 500                  // looks after which a waiting caller lets other goroutines run
)

// Pool is a set of workers. Its methods may be called from several goroutines at once.
type Pool struct {
	busy    sync.Mutex // held by the Run whose region the fields below describe
	f       func(worker, task int)
	failure atomic.Pointer[Panic]
	pending atomic.Int64 // tasks of the region that are not yet done
	tasks   []span       // what is left of each worker's share

	epoch  atomic.Uint32 // counts regions; idle workers watch it
	parked atomic.Int32  // sleeping workers that nobody has begun to wake
	wake   chan struct{} // one token for each worker being woken
	closed atomic.Bool
	exited sync.WaitGroup
}

// span is an interval of tasks [low, high) in one word, low in the upper half. Its owner takes from the low end and other
// workers from the high end. It fills a pair of cache lines, so that taking a task disturbs nobody else.
type span struct {
	word atomic.Uint64
	_    [120]byte
}

// New starts a pool of the given number of workers, of which the caller of [Pool.Run] is the first: a pool of n starts
// n-1 goroutines. The pool must be closed when no longer needed.
func New(workers int) (*Pool, error) {
	if workers < 1 {
		return nil, fmt.Errorf("pool: %d workers: need at least 1", workers)
	}
	p := &Pool{tasks: make([]span, workers), wake: make(chan struct{}, workers)}
	for w := 1; w < workers; w++ {
		p.start(w)
	}
	return p, nil
}

// Workers returns how many tasks may run at the same time.
func (p *Pool) Workers() int { return len(p.tasks) }

// Close ends the workers after the current region. A closed pool still runs tasks, on the caller alone.
func (p *Pool) Close() {
	p.busy.Lock()
	p.closed.Store(true)
	p.busy.Unlock()
	p.publish(len(p.tasks))
	p.exited.Wait()
}

// Run calls f(worker, task) for every task in [0, tasks), each once, and returns when all are done. No two tasks of the
// call run at the same time with the same worker. Each worker begins with its own contiguous share of the tasks, the same
// in every call with as many tasks, so that it finds in its caches what it left there; then it helps the others.
//
// While the pool is busy with another call, or with the one that this call is nested in, the tasks run one after the other
// on the calling goroutine. If a task panics, the tasks not yet begun are skipped and Run panics with a [*Panic].
func (p *Pool) Run(tasks int, f func(worker, task int)) {
	if tasks <= 0 {
		return
	}
	if tasks == 1 || len(p.tasks) == 1 || p.closed.Load() || !p.busy.TryLock() {
		serial(tasks, f)
		return
	}
	defer p.finish() // also when a task ends the calling goroutine
	p.f = f
	p.failure.Store(nil)
	p.pending.Store(int64(tasks))
	n := len(p.tasks)
	for w := range p.tasks {
		low, high := (w*tasks+n-1)/n, ((w+1)*tasks+n-1)/n
		p.tasks[w].word.Store(uint64(low)<<32 | uint64(high))
	}
	p.publish(min(tasks, n))
	p.work(0)
}

// publish makes a region visible and wakes as many sleeping workers as it can use, the caller being one of them.
func (p *Pool) publish(useful int) {
	p.epoch.Add(1)
	for range useful - 1 {
		if !p.unpark() {
			return
		}
		p.wake <- struct{}{}
	}
}

// unpark takes one worker off the count of sleepers and reports whether there was one.
func (p *Pool) unpark() bool {
	for {
		n := p.parked.Load()
		if n == 0 {
			return false
		}
		if p.parked.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// finish waits for the tasks that other workers have taken, releases the pool and passes on a panic.
func (p *Pool) finish() {
	for i := 0; p.pending.Load() > 0; i++ {
		breathe()
		if i > yieldAfter {
			runtime.Gosched()
		}
	}
	failure := p.failure.Load()
	p.f = nil
	p.busy.Unlock()
	if failure != nil {
		panic(failure)
	}
}

// work runs tasks until none is left: the worker's own, then those of its neighbours.
func (p *Pool) work(worker int) {
	for i := range p.tasks {
		victim := (worker + i) % len(p.tasks)
		for {
			task, ok := p.tasks[victim].take(i > 0)
			if !ok {
				break
			}
			p.do(worker, task)
		}
	}
}

// take removes one task. Having it, a worker may read the region's fields: the region cannot end before the task is done.
func (s *span) take(steal bool) (task int, ok bool) {
	for {
		v := s.word.Load()
		low, high := v>>32, v&(1<<32-1)
		if low >= high {
			return 0, false
		}
		left := v + 1<<32
		task = int(low)
		if steal {
			left = v - 1
			task = int(high) - 1
		}
		if s.word.CompareAndSwap(v, left) {
			return task, true
		}
	}
}

// do runs one task, unless one has failed. The deferred function also sees a task that calls runtime.Goexit.
func (p *Pool) do(worker, task int) {
	completed := false
	defer func() {
		if !completed {
			p.failure.CompareAndSwap(nil, newPanic(task, recover()))
		}
		p.pending.Add(-1)
	}()
	if p.failure.Load() == nil {
		p.f(worker, task)
	}
	completed = true
}

// serial runs the tasks on the caller.
func serial(tasks int, f func(worker, task int)) {
	task, completed := 0, false
	defer func() {
		if completed {
			return
		}
		if value := recover(); value != nil {
			panic(newPanic(task, value))
		}
	}()
	for ; task < tasks; task++ {
		f(0, task)
	}
	completed = true
}

// start begins a worker's goroutine, and another one if a task ends it by runtime.Goexit.
func (p *Pool) start(worker int) {
	p.exited.Add(1)
	go func() {
		defer func() {
			if !p.closed.Load() {
				p.start(worker)
			}
			p.exited.Done()
		}()
		p.loop(worker)
	}()
}

func (p *Pool) loop(worker int) {
	var seen uint32
	for !p.closed.Load() {
		seen = p.await(seen)
		p.work(worker)
	}
}

// await returns the number of a region later than seen: at once if there is one, after looking for it for a while, or
// after sleeping.
func (p *Pool) await(seen uint32) uint32 {
	// With fewer threads than workers, looking would only keep the caller from running.
	if runtime.GOMAXPROCS(0) >= len(p.tasks) {
		begin := time.Now()
		for i := 1; i%clockEvery != 0 || time.Since(begin) < spinTime; i++ {
			if e := p.epoch.Load(); e != seen {
				return e
			}
			breathe()
		}
	}
	p.parked.Add(1)
	if p.epoch.Load() == seen || !p.unpark() {
		<-p.wake // asleep, or someone counts on this worker to take the token
	}
	return p.epoch.Load()
}

// breathe waits about 0.1 µs. It must stay an ordinary function: its prologue is the place where the runtime can stop a
// loop that otherwise runs in assembly (measured: pauses of the collector 3 ms without, 0.1 ms with it).
//
//go:noinline
func breathe() { pause(pauses) }

// Panic is what [Pool.Run] panics with when a task has panicked.
type Panic struct {
	Task  int    // number of the task
	Value any    // what it panicked with; nil if it called runtime.Goexit
	Stack []byte // of the goroutine that ran the task
}

func newPanic(task int, value any) *Panic {
	if p, ok := value.(*Panic); ok { // of a nested Run: the inner one says more
		return p
	}
	return &Panic{Task: task, Value: value, Stack: debug.Stack()}
}

// Error describes the panic in one line.
func (p *Panic) Error() string {
	if p.Value == nil {
		return fmt.Sprintf("pool: task %d ended its goroutine", p.Task)
	}
	return fmt.Sprintf("pool: task %d panicked: %v", p.Task, p.Value)
}

// Unwrap returns the panic's value if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
