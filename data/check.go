package data

import (
	"context"
	"fmt"
	"runtime"
)

// Check decodes and fits every picture once, as a Loader with these settings would, so that bad data is refused before
// training begins and not hours into it. It returns the broken pictures, in order. The error is a *TooManyBrokenError
// if more than the share maxBroken are (0 means 0.001), or names the first picture that does not fit.
func Check(ctx context.Context, s Set, p Preprocess, maxBroken float64) ([]*ItemError, error) {
	maxBroken = orDefault(maxBroken, 0.001)
	l := &Loader{set: s, config: LoaderConfig{Preprocess: p, MaxBroken: 1}, broken: map[int]*ItemError{}}
	if err := l.resolve(); err != nil {
		return l.names, err
	}
	p = l.config.Preprocess
	type result struct{ broken, unfit error }
	var broken []*ItemError
	err := inOrder(ctx, s.Len(), runtime.GOMAXPROCS(0), func(i int) result {
		pic, err := s.Picture(i)
		if err != nil {
			return result{broken: err}
		}
		_, err = p.fit(pic, nil)
		return result{unfit: err}
	}, func(i int, r result) error {
		if r.broken != nil {
			broken = append(broken, &ItemError{s.Entry(i).Name, r.broken})
		}
		if r.unfit != nil {
			return &ItemError{s.Entry(i).Name, r.unfit}
		}
		return nil
	})
	if err == nil && float64(len(broken)) > maxBroken*float64(s.Len()) {
		err = &TooManyBrokenError{broken, s.Len(), maxBroken}
	}
	if err != nil {
		return broken, fmt.Errorf("data: %w", err)
	}
	return broken, nil
}
