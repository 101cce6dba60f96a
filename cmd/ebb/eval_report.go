package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

// reportFlags ask for more than the error by noise level.
type reportFlags struct {
	Out        string   `help:"Folder for a whole report: report.html, report.json." placeholder:"DIR" group:"Report"`
	Likelihood int      `help:"Pictures to find the likelihood of; 0: none." default:"32" group:"Report"`
	Features   []string `help:"Feature spaces: dct, pixels, train (a classifier made for it), or a file of Inception-v3 or DINOv2 weights." default:"dct,pixels" placeholder:"NAME,…" group:"Report"`
	Parts      []string `help:"Parts of a report on pictures; default: all that apply." placeholder:"NAME,…" enum:"leaks,denoising,reconstruction,likelihood,distribution,classes,copies,points" group:"Report"`
	Advise     bool     `help:"Say what to try next, by the report in --out (default: RUN/report); measures nothing." group:"Report"`
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
	samples  data.Set
	judge    *features.Classifier
	networks []*features.Network
	close    []func() error
}

// most pictures of a set that is compared picture by picture; those made on the fly have no end.
const mostCompared = 50_000

// examine prepares a report.
func (c *evalCmd) examine(ctx context.Context, a *app, t *trained, s assess.Subject) (e *examination, err error) {
	e = &examination{evalCmd: c, app: a, model: t, subject: s,
		settings: assess.Settings{Images: c.Images, Levels: evalLevels, Batch: c.Batch, Samples: c.drawn(), Likelihood: c.Likelihood, Seed: 1}}
	if err := e.settings.Check(); err != nil {
		return nil, usage(err)
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
	if c.Out != "" {
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

// identify hashes everything that figures depend on: weights, pictures, settings and program.
func (e *examination) identify() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%+v\n%v\n", version, e.settings, e.Features)
	for _, scope := range []*model.Scope{e.subject.Weights, e.subject.Raw} {
		if scope == nil {
			continue
		}
		tensors, err := train.Tensors(scope)
		if err != nil {
			return "", err
		}
		for _, t := range tensors {
			h.Write([]byte(t.Name))
			h.Write(t.Data)
		}
	}
	for _, set := range []data.Set{e.subject.HeldOut, e.subject.Train} {
		if set == nil {
			continue
		}
		fmt.Fprintln(h, set.Len())
		for i := range set.Len() {
			sum, err := set.Hash(i)
			if err != nil {
				return "", withCode(exitData, fmt.Errorf("%s: %w", set.Entry(i).Name, err))
			}
			h.Write(sum[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// part is one section and what makes it.
type part struct {
	key     string
	applies bool
	measure func(ctx context.Context) (report.Section, error)
}

// parts lists all sections in the order of the report.
func (e *examination) parts() []part {
	s, c := &e.subject, e.settings
	pictures := e.model.config.Data.Source != recipe.Points
	files := e.model.config.Data.Source == recipe.Files || len(e.Data) > 0
	return []part{
		{"leaks", pictures && files && s.Train != nil, s.Leaks},
		{"denoising", true, func(ctx context.Context) (report.Section, error) { return s.Denoising(ctx, c) }},
		{"reconstruction", pictures, func(ctx context.Context) (report.Section, error) { return s.Reconstruction(ctx, c) }},
		{"likelihood", pictures && c.Likelihood > 0, func(ctx context.Context) (report.Section, error) { return s.Likelihood(ctx, c) }},
		{"distribution", pictures && c.Samples > 1, e.distribution},
		{"classes", pictures && c.Samples > 1 && slices.Contains(e.Features, "train") && len(s.Model.Classes) > 1 && s.Train != nil, e.conditional},
		{"copies", pictures && c.Samples > 1 && s.Train != nil, e.copies},
		{"points", !pictures && c.Samples > 1, func(ctx context.Context) (report.Section, error) { return s.Points(ctx, c) }},
	}
}

// report measures everything that is asked for and applies.
func (e *examination) report(ctx context.Context) (*report.Report, error) {
	r := &report.Report{Title: e.model.seen, Facts: e.facts()}
	for _, p := range e.parts() {
		if len(e.Parts) > 0 && !slices.Contains(e.Parts, p.key) {
			continue
		}
		if !p.applies {
			if slices.Contains(e.Parts, p.key) {
				return nil, usage(fmt.Errorf("--parts %s does not apply here: it may need --train-data, --samples, --features train or pictures with classes", p.key))
			}
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

// section measures one part, or reads it from the last time.
func (e *examination) section(ctx context.Context, p part) (report.Section, error) {
	measure := func() (report.Section, error) {
		counter := newCounter(e.app, p.key+":")
		e.subject.Progress = counter.report
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
	e.subject.Progress = newCounter(e.app, "samples:").report
	var err error
	e.samples, err = e.subject.Draw(ctx, e.settings.Samples, e.settings.Seed)
	return e.samples, err
}

func (e *examination) distribution(ctx context.Context) (report.Section, error) {
	samples, err := e.sampled(ctx)
	if err != nil {
		return report.Section{}, err
	}
	spaces, err := e.spaces(ctx)
	if err != nil {
		return report.Section{}, err
	}
	return e.subject.Distribution(ctx, e.settings, samples, spaces)
}

func (e *examination) copies(ctx context.Context) (report.Section, error) {
	samples, err := e.sampled(ctx)
	if err != nil {
		return report.Section{}, err
	}
	return e.subject.Copies(ctx, samples, eval.PixelSpace(0))
}

func (e *examination) conditional(ctx context.Context) (report.Section, error) {
	samples, err := e.sampled(ctx)
	if err != nil {
		return report.Section{}, err
	}
	judge, err := e.classifier(ctx)
	if err != nil {
		return report.Section{}, err
	}
	return e.subject.Conditional(ctx, samples, judge)
}

// spaces are the feature spaces asked for.
func (e *examination) spaces(ctx context.Context) (all []assess.Features, err error) {
	for _, name := range e.Features {
		var space assess.Features
		switch name {
		case "dct":
			space.Space = eval.DCTSpace()
		case "pixels":
			space.Space = eval.PixelSpace(0)
		case "train":
			judge, err := e.classifier(ctx)
			if err != nil {
				return nil, err
			}
			space.Space = judge.Space()
		default:
			if space, err = e.network(name); err != nil {
				return nil, err
			}
		}
		all = append(all, space)
	}
	return all, nil
}

// network opens weights that the user brought.
func (e *examination) network(path string) (f assess.Features, err error) {
	if _, err := os.Stat(path); err != nil {
		return f, usage(fmt.Errorf("--features %s: give dct, pixels, train, or a .safetensors file of Inception-v3 or DINOv2 weights", path))
	}
	n, err := features.Open(e.subject.Engine, path, features.Options{})
	if err != nil {
		return f, withCode(exitData, err)
	}
	e.close = append(e.close, func() error { n.Close(); return nil })
	if f.Space, err = n.Space(features.Pool); err != nil || !n.Has(features.Spatial) {
		return f, err
	}
	if f.Spatial, err = n.Space(features.Spatial); err != nil {
		return f, err
	}
	f.Probabilities, err = n.Space(features.Probabilities)
	return f, err
}

// classifier is the small network that is trained on the training pictures, or was before.
func (e *examination) classifier(ctx context.Context) (*features.Classifier, error) {
	if e.judge != nil {
		return e.judge, nil
	}
	if e.subject.Train == nil {
		return nil, usage(errors.New("--features train needs the training pictures: name them with --train-data"))
	}
	folder := filepath.Join(e.Path, "features")
	if e.Out != "" {
		folder = filepath.Join(e.Out, "features")
	}
	counter := newCounter(e.app, "training a classifier: images")
	c, _, err := features.CachedClassifier(ctx, e.subject.Engine, e.subject.Train, features.ClassifierConfig{Flip: e.model.config.Data.FlipX}, folder,
		func(p features.Progress) { counter.report(p.Images, p.Total) })
	if err != nil {
		return nil, err
	}
	e.close = append(e.close, func() error { c.Close(); return nil })
	e.judge = c
	return c, nil
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
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{"report.html", r.HTML}, {reportFile, r.JSON}} {
		if err := writeWhole(filepath.Join(dir, f.name), f.write); err != nil {
			return withCode(exitIO, err)
		}
	}
	_, err := fmt.Fprintf(a.stderr, "the report is %s\n", filepath.Join(dir, "report.html"))
	return err
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
