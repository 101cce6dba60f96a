package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/plot"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
)

// evalCompareCmd is the verb eval compare.
type evalCompareCmd struct {
	Runs       []string         `arg:"" help:"Runs or model folders: all are held against the first."`
	Weights    string           `help:"raw or an average, of all runs; default: the first average of each." placeholder:"NAME"`
	Checkpoint string           `help:"Which checkpoint of runs: last, best or a step." default:"last"`
	Data       []string         `help:"Pictures that no run was trained on; default: what the first held out." placeholder:"PATH" sep:"none"`
	TrainData  []string         `help:"Training pictures, for copy; default: those of the first run." placeholder:"PATH" sep:"none"`
	Images     int              `help:"Pictures for measures by noise level." default:"512"`
	Samples    int              `help:"Samples of each, for measures of samples." default:"512"`
	Metrics    []assess.Contest `help:"eps, psnr, ssim, fd-dct, kid, copy; default: the first five, as far as they apply." placeholder:"NAME,…"`
	Levels     int              `help:"Noise levels." default:"10"`
	Batch      int              `help:"Pictures at once." default:"64"`
	Seed       uint64           `help:"Of noise and samples." default:"1"`
	Out        string           `help:"Folder for compare.html, compare.json, compare.svg." placeholder:"DIR"`
	JSON       bool             `name:"json" help:"One line of JSON."`
	engineFlags
}

// Help is shown below the flags.
func (*evalCompareCmd) Help() string {
	return `Differences with 95 % intervals, in pairs: every model gets the same pictures, noise
and seeds. Models may differ in network, noise schedule and prediction: the error of
the noise is compared at the noise levels of the first. Samples are drawn as each
run's [sample] says.

  ebb eval compare runs/a runs/b --data held-out.zip
  ebb eval compare runs/a runs/b runs/c --metrics eps,fd-dct --samples 2000 --out compared`
}

// contender is a model of a comparison.
type contender struct {
	name    string
	trained *trained
	subject assess.Subject
}

// versus is a comparison at work.
type versus struct {
	*evalCompareCmd
	app      *app
	all      []contender
	settings assess.Settings
	sigmas   []float64
	notes    []string
}

// Run implements the verb.
func (c *evalCompareCmd) Run(a *app) error {
	if len(c.Runs) < 2 {
		return usage(fmt.Errorf("a comparison of %d run: name at least two", len(c.Runs)))
	}
	v := &versus{evalCompareCmd: c, app: a, settings: assess.Settings{Images: c.Images, Levels: c.Levels, Batch: c.Batch, Samples: c.Samples, Seed: c.Seed}}
	if err := v.settings.Check(); err != nil {
		return usage(err)
	}
	if err := v.load(); err != nil {
		return err
	}
	ctx, stop := a.untilSignal()
	defer stop()
	sets, err := v.open(ctx)
	if err != nil {
		return err
	}
	defer sets.close()
	r, err := v.measure(ctx)
	if err != nil {
		return endedBy(ctx, err, "stopped; nothing was written")
	}
	if err := r.write(c.Out); err != nil {
		return withCode(exitIO, err)
	}
	return r.print(a.stdout, c.JSON)
}

// load reads the models and refuses those that cannot be compared.
func (v *versus) load() error {
	for i, path := range v.Runs {
		f := modelFlags{Path: path, Weights: v.Weights, Checkpoint: v.Checkpoint}
		if weightsIn(path) != "" {
			f.Weights, f.Checkpoint = "", "last"
		}
		t, err := f.load()
		if err != nil {
			return err
		}
		if t.text != nil {
			return usage(fmt.Errorf("%s is a model of text: compare texts by the bits per character of ebb eval, or by ebb eval curves", path))
		}
		c := contender{name: shortName(v.Runs, i), trained: t, subject: assess.Subject{Config: t.config, Model: t.model, Weights: t.weights}}
		if i > 0 {
			if err := sameTask(v.all[0].trained.config, t.config); err != nil {
				return withCode(exitData, fmt.Errorf("%s and %s cannot be compared: %w", v.Runs[0], path, err))
			}
		}
		v.all = append(v.all, c)
	}
	return v.choose()
}

