package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/tune"
	"github.com/gomlx/compute"
)

// tuner is a search at work.
type tuner struct {
	*tuneCmd
	app    *app
	config recipe.Config
	sets   *recipe.Sets
	engine compute.Backend
	knobs  []tune.Knob
	narrow bool // the rate is a knob whose range is left to the range test
	begin  time.Time
	state  tuneState
	base   float64 // seconds spent by earlier processes
}

// tuneState is tune.json: what a search has found so far, and all that it needs to go on.
type tuneState struct {
	Begun  string          `json:"begun"` // what it was begun with, hashed
	Range  *tune.RateRange `json:"range,omitempty"`
	Ranged bool            `json:"ranged"`           // the range test is over, whether it found something or not
	Rate   float64         `json:"rows_per_second"`  // of training, in images or tokens
	Plan   tunePlan        `json:"plan"`             // zero until it is made
	Trials []tuneTrial     `json:"trials,omitempty"` // in the order in which they were judged
	Spent  float64         `json:"seconds"`
}

// tunePlan is what is tried.
type tunePlan struct {
	Trials [][]string  `json:"trials"` // KEY=VALUE of each
	Rungs  []tune.Rung `json:"rungs"`
}

// tuneTrial is a trial judged at a rung.
type tuneTrial struct {
	Trial  int          `json:"trial"`
	Rung   int          `json:"rung"`
	Budget int64        `json:"budget"` // images or tokens
	Score  event.Number `json:"held_out"`
}

// at is what a trial was judged to be at a rung; nil if it was not.
func (s *tuneState) at(trial, rung int) *tuneTrial {
	for i, v := range s.Trials {
		if v.Trial == trial && v.Rung == rung {
			return &s.Trials[i]
		}
	}
	return nil
}

// last is the latest judgement of a trial.
func (s *tuneState) last(trial int) *tuneTrial {
	for rung := len(s.Plan.Rungs) - 1; rung >= 0; rung-- {
		if v := s.at(trial, rung); v != nil {
			return v
		}
	}
	return nil
}

const tuneFile = "tune.json"

func (t *tuner) say(format string, args ...any) {
	if !t.Quiet {
		fmt.Fprintf(t.app.stderr, format+"\n", args...)
	}
}

// unit is what budgets count.
func (t *tuner) unit() string {
	if t.config.Text != nil {
		return "tokens"
	}
	return "images"
}

// left is how much of the time there is still.
func (t *tuner) left() time.Duration { return t.Time - time.Duration(t.spent()*float64(time.Second)) }

func (t *tuner) spent() float64 { return t.base + time.Since(t.begin).Seconds() }

// save writes tune.json.
func (t *tuner) save() error {
	t.state.Spent = t.spent()
	return withCode(exitIO, writeWhole(filepath.Join(t.Out, tuneFile), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(t.state)
	}))
}

// resume reads what an earlier process found, if it searched the same.
func (t *tuner) resume() error {
	h := sha256.New()
	if err := t.config.Encode(h); err != nil {
		return err
	}
	fmt.Fprintln(h, t.knobs, t.Seed, t.Trials, t.Longest)
	begun := hex.EncodeToString(h.Sum(nil)[:12])
	text, err := os.ReadFile(filepath.Join(t.Out, tuneFile))
	if errors.Is(err, fs.ErrNotExist) {
		t.state = tuneState{Begun: begun}
		return withCode(exitIO, os.MkdirAll(t.Out, 0o777))
	} else if err != nil {
		return withCode(exitIO, err)
	}
	if err := json.Unmarshal(text, &t.state); err != nil {
		return withCode(exitData, fmt.Errorf("%s is damaged: %w; remove it to begin anew", filepath.Join(t.Out, tuneFile), err))
	}
	if t.state.Begun != begun {
		return usage(fmt.Errorf("%s has a search with other settings, knobs, --seed, --trials or --longest: leave them, or name another --out", t.Out))
	}
	t.base = t.state.Spent
	t.say("going on with the search in %s, after %.0f s of %.0f", t.Out, t.base, t.Time.Seconds())
	return nil
}

// search is the range test, the plan and the trials.
func (t *tuner) search(ctx context.Context) (tune.Result, error) {
	if err := t.resume(); err != nil {
		return tune.Result{}, err
	}
	if !t.state.Ranged {
		if err := t.rangeTest(ctx); err != nil {
			return tune.Result{}, err
		}
	}
	if len(t.state.Plan.Rungs) == 0 {
		if err := t.plan(); err != nil {
			return tune.Result{}, err
		}
	}
	rungs := t.state.Plan.Rungs
	s := tune.Search{Candidates: len(t.state.Plan.Trials), Rungs: rungs, Judge: t.judge, Keep: func(trials []tune.Trial, n int) []int {
		kept := tune.Lowest(trials, n)
		t.forget(trials, kept)
		return kept
	}}
	return s.Run(ctx)
}

