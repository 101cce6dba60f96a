package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/ebb-ml/ebb/tune"
	"github.com/gomlx/gomlx/ml/model"
)

// The range test: its rates, its fewest steps, and the share of the time that it may take.
const (
	lowestRate  = 1e-6
	highestRate = 1.0
	fewestRamp  = 40
	rangeShare  = 0.2
)

// settings are what a trial has that the others may not have.
func (t *tuner) settings(trial int) []string {
	if len(t.state.Plan.Trials[trial]) == 0 {
		return []string{"as they are"}
	}
	return t.state.Plan.Trials[trial]
}

// tuned is the configuration with the settings of a trial.
func (t *tuner) tuned(trial int) (recipe.Config, error) {
	c := t.config
	for _, s := range t.state.Plan.Trials[trial] {
		if err := c.Set(s); err != nil {
			return c, err
		}
	}
	if c.Train.Batch%c.Train.Parts != 0 {
		c.Train.Parts = 1
	}
	return c, nil
}

// trial is the configuration of a trial that ends after budget images or tokens. Its learning rate rises and falls as if it went on to
// the end of the longest one.
func (t *tuner) trial(ctx context.Context, trial int, budget int64) (c recipe.Config, err error) {
	if c, err = t.tuned(trial); err != nil {
		return c, err
	}
	longest := t.state.Plan.Rungs[len(t.state.Plan.Rungs)-1].Budget
	if c.Text != nil {
		c.SetTokens(longest)
		c.Train.Tokens = budget
		_, err = c.ResolveText(t.sets.Text)
	} else {
		c.SetImages(longest)
		c.Train.Images = budget
		_, err = c.Resolve(ctx, t.sets.Train)
	}
	c.Train.EvalEvery, c.Train.SampleEvery, c.Train.SaveEvery, c.Train.Snapshots, c.Train.Patience = 0, 0, 0, 0, 0
	c.Eval.EveryImages = 0
	return c, err
}

// folder is where a trial trains.
func (t *tuner) folder(trial int) string {
	return filepath.Join(t.Out, fmt.Sprintf("trial-%02d", trial))
}

// judge trains a trial up to the end of a rung and returns its held-out loss.
func (t *tuner) judge(ctx context.Context, trial, rung int) (float64, error) {
	if v := t.state.at(trial, rung); v != nil {
		return float64(v.Score), nil
	}
	budget, before := t.state.Plan.Rungs[rung].Budget, int64(0)
	if rung > 0 {
		before = t.state.Plan.Rungs[rung-1].Budget
	}
	cost := time.Duration((float64(budget-before) + t.judgement()) / t.state.Rate * float64(time.Second))
	if t.left() < cost/2 {
		t.say("the time is over: %.0f s of %.0f", t.spent(), t.Time.Seconds())
		return 0, tune.ErrSpent
	}
	c, err := t.trial(ctx, trial, budget)
	if err != nil {
		return 0, usage(err)
	}
	score, err := t.run(ctx, c, t.folder(trial), fmt.Sprintf("trial %d, round %d", trial, rung+1))
	if err != nil {
		return 0, errors.Join(err, t.save())
	}
	t.say("trial %d after %d %s: held-out loss %.5f (%v)", trial, budget, t.unit(), score, t.settings(trial))
	t.state.Trials = append(t.state.Trials, tuneTrial{trial, rung, budget, event.Number(score)})
	return score, t.save()
}