// shortName is the last part of a path that tells a run from the others.
func shortName(paths []string, i int) string {
	base := filepath.Base(paths[i])
	for k, p := range paths {
		if k != i && filepath.Base(p) == base {
			return filepath.Clean(paths[i])
		}
	}
	return base
}

// sameTask says what two models are about that is not the same: then the difference of their figures would mean nothing.
func sameTask(a, b recipe.Config) error {
	p, q := a.Data, b.Data
	for _, d := range []struct {
		key  string
		a, b any
	}{{"data.source", p.Source == recipe.Points, q.Source == recipe.Points}, {"data.height", p.Height, q.Height}, {"data.width", p.Width, q.Width},
		{"data.channels", p.Channels, q.Channels}, {"data.norm", p.Norm, q.Norm}, {"data.fit", p.Fit, q.Fit}, {"data.background", p.Background, q.Background}} {
		if !reflect.DeepEqual(d.a, d.b) {
			return fmt.Errorf("%s is %v and %v; compare models that see pictures of one size and preparation", d.key, d.a, d.b)
		}
	}
	if len(p.Classes) > 0 && len(q.Classes) > 0 && a.Network.Conditional && b.Network.Conditional && !reflect.DeepEqual(p.Classes, q.Classes) {
		return fmt.Errorf("data.classes are %s and %s; both are told the class of a picture, so they must know the same ones",
			short(strings.Join(p.Classes, ", ")), short(strings.Join(q.Classes, ", ")))
	}
	return nil
}

// choose finds measures and noise levels, and how each model draws samples.
func (v *versus) choose() error {
	if points := v.all[0].trained.config.Data.Source == recipe.Points; len(v.Metrics) == 0 {
		v.Metrics = []assess.Contest{assess.ContestEps}
		if m := v.all[0].trained.model; !points {
			v.Metrics = append(v.Metrics, assess.ContestPSNR)
			if min(m.Height, m.Width) >= 11 {
				v.Metrics = append(v.Metrics, assess.ContestSSIM)
			}
			if min(m.Height, m.Width) >= 8 && v.Samples > 0 {
				v.Metrics = append(v.Metrics, assess.ContestFDDCT, assess.ContestKID)
			}
		}
	} else if points && (len(v.Metrics) > 1 || v.Metrics[0] != assess.ContestEps) {
		return usage(errors.New("models of points are compared by eps alone: leave out --metrics"))
	}
	var others []*assess.Subject
	for i := range v.all {
		c := &v.all[i]
		var err error
		if c.subject.Request, err = request(c.trained.config, c.trained.model, max(v.Samples, 1)); err != nil {
			return usage(err)
		}
		if i > 0 {
			others = append(others, &c.subject)
			v.noteOther(c)
		}
	}
	var err error
	if v.sigmas, err = assess.SharedLevels(&v.all[0].subject, v.Levels, others...); err != nil {
		return usage(err)
	}
	if n := v.Levels - len(v.sigmas); n > 0 {
		v.notes = append(v.notes, fmt.Sprintf("%d noise levels of %s lie outside the schedule of another model and are left out", n, v.all[0].name))
	}
	return nil
}

// noteOther says what differs between a model and the first that a reader should know of.
func (v *versus) noteOther(c *contender) {
	a, b := v.all[0].trained.config, c.trained.config
	if p, q := v.all[0].trained.model.Precond, c.trained.model.Precond; p.Prediction != q.Prediction || p.Schedule.Config() != q.Schedule.Config() {
		v.notes = append(v.notes, fmt.Sprintf("%s was trained with another noise schedule or prediction: the error of the noise is compared at equal noise levels", c.name))
	}
	draws := func(s recipe.Sample) string {
		return fmt.Sprintf("%v, %d steps, %v, guidance %g", s.Method, s.Steps, s.Spacing, s.Guidance)
	}
	if p, q := draws(a.Sample), draws(b.Sample); p != q && v.Samples > 0 {
		v.notes = append(v.notes, fmt.Sprintf("samples of %s are drawn by %s, of %s by %s", v.all[0].name, p, c.name, q))
	}
}

// needs says whether a measure is among those wanted.
func (v *versus) needs(of func(assess.Contest) bool) bool {
	for _, m := range v.Metrics {
		if of(m) {
			return true
		}
	}
	return false
}

