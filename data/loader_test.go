package data

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func newLoader(t testing.TB, s Set, c LoaderConfig) *Loader {
	t.Helper()
	l, err := NewLoader(s, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func batch(t testing.TB, l *Loader, step int64) *Batch {
	t.Helper()
	b, err := l.Batch(step)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(a, b *Batch) bool {
	return slices.Equal(a.Images, b.Images) && slices.Equal(a.Labels, b.Labels) && slices.Equal(a.Augment, b.Augment) && slices.Equal(a.Index, b.Index)
}

var everything = Preprocess{Height: 6, Width: 6, Fit: FitRandomCrop, FlipX: true, FlipY: true, Augment: 0.5, Noise: 0.1}

// Workers, read-ahead, the order of asking and a prepared cache leave every bit as it is.
func TestBatchIsAFunctionOfStep(t *testing.T) {
	s := randomSet(23, 7, 9, 3)
	ref := newLoader(t, s, LoaderConfig{Batch: 8, Seed: 5, Preprocess: everything, Workers: 1, Ahead: 1})
	var want []*Batch
	for step := range int64(9) {
		want = append(want, batch(t, ref, step))
	}
	path := filepath.Join(t.TempDir(), "c")
	if _, err := Prepare(context.Background(), s, path, PrepareOptions{Workers: 3}); err != nil {
		t.Fatal(err)
	}
	cached, err := Open(context.Background(), path, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cached.Close() })
	fromCache := newLoader(t, cached, LoaderConfig{Batch: 8, Seed: 5, Preprocess: everything})
	for step := range int64(9) {
		if !same(batch(t, fromCache, step), want[step]) {
			t.Fatalf("step %d differs with a prepared cache", step)
		}
	}
	for _, c := range []LoaderConfig{{Workers: 7, Ahead: 5}, {Workers: 2, Ahead: 1}} {
		c.Batch, c.Seed, c.Preprocess = 8, 5, everything
		l := newLoader(t, s, c)
		for _, step := range []int64{4, 5, 6, 0, 8, 8, 1, 2, 3, 7} {
			if !same(batch(t, l, step), want[step]) {
				t.Fatalf("step %d differs with %d workers", step, c.Workers)
			}
		}
	}
	if same(want[0], want[1]) || same(want[0], batch(t, newLoader(t, s, LoaderConfig{Batch: 8, Seed: 6, Preprocess: everything}), 0)) {
		t.Error("step or seed does not matter")
	}
}

// The pictures of two batches of 4 are those of one batch of 8: a batch may be split for accumulation.
func TestBatchSizeDoesNotMatter(t *testing.T) {
	s := randomSet(23, 7, 9, 3)
	eight := batch(t, newLoader(t, s, LoaderConfig{Batch: 8, Seed: 5, Preprocess: everything}), 3)
	four := newLoader(t, s, LoaderConfig{Batch: 4, Seed: 5, Preprocess: everything})
	a, b := batch(t, four, 6), batch(t, four, 7)
	if !slices.Equal(eight.Images, append(a.Images, b.Images...)) || !slices.Equal(eight.Index, append(a.Index, b.Index...)) {
		t.Error("batch 3 of 8 is not batches 6 and 7 of 4")
	}
}

func TestEpochs(t *testing.T) {
	l := newLoader(t, randomSet(10, 2, 2, 1), LoaderConfig{Batch: 4, Seed: 1})
	var seen []int64
	for step := range int64(5) {
		seen = append(seen, batch(t, l, step).Index...)
	}
	first, second := slices.Clone(seen[:10]), slices.Clone(seen[10:])
	if slices.Equal(first, second) {
		t.Error("two epochs have the same order")
	}
	for _, e := range [][]int64{first, second} {
		slices.Sort(e)
		if !slices.Equal(e, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("an epoch has %v", e)
		}
	}
}

func TestWeights(t *testing.T) {
	u := Concat(randomSet(100, 2, 2, 1), randomSet(7, 2, 2, 1))
	l := newLoader(t, u, LoaderConfig{Batch: 512, Seed: 1, Weights: []float64{1, 3}})
	small, counts := 0, map[int64]int{}
	for step := range int64(8) {
		for _, i := range batch(t, l, step).Index {
			if i >= 100 {
				small++
				counts[i]++
			}
		}
	}
	if small != 3072 { // exactly 3/4 of a round of 4096
		t.Errorf("%d draws from the second source, want 3072", small)
	}
	for i, n := range counts {
		if n < 438 || n > 440 {
			t.Errorf("picture %d was drawn %d times, want 438 or 439", i, n)
		}
	}
	if _, err := NewLoader(u, LoaderConfig{Batch: 1, Weights: []float64{1, 1e-9}}); err == nil {
		t.Error("a weight too small to matter was accepted")
	}
	if _, err := NewLoader(randomSet(3, 1, 1, 1), LoaderConfig{Batch: 1, Weights: []float64{1}}); err == nil {
		t.Error("weights without a union were accepted")
	}
}

func TestSequential(t *testing.T) {
	l := newLoader(t, randomSet(5, 2, 2, 1), LoaderConfig{Batch: 4, Sequential: true})
	if got := batch(t, l, 1).Index; !slices.Equal(got, []int64{4, 0, 1, 2}) {
		t.Errorf("second batch is %v", got)
	}
}

// Broken pictures are replaced, always by the same ones, and counted; too many are refused with their names.
func TestBroken(t *testing.T) {
	s := randomSet(20, 2, 2, 1)
	s.bad[0], s.bad[3] = true, true
	a := newLoader(t, s, LoaderConfig{Batch: 20, Seed: 1, MaxBroken: 0.1, Workers: 1})
	b := newLoader(t, s, LoaderConfig{Batch: 20, Seed: 1, MaxBroken: 0.1, Workers: 5})
	batch(t, b, 7)
	for step := range int64(4) {
		x := batch(t, a, step)
		if !same(x, batch(t, b, step)) {
			t.Fatal("replacements differ")
		}
		if slices.Contains(x.Index, 0) || slices.Contains(x.Index, 3) {
			t.Fatal("a broken picture was served")
		}
	}
	if n := a.Broken(); len(n) != 2 {
		t.Errorf("broken: %v", n)
	}
	strict := LoaderConfig{Batch: 20, Seed: 1, MaxBroken: 0.06}
	l, err := NewLoader(s, strict)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	_, err = l.Batch(0)
	var many *TooManyBrokenError
	if !errors.As(err, &many) || len(many.Broken) != 2 || !strings.Contains(err.Error(), "p3: cut short") {
		t.Errorf("error %v", err)
	}
}

func TestMixedSizesAreRefused(t *testing.T) {
	s := randomSet(4, 4, 4, 3)
	s.pics[2] = randomSet(1, 5, 4, 3).pics[0]
	l := newLoader(t, s, LoaderConfig{Batch: 4})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "p2") || !strings.Contains(err.Error(), "4 x 5 pixels") || !strings.Contains(err.Error(), "crop") {
		t.Errorf("error %v", err)
	}
	if _, err := NewLoader(&memory{}, LoaderConfig{Batch: 1}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("empty set: %v", err)
	}
}

// slow is a set whose pictures take a while.
type slow struct{ *memory }

func (s slow) Picture(i int) (*Picture, error) {
	time.Sleep(5 * time.Millisecond)
	return s.memory.Picture(i)
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		l, err := NewLoader(slow{randomSet(50, 4, 4, 3)}, LoaderConfig{Batch: 16, Workers: 4})
		if err != nil {
			t.Fatal(err)
		}
		batch(t, l, 0)
		waited := make(chan error)
		go func() { _, err := l.Batch(100); waited <- err }()
		time.Sleep(time.Millisecond)
		if err := l.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; !errors.Is(err, ErrClosed) {
			t.Errorf("a waiting Batch returned %v", err)
		}
		if _, err := l.Batch(1); !errors.Is(err, ErrClosed) {
			t.Errorf("Batch after Close returned %v", err)
		}
		if err := l.Close(context.Background()); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestNormRoundTrip(t *testing.T) {
	p := randomSet(1, 5, 4, 3).pics[0]
	for _, n := range []Norm{PlusMinusOne(), {Mean: []float64{0.4, 0.5, 0.6}, Std: []float64{0.2, 0.3, 0.25}}} {
		x := n.Apply(nil, p)
		q, err := n.Picture(x, 5, 4, 3, Bits8)
		if err != nil || string(q.Pix) != string(p.Pix) {
			t.Errorf("%v: round trip changes samples (%v)", n, err)
		}
	}
	x := PlusMinusOne().Apply(nil, &Picture{Height: 1, Width: 2, Channels: 1, Depth: Bits16, Pix: []byte{0, 0, 255, 255}})
	if !slices.Equal(x, []float32{-1, 1}) {
		t.Errorf("16-bit black and white become %v", x)
	}
	for v := range 256 {
		got := PlusMinusOne().Apply(nil, &Picture{Height: 1, Width: 1, Channels: 1, Depth: Bits8, Pix: []byte{byte(v)}})[0]
		if math.Abs(float64(got)-(float64(v)/127.5-1)) > 1e-7 {
			t.Errorf("%d becomes %v", v, got)
		}
	}
	for _, n := range []Norm{{}, {Mean: []float64{1, 2}, Std: []float64{1, 1}}, {Mean: []float64{0}, Std: []float64{0}}} {
		if n.Check(3) == nil {
			t.Errorf("%v was accepted for 3 channels", n)
		}
	}
}
