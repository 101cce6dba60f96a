// Package inorder maps a sequence on several goroutines and keeps its order, so that results do not depend on their number.
package inorder

import (
	"iter"
	"sync"
)

// slot is the place of one item's result in the sequence.
type slot[Out any] struct {
	out Out
	err error
}

type job[In, Out any] struct {
	in   In
	done chan slot[Out]
}

// Map yields f of every item of in, in order. in runs on a goroutine of its own, f on workers others; at most about four items per worker
// are held. The first error, of in or of f, is yielded and ends the sequence. When the loop over it is left, all goroutines have ended.
func Map[In, Out any](workers int, in iter.Seq2[In, error], f func(In) (Out, error)) iter.Seq2[Out, error] {
	workers = max(workers, 1)
	return func(yield func(Out, error) bool) {
		jobs, queue, stop := make(chan job[In, Out], 4*workers), make(chan chan slot[Out], 4*workers), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { feed(in, jobs, queue, stop) })
		for range workers {
			all.Go(func() {
				for j := range jobs {
					out, err := f(j.in)
					j.done <- slot[Out]{out, err}
				}
			})
		}
		defer all.Wait()
		defer close(stop)
		for done := range queue {
			s := <-done
			if !yield(s.out, s.err) || s.err != nil {
				return
			}
		}
	}
}

// feed hands out the items until they end, one fails, or stop is closed.
func feed[In, Out any](in iter.Seq2[In, error], jobs chan<- job[In, Out], queue chan<- chan slot[Out], stop <-chan struct{}) {
	defer close(queue)
	defer close(jobs)
	for item, err := range in {
		j := job[In, Out]{item, make(chan slot[Out], 1)}
		select {
		case queue <- j.done:
		case <-stop:
			return
		}
		if err != nil {
			j.done <- slot[Out]{err: err}
			return
		}
		select {
		case jobs <- j:
		case <-stop:
			return
		}
	}
}