// open opens the held-out pictures, and the training pictures where they are needed.
func (v *versus) open(ctx context.Context) (sets openedSets, err error) {
	config := v.all[0].trained.config
	held, err := heldOutOf(ctx, config, v.Data)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	sets = append(sets, held)
	for i := range v.all {
		v.all[i].subject.HeldOut = recipe.Relabel(held, v.all[i].trained.config.Data.Classes)
	}
	if v.needs(assess.Contest.OfSamples) && held.Len() < v.Samples {
		v.notes = append(v.notes, fmt.Sprintf("there are %d held-out pictures: as many samples are drawn", held.Len()))
		v.settings.Samples = held.Len()
	}
	if !v.needs(func(m assess.Contest) bool { return m == assess.ContestCopies }) {
		return sets, nil
	}
	train, err := trainingOf(ctx, config, v.TrainData)
	if err != nil {
		sets.close()
		return nil, withCode(exitData, fmt.Errorf("copy needs the training pictures: %w; name them with --train-data, or leave copy out", err))
	}
	sets = append(sets, train)
	for i := range v.all {
		v.all[i].subject.Train = train
	}
	return sets, nil
}

// heldOutOf are the pictures at paths, or those that a run held out.
func heldOutOf(ctx context.Context, config recipe.Config, paths []string) (data.Set, error) {
	if len(paths) > 0 {
		config.Data.Source, config.Data.Paths, config.Data.Limit, config.HeldOut.Images = recipe.Files, paths, 0, 0
		return config.OpenAll(ctx)
	}
	sets, err := config.Open(ctx)
	if err != nil {
		return nil, err
	}
	if sets.Valid == nil {
		return nil, errors.Join(errors.New("the run holds no pictures out: name some with --data"), sets.Close())
	}
	return sets.Valid, nil
}

// trainingOf are the pictures at paths, or those that a run was trained on; not more than can be compared one by one.
func trainingOf(ctx context.Context, config recipe.Config, paths []string) (data.Set, error) {
	if len(paths) > 0 {
		config.Data.Source, config.Data.Paths, config.HeldOut.Images = recipe.Files, paths, 0
		set, err := config.OpenAll(ctx)
		return recipe.Relabel(set, config.Data.Classes), err
	}
	sets, err := config.Open(ctx)
	if err != nil {
		return nil, err
	}
	if sets.Train.Len() > mostCompared {
		return data.First(sets.Train, mostCompared), nil
	}
	return sets.Train, nil
}

// some are n pictures of a set: of files a random choice, which is the same each time, for folders are sorted by class.
func some(set data.Set, n int) data.Set {
	if set.Len() > mostCompared {
		return data.First(set, n)
	}
	return data.Subset(set, min(n, set.Len()), 1)
}

// measure lets each model show what it can, one after the other, and compares.
func (v *versus) measure(ctx context.Context) (*compareResult, error) {
	engine, err := v.engineFlags.open()
	if err != nil {
		return nil, err
	}
	defer engine.Finalize()
	r := &compareResult{versus: v}
	for i := range v.all {
		c := &v.all[i]
		c.subject.Engine = engine
		c.subject.Progress = newCounter(v.app, c.name+":").report
		s := c.subject
		s.HeldOut = some(s.HeldOut, max(v.Images, heldOutForCopies(&s)))
		m, err := s.Contest(ctx, c.name, v.settings, v.sigmas, v.Metrics, v.all[0].trained.config.Data.Source != recipe.Points)
		if err != nil {
			return nil, withCode(exitData, fmt.Errorf("%s: %w", v.Runs[i], err))
		}
		r.models = append(r.models, m)
	}
	var reference eval.Matrix
	if v.needs(func(m assess.Contest) bool { return m == assess.ContestFDDCT || m == assess.ContestKID }) {
		s := v.all[0].subject
		s.HeldOut = some(s.HeldOut, v.settings.Samples)
		if reference, err = s.HeldOutFeatures(ctx, eval.DCTSpace(), s.HeldOut.Len()); err != nil {
			return nil, withCode(exitData, err)
		}
	}
	if r.found, err = assess.Compare(ctx, engine, v.Metrics, r.models, reference); err != nil {
		return nil, withCode(exitData, err)
	}
	return r, nil
}

