package data

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// LoaderConfig says what a Loader yields.
type LoaderConfig struct {
	Batch      int        // pictures in a batch
	Seed       uint64     // of order, crops, flips, augmentation and noise
	Preprocess Preprocess // how a picture becomes samples
	// Weights say how often each source of a Union is drawn from, whatever its size; nil: every picture equally often.
	Weights    []float64
	Sequential bool    // in the order of the set, over and over, for evaluation; Weights do not apply
	MaxBroken  float64 // share of the pictures that may be broken and are replaced by others; default 0.001, below 0 none
	Workers    int     // goroutines that decode; default GOMAXPROCS
	Ahead      int     // batches to prepare before they are asked for; default 3
}

// Batch is what a network is fed with. The caller owns it.
type Batch struct {
	Images  []float32 // batch x height x width x channels, normalised
	Labels  []int32   // batch; -1 without a label
	Augment []float32 // batch x AugmentDim, nil without augmentation
	Index   []int64   // batch; which pictures of the set these are
}

// Loader yields the batches of a set. Its methods may be called from several goroutines.
type Loader struct {
	set     Set
	config  LoaderConfig
	order   *order
	closing chan struct{}
	done    chan struct{} // closed when all workers have left

	mu     sync.Mutex
	wake   *sync.Cond // there are jobs, or the loader closes
	jobs   []job
	ahead  map[int64]*pending // batches that nobody has asked for yet
	closed bool
	broken map[int]*ItemError
	names  []*ItemError // broken, as met
}

// pending is a batch in the making.
type pending struct {
	step  int64
	batch *Batch
	left  int   // parts not finished yet; this and the rest under Loader.mu
	err   error // of the lowest place in the batch that failed, so that it does not depend on the workers
	place int
	stale bool // nobody will ask for it
	ready chan struct{}
}

// job is a part of a batch: places from … to-1.
type job struct {
	p        *pending
	batch    *Batch
	from, to int
}

// ErrClosed is returned by a Loader after Close.
var ErrClosed = errors.New("data: the loader is closed")

// NewLoader checks the configuration against the first readable picture and starts the workers. The set stays the
// caller's and must not be closed before the Loader is.
func NewLoader(s Set, c LoaderConfig) (*Loader, error) {
	c.MaxBroken = max(orDefault(c.MaxBroken, 0.001), 0)
	c.Workers = orDefault(c.Workers, runtime.GOMAXPROCS(0))
	c.Ahead = orDefault(c.Ahead, 3)
	if s.Len() == 0 {
		return nil, errors.New("data: the set is empty")
	}
	if c.Batch <= 0 || c.Workers < 0 || c.Ahead < 0 {
		return nil, fmt.Errorf("data: batch %d must be positive, workers %d and ahead %d not negative", c.Batch, c.Workers, c.Ahead)
	}
	sizes := []int{s.Len()}
	if u, ok := s.(*Union); ok {
		sizes = u.Sizes()
	} else if c.Weights != nil {
		return nil, errors.New("data: weights need several sources (a Union)")
	}
	o, err := newOrder(c.Seed, c.Sequential, sizes, c.Weights)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	l := &Loader{set: s, config: c, order: o, closing: make(chan struct{}), done: make(chan struct{}), ahead: map[int64]*pending{}, broken: map[int]*ItemError{}}
	if err := l.resolve(); err != nil {
		return nil, err
	}
	l.wake = sync.NewCond(&l.mu)
	var wg sync.WaitGroup
	for range c.Workers {
		wg.Go(l.work)
	}
	go func() { wg.Wait(); close(l.done) }()
	return l, nil
}

// resolve derives sizes from the first picture that can be read.
func (l *Loader) resolve() error {
	for i := range l.set.Len() {
		p, err := l.set.Picture(i)
		if err != nil {
			if err := l.note(i, err); err != nil {
				return err
			}
			continue
		}
		l.config.Preprocess, err = l.config.Preprocess.resolve(p)
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		return nil
	}
	return errors.New("data: no picture of the set can be read")
}

// Config returns the configuration with all defaults and sizes filled in; its Norm belongs to the model.
func (l *Loader) Config() LoaderConfig { return l.config }

// Broken lists the pictures that were met and could not be used so far.
func (l *Loader) Broken() []*ItemError {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.names)
}

// Batch returns the batch of a step, counted from 0. It depends on the set, the configuration, the seed and the step only.
// Steps may be asked for in any order; the next ones are prepared meanwhile. A broken picture is replaced by another one,
// until more than MaxBroken are (*TooManyBrokenError). A picture of the wrong size is not broken but an error at once.
func (l *Loader) Batch(step int64) (*Batch, error) {
	if step < 0 {
		return nil, fmt.Errorf("data: step %d is negative", step)
	}
	select {
	case <-l.closing:
		return nil, ErrClosed
	default:
	}
	p := l.schedule(step)
	select {
	case <-p.ready:
		return p.batch, p.err
	case <-l.closing:
		return nil, ErrClosed
	}
}

