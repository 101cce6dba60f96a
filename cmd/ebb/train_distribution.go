package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/gomlx/ml/model"
)

// sampleHook is the Sample hook of a train.Trainer.
type sampleHook func(ctx context.Context, weights *model.Scope, seen int64) (path string, png []byte, err error)

// tolerant lets a run go on although its samples are not finite: its own guard judges the weights.
func (s *session) tolerant(draw sampleHook) sampleHook {
	return func(ctx context.Context, weights *model.Scope, seen int64) (string, []byte, error) {
		path, png, err := draw(ctx, weights, seen)
		if errors.Is(err, sample.ErrDiverged) {
			s.screen.say(fmt.Sprintf("after %d images no samples could be drawn: %v", seen, err))
			return "", nil, nil
		}
		return path, png, err
	}
}

// withDistribution lets a hook also measure how near samples come to held-out pictures, if held_out.distribution asks for it: each time the
// same seeds and pictures, so that two numbers differ only by the weights.
func withDistribution(s *session, held data.Set, draw sampleHook) sampleHook {
	n := s.config.HeldOut.Distribution
	if n == 0 || held == nil || s.model == nil || s.config.Data.Source == recipe.Points {
		return draw
	}
	d := &distribution{session: s, held: some(held, n)}
	return func(ctx context.Context, weights *model.Scope, seen int64) (string, []byte, error) {
		path, png, err := draw(ctx, weights, seen)
		if err != nil {
			return path, png, err
		}
		if err := d.measure(ctx, weights, seen); err != nil && context.Cause(ctx) == nil { // a figure that cannot be had must not end a run
			s.screen.say(fmt.Sprintf("after %d images: the distribution of samples could not be measured: %v", seen, err))
		}
		return path, png, context.Cause(ctx)
	}
}

// distribution measures samples of a run while it trains.
type distribution struct {
	session   *session
	held      data.Set
	reference eval.Matrix // features of the held-out pictures
}

// measure draws samples and records their distances, and what that cost.
func (d *distribution) measure(ctx context.Context, weights *model.Scope, seen int64) error {
	s, begin, n := d.session, time.Now(), d.held.Len()
	r, err := request(s.config, s.model, n)
	if err != nil {
		return err
	}
	subject := &assess.Subject{Config: s.config, Model: s.model, Weights: weights, Engine: s.engine, HeldOut: d.held, Request: r}
	space := eval.DCTSpace()
	if d.reference.N == 0 {
		if d.reference, err = subject.HeldOutFeatures(ctx, space, n); err != nil {
			return err
		}
	}
	x, err := subject.SampleFeatures(ctx, space, s.config.Sample.Seed, 0, n)
	if err != nil {
		return err
	}
	fd, err := eval.Frechet(ctx, s.engine, space.Name, x, d.reference)
	if err != nil {
		return err
	}
	kid, err := eval.KID(ctx, s.engine, space.Name, x, d.reference)
	if err != nil {
		return err
	}
	seconds := time.Since(begin).Seconds()
	step := seen / int64(s.config.Train.Batch)
	for _, m := range []event.Measured{{Name: fd.Name, Value: event.Number(fd.Value)}, {Name: kid.Name, Value: event.Number(kid.Value)},
		{Name: "distribution_seconds", Value: event.Number(seconds)}} {
		if err := s.folder.Emit(step, seen, m); err != nil {
			return err
		}
	}
	s.screen.say(fmt.Sprintf("after %d images: %s %.4g, %s %.4g (%d samples, %.1f s)", seen, fd.Name, float64(fd.Value), kid.Name, float64(kid.Value), n, seconds))
	return nil
}
