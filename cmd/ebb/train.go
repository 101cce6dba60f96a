package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
)

// runFlags say what to train and where: they make the configuration of a run.
type runFlags struct {
	Recipe  string   `help:"What to start from; see --recipes. Default: folder if there is --data, else glyphs." placeholder:"NAME"`
	Data    []string `help:"Folders, archives or caches of pictures, or text." placeholder:"PATH" sep:"none"`
	Valid   []string `help:"Data to hold out; default: a share of the other." placeholder:"PATH" sep:"none"`
	Folder  string   `name:"run" help:"Run folder; default: runs/RECIPE. A run that is there goes on." placeholder:"DIR"`
	Images  int64    `help:"Images to train on in all."`
	Tokens  int64    `help:"Tokens to train on in all, where the data is text."`
	Process string   `help:"How text is learnt: absorbing, uniform, autoregressive, block or continuous; default: absorbing." placeholder:"NAME"`
	Batch   int      `help:"Images, or rows of text, in a step."`
	Seed    uint64   `help:"Seed of everything that is random." default:"0"`
	Config  string   `help:"TOML or JSON file with settings." type:"existingfile" placeholder:"FILE"`
	Set     []string `help:"One setting, such as train.rate.peak=1e-3." placeholder:"KEY=VALUE" sep:"none"`
}

// trainCmd is the verb train.
type trainCmd struct {
	runFlags
	Recipes   bool   `help:"List the recipes and stop."`
	Precision string `help:"f32 or bf16." default:"f32" enum:"f32,bf16"`
	DryRun    bool   `short:"n" help:"Print the resolved configuration and stop."`
	JSON      bool   `name:"json" help:"Events as JSON lines on standard output."`
	Quiet     bool   `short:"q" help:"Say only what matters."`
	Force     bool   `help:"Take a run folder that another host seems to hold."`
	NoCheck   bool   `help:"Begin although memory or disk seem too small."`
	engineFlags
}

// Help is shown below the flags.
func (*trainCmd) Help() string {
	return `Without arguments it trains a small network on letters. Run the same command
again and it goes on, after a ^C (saves and stops), a crash or a power cut.

  ebb train
  ebb train --data my-pictures --run runs/mine
  ebb train --recipe cifar10-small --data cifar10.zip --images 51200 --set train.rate.peak=1e-4`
}

// Run implements the verb.
func (c *trainCmd) Run(a *app) error {
	if c.Recipes {
		for _, p := range recipe.Presets() {
			fmt.Fprintf(a.stdout, "%-14s %s\n", p.Name, p.About)
		}
		return nil
	}
	if c.Precision == "bf16" {
		return usage(fmt.Errorf("--precision bf16: the engines of this build compute in f32 only"))
	}
	ctx, stop := a.untilSignal()
	defer stop()
	config, old, err := c.configure()
	if err != nil {
		return usage(err)
	}
	sets, notes, err := prepareData(ctx, &config, c.Folder)
	if err != nil {
		return err
	}
	defer sets.Close()
	if c.DryRun {
		newScreen(a, config.Recipe, false, c.Quiet || c.JSON).say(notes...)
		return config.Encode(a.stdout)
	}
	if old != nil {
		if err := compatible(*old, config, c.Folder); err != nil {
			return usage(err)
		}
	}
	return c.train(ctx, a, config, sets, notes)
}

// configure reads what the command line says. Of a run that exists, its own configuration is the start; it is returned as old.
func (c *runFlags) configure() (config recipe.Config, old *recipe.Config, err error) {
	name := c.recipe()
	if c.Folder == "" {
		c.Folder = filepath.Join("runs", name)
	}
	saved := filepath.Join(c.Folder, configFile)
	if _, err := os.Stat(saved); err == nil {
		if config, err = readConfig(saved); err != nil {
			return config, nil, err
		}
		if config.Finetune != nil {
			return config, nil, fmt.Errorf("%s is a run of ebb finetune: go on with ebb finetune --run %s", c.Folder, c.Folder)
		}
		before := config
		old = &before
		if c.Recipe != "" && config.Recipe != c.Recipe {
			return config, nil, fmt.Errorf("%s is a run of recipe %s, not %s: choose another --run", c.Folder, config.Recipe, c.Recipe)
		}
	} else if config, err = recipe.Preset(name); err != nil {
		return config, nil, err
	}
	return config, old, c.apply(&config)
}