// heldOutForCopies is how many held-out pictures tell what the score of a picture is that is no copy; none where copies are not looked for.
func heldOutForCopies(s *assess.Subject) int {
	if s.Train == nil {
		return 0
	}
	return 500
}

// compareResult is what a comparison showed.
type compareResult struct {
	*versus
	models []*assess.Contestant
	found  []assess.Comparison
}

// verdictLine is a difference as a program reads it.
type verdictLine struct {
	Measure    assess.Contest `json:"measure"`
	Model      string         `json:"model"`
	Against    string         `json:"against"`
	Value      eval.Figure    `json:"value"`
	First      eval.Figure    `json:"first"`
	Difference eval.Figure    `json:"difference"`
	Verdict    string         `json:"verdict"`
}

func (r *compareResult) lines() (all []verdictLine) {
	for _, c := range r.found {
		for i := 1; i < len(r.all); i++ {
			all = append(all, verdictLine{c.Contest, r.Runs[i], r.Runs[0], c.Values[i], c.Values[0], c.Differences[i-1], c.Verdict(i)})
		}
	}
	return all
}

// print writes the table, or one line of JSON.
func (r *compareResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]any{"images": min(r.Images, r.all[0].subject.HeldOut.Len()), "samples": r.settings.Samples, "seed": r.Seed,
			"sigmas": r.sigmas, "comparisons": r.lines(), "notes": r.notes})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s\n", strings.Join(r.names()[1:], ", "), r.all[0].name)
	fmt.Fprintf(&b, "%d pictures at %d noise levels (sigma %.3g to %.3g), the same noise for all", min(r.Images, r.all[0].subject.HeldOut.Len()), len(r.sigmas),
		r.sigmas[0], r.sigmas[len(r.sigmas)-1])
	if r.needs(assess.Contest.OfSamples) {
		fmt.Fprintf(&b, "; %d samples of seed %d", r.settings.Samples, r.Seed)
	}
	fmt.Fprintln(&b)
	for _, c := range r.found {
		fmt.Fprintf(&b, "\n%-24s %11.5g  %s\n", c.Values[0].Name, float64(c.Values[0].Value), r.all[0].name)
		for i, d := range c.Differences {
			fmt.Fprintf(&b, "%-24s %11.5g  %s: %+.3g [%+.3g, %+.3g], %s\n", "", float64(c.Values[i+1].Value), r.all[i+1].name, float64(d.Value), d.Interval.Low,
				d.Interval.High, c.Verdict(i+1))
		}
	}
	for _, n := range r.notes {
		fmt.Fprintf(&b, "\nnote: %s", n)
	}
	if len(r.notes) > 0 {
		fmt.Fprintln(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *compareResult) names() (all []string) {
	for _, c := range r.all {
		all = append(all, c.name)
	}
	return all
}

// write puts page, figures and curves into a folder, if one is wanted.
func (r *compareResult) write(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s := report.Section{Key: "compare", Title: "Differences in pairs", Facts: []report.Fact{{Name: "against", Value: r.Runs[0]},
		{Name: "samples", Value: fmt.Sprint(r.settings.Samples)}, {Name: "seed", Value: fmt.Sprint(r.Seed)}}, Warnings: r.notes}
	for _, c := range r.found {
		for i, d := range c.Differences {
			d.Note = c.Verdict(i+1) + "; " + d.Note
			s.Figures = append(s.Figures, c.Values[0], c.Values[i+1], d)
		}
	}
	chart := assess.CurvesOf(r.models)
	if len(chart.Series) > 0 {
		s.Charts = []plot.Chart{chart}
	}
	rep := &report.Report{Title: strings.Join(r.names(), ", "), Sections: []report.Section{s}}
	err := errors.Join(writeWhole(filepath.Join(dir, "compare.html"), rep.HTML), writeWhole(filepath.Join(dir, "compare.json"), rep.JSON))
	if len(chart.Series) > 0 {
		err = errors.Join(err, writeWhole(filepath.Join(dir, "compare.svg"), chart.SVG))
	}
	return err
}
