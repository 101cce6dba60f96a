package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/gomlx/gomlx/ml/model"
)

// reportFlags ask for more than the error by noise level.
type reportFlags struct {
	Out        string          `help:"Folder for report.html and report.json." placeholder:"DIR" group:"Report"`
	Likelihood int             `help:"Pictures to find the likelihood of; 0: none." default:"32" group:"Report"`
	Features   []string        `help:"dct, pixels, train (a classifier made for it), or a file of Inception-v3 or DINOv2." default:"dct,pixels" placeholder:"NAME" group:"Report"`
	Resize     features.Resize `help:"For their networks: tensorflow (the first FID's), torch (pytorch-fid), clean (clean-fid) or pillow." default:"default" placeholder:"WAY" group:"Report"`
	Parts      []string        `help:"Of a report on pictures; default: all." placeholder:"NAME" enum:"leaks,denoising,reconstruction,likelihood,distribution,classes,copies,points" group:"Report"`
	Advise     bool            `help:"Say what to try next, by the report in --out." group:"Report"`
}

// wanted says whether a report is asked for.
func (c *evalCmd) wanted() bool {
	return c.Out != "" || len(c.TrainData) > 0 || len(c.Parts) > 0 || c.Samples > 0
}

// drawn is how many pictures a report draws.
func (c *evalCmd) drawn() int {
	if c.Samples == 0 {
		return 1000
	}
	return c.Samples
}

// examination is the work on one report.
type examination struct {
	*evalCmd
	app      *app
	model    *trained
	subject  assess.Subject
	settings assess.Settings
	cache    report.Cache
	identity string
	pictures []byte // their hash, once it is known
	samples  data.Set
	spaces   *spaces
	silent   bool // shows no progress
	close    []func() error
}

// most pictures of a set that is compared picture by picture; those made on the fly have no end.
const mostCompared = 50_000