// recipe is what to start from: what is said, or what suits the data, or letters.
func (c *runFlags) recipe() string {
	switch {
	case c.Recipe != "":
		return c.Recipe
	case len(c.Data) == 0:
		return "glyphs"
	case text.Recognise(c.Data[0]) != text.NoText:
		return "text-folder"
	}
	return "folder"
}

// apply changes a configuration by the flags: file first, then flags, then --set.
func (c *runFlags) apply(config *recipe.Config) error {
	if c.Config != "" {
		f, err := os.Open(c.Config)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := config.Decode(f, c.Config); err != nil {
			return err
		}
	}
	if c.Batch != 0 {
		config.SetBatch(c.Batch)
	}
	if err := c.applyData(config); err != nil {
		return err
	}
	if c.Seed != 0 {
		config.Train.Seed = c.Seed
	}
	for _, s := range c.Set {
		if err := config.Set(s); err != nil {
			return err
		}
	}
	return nil
}

// applyData changes what is trained on and for how long, in the terms of pictures or of text.
func (c *runFlags) applyData(config *recipe.Config) error {
	if t := config.Text; t != nil {
		switch {
		case c.Images != 0:
			return fmt.Errorf("--images: recipe %s is about text; say how many --tokens", config.Recipe)
		case len(c.Data) > 0 && t.Source == recipe.TextEquations:
			return fmt.Errorf("--data: recipe %s makes its own text; train on yours with --recipe text-folder", config.Recipe)
		case c.Tokens != 0:
			config.SetTokens(c.Tokens)
		}
		t.Paths, t.Valid = given(c.Data, t.Paths), given(c.Valid, t.Valid)
		if c.Process != "" {
			return config.Set("text.process=" + c.Process)
		}
		return nil
	}
	if c.Process != "" {
		return fmt.Errorf("--process: recipe %s is about pictures, for which there is but one", config.Recipe)
	}
	if c.Tokens != 0 {
		return fmt.Errorf("--tokens: recipe %s is about pictures; say how many --images", config.Recipe)
	}
	if len(c.Data) > 0 && config.Data.Source != recipe.Files {
		return fmt.Errorf("--data: recipe %s makes its own pictures; train on yours with --recipe folder", config.Recipe)
	}
	config.Data.Paths, config.Data.Valid = given(c.Data, config.Data.Paths), given(c.Valid, config.Data.Valid)
	if c.Images != 0 {
		config.SetImages(c.Images)
	}
	return nil
}

// given is what a flag says, or else what was there.
func given(flag, before []string) []string {
	if len(flag) > 0 {
		return flag
	}
	return before
}

const configFile = "config.toml"

// readConfig reads the complete configuration of a run or a model.
func readConfig(path string) (config recipe.Config, err error) {
	f, err := os.Open(path)
	if err != nil {
		return config, err
	}
	defer f.Close()
	return config, config.Decode(f, path)
}

// compatible refuses to go on with a run after a change of what makes it that run.
func compatible(old, config recipe.Config, run string) error {
	changes, err := recipe.Changes(old, config)
	if err != nil {
		return err
	}
	var fixed []string
	for _, c := range changes {
		if c.Fixed {
			fixed = append(fixed, fmt.Sprintf("%s is %s there and %s now", c.Key, c.From, c.To))
		}
	}
	if len(fixed) == 0 {
		return nil
	}
	return fmt.Errorf("%s was begun with other settings: %s; leave them, or begin anew with another --run", run, strings.Join(fixed, "; "))
}

