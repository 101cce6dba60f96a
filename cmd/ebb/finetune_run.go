package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

// Files of a fine-tuning run besides those of every run.
const (
	startFile     = "start/model.safetensors" // the weights that it started from, so that the source may go
	adapterFolder = "adapter"                 // of model/
)

// announce says what will change and what stays, and makes the weights to start from.
func (t *tuning) announce(missing error) ([]string, error) {
	start := train.Weights(model.NewStore())
	done, err := t.config.StartFrom(start, t.source.config, t.source.weights)
	if err != nil {
		return nil, usage(err)
	}
	t.source.weights = start
	notes := []string{"going on from " + t.source.seen}
	changes, err := recipe.Changes(t.source.config, t.config)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, c := range changes {
		section, _, _ := strings.Cut(c.Key, ".")
		changed[section] = true
		if section != "finetune" {
			notes = append(notes, fmt.Sprintf("  %-28s %s -> %s", c.Key, short(c.From), short(c.To)))
		}
	}
	for _, d := range done {
		notes = append(notes, "  "+d)
	}
	var stays []string
	for _, s := range []struct{ section, what string }{{"network", "the network"}, {"diffusion", "noise schedule, prediction and loss"}} {
		if !changed[s.section] && (s.section == "network" || t.config.Text == nil) {
			stays = append(stays, s.what)
		}
	}
	if len(stays) > 0 {
		notes = append(notes, "stays: "+strings.Join(stays, "; "))
	}
	more, err := t.plans(missing)
	return append(notes, more...), err
}

// plans says what is trained, how its end is found, and what is done about forgetting.
func (t *tuning) plans(missing error) ([]string, error) {
	f, c := t.config.Finetune, t.config.Train
	network, parameters, err := t.built()
	if err != nil {
		return nil, usage(err)
	}
	vars, err := network.Trainable(t.source.weights)
	if err != nil {
		return nil, err
	}
	trained := 0
	for _, v := range vars {
		trained += v.Shape().Size()
	}
	what, base := "all weights", parameters
	switch {
	case f.LoRA != nil:
		what, base = fmt.Sprintf("adapters of rank %d", f.LoRA.Rank), base-trained
	case len(f.Train) > 0:
		what = strings.Join(f.Train, ", ")
	}
	notes := []string{fmt.Sprintf("trained: %s, %d values, %.1f %% of the model's", what, trained, 100*float64(trained)/float64(base))}
	if f.Native != nil {
		notes = append(notes, fmt.Sprintf("the network goes on predicting %v on schedule %v inside; what it denoises is the same as before", f.Native.Prediction, f.Native.Schedule))
	}
	switch {
	case heldOut(&t.sets.Sets) == 0:
		notes = append(notes, "nothing is held out: there is no early stopping, and the last weights are kept")
	case c.Patience > 0:
		notes = append(notes, fmt.Sprintf("the held-out loss is measured every %d %s; training ends when it has not fallen %d times; the best weights are kept",
			c.EvalEvery, t.unit(), c.Patience))
	}
	switch {
	case t.config.Text != nil: // what was learnt before is measured by ebb eval
	case missing != nil:
		notes = append(notes, fmt.Sprintf("forgetting is not measured, for the old data is not to be had: %v", missing))
	case t.sets.Old == nil:
		notes = append(notes, "forgetting is not measured: the source held nothing out")
	case f.Old.Mix > 0:
		notes = append(notes, fmt.Sprintf("%.3g %% of each batch is old data; the loss on it is measured too", 100*f.Old.Mix))
	default:
		notes = append(notes, "the loss on old data is measured too; --mix 0.2 would keep it low")
	}
	return notes, nil
}

// built is the network of the run, and how many numbers its weights are.
func (t *tuning) built() (train.Network, int, error) {
	if t.config.Text != nil {
		m, err := t.config.TextModel()
		if err != nil {
			return nil, 0, err
		}
		return m.Network, m.Parameters, nil
	}
	m, err := t.config.Model()
	if err != nil {
		return nil, 0, err
	}
	return m.Network, m.Parameters, nil
}

// unit is what the run counts.
func (t *tuning) unit() string {
	if t.config.Text != nil {
		return "tokens"
	}
	return "images"
}