// examine prepares a report.
func (c *evalCmd) examine(ctx context.Context, a *app, t *trained, s assess.Subject) (e *examination, err error) {
	e = &examination{evalCmd: c, app: a, model: t, subject: s,
		settings: assess.Settings{Images: c.Images, Levels: evalLevels, Batch: c.Batch, Samples: c.drawn(), Likelihood: c.Likelihood, Seed: 1}}
	if err := errors.Join(usage(e.settings.Check()), checkSpaces(c.Features...)); err != nil {
		return nil, err
	}
	if e.subject.Request, err = request(t.config, t.model, c.drawn()); err != nil {
		return nil, err
	}
	if err := e.openTrain(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if e.subject.Raw, err = c.raw(t); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.spaces = &spaces{app: a, engine: s.Engine, resize: c.Resize, train: e.subject.Train, flip: t.config.Data.FlipX, folder: c.Path}
	e.close = append(e.close, func() error { e.spaces.Close(); return nil })
	if c.Out != "" {
		e.spaces.folder = c.Out
		e.cache.Dir, e.subject.Store.Dir = filepath.Join(c.Out, "parts"), filepath.Join(c.Out, "features")
	}
	e.identity, err = e.identify()
	return e, err
}

// Close frees what the examination opened.
func (e *examination) Close() error {
	var errs []error
	for _, c := range e.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// openTrain finds the training pictures: those named, else the run's own if they are still there.
func (e *examination) openTrain(ctx context.Context) error {
	config := e.model.config
	if len(e.TrainData) == 0 {
		sets, err := config.Open(ctx)
		if err != nil {
			fmt.Fprintf(e.app.stderr, "without the training pictures (%v): overfitting, copies and leaks are left out\n", err)
			return nil
		}
		e.close = append(e.close, sets.Close)
		e.subject.Train = sets.Train
	} else {
		config.Data.Source, config.Data.Paths = recipe.Files, e.TrainData
		set, err := config.OpenAll(ctx)
		if err != nil {
			return withCode(exitData, fmt.Errorf("--train-data: %w", err))
		}
		e.close = append(e.close, set.Close)
		e.subject.Train = recipe.Relabel(set, config.Data.Classes)
	}
	if e.subject.Train.Len() > mostCompared {
		e.subject.Train = data.First(e.subject.Train, mostCompared)
	}
	return nil
}

// raw loads the weights as they were trained, where there are others to compare with.
func (c *evalCmd) raw(t *trained) (*model.Scope, error) {
	if weightsIn(c.Path) != "" || len(t.config.Train.Averages) == 0 || c.Weights == "raw" {
		return nil, nil
	}
	f := c.modelFlags
	f.Weights = "raw"
	other, err := f.load()
	if err != nil {
		return nil, err
	}
	return other.weights, nil
}

// part is one section and what makes it.
type part struct {
	key     string
	applies bool
	needs   string // what it takes to apply
	measure func(ctx context.Context) (report.Section, error)
}

// parts lists all sections in the order of the report.
func (e *examination) parts() []part {
	s, c := &e.subject, e.settings
	pictures := e.model.config.Data.Source != recipe.Points
	files := e.model.config.Data.Source == recipe.Files || len(e.Data) > 0
	return []part{
		{"leaks", pictures && files && s.Train != nil, "pictures in files, and those of training (--train-data)", s.Leaks},
		{"denoising", true, "", func(ctx context.Context) (report.Section, error) { return s.Denoising(ctx, c) }},
		{"reconstruction", pictures, "a model of pictures", func(ctx context.Context) (report.Section, error) { return s.Reconstruction(ctx, c) }},
		{"likelihood", pictures && c.Likelihood > 0, "a model of pictures, and --likelihood above 0", func(ctx context.Context) (report.Section, error) { return s.Likelihood(ctx, c) }},
		{"distribution", pictures && c.Samples > 1, "a model of pictures, and --samples above 1", e.distribution},
		{"classes", pictures && c.Samples > 1 && slices.Contains(e.Features, trainFeatures) && len(s.Model.Classes) > 1 && s.Train != nil,
			"a model that was trained with classes, --features train, and the training pictures (--train-data)", e.conditional},
		{"copies", pictures && c.Samples > 1 && s.Train != nil, "a model of pictures, those of training (--train-data), and --samples above 1", e.copies},
		{"points", !pictures && c.Samples > 1, "a model of points", func(ctx context.Context) (report.Section, error) { return s.Points(ctx, c) }},
	}
}

// report measures everything that is asked for and applies.
func (e *examination) report(ctx context.Context) (*report.Report, error) {
	r := &report.Report{Title: e.model.seen, Facts: e.facts()}
	if err := e.checkParts(); err != nil {
		return nil, err
	}
	for _, p := range e.parts() {
		if len(e.Parts) > 0 && !slices.Contains(e.Parts, p.key) {
			continue
		}
		if !p.applies {
			continue
		}
		s, err := e.section(ctx, p)
		if err != nil {
			return nil, err
		}
		r.Sections = append(r.Sections, s)
	}
	r.Advice = assess.Advise(r.Sections, e.advice())
	return r, nil
}

// checkParts refuses parts that were asked for and do not apply, before any is measured.
func (e *examination) checkParts() error {
	for _, p := range e.parts() {
		if slices.Contains(e.Parts, p.key) && !p.applies {
			return usage(fmt.Errorf("--parts %s does not apply to %s: it needs %s", p.key, e.Path, p.needs))
		}
	}
	return nil
}

// section measures one part, or reads it from the last time.
func (e *examination) section(ctx context.Context, p part) (report.Section, error) {
	measure := func() (report.Section, error) {
		e.subject.Progress = e.progress(p.key + ":")
		defer func() { e.subject.Progress = nil }()
		begin := time.Now()
		s, err := p.measure(ctx)
		s.Key, s.Seconds = p.key, time.Since(begin).Seconds()
		if err != nil {
			return s, fmt.Errorf("%s: %w", p.key, err)
		}
		return s, nil
	}
	if e.cache.Dir == "" {
		return measure()
	}
	return e.cache.Section(p.key, e.identity, measure)
}

// progress shows how far something has come.
func (e *examination) progress(what string) func(done, total int) {
	if e.silent {
		return nil
	}
	return newCounter(e.app, what).report
}

func (e *examination) facts() []report.Fact {
	c := e.model.config
	facts := []report.Fact{{Name: "recipe", Value: c.Recipe}, {Name: "weights", Value: e.model.seen}, {Name: "parameters", Value: fmt.Sprint(e.model.model.Parameters)},
		{Name: "held-out pictures", Value: fmt.Sprintf("%d of %s", e.subject.HeldOut.Len(), orOwn(e.Data))}}
	if e.subject.Train != nil {
		facts = append(facts, report.Fact{Name: "training pictures", Value: fmt.Sprintf("%d of %s", e.subject.Train.Len(), orOwn(e.TrainData))})
	}
	return append(facts, report.Fact{Name: "sampler", Value: fmt.Sprintf("%v, %d steps, guidance %g", e.subject.Request.Sampler.Method, len(e.subject.Request.Levels)-1,
		e.subject.Request.Guidance.Scale)}, report.Fact{Name: "seed", Value: fmt.Sprint(e.settings.Seed)},
		report.Fact{Name: "weights and data", Value: e.identity[:16]}, report.Fact{Name: "made", Value: time.Now().UTC().Format("2006-01-02 15:04 MST")}, report.Fact{Name: "by", Value: "ebb " + version})
}

func orOwn(paths []string) string {
	if len(paths) == 0 {
		return "the run's own"
	}
	return strings.Join(paths, ", ")
}

// sampled are the samples of a report, drawn once.
func (e *examination) sampled(ctx context.Context) (data.Set, error) {
	if e.samples != nil {
		return e.samples, nil
	}
	last := e.subject.Progress
	defer func() { e.subject.Progress = last }()
	e.subject.Progress = e.progress("samples:")
	var err error
	e.samples, err = e.subject.Draw(ctx, e.settings.Samples, e.settings.Seed)
	return e.samples, err
}

func (e *examination) distribution(ctx context.Context) (report.Section, error) {
	samples, err := e.sampled(ctx)
	if err != nil {
		return report.Section{}, err
	}
	all, err := e.features(ctx)
	if err != nil {
		return report.Section{}, err
	}
	return e.subject.Distribution(ctx, e.settings, samples, all)
}

func (e *examination) copies(ctx context.Context) (report.Section, error) {
	samples, err := e.sampled(ctx)
	if err != nil {
		return report.Section{}, err
	}
	in := []eval.Space{assess.CopySpace()}
	for _, name := range e.Features {
		if name == dctFeatures || name == pixelFeatures {
			continue
		}
		f, err := e.spaces.open(ctx, name)
		if err != nil {
			return report.Section{}, err
		}
		in = append(in, f.Space)
	}
	return e.subject.Copies(ctx, samples, in...)
}

func (e *examination) conditional(ctx context.Context) (report.Section, error) {
	samples, err := e.sampled(ctx)
	if err != nil {
		return report.Section{}, err
	}
	judge, err := e.spaces.classifier(ctx)
	if err != nil {
		return report.Section{}, err
	}
	return e.subject.Conditional(ctx, samples, judge)
}

// features are the feature spaces asked for.
func (e *examination) features(ctx context.Context) (all []assess.Features, err error) {
	for _, name := range e.Features {
		f, err := e.spaces.open(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// advice is what the rules need to know besides figures.
func (e *examination) advice() assess.Context {
	c := adviceContext(e.Path, e.model.config)
	c.Guidance = e.subject.Request.Guidance.Scale
	return c
}

// history reads the held-out losses of the judged weights from a run's log; none if there is no log.
func history(dir string, config recipe.Config) (h assess.History) {
	events, _, err := event.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return h
	}
	name := "raw"
	if len(config.Train.Averages) > 0 {
		name = config.Train.Averages[0].String()
	}
	for _, e := range event.Timeline(events) {
		if v, ok := e.Body.(event.Evaluated); ok && v.Weights == name {
			h.Seen, h.HeldOut = append(h.Seen, float64(e.Seen)), append(h.HeldOut, float64(v.Loss))
		}
	}
	return h
}

// writeReport puts a report into a folder.
func writeReport(a *app, dir string, r *report.Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return withCode(exitIO, err)
	}
	if err := writeReportFiles(dir, r); err != nil {
		return withCode(exitIO, err)
	}
	_, err := fmt.Fprintf(a.stderr, "the report is %s\n", filepath.Join(dir, reportPage))
	return err
}

// writeReportFiles writes a report for people and for programs into a folder that is there.
func writeReportFiles(dir string, r *report.Report) error {
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{reportPage, r.HTML}, {reportFile, r.JSON}} {
		if err := writeWhole(filepath.Join(dir, f.name), f.write); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole writes a file aside and renames it.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ebb-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
