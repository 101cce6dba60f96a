package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/train"
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

// measureWhile has the measures of [eval] taken while a run trains, if there is something to measure on.
func (s *session) measureWhile(t *train.Trainer, sets *recipe.Sets) {
	c := s.config.Eval
	if c.EveryImages == 0 || s.model == nil || sets.Valid == nil {
		return
	}
	m := &intervalMeasures{session: s, began: time.Now(), heldOut: sets.Valid, train: sets.Train}
	most := c.Images
	if c.Draws() {
		most = max(most, 2*c.Samples) // half of them for real against real
	}
	m.heldOut = data.Subset(m.heldOut, most, s.config.HeldOut.Seed)
	if slices.Contains(c.Measures, recipe.MeasureCopies) {
		m.train = data.First(m.train, min(mostCompared, m.train.Len()))
	} else {
		m.train = data.Subset(m.train, c.Images, s.config.HeldOut.Seed)
	}
	t.Measure, t.MeasureEvery = m.take, c.EveryImages
}

// intervalMeasures makes a report now and then: each time with the same pictures, noise and seeds, so that two differ only by the weights.
type intervalMeasures struct {
	session        *session
	heldOut, train data.Set
	pictures       []byte // their hash, once it is known
	began          time.Time
	spent          time.Duration // since began, on measures
}

// evalsFolder is where a run keeps the reports made while it trained.
const evalsFolder = "evals"

// take is the Measure hook of a train.Trainer. What cannot be measured must not end a run.
func (m *intervalMeasures) take(ctx context.Context, raw, used *model.Scope, step, seen int64) error {
	begin := time.Now()
	r, err := m.report(ctx, raw, used, seen)
	m.spent += time.Since(begin)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		m.session.screen.say(fmt.Sprintf("after %d images: not measured: %v", seen, err))
		return nil
	}
	dir := filepath.Join(m.session.folder.Dir(), evalsFolder, fmt.Sprintf("%09d", seen))
	if err := m.keep(dir, r); err != nil {
		m.session.screen.say(fmt.Sprintf("after %d images: the report could not be written: %v", seen, err))
	}
	m.session.screen.say(fmt.Sprintf("after %d images: %s (%.1f s, %.1f %% of the time so far; %s)", seen, headline(r), time.Since(begin).Seconds(),
		100*m.spent.Seconds()/time.Since(m.began).Seconds(), filepath.Join(dir, reportPage)))
	return m.emit(r, step, seen, time.Since(begin))
}

// report measures the weights as they are now.
func (m *intervalMeasures) report(ctx context.Context, raw, used *model.Scope, seen int64) (*report.Report, error) {
	e, err := m.examine(raw, used, seen)
	if err != nil {
		return nil, err
	}
	m.pictures = e.pictures
	return e.report(ctx)
}

// examine prepares a report.
func (m *intervalMeasures) examine(raw, used *model.Scope, seen int64) (e *examination, err error) {
	s, c := m.session, m.session.config
	e = &examination{silent: true, pictures: m.pictures, app: s.app, evalCmd: &evalCmd{modelFlags: modelFlags{Path: s.folder.Dir()}, reportFlags: reportFlags{Features: []string{dctFeatures}}},
		model:    &trained{config: c, model: s.model, weights: used, seen: fmt.Sprintf("%s after %d images", s.folder.Dir(), seen), images: seen},
		subject:  assess.Subject{Config: c, Model: s.model, Weights: used, Engine: s.engine, Seen: seen, HeldOut: m.heldOut, Train: m.train},
		settings: assess.Settings{Images: c.Eval.Images, Levels: evalLevels, Batch: min(c.HeldOut.Batch, c.Eval.Images), Samples: c.Eval.Samples, Likelihood: evalLikelihood, Seed: 1}}
	if len(c.Train.Averages) > 0 {
		e.subject.Raw = raw
	}
	for _, measure := range c.Eval.Measures {
		e.Parts = append(e.Parts, measure.Part())
	}
	if !slices.Contains(c.Eval.Measures, recipe.MeasureReconstruction) {
		e.settings.Ways = []diffusion.Reconstruction{diffusion.OneStep}
	}
	e.spaces = &spaces{app: s.app, engine: s.engine, train: m.train, flip: c.Data.FlipX}
	if e.subject.Request, err = request(c, s.model, c.Eval.Samples); err != nil {
		return nil, err
	}
	e.identity, err = e.identify()
	return e, err
}

// evalLikelihood is how many pictures get a likelihood while a run trains.
const evalLikelihood = 16

// keep writes a report into the run.
func (m *intervalMeasures) keep(dir string, r *report.Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return writeReportFiles(dir, r)
}

// emit records all figures, and what they cost.
func (m *intervalMeasures) emit(r *report.Report, step, seen int64, took time.Duration) error {
	all := []event.Measured{{Name: "eval_seconds", Value: event.Number(took.Seconds())}}
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			all = append(all, event.Measured{Name: f.Name, Value: event.Number(f.Value), Low: event.Number(f.Interval.Low), High: event.Number(f.Interval.High)})
		}
	}
	for _, v := range all {
		if err := m.session.folder.Emit(step, seen, v); err != nil {
			return err
		}
	}
	return nil
}

// headline is a report in one line: the first figure of each part, and the overfitting gap.
func headline(r *report.Report) string {
	var all []string
	add := func(f eval.Figure) {
		all = append(all, fmt.Sprintf("%s %.4g [%.4g, %.4g]", f.Name, float64(f.Value), f.Interval.Low, f.Interval.High))
	}
	for _, s := range r.Sections {
		for i, f := range s.Figures {
			if i == 0 || strings.HasPrefix(f.Name, "overfitting gap") {
				add(f)
			}
		}
	}
	return strings.Join(all, "; ")
}