// schedule makes sure that a step and the ones after it are under way, and takes it out of the list.
func (l *Loader) schedule(step int64) *pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, p := range l.ahead {
		if s < step || s > step+int64(l.config.Ahead) { // the caller has jumped to another place in the run
			p.stale = true
			delete(l.ahead, s)
		}
	}
	l.jobs = slices.DeleteFunc(l.jobs, func(j job) bool { return j.p.stale })
	for s := step; s <= step+int64(l.config.Ahead); s++ {
		if l.ahead[s] == nil {
			l.ahead[s] = l.start(s)
		}
	}
	p := l.ahead[step]
	delete(l.ahead, step)
	l.wake.Broadcast()
	return p
}

// start queues the parts of a batch.
func (l *Loader) start(step int64) *pending {
	c := &l.config
	p := &pending{step: step, ready: make(chan struct{}), batch: &Batch{
		Images: make([]float32, c.Batch*c.Preprocess.Height*c.Preprocess.Width*c.Preprocess.Channels),
		Labels: make([]int32, c.Batch),
		Index:  make([]int64, c.Batch),
	}}
	if c.Preprocess.Augment > 0 {
		p.batch.Augment = make([]float32, c.Batch*AugmentDim)
	}
	size := (c.Batch + c.Workers - 1) / c.Workers
	for from := 0; from < c.Batch; from += size {
		l.jobs = append(l.jobs, job{p, p.batch, from, min(from+size, c.Batch)})
		p.left++
	}
	return p
}

// work is the life of a worker.
func (l *Loader) work() {
	for {
		l.mu.Lock()
		for len(l.jobs) == 0 && !l.closed {
			l.wake.Wait()
		}
		if l.closed {
			l.mu.Unlock()
			return
		}
		j := l.jobs[0]
		l.jobs = l.jobs[1:]
		l.mu.Unlock()
		place, err := l.fill(j)
		l.finish(j.p, place, err)
	}
}

func (l *Loader) finish(p *pending, place int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && (p.err == nil || place < p.place) {
		p.err, p.place, p.batch = err, place, nil
	}
	if p.left--; p.left == 0 {
		close(p.ready)
	}
}

// fill makes the pictures of one part; on failure it says at which place of the batch.
func (l *Loader) fill(j job) (place int, err error) {
	size := l.config.Preprocess.Height * l.config.Preprocess.Width * l.config.Preprocess.Channels
	for k := j.from; k < j.to; k++ {
		select {
		case <-l.closing:
			return k, ErrClosed
		default:
		}
		n := uint64(j.p.step)*uint64(l.config.Batch) + uint64(k)
		var aug []float32
		b := j.batch
		if b.Augment != nil {
			aug = b.Augment[k*AugmentDim : (k+1)*AugmentDim]
		}
		i, err := l.draw(b.Images[k*size:k*size:(k+1)*size], aug, n)
		if err != nil {
			return k, err
		}
		b.Index[k], b.Labels[k] = int64(i), l.set.Entry(i).Label
	}
	return 0, nil
}

// draw makes the picture of draw n; broken ones are replaced by a fixed sequence of others.
func (l *Loader) draw(dst, aug []float32, n uint64) (int, error) {
	i := l.order.at(n)
	for attempt := 0; ; attempt++ {
		p, err := l.set.Picture(i)
		if err == nil {
			if _, err = l.config.Preprocess.sample(dst, aug, p, l.config.Seed, n); err != nil {
				return i, fmt.Errorf("data: %w", &ItemError{l.set.Entry(i).Name, err})
			}
			return i, nil
		}
		if err := l.note(i, err); err != nil {
			return i, err
		}
		i = l.order.replacement(n, attempt)
	}
}

// note remembers a broken picture and says whether there are too many.
func (l *Loader) note(i int, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken[i] == nil {
		l.broken[i] = &ItemError{l.set.Entry(i).Name, err}
		l.names = append(l.names, l.broken[i])
	}
	if float64(len(l.names)) > l.config.MaxBroken*float64(l.set.Len()) {
		return fmt.Errorf("data: %w", &TooManyBrokenError{slices.Clone(l.names), l.set.Len(), l.config.MaxBroken})
	}
	return nil
}

// Close stops the workers and waits until they have left or ctx ends. Batches that are waited for return ErrClosed.
// Closing twice is harmless.
func (l *Loader) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
		l.wake.Broadcast()
	}
	l.mu.Unlock()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("data: closing the loader: %w", ctx.Err())
	}
}
