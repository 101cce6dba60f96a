package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
)

// finetuneCmd is the verb finetune.
type finetuneCmd struct {
	Source     string   `arg:"" optional:"" name:"model" help:"Run or model folder to go on from; not needed to resume."`
	Weights    string   `help:"raw or an average; default: first average." placeholder:"NAME"`
	Checkpoint string   `help:"Checkpoint of the run: last, best or a step." default:"last"`
	Data       []string `help:"Folders, archives, caches or text to train on." placeholder:"PATH" sep:"none"`
	Valid      []string `help:"To hold out; default: a share of the other." placeholder:"PATH" sep:"none"`
	Class      string   `help:"Class of the pictures, old or new." placeholder:"NAME"`
	Folder     string   `name:"run" help:"Run folder; default: runs/SOURCE-finetuned." placeholder:"DIR"`
	Images     int64    `help:"Images in all; default: each picture 20 times." placeholder:"N"`
	Tokens     int64    `help:"Tokens in all; default: the text 10 times." placeholder:"N"`
	Process    string   `help:"Of text: block goes on from absorbing." placeholder:"NAME"`
	Batch      int      `help:"Images in a step; default: the source's." placeholder:"N"`
	Train      []string `help:"Train these weights only, such as 'up_blocks.*'." placeholder:"GLOB" sep:"none" xor:"what"`
	LoRA       int      `name:"lora" help:"Train adapters of this rank beside frozen weights." placeholder:"RANK" xor:"what"`
	Alpha      float64  `help:"Adapters count alpha/rank; default: the rank." placeholder:"A"`
	Targets    []string `help:"Layers with adapters, as '*.to_q'; default: all." placeholder:"GLOB" sep:"none"`
	DoRA       bool     `name:"dora" help:"Lengths and directions apart (DoRA)."`
	Mix        string   `help:"Share of old data in a batch, against forgetting." placeholder:"[OLD:]SHARE"`
	Replace    bool     `name:"replace-classes" help:"Know the classes of the new pictures only."`
	NoEarly    bool     `name:"no-early-stop" help:"Go on although the held-out loss rises."`
	Set        []string `help:"One setting, such as diffusion.schedule=cosine." placeholder:"KEY=VALUE" sep:"none"`
	Seed       uint64   `help:"Seed of everything that is random." default:"0"`
	DryRun     bool     `short:"n" help:"Print changes and configuration, and stop."`
	JSON       bool     `name:"json" help:"Events as JSON lines on standard output."`
	Quiet      bool     `short:"q" help:"Say only what matters."`
	Force      bool     `help:"Take a run folder that another host seems to hold."`
	NoCheck    bool     `help:"Begin although memory or disk seem too small."`
	engineFlags
}

// Help is shown below the flags.
func (*finetuneCmd) Help() string {
	return `Goes on from a model on other pictures, and in other ways if asked: noise schedule,
prediction, loss weight, dropout, size, channels, classes. What changes and what stays is
said first; at the start the model is the same function as before. The run has its own
folder; the same command goes on with it.

  ebb finetune runs/base --data cats --mix 0.2 --run runs/cats
  ebb finetune runs/base --data cats --lora 4 --run runs/cats-lora
  ebb sample runs/base --lora runs/cats-lora:0.8 -n 16 --out cats.png
  ebb finetune runs/base --data big --set diffusion.schedule=cosine --set diffusion.shift=2
  ebb finetune runs/text --data more.txt --process block`
}

// Run implements the verb.
func (c *finetuneCmd) Run(a *app) error {
	ctx, stop := a.untilSignal()
	defer stop()
	t, err := c.resolve(ctx)
	if err != nil {
		return err
	}
	defer t.sets.Close()
	screen := newScreen(a, filepath.Base(c.Folder), c.JSON, c.Quiet)
	if c.DryRun {
		screen.say(t.notes...)
		return t.config.Encode(a.stdout)
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	if !c.NoCheck {
		p, err := estimate(ctx, t.config, heldOut(&t.sets.Sets), engine, c.Folder)
		if err == nil {
			err = p.check(c.Folder)
		}
		if err != nil {
			return err
		}
	}
	folder, notices, err := train.OpenFolder(c.Folder, train.FolderOptions{Force: c.Force, Sinks: []event.Sink{screen}})
	if err != nil {
		return folderError(err)
	}
	screen.say(append(notices, t.notes...)...)
	t.session = session{app: a, config: t.config, engine: engine, folder: folder, screen: screen}
	if t.sets.Text != nil {
		t.tokenizer = t.sets.Text.Tokenizer
	}
	err = t.train(ctx)
	return classify(errors.Join(err, folder.Close()))
}

// tuning is one process's work on a fine-tuning run.
type tuning struct {
	session
	config recipe.Config
	sets   *recipe.FinetuneSets
	source *trained // nil in a run that goes on
	notes  []string // for people, before the start
}

// resolve works out configuration and data: of a run that is there from its own, else from the source's.
func (c *finetuneCmd) resolve(ctx context.Context) (*tuning, error) {
	if c.Folder == "" {
		if c.Source == "" {
			return nil, usage(errors.New("name the run or model to go on from, or the --run to go on with"))
		}
		c.Folder = filepath.Join("runs", strings.TrimSuffix(filepath.Base(filepath.Clean(c.Source)), "/model")+"-finetuned")
	}
	saved := filepath.Join(c.Folder, configFile)
	if _, err := os.Stat(saved); err == nil {
		return c.resume(ctx, saved)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, withCode(exitIO, err)
	}
	if c.Source == "" || len(c.Data) == 0 {
		return nil, usage(fmt.Errorf("%s is no run yet: name the model to go on from, and --data", c.Folder))
	}
	return c.begin(ctx)
}

// begin makes the configuration of a new run from that of its source.
func (c *finetuneCmd) begin(ctx context.Context) (*tuning, error) {
	source, err := (&modelFlags{Path: c.Source, Weights: c.Weights, Checkpoint: c.Checkpoint}).load()
	if err != nil {
		return nil, err
	}
	lora, err := c.adapters()
	if err != nil {
		return nil, usage(err)
	}
	config, err := source.config.Continue(c.Source, lora)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", c.Source, err))
	}
	if config.Text != nil {
		return c.beginText(ctx, config, source)
	}
	if err := c.notForPictures(); err != nil {
		return nil, usage(err)
	}
	if err := c.apply(&config); err != nil {
		return nil, usage(err)
	}
	known := []string{}
	if source.config.Network.Conditional && !c.Replace {
		known = source.config.Data.Classes
	}
	sets, missing, err := config.OpenFinetune(ctx, known)
	if err != nil {
		return nil, withCode(exitData, err)
	}
	t := &tuning{config: config, sets: sets, source: source}
	if err := c.complete(ctx, t); err != nil {
		return nil, errors.Join(asUsage(err), sets.Close())
	}
	if t.notes, err = t.announce(missing); err != nil {
		return nil, errors.Join(err, sets.Close())
	}
	return t, nil
}

