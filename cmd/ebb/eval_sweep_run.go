package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/tune"
	"github.com/gomlx/compute"
)

// sweep is a sweep at work.
type sweep struct {
	*evalSweepCmd
	app       *app
	engine    compute.Backend
	models    []*trained // by average
	all       []cell
	spaces    *spaces
	space     assess.Features
	held      data.Set
	reference eval.Matrix
	identity  []string // of weights and reference, by average
	training  data.Set // of a classifier
}

// Close frees what the sweep opened.
func (s *sweep) Close() {
	if s.held != nil {
		s.held.Close()
	}
	if s.spaces != nil {
		s.spaces.Close()
	}
	if s.training != nil {
		s.training.Close()
	}
	s.engine.Finalize()
}

// open reads weights and held-out pictures.
func (c *evalSweepCmd) open(ctx context.Context, a *app) (s *sweep, err error) {
	s = &sweep{evalSweepCmd: c, app: a}
	if err := s.load(); err != nil {
		return nil, err
	}
	config := s.models[0].config
	held, err := heldOutOf(ctx, config, c.Data)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	s.held = some(held, c.Samples)
	if s.held.Len() < fewestSwept {
		return nil, errors.Join(withCode(exitData, fmt.Errorf("there are %d held-out pictures: a sweep needs at least %d, name more with --data", s.held.Len(), fewestSwept)),
			held.Close())
	}
	if s.engine, err = c.engineFlags.open(); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	if err = s.prepare(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// load reads the weights of each average.
func (s *sweep) load() error {
	first := modelFlags{Path: s.Path, Checkpoint: s.Checkpoint}
	if len(s.Averages) == 0 || weightsIn(s.Path) != "" {
		t, err := first.load()
		if err != nil {
			return err
		}
		if len(s.Averages) > 0 {
			return usage(fmt.Errorf("%s is a model folder and has one set of weights: leave out --averages, or name the run", s.Path))
		}
		s.models, s.Averages = []*trained{t}, []string{"its weights"}
		if weightsIn(s.Path) == "" {
			s.Averages[0] = defaultWeights(t.config)
		}
	} else {
		for _, name := range s.Averages {
			t, err := s.loadAverage(name)
			if err != nil {
				return err
			}
			s.models = append(s.models, t)
		}
	}
	t := s.models[0]
	if t.text != nil {
		return usage(fmt.Errorf("%s is a model of text: a sweep is of pictures", s.Path))
	}
	return usage(s.complete(t.config, t.model))
}

// loadAverage reads weights by name; sigma-WIDTH that the run does not keep is made from its snapshots.
func (s *sweep) loadAverage(name string) (*trained, error) {
	f := modelFlags{Path: s.Path, Weights: name, Checkpoint: s.Checkpoint}
	t, err := f.load()
	width, isWidth := strings.CutPrefix(name, "sigma-")
	sigma, bad := strconv.ParseFloat(width, 64)
	if err == nil || !isWidth || bad != nil {
		return t, err
	}
	post := averageCmd{Path: s.Path, SigmaRel: sigma}
	stored, err := post.snapshots()
	if err != nil {
		return nil, usage(err)
	}
	profiles := make([]optim.Profile, len(stored))
	for i, p := range stored {
		profiles[i] = p.Profile
	}
	mix, err := optim.Reconstruct(profiles, optim.Profile{Time: profiles[len(profiles)-1].Time, SigmaRel: sigma})
	if err != nil {
		return nil, usage(err)
	}
	if t, err = (&modelFlags{Path: s.Path, Checkpoint: s.Checkpoint}).load(); err != nil {
		return nil, err
	}
	return t, mixInto(t.weights, stored, mix)
}

// prepare finds the features of held-out pictures, and what the features of samples depend on.
func (s *sweep) prepare(ctx context.Context) error {
	if err := s.findSpace(ctx); err != nil {
		return err
	}
	first := s.subject(0)
	var err error
	if s.reference, err = first.HeldOutFeatures(ctx, s.space.Space, s.held.Len()); err != nil {
		return withCode(exitData, err)
	}
	for i := range s.models {
		h := sha256.New()
		fmt.Fprintln(h, version, s.space.Space.Name, s.Seed)
		if err := hashWeights(h, s.models[i].weights); err != nil {
			return err
		}
		s.identity = append(s.identity, hex.EncodeToString(h.Sum(nil)))
	}
	s.all = s.cells()
	return withCode(exitIO, os.MkdirAll(filepath.Join(s.Out, "cells"), 0o777))
}

// findSpace chooses the features, for which a classifier may have to be trained.
func (s *sweep) findSpace(ctx context.Context) error {
	config := s.models[0].config
	s.spaces = &spaces{app: s.app, engine: s.engine, resize: s.Resize, flip: config.Data.FlipX, folder: s.Path}
	if s.Features == trainFeatures {
		var err error
		if s.training, err = trainingOf(ctx, config, s.TrainData); err != nil {
			return withCode(exitData, fmt.Errorf("--features train needs the training pictures: %w; name them with --train-data", err))
		}
		s.spaces.train = s.training
	}
	var err error
	s.space, err = s.spaces.open(ctx, s.Features)
	return err
}

// subject is the model of an average.
func (s *sweep) subject(average int) *assess.Subject {
	t := s.models[average]
	return &assess.Subject{Config: t.config, Model: t.model, Weights: t.weights, Engine: s.engine, HeldOut: s.held}
}

// rungs are those of successive halving, without those of too few samples.
func (s *sweep) rungs() []tune.Rung {
	n := min(s.Samples, s.held.Len())
	all := tune.Rungs(len(s.all), int64(n), 2)
	for len(all) > 1 && all[0].Budget < fewestSwept {
		all = all[1:]
	}
	all[0].Candidates = len(s.all)
	return all
}

// measureName is the measure with its features: fd-dct8, or FID.
func (s *sweep) measureName() string {
	if s.space.FID && s.Measure == sweepFD {
		return "FID"
	}
	return s.Measure.String() + "-" + s.space.Space.Name
}

// run tries the cells.
func (s *sweep) run(ctx context.Context) (*sweepResult, error) {
	rungs := s.rungs()
	r := &sweepResult{measure: s.measureName(), samples: int(rungs[len(rungs)-1].Budget), reference: s.reference.N, rows: make([]sweepRow, len(s.all))}
	for i, c := range s.all {
		r.rows[i] = sweepRow{cell: c, Calls: c.calls()}
	}
	search := tune.Search{Candidates: len(s.all), Rungs: rungs, Keep: tune.KeepFront(func(c int) float64 { return float64(s.all[c].calls()) }),
		Judge: func(ctx context.Context, c, rung int) (float64, error) {
			f, err := s.figure(ctx, c, rung, rungs)
			r.rows[c].Figure, r.rows[c].Last = f, rung == len(rungs)-1
			return float64(f.Value), err
		}}
	if _, err := search.Run(ctx); err != nil {
		return nil, err
	}
	return r, s.recommend(ctx, r)
}

// figure measures a cell at a rung.
func (s *sweep) figure(ctx context.Context, c, rung int, rungs []tune.Rung) (eval.Figure, error) {
	n := int(rungs[rung].Budget)
	x, err := s.features(ctx, c, n, fmt.Sprintf("round %d of %d, %v: samples", rung+1, len(rungs), s.all[c]))
	if err != nil {
		return eval.Figure{}, err
	}
	f, err := s.Measure.distance()(ctx, s.engine, s.space.Space.Name, x, s.reference)
	f = s.space.Named(f)
	if err == nil {
		fmt.Fprintf(s.app.stderr, "round %d of %d, %v: %.4g\n", rung+1, len(rungs), s.all[c], float64(f.Value))
	}
	return f, err
}

// features are those of the first n samples of a cell. What was drawn for fewer is kept, and only the rest drawn.
func (s *sweep) features(ctx context.Context, c, n int, what string) (eval.Matrix, error) {
	average := c / (len(s.all) / len(s.models))
	cell, subject := s.all[c], s.subject(average)
	config := subject.Config
	config.Sample.Method, config.Sample.Steps, config.Sample.Guidance, config.Sample.Batch = cell.Sampler, cell.Steps, cell.Guidance, s.Batch
	sum := sha256.Sum256(fmt.Appendln(nil, s.identity[average], cell, config.Sample.Spacing))
	name := filepath.Join(s.Out, "cells", hex.EncodeToString(sum[:12])+".features")
	known, err := features.ReadMatrix(name)
	if err != nil { // none yet, or damaged: drawn anew
		known = eval.Matrix{}
	}
	if known.N >= n {
		return known.Rows(0, n), nil
	}
	if subject.Request, err = request(config, subject.Model, n); err != nil {
		return known, usage(err)
	}
	subject.Progress = newCounter(s.app, what).report
	more, err := subject.SampleFeatures(ctx, s.space.Space, s.Seed, known.N, n-known.N)
	if err != nil {
		return known, fmt.Errorf("%v: %w", cell, err)
	}
	all := eval.Matrix{N: n, D: more.D, Data: append(known.Data, more.Data...)}
	return all, withCode(exitIO, features.WriteMatrix(name, all))
}

// recommend marks the Pareto set, and takes of it the cheapest that is not shown to be worse than the best.
func (s *sweep) recommend(ctx context.Context, r *sweepResult) error {
	var last []int
	var costs, scores []float64
	for i, row := range r.rows {
		if row.Last {
			last, costs, scores = append(last, i), append(costs, float64(row.Calls)), append(scores, float64(row.Figure.Value))
		}
	}
	best := 0
	front := tune.Front(costs, scores)
	for k, i := range last {
		r.rows[i].Pareto = front[k]
		if scores[k] < scores[best] {
			best = k
		}
	}
	r.recommended, r.why = last[best], "it is nearest to the held-out pictures"
	for k, i := range last {
		if !front[k] || r.rows[i].Calls >= r.rows[r.recommended].Calls {
			continue
		}
		x, err1 := s.features(ctx, last[best], r.samples, "")
		y, err2 := s.features(ctx, i, r.samples, "")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		d, err := assess.PairedDistance(ctx, s.engine, s.Measure.paired(), s.space.Space.Name, x, y, s.reference)
		if err != nil {
			return err
		}
		r.rows[i].Note = fmt.Sprintf("%+.3g [%+.3g, %+.3g] against the nearest", float64(d.Value), d.Interval.Low, d.Interval.High)
		if !(d.Interval.Low > 0) {
			r.recommended = i
			r.why = fmt.Sprintf("no difference is shown from the nearest, %v (%s), which costs %d calls", s.all[last[best]], r.rows[i].Note, r.rows[last[best]].Calls)
		}
	}
	return nil
}
