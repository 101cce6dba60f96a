package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ebb-ml/ebb/event"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// Trainer trains a task. Fill in the exported fields and call Train once.
type Trainer struct {
	Config  Config
	Task    Task
	Backend compute.Backend
	Folder  *Folder
	HeldOut Measure // nil for no held-out loss

	// Start, if set, changes the fresh weights in a scope before anything else is made of them, averages included: fine-tuning gives them
	// the values of another model. It must do the same each time; a run that goes on takes its weights from the checkpoint.
	Start func(weights *model.Scope) error
	// Sample, if set, draws samples from the weights of a scope and returns the path of their picture or text in the run folder, and of a
	// picture its PNG.
	Sample func(ctx context.Context, weights *model.Scope, seen int64) (path string, png []byte, err error)
	// Measure, if set, takes further measures of the weights as they are trained and of those that are used (the first average, else the same),
	// every MeasureEvery images or tokens and at the end.
	Measure      func(ctx context.Context, raw, used *model.Scope, step, seen int64) error
	MeasureEvery int64
	// OnStep, if set, is told of every step: for a bar on the screen.
	OnStep  func(Status)
	Version string // of the program, for the record

	store *model.Store
	step  *Step
	vars  []*model.Variable
	batch Batch // of the present step
	state state
	meter meter

	failures int // saves in a row that failed

	scored   *float64 // last held-out loss of the weights that are used
	scoredAt int64    // its step
}

// Status is how far training has come.
type Status struct {
	Step, Seen, Target int64
	Loss               float64 // of this step
	PerSecond          float64 // images or tokens
	Unit               string  // which of the two
	Remaining          time.Duration
}

// Result is what Train did.
type Result struct {
	Step, Seen int64
	Unit       string // of Seen
	Already    bool   // the run was complete before
	Rollbacks  int
	Weights    *model.Scope // that are to be used: the first average, else the weights themselves
}

// StoppedError says that training was stopped on request, and that all is saved.
type StoppedError struct {
	Step, Seen int64
	Unit       string // of Seen
	Cause      error  // of the context
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped (%v) after %d %s; everything is saved, the same command goes on", e.Cause, e.Seen, e.Unit)
}

func (e *StoppedError) Unwrap() error { return e.Cause }

// Train trains until Config.Target images or tokens have been seen. When ctx is cancelled it finishes the step, saves and returns a *StoppedError; when
// numbers go wrong for good, a *NumericsError.
func (t *Trainer) Train(ctx context.Context) (Result, error) {
	if err := t.prepare(); err != nil {
		return Result{}, err
	}
	defer t.step.Finalize()
	resumed, err := t.restore()
	if err != nil {
		return Result{}, err
	}
	if t.over() {
		return t.result(true), nil
	}
	t.meter.restart(t.state.Seen)
	if err := t.emit(t.started(resumed)); err != nil {
		return Result{}, err
	}
	if t.Start != nil && !resumed {
		err = t.before(ctx)
	}
	if err == nil {
		err = t.loop(ctx)
	}
	if err == nil {
		err = t.finish(ctx)
	}
	return t.result(false), t.end(ctx, err)
}

// over says whether training is at its end: the target is reached, or the held-out loss has not improved for too long.
func (t *Trainer) over() bool {
	patience := t.Config.Patience
	return t.state.Seen >= t.Config.Target() || patience > 0 && t.state.Watch.Stale >= patience
}

// before measures and saves the weights that training starts from, when they are those of another model: what comes after is compared with
// them, and they may stay the best.
func (t *Trainer) before(ctx context.Context) error {
	score, err := t.evaluate(ctx)
	if err != nil || score == nil {
		return err
	}
	return t.save(score)
}

// prepare checks everything that can be checked, and builds the step on fresh weights.
func (t *Trainer) prepare() error {
	if err := t.Config.Validate(); err != nil {
		return err
	}
	if err := t.Task.Check(); err != nil {
		return err
	}
	t.Folder.batch.Store(t.perStep())
	t.store = model.NewStore()
	var err error
	if t.step, err = NewTaskStep(t.Backend, t.store, t.Task, t.Config.Seed, t.Start, t.Config.step()); err != nil {
		return err
	}
	t.vars = t.step.vars
	t.state = t.firstState()
	return nil
}

func (t *Trainer) firstState() state {
	return state{Format: stateFormat, Seed: t.Config.Seed, Batch: t.Config.Batch, Levels: t.Task.Levels()}
}

// loop is the training.
func (t *Trainer) loop(ctx context.Context) error {
	for !t.over() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		outcome, err := t.oneStep()
		if err != nil {
			return err
		}
		if reason := t.fault(outcome); reason != "" {
			if err := t.rollBack(reason); err != nil {
				return err
			}
			continue
		}
		if err := t.account(outcome); err != nil {
			return err
		}
		if err := t.intervals(ctx); err != nil {
			return err
		}
	}
	return nil
}