// train does the work on a resolved configuration.
func (c *trainCmd) train(ctx context.Context, a *app, config recipe.Config, sets *recipe.Sets, notes []string) error {
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	if !c.NoCheck {
		p, err := estimate(ctx, config, heldOut(sets), engine, c.Folder)
		if err == nil {
			err = p.check(c.Folder)
		}
		if err != nil {
			return err
		}
	}
	screen := newScreen(a, config.Recipe, c.JSON, c.Quiet)
	folder, notices, err := train.OpenFolder(c.Folder, train.FolderOptions{Force: c.Force, Sinks: []event.Sink{screen}})
	if err != nil {
		return folderError(err)
	}
	screen.say(append(notices, notes...)...)
	s := session{app: a, config: config, engine: engine, folder: folder, screen: screen}
	if sets.Text != nil {
		s.tokenizer = sets.Text.Tokenizer
	}
	err = s.train(ctx, sets)
	return classify(errors.Join(err, folder.Close()))
}

// session is one process's work on a run.
type session struct {
	app    *app
	config recipe.Config
	model  *recipe.Model // nil for text
	engine compute.Backend
	folder *train.Folder
	screen *screen

	text      *recipe.TextModel // nil for pictures
	tokenizer text.Tokenizer
}

func (s *session) train(ctx context.Context, sets *recipe.Sets) (err error) {
	run, err := s.config.Build(ctx, sets, s.engine, s.folder)
	if err != nil {
		return withCode(exitData, err)
	}
	defer func() { err = errors.Join(err, run.Close(context.WithoutCancel(ctx))) }()
	s.model, s.text = run.Model, run.Text
	if err := s.record(); err != nil {
		return err
	}
	t := run.Trainer
	t.OnStep, t.Version = s.screen.step, version
	if s.text != nil {
		t.Sample = (&textPreview{s: s}).draw
	} else {
		t.Sample = s.tolerant(newPreview(s).draw)
	}
	s.measureWhile(t, sets)
	result, err := t.Train(ctx)
	s.screen.done()
	if err != nil {
		return err
	}
	if err := s.reportBroken(run.Broken(), result); err != nil {
		return err
	}
	if result.Already && s.exported(result.Step) {
		s.screen.complete(s.folder.Dir(), result, s.sampleHint())
		return nil
	}
	return s.conclude(ctx, result)
}

// writeTokenizer writes the tokenizer of a run on text into a folder of the run.
func (s *session) writeTokenizer(dir string) error {
	if s.tokenizer == nil {
		return nil
	}
	return s.folder.WriteFile(dir+text.TokenizerFile, s.tokenizer.Write)
}

// record writes what the run is made of into its folder.
func (s *session) record() error {
	var settings bytes.Buffer
	if err := s.config.Encode(&settings); err != nil {
		return err
	}
	write := func(w io.Writer) error { _, err := w.Write(settings.Bytes()); return err }
	return errors.Join(s.folder.WriteFile(configFile, write), s.writeTokenizer(""),
		s.folder.WriteFile("env.json", func(w io.Writer) error { return writeEnv(w, s.engine) }))
}

// folderError explains why a run folder cannot be had.
func folderError(err error) error {
	var locked *ckpt.LockError
	if errors.As(err, &locked) {
		return usage(err)
	}
	return withCode(exitIO, fmt.Errorf("%w: choose a --run folder that can be written, with room", err))
}

var errAfterEnd = errors.New("stopped after the last step: training is complete and saved; the same command does the rest")

// classify gives an error of training its exit code.
func classify(err error) error {
	var stopped *train.StoppedError
	var numerics *train.NumericsError
	var broken *data.TooManyBrokenError
	var unfit *data.ItemError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stopped):
		if errors.Is(err, errInterrupt) {
			return withCode(exitBreak, stopped)
		}
		return withCode(exitStopped, stopped)
	case errors.Is(err, errInterrupt): // when training was done, while the model was judged
		return withCode(exitBreak, errAfterEnd)
	case errors.Is(err, errTerminate):
		return withCode(exitStopped, errAfterEnd)
	case errors.As(err, &numerics):
		return withCode(exitNumerics, err)
	case errors.As(err, &broken), errors.As(err, &unfit):
		return withCode(exitData, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS), errors.Is(err, os.ErrPermission):
		return withCode(exitIO, err)
	}
	return err
}
