package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-ml/ebb/event"
	"github.com/gomlx/gomlx/ml/model"
)

func (t *Trainer) emit(body event.Body) error { return t.Folder.Emit(t.state.Step, t.state.Seen, body) }

// warn tells a person; a warning that cannot be written must not end a run.
func (t *Trainer) warn(alarm bool, message string) {
	_ = t.emit(event.Warned{Alarm: alarm, Message: message})
}

func (t *Trainer) started(resumed bool) event.Started {
	parameters := 0
	for _, v := range t.vars {
		parameters += v.Shape().Size()
	}
	return event.Started{Resumed: resumed, Target: t.Config.Target(), Unit: t.Task.Unit().Name, Batch: t.Config.Batch,
		Parameters: int64(parameters), Backend: t.Backend.Name(), Version: t.Version}
}

// evaluate reports the held-out loss of the weights and of their first average. It returns that of the average, the score of a
// checkpoint.
func (t *Trainer) evaluate(ctx context.Context) (*float64, error) {
	if t.HeldOut == nil {
		return nil, nil
	}
	if t.scored != nil && t.scoredAt == t.state.Step { // the end of a run that stopped for what was just measured
		return t.scored, nil
	}
	defer t.meter.pause()()
	measure := func(weights *model.Scope) (event.Evaluated, error) {
		begin := time.Now()
		e, err := t.HeldOut(ctx, weights)
		e.Seconds = event.Number(time.Since(begin).Seconds())
		return e, err
	}
	raw, err := measure(Weights(t.store))
	if err != nil {
		return nil, err
	}
	raw.Weights = "raw"
	if err := t.emit(raw); err != nil {
		return nil, err
	}
	used := raw
	if len(t.Config.Averages) > 0 {
		if used, err = measure(t.best()); err != nil {
			return nil, err
		}
		used.Weights = t.Config.Averages[0].String()
		if err := t.emit(used); err != nil {
			return nil, err
		}
	}
	if alarm := t.state.Watch.evaluated(float64(used.Loss), t.state.Seen, t.Task.Unit().Name); alarm != "" {
		t.warn(true, alarm)
	}
	score := float64(used.Loss)
	t.scored, t.scoredAt = &score, t.state.Step
	return &score, nil
}

// measure has further measures taken.
func (t *Trainer) measure(ctx context.Context) error {
	if t.Measure == nil || t.MeasureEvery == 0 {
		return nil
	}
	defer t.meter.pause()()
	if err := t.Measure(ctx, Weights(t.store), t.best(), t.state.Step, t.state.Seen); err != nil {
		return fmt.Errorf("train: measuring after %d %s: %w", t.state.Seen, t.Task.Unit().Name, err)
	}
	return nil
}

// sample has samples drawn.
func (t *Trainer) sample(ctx context.Context) error {
	if t.Sample == nil {
		return nil
	}
	defer t.meter.pause()()
	path, png, err := t.Sample(ctx, t.best(), t.state.Seen)
	if err != nil {
		return fmt.Errorf("train: drawing samples after %d %s: %w", t.state.Seen, t.Task.Unit().Name, err)
	}
	if path == "" { // there are none
		return nil
	}
	return t.emit(event.Sampled{Path: path, PNG: png})
}

// mostFailures is how many saves in a row may fail: a full disk may be cleared while training goes on, but not for ever.
const mostFailures = 3

// failedSave takes in how a save went. A checkpoint that could not be written is reported and training goes on, for the next one may
// succeed; the third in a row ends the run.
func (t *Trainer) failedSave(err error) error {
	if err == nil {
		t.failures = 0
		return nil
	}
	if t.failures++; t.failures >= mostFailures {
		return fmt.Errorf("train: no checkpoint could be written %d times in a row: %w", t.failures, err)
	}
	t.warn(true, fmt.Sprintf("no checkpoint of step %d: %v", t.state.Step, err))
	return nil
}

// reset brings variables and state to the newest checkpoint, or to the start if there is none.
func (t *Trainer) reset() error {
	t.scored = nil
	found, err := t.restore()
	if err != nil || found {
		return err
	}
	fresh := &Trainer{Config: t.Config, Task: t.Task, Backend: t.Backend, Folder: t.Folder, Start: t.Start}
	if err := fresh.prepare(); err != nil {
		return err
	}
	defer fresh.step.Finalize()
	if l := t.Task.Levels(); l != nil {
		clear(l.Squares)
		clear(l.Counts)
	}
	t.state = t.firstState()
	from := fresh.groups()
	var errs []error
	for name, scope := range t.groups() {
		source := variables(from[name])
		for i, v := range variables(scope) {
			value, err := source[i].Value()
			if err != nil {
				return err
			}
			clone, err := value.LocalClone()
			if err != nil {
				return err
			}
			errs = append(errs, v.SetValue(clone))
		}
	}
	fresh.store.Finalize()
	return errors.Join(errs...)
}