// oneStep trains on one batch.
func (t *Trainer) oneStep() (Outcome, error) {
	b, err := t.Task.Batch(t.Config, t.state.Step)
	if err != nil {
		return Outcome{}, err
	}
	t.batch = b
	seen := t.state.Seen + t.perStep()
	return t.step.RunBatch(b, t.Config.Batch, t.rate(seen), t.Config.decays(seen, t.perStep()))
}

// perStep is how many images or tokens a step trains on.
func (t *Trainer) perStep() int64 { return int64(t.Config.Batch) * t.Task.Unit().PerRow }

// rate is the learning rate of the step that brings the count to seen.
func (t *Trainer) rate(seen int64) float64 {
	return t.Config.Rate.At(seen) * math.Pow(0.5, float64(t.state.Rollbacks))
}

// account takes up a good step.
func (t *Trainer) account(o Outcome) error {
	s := &t.state
	s.Step++
	s.Seen += t.perStep()
	s.Losses++
	s.Loss += (o.Loss - s.Loss) * max(1-slowness, 1/float64(s.Losses))
	s.Watch.trained(o.Loss)
	if err := t.batch.Learn(o.PerSample); err != nil {
		return err
	}
	t.meter.add(o, s.Seen)
	if t.OnStep != nil {
		t.OnStep(Status{Step: s.Step, Seen: s.Seen, Target: t.Config.Target(), Unit: t.Task.Unit().Name, Loss: o.Loss,
			PerSecond: t.meter.perSecond(), Remaining: t.meter.remaining(t.Config.Target())})
	}
	return nil
}

// due says whether the last step passed a multiple of every.
func (t *Trainer) due(every int64) bool {
	return every > 0 && t.state.Seen/every != (t.state.Seen-t.perStep())/every
}

// intervals does what is due now and then, in an order that leaves nothing of this step to be logged after its checkpoint. The end of the
// run is left to finish.
func (t *Trainer) intervals(ctx context.Context) error {
	if t.due(t.Config.LogEvery) {
		if err := t.emit(t.meter.progress(t.rate(t.state.Seen), t.Config.Target())); err != nil {
			return err
		}
	}
	if t.state.Seen >= t.Config.Target() {
		return nil
	}
	var score *float64
	if t.due(t.Config.EvalEvery) {
		var err error
		if score, err = t.evaluate(ctx); err != nil {
			return err
		}
	}
	if t.due(t.MeasureEvery) {
		if err := t.measure(ctx); err != nil {
			return err
		}
	}
	if t.due(t.Config.SampleEvery) {
		if err := t.sample(ctx); err != nil {
			return err
		}
	}
	if t.snapshotsDue() {
		if err := t.snapshot(); err != nil {
			return err
		}
	}
	if t.due(t.Config.SaveEvery) {
		return t.failedSave(t.save(score))
	}
	return nil
}

// finish ends a run: last evaluation, samples and checkpoint.
func (t *Trainer) finish(ctx context.Context) error {
	if t.state.Seen < t.Config.Target() {
		t.warn(false, fmt.Sprintf("stopping early after %d %s: the held-out loss has not fallen for %d measurements; the best, %.5f, was after %d",
			t.state.Seen, t.Task.Unit().Name, t.state.Watch.Stale, t.state.Watch.Best, t.state.Watch.BestAt))
	}
	if t.Config.Snapshots > 0 {
		if err := t.snapshot(); err != nil {
			return err
		}
	}
	score, err := t.evaluate(ctx)
	if err != nil {
		return err
	}
	for _, last := range []func(context.Context) error{t.measure, t.sample} {
		if err := last(ctx); err != nil {
			return err
		}
	}
	return errors.Join(t.save(score), t.Folder.Wait())
}

// end reports how the loop ended, and saves if it was asked to stop.
func (t *Trainer) end(ctx context.Context, err error) error {
	message := "complete"
	switch cause := context.Cause(ctx); {
	case err == nil:
	case cause != nil && errors.Is(err, cause):
		if err = errors.Join(t.save(nil), t.Folder.Wait()); err == nil {
			err = &StoppedError{Step: t.state.Step, Seen: t.state.Seen, Unit: t.Task.Unit().Name, Cause: cause}
		}
		message = err.Error()
	default:
		message = err.Error()
	}
	return errors.Join(err, t.emit(event.Finished{Complete: err == nil, Message: message, Seconds: event.Number(t.meter.busy().Seconds())}))
}

// result tells what the run has come to.
func (t *Trainer) result(already bool) Result {
	return Result{Step: t.state.Step, Seen: t.state.Seen, Unit: t.Task.Unit().Name, Already: already, Rollbacks: t.state.Rollbacks, Weights: t.best()}
}

// best is the scope of the weights that are to be used.
func (t *Trainer) best() *model.Scope {
	if len(t.Config.Averages) > 0 {
		return Averages(t.store, t.Config.Averages[0])
	}
	return Weights(t.store)
}