// rangeTest finds the learning rates worth trying, and how fast training is.
func (t *tuner) rangeTest(ctx context.Context) error {
	t.say("learning-rate range test")
	rates, losses, err := t.ramp(ctx)
	if err != nil {
		return err
	}
	r, err := tune.FindRate(rates, losses)
	if err != nil {
		t.say("%v; the rates tried are around that of the recipe", err)
	} else {
		t.state.Range = &r
		t.say("the loss falls fastest at a rate of %.2g and is lowest at %.2g", r.Steepest, r.Lowest)
	}
	t.state.Ranged = true
	chart := plot.Chart{Title: "Learning-rate range test", X: "learning rate", Y: "training loss", LogX: true, LogY: true,
		Series: []plot.Series{{Name: "loss of each step", X: rates, Y: losses, Style: plot.Points}}}
	if n := len(r.Smoothed); n > 0 {
		chart.Series = append(chart.Series, plot.Series{Name: "smoothed", X: rates[:n], Y: r.Smoothed})
	}
	if t.state.Range != nil {
		chart.Marks = []plot.Mark{{X: r.Steepest, Y: valueAt(rates, r.Smoothed, r.Steepest), Text: "steepest"}}
	}
	return errors.Join(withCode(exitIO, writeWhole(filepath.Join(t.Out, "rate.svg"), chart.SVG)), t.save())
}

func valueAt(x, y []float64, at float64) float64 {
	for i, v := range x {
		if v >= at && i < len(y) {
			return y[i]
		}
	}
	return 0
}

// fewestSteps is how many steps a trial must have for its loss to say something.
const fewestSteps = 20

// plan chooses the values of the trials, and how long they are. Of the time that is left a tenth is kept back.
func (t *tuner) plan() error {
	if r := t.state.Range; r != nil && t.narrow {
		for i, k := range t.knobs {
			if k.Key == rateKey {
				t.knobs[i].Low, t.knobs[i].High = r.Range()
			}
		}
	}
	trials, rungs, err := t.fit(t.left().Seconds() * 0.9)
	if err != nil {
		return err
	}
	t.state.Plan = tunePlan{Trials: [][]string{nil}, Rungs: rungs} // the first has the settings as they are
	for i := range trials - 1 {
		var settings []string
		for k, v := range tune.Draw(t.knobs, t.Seed, i, trials-1) {
			settings = append(settings, t.knobs[k].Key+"="+v)
		}
		t.state.Plan.Trials = append(t.state.Plan.Trials, settings)
	}
	t.say("%d trials: %s", trials, t.describe(rungs))
	return t.save()
}

// fit finds how many trials of what length the time allows.
func (t *tuner) fit(seconds float64) (int, []tune.Rung, error) {
	row := int64(1)
	if t.config.Text != nil {
		row = int64(t.config.Text.Length)
	}
	step := int64(t.config.Train.Batch) * row
	for n := t.Trials; n >= 2; n-- {
		if t.Longest > 0 {
			return n, tune.Rungs(n, t.Longest, 3), nil
		}
		shape := tune.Rungs(n, 1_000_000_000, 3)
		judged := 0.0 // a judgement is taken to cost as much as the shortest training that is judged
		for _, r := range shape {
			judged += float64(r.Candidates)
		}
		afford := seconds*t.state.Rate - judged*t.judgement()
		longest := int64(afford / float64(tune.Work(shape)) * 1e9)
		longest = min(longest, t.config.Train.Target()) / step * step
		rungs := tune.Rungs(n, max(longest, 1), 3)
		if rungs[0].Budget >= fewestSteps*step {
			return n, rungs, nil
		}
	}
	need := float64(2*fewestSteps*step)/t.state.Rate + 2*t.judgement()/t.state.Rate
	return 0, nil, usage(fmt.Errorf("--time %v is too short: training does %.1f %s a second, so two trials of %d steps take about %.0f s more; give more time, or a smaller network or batch",
		t.Time, t.state.Rate, t.unit(), fewestSteps, need/0.9))
}

// judgement is what a held-out loss costs, in images or tokens of training, of which the forward pass is a third: of the weights and of their first
// average.
func (t *tuner) judgement() float64 {
	times := 1.0
	if len(t.config.Train.Averages) > 0 {
		times = 2
	}
	if c := t.config.Text; c != nil {
		return times * float64(min(c.HeldOut.Windows, heldOut(t.sets))*c.Length) / 3
	}
	h := t.config.HeldOut
	return times * float64(min(h.Images, heldOut(t.sets))*h.Levels) / 3
}

func (t *tuner) describe(rungs []tune.Rung) (s string) {
	for i, r := range rungs {
		if i > 0 {
			s += ", then "
		}
		s += fmt.Sprintf("%d up to %d %s", r.Candidates, r.Budget, t.unit())
	}
	return s
}