// adapters is what the flags say of adapters, nil for none.
func (c *finetuneCmd) adapters() (*finetune.LoRAConfig, error) {
	if c.LoRA == 0 {
		if c.Alpha != 0 || len(c.Targets) > 0 || c.DoRA {
			return nil, errors.New("--alpha, --targets and --dora are about adapters: say --lora RANK as well")
		}
		return nil, nil
	}
	l := &finetune.LoRAConfig{Rank: c.LoRA, Alpha: c.Alpha, Targets: c.Targets, DoRA: c.DoRA}
	return l, l.Validate()
}

// apply changes what a source's configuration became by the flags that do not need the data.
func (c *finetuneCmd) apply(config *recipe.Config) error {
	config.Data.Paths, config.Data.Valid = c.Data, c.Valid
	config.Finetune.Train, config.Finetune.Class = c.Train, c.Class
	if c.NoEarly {
		config.Train.Patience = 0
	}
	if c.Seed != 0 {
		config.Train.Seed = c.Seed
	}
	if c.Mix != "" {
		if err := config.Finetune.Old.ParseMix(c.Mix); err != nil {
			return err
		}
	}
	if err := c.settings(config); err != nil {
		return err
	}
	config.SettleNative()
	return nil
}

// complete fills in what hangs on the data. Settings made by hand win over lengths that are worked out, so they are applied again.
func (c *finetuneCmd) complete(ctx context.Context, t *tuning) error {
	pictures := t.sets.Train.Len()
	t.config.SetLength(c.Images, c.Batch, pictures)
	if err := c.settings(&t.config); err != nil {
		return err
	}
	if _, err := t.config.Resolve(ctx, t.sets.Train); err != nil {
		return err
	}
	if err := sameSizes(ctx, &t.config, t.sets.Train); err != nil {
		return withCode(exitData, err)
	}
	if t.sets.Valid == nil {
		t.config.Train.Patience = 0 // there is nothing to be patient about
	}
	return nil
}

// resume takes the configuration of a run that is there, and what the flags may change of it.
func (c *finetuneCmd) resume(ctx context.Context, saved string) (*tuning, error) {
	before, err := readConfig(saved)
	if err != nil {
		return nil, usage(err)
	}
	f := before.Finetune
	if f == nil {
		return nil, usage(fmt.Errorf("%s is a run of ebb train: go on with that, or choose another --run", c.Folder))
	}
	if c.Source != "" && filepath.Clean(c.Source) != filepath.Clean(f.From) {
		return nil, usage(fmt.Errorf("%s went on from %s, not from %s: choose another --run", c.Folder, f.From, c.Source))
	}
	config := before
	if config.Text != nil {
		return c.resumeText(ctx, before)
	}
	if err := c.notForPictures(); err != nil {
		return nil, usage(err)
	}
	if c.Images != 0 {
		config.SetImages(c.Images)
	}
	if c.NoEarly {
		config.Train.Patience = 0
	}
	if len(c.Data) > 0 {
		config.Data.Paths = c.Data
	}
	if err := errors.Join(c.settings(&config), config.Validate(), c.sameRun(before), compatible(before, config, c.Folder)); err != nil {
		return nil, usage(err)
	}
	sets, _, err := config.OpenFinetune(ctx, nil)
	return &tuning{config: config, sets: sets}, withCode(exitData, err)
}

// sameRun refuses flags that say something else than what a run that is there was begun with.
func (c *finetuneCmd) sameRun(config recipe.Config) error {
	rank, batch := 0, config.Train.Batch
	if l := config.Finetune.LoRA; l != nil {
		rank = l.Rank
	}
	if c.LoRA != 0 && c.LoRA != rank || c.Batch != 0 && c.Batch != batch || c.Seed != 0 && c.Seed != config.Train.Seed ||
		len(c.Train) > 0 && strings.Join(c.Train, " ") != strings.Join(config.Finetune.Train, " ") {
		return fmt.Errorf("%s was begun with --lora %d, --batch %d, --seed %d and --train %s: leave them, or begin anew with another --run",
			c.Folder, rank, batch, config.Train.Seed, strings.Join(config.Finetune.Train, " "))
	}
	return nil
}
