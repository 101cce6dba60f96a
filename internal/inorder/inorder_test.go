package inorder

import (
	"errors"
	"iter"
	"testing"
	"time"
)

func numbers(n int, fail error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if fail != nil {
			yield(0, fail)
		}
	}
}

func TestMapKeepsOrder(t *testing.T) {
	for _, workers := range []int{0, 1, 3, 8} {
		next := 0
		for v, err := range Map(workers, numbers(200, nil), func(i int) (int, error) {
			if i%17 == 0 {
				time.Sleep(time.Millisecond)
			}
			return i * i, nil
		}) {
			if err != nil || v != next*next {
				t.Fatalf("item %d is %d (%v)", next, v, err)
			}
			next++
		}
		if next != 200 {
			t.Fatalf("%d items of 200 with %d workers", next, workers)
		}
	}
}

func TestMapEndsAtErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, seq := range map[string]iter.Seq2[int, error]{
		"source": Map(3, numbers(10, broken), func(i int) (int, error) { return i, nil }),
		"worker": Map(3, numbers(99, nil), func(i int) (int, error) {
			if i == 10 {
				return 0, broken
			}
			return i, nil
		}),
	} {
		n, last := 0, error(nil)
		for _, err := range seq {
			if last = err; err == nil {
				n++
			}
		}
		if n != 10 || !errors.Is(last, broken) {
			t.Errorf("error of the %s after %d items: %v", name, n, last)
		}
	}
}

func TestMapCanBeLeft(t *testing.T) {
	for v := range Map(4, numbers(1<<30, nil), func(i int) (int, error) { return i, nil }) {
		if v == 5 {
			break
		}
	}
}