func short(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// train makes or goes on with the run.
func (t *tuning) train(ctx context.Context) (err error) {
	s := &t.session
	run, err := t.config.BuildFinetune(ctx, t.sets, s.engine, s.folder)
	if err != nil {
		return withCode(exitData, err)
	}
	defer func() { err = errors.Join(err, run.Close(context.WithoutCancel(ctx))) }()
	s.model, s.text = run.Model, run.Text
	if err := errors.Join(t.keepStart(), s.record()); err != nil {
		return err
	}
	r := run.Trainer
	r.OnStep, r.Version, r.Start = s.screen.step, version, t.start
	if s.text != nil {
		r.Sample = (&textPreview{s: s}).draw
	} else {
		r.Sample = s.tolerant(newPreview(s).draw)
	}
	s.measureWhile(r, &t.sets.Sets)
	result, err := r.Train(ctx)
	s.screen.done()
	if err != nil {
		return err
	}
	return t.conclude(result)
}

// keepStart writes the weights to start from into the run, once.
func (t *tuning) keepStart() error {
	if t.source == nil {
		return nil
	}
	all, err := train.Tensors(t.source.weights)
	if err != nil {
		return err
	}
	return t.folder.WriteFile(startFile, func(w io.Writer) error {
		return safetensors.Write(w, map[string]string{"ebb": version, "from": t.source.seen}, all)
	})
}

// start is the Start hook of a train.Trainer.
func (t *tuning) start(weights *model.Scope) error {
	f, err := safetensors.Open(filepath.Join(t.folder.Dir(), filepath.FromSlash(startFile)))
	if err != nil {
		return fmt.Errorf("the weights that this run started from: %w", err)
	}
	defer f.Close()
	return train.SetTensors(weights, f)
}

// conclude ends a run: the best weights become the model, with adapters merged and beside it, and what was gained and forgotten is said.
func (t *tuning) conclude(r train.Result) error {
	best, err := t.best(r)
	if err != nil {
		return err
	}
	export := t.session
	if t.config.Finetune.LoRA != nil {
		adapter, merged, err := t.config.MergeAdapter(best.Weights)
		if err != nil {
			return err
		}
		if err := t.writeAdapter(adapter); err != nil {
			return err
		}
		export.config, best.Weights = t.config.WithoutAdapters(), merged
		if t.config.Text == nil {
			if export.model, err = export.config.Model(); err != nil {
				return err
			}
		}
	}
	dir := t.folder.Dir()
	if err := export.export(best); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(dir, "model"), err)
	}
	return t.report(r, best.Step)
}

// best puts the weights of the best checkpoint into the scope of a result.
func (t *tuning) best(r train.Result) (train.Result, error) {
	all, _, err := ckpt.List(t.folder.Dir())
	if err != nil {
		return r, err
	}
	b := ckpt.Best(all)
	if b == nil || b.Step == r.Step {
		return r, nil
	}
	group := t.used()
	if group == "raw" {
		group = train.GroupWeights
	}
	c, err := ckpt.LoadStep(t.folder.Dir(), b.Step, group)
	if err != nil {
		return r, err
	}
	f, err := c.Group(group)
	if err != nil {
		return r, err
	}
	r.Step = b.Step
	return r, train.SetTensors(r.Weights, f)
}

// used names the weights that are judged and kept.
func (t *tuning) used() string {
	if a := t.config.Train.Averages; len(a) > 0 {
		return a[0].String()
	}
	return "raw"
}

// writeAdapter writes the adapter apart, as PEFT does.
func (t *tuning) writeAdapter(a *finetune.Adapter) error {
	dir := "model/" + adapterFolder + "/"
	return errors.Join(t.folder.WriteFile(dir+finetune.WeightsFile, a.WriteWeights), t.folder.WriteFile(dir+finetune.ConfigFile, a.WriteConfig))
}

// report says what was gained on the new data and lost on the old.
func (t *tuning) report(r train.Result, best int64) error {
	dir := t.folder.Dir()
	model := filepath.Join(dir, "model")
	lines := []string{fmt.Sprintf("done: %d %s; the model in %s is that of step %d. Samples are in %s.", r.Seen, t.unit(), model, best, samplesOf(dir))}
	events, _, err := event.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return err
	}
	var first, kept *event.Evaluated
	for _, e := range events {
		if b, ok := e.Body.(event.Evaluated); ok && b.Weights == t.used() {
			if e.Step == 0 {
				first = &b
			}
			if e.Step == best {
				kept = &b
			}
		}
	}
	if first != nil && kept != nil {
		lines = append(lines, gain("held-out loss on the new data", first.Loss, kept.Loss))
		if first.Old > 0 {
			lines = append(lines, gain("                 and the old", first.Old, kept.Old))
		}
	}
	some := "-n 16 --out samples.png"
	if t.config.Text != nil {
		some = "-n 4"
	}
	if t.config.Finetune.LoRA != nil {
		lines = append(lines, fmt.Sprintf("The adapter alone is in %s:", filepath.Join(model, adapterFolder)),
			fmt.Sprintf("Try:  ebb sample %s --lora %s:0.8 %s", t.config.Finetune.From, dir, some))
	}
	t.screen.print(append(lines, fmt.Sprintf("Try:  ebb sample %s %s", model, some))...)
	return nil
}

func gain(what string, before, after event.Number) string {
	return fmt.Sprintf("%s: %.5f before, %.5f now (%+.1f %%)", what, float64(before), float64(after), 100*(float64(after)/float64(before)-1))
}