// run trains a configuration in a folder. Numbers that go wrong for good are no error but a loss without end.
func (t *tuner) run(ctx context.Context, c recipe.Config, dir, name string) (score float64, err error) {
	folder, _, err := train.OpenFolder(dir, train.FolderOptions{})
	if err != nil {
		return 0, folderError(err)
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := folder.WriteFile(configFile, c.Encode); err != nil {
		return 0, err
	}
	run, err := c.Build(ctx, t.sets, t.engine, folder)
	if err != nil {
		return 0, withCode(exitData, err)
	}
	defer func() { err = errors.Join(err, run.Close(context.WithoutCancel(ctx))) }()
	screen := newScreen(t.app, name, false, t.Quiet)
	run.Trainer.OnStep, run.Trainer.Version = screen.step, version
	result, err := run.Trainer.Train(ctx)
	screen.done()
	var numerics *train.NumericsError
	if errors.As(err, &numerics) {
		return math.Inf(1), nil
	} else if err != nil {
		return 0, err
	}
	return heldOutAt(dir, result.Step)
}

// heldOutAt is the held-out loss of a run after a step: of its weights or of their average, whichever is lower, for in short runs an average
// reaches back too far.
func heldOutAt(dir string, step int64) (float64, error) {
	events, _, err := event.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return 0, err
	}
	lowest, found := math.Inf(1), false
	for _, e := range event.Timeline(events) {
		if v, ok := e.Body.(event.Evaluated); ok && e.Step == step {
			found = true
			if float64(v.Loss) < lowest { // never of NaN
				lowest = float64(v.Loss)
			}
		}
	}
	if !found {
		return 0, fmt.Errorf("%s has no held-out loss after step %d in its log: remove the folder and run the command again", dir, step)
	}
	return lowest, nil
}

// forget removes the checkpoints of trials that are dropped: their logs stay.
func (t *tuner) forget(trials []tune.Trial, kept []int) {
	for _, v := range trials {
		if !slices.Contains(kept, v.Candidate) {
			if err := os.RemoveAll(filepath.Join(t.folder(v.Candidate), "checkpoints")); err != nil {
				t.say("the checkpoints of trial %d stay: %v", v.Candidate, err)
			}
		}
	}
}

// ramp trains fresh weights with a rate that rises from step to step, until the loss is lost. It notes how fast steps are.
func (t *tuner) ramp(ctx context.Context) (rates, losses []float64, err error) {
	run, err := t.config.Build(ctx, t.sets, t.engine, nil)
	if err != nil {
		return nil, nil, withCode(exitData, err)
	}
	defer func() { err = errors.Join(err, run.Close(context.WithoutCancel(ctx))) }()
	c, task := t.config.Train, run.Trainer.Task
	step, err := train.NewTaskStep(t.engine, model.NewStore(), task, c.Seed, nil, train.StepConfig{AdamW: c.AdamW, Clip: c.Clip, Parts: c.Parts})
	if err != nil {
		return nil, nil, err
	}
	defer step.Finalize()
	counter := newCounter(t.app, "range test: step")
	n, first, lowest := t.Ramp, time.Time{}, math.Inf(1)
	for i := 0; i < n; i++ {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		if i == 3 {
			n = t.affordable(time.Since(first) / 2)
		}
		batch, err := task.Batch(c, int64(i))
		if err != nil {
			return nil, nil, withCode(exitData, err)
		}
		rate := tune.Ramp(lowestRate, highestRate, i, n)
		o, err := step.RunBatch(batch, c.Batch, rate, nil)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 { // which compiles
			first = time.Now()
		}
		rates, losses = append(rates, rate), append(losses, o.Loss)
		counter.report(i+1, n)
		if lowest = min(lowest, o.Loss); math.IsNaN(o.Loss) || math.IsInf(o.Loss, 0) || o.Loss > 20*lowest && i > n/2 {
			break
		}
	}
	perStep := time.Since(first).Seconds() / float64(max(len(losses)-1, 1))
	t.state.Rate = float64(int64(c.Batch)*task.Unit().PerRow) / perStep
	return rates, losses, nil
}

// affordable is how many steps the range test may have, at so much a step.
func (t *tuner) affordable(step time.Duration) int {
	return min(max(int(rangeShare*t.Time.Seconds()/step.Seconds()), fewestRamp), t.Ramp)
}
