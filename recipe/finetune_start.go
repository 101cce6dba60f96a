package recipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// Defaults of fine-tuning. The rates are those that docs/finetuning.md measures: a trained network takes smaller steps than a fresh one,
// adapters larger ones, for they start at nothing.
const (
	wholeRate    = 0.3 // of the source's peak
	adapterRate  = 5.0
	patience     = 3
	leastHeldOut = 0.1 // of few pictures a smaller share would tell nothing

	// How often the held-out loss is measured in a run, and on how much. Fine-tuning is short, and what was enough now and then in the first
	// training would take longer than all of it.
	mostMeasurements  = 10
	leastMeasurements = 4
	heldOutImages     = 128
	heldOutLevels     = 5
)

// Continue returns the configuration of a run that goes on from a model of configuration c, with or without adapters: the same
// network, noise and averages; other data, which is yet to be named; a lower learning rate that warms up again and falls to nothing; and
// early stopping.
func (c Config) Continue(from string, lora *finetune.LoRAConfig) (Config, error) {
	switch {
	case c.Finetune != nil && c.Finetune.LoRA != nil:
		return Config{}, errors.New("its adapters lie beside its weights: start from its model folder, where they are merged")
	case c.Text != nil:
		return c.continueText(from, lora)
	}
	n, native := c.clone(), c.Diffusion.Native()
	n.Finetune = &Finetune{From: from, Rate: c.Train.Rate.Peak, LoRA: lora, Native: &native,
		Old: &OldData{Seed: c.Train.Seed, HeldOut: c.HeldOut.Share, Data: c.Data}}
	if before := c.Finetune; before != nil {
		n.Finetune.Rate = before.Rate
		if before.Native != nil {
			n.Finetune.Native = copied(before.Native)
		}
	}
	n.Data.Source, n.Data.Paths, n.Data.Valid, n.Data.Weights, n.Data.Limit = Files, nil, nil, nil, 0
	n.Train.Rate = optim.Schedule{Shape: optim.Cosine, Peak: round3(n.Finetune.Rate * factorOf(lora))}
	n.Train.Patience, n.HeldOut.Share = patience, max(c.HeldOut.Share, leastHeldOut)
	n.HeldOut.Images, n.HeldOut.Levels = min(c.HeldOut.Images, heldOutImages), min(c.HeldOut.Levels, heldOutLevels)
	return n, nil
}

// factorOf is what the source's learning rate is multiplied by.
func factorOf(lora *finetune.LoRAConfig) float64 {
	if lora != nil {
		return adapterRate
	}
	return wholeRate
}

// round3 keeps three digits, for people.
func round3(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// SetLength sets length and batch of a fine-tuning run and what hangs on them; 0 leaves the choice: the source's batch, and each
// picture 20 times, at least 100 and at most 20,000 steps.
func (c *Config) SetLength(images int64, batch, pictures int) {
	t := &c.Train
	if batch > 0 {
		t.Batch = batch
	}
	b := int64(t.Batch)
	if images == 0 {
		images = min(max(20*int64(pictures), 100*b), 20_000*b)
	}
	every := max(images/c.measurements(images), b)
	t.Images, t.LogEvery = images, max(every/10, b)
	t.EvalEvery, t.SampleEvery, t.SaveEvery = every, every, every
	t.Rate.Warmup, t.Rate.Horizon = min(100*b, images/10), images
}

// measurements is how often the held-out loss is measured in a run of so many images: so that it takes no more than a third of the time, in
// passes through the network (three for an image of training; new and old pictures, the first by raw weights too), but often enough to stop early.
func (c *Config) measurements(images int64) int64 {
	cost := max(int64(c.HeldOut.Images*c.HeldOut.Levels*3), 1)
	return min(max(3*images/2/cost, leastMeasurements), mostMeasurements)
}

// FinetuneSets is the data of a fine-tuning run.
type FinetuneSets struct {
	Sets
	Old data.Set // held out when the source was trained; nil if it is not to be had
}

// OpenFinetune opens the data of a fine-tuning run and gives it the classes of the configuration, which it completes if classes is not nil:
// those are the names that the source knew. Old data is mixed in if so configured. missing says why the old data is not there.
func (c *Config) OpenFinetune(ctx context.Context, classes []string) (sets *FinetuneSets, missing error, err error) {
	fresh, err := c.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	sets = &FinetuneSets{Sets: *fresh}
	if sets.Train, sets.Valid, err = c.Finetune.named(sets.Train, sets.Valid); err != nil {
		return nil, nil, errors.Join(err, sets.Close())
	}
	var old *Sets
	if o := c.Finetune.Old; o != nil {
		before := *c
		before.Data, before.Train.Seed, before.HeldOut.Share = o.Data, o.Seed, o.HeldOut
		if old, missing = before.Open(ctx); missing != nil && o.Mix > 0 {
			return nil, nil, errors.Join(missing, sets.Close())
		}
	}
	if classes != nil {
		c.Data.Classes = c.allClasses(classes, sets.Train, old)
	}
	sets.Train = Relabel(sets.Train, c.Data.Classes)
	if sets.Valid != nil {
		sets.Valid = data.Subset(Relabel(sets.Valid, c.Data.Classes), c.HeldOut.Images, c.HeldOut.Seed)
	}
	if old == nil {
		return sets, missing, nil
	}
	sets.close = append(sets.close, old.Close)
	if c.Finetune.Old.Mix > 0 {
		sets.Train = data.Concat(sets.Train, Relabel(old.Train, c.Data.Classes))
	}
	if old.Valid != nil && c.HeldOut.Images > 0 {
		sets.Old = data.Subset(Relabel(old.Valid, c.Data.Classes), c.HeldOut.Images, c.HeldOut.Seed)
	}
	return sets, nil, nil
}

// ofClass is a set whose pictures are all of one class.
type ofClass struct {
	data.Set
	name string
}

func (s ofClass) Classes() []string { return []string{s.name} }

func (s ofClass) Entry(i int) data.Entry {
	e := s.Set.Entry(i)
	e.Label = 0
	return e
}

// named gives the pictures their class if one was named.
func (f *Finetune) named(fresh, valid data.Set) (data.Set, data.Set, error) {
	if f.Class == "" {
		return fresh, valid, nil
	}
	if n := len(fresh.Classes()); n > 0 {
		return nil, nil, fmt.Errorf("--class %s: the pictures have %d classes of their own", f.Class, n)
	}
	if valid != nil {
		valid = ofClass{valid, f.Class}
	}
	return ofClass{fresh, f.Class}, valid, nil
}

// allClasses are the names of classes in the order of labels: those that the source knew come first and keep their places.
func (c *Config) allClasses(known []string, fresh data.Set, old *Sets) []string {
	names := slices.Clone(known)
	if c.Network.Conditional && len(known) == 0 && c.Finetune.Old != nil && c.Finetune.Old.Mix > 0 && old != nil {
		names = slices.Clone(old.Train.Classes())
	}
	for _, name := range fresh.Classes() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// SettleNative forgets the network's own parameterisation where it is that of the run, once the settings are final.
func (c *Config) SettleNative() {
	if f := c.Finetune; f.Native != nil && *f.Native == c.Diffusion.Native() {
		f.Native = nil
	}
}

// StartFrom fills a scope with the weights that a fine-tuning run starts from: those of the source, carried over to the network of c, and
// fresh adapters. done says what was changed in them.
func (c Config) StartFrom(to *model.Scope, source Config, weights *model.Scope) (done []string, err error) {
	net, err := c.build()
	if err != nil {
		return nil, err
	}
	old, err := source.build()
	if err != nil {
		return nil, err
	}
	trained, err := c.build() // adapters become parameters of what they are put on
	if err != nil {
		return nil, err
	}
	if trained, err = c.Finetune.wrap(trained); err != nil {
		return nil, err
	}
	if err := Wrap(trained, false).Init(to, c.Train.Seed); err != nil {
		return nil, err
	}
	done, err = finetune.Carry(to, net.Params(), finetune.Source{Params: old.Params(), Weights: weights},
		finetune.CarryConfig{Classes: c.classRows(source)})
	if err != nil || c.Finetune.LoRA == nil {
		return done, err
	}
	adapters, err := finetune.NewLoRA(net, *c.Finetune.LoRA)
	if err != nil {
		return nil, err
	}
	return done, adapters.Begin(to)
}

// MergeAdapter takes the trained adapters out of the weights of a run, and returns the weights that merging leaves, in a scope of their
// own: those of WithoutAdapters.
func (c Config) MergeAdapter(weights *model.Scope) (adapter *finetune.Adapter, merged *model.Scope, err error) {
	net, err := c.build()
	if err != nil {
		return nil, nil, err
	}
	merged = train.Weights(model.NewStore())
	if err := Wrap(net, false).Init(merged, 0); err != nil {
		return nil, nil, err
	}
	if _, err := finetune.Carry(merged, net.Params(), finetune.Source{Params: net.Params(), Weights: weights}, finetune.CarryConfig{}); err != nil {
		return nil, nil, err
	}
	l, err := finetune.NewLoRA(net, *c.Finetune.LoRA)
	if err != nil {
		return nil, nil, err
	}
	if adapter, err = l.Adapter(weights, c.Finetune.From); err != nil {
		return nil, nil, err
	}
	_, err = finetune.Merge(merged, finetune.Layered{Adapter: adapter, Strength: 1})
	return adapter, merged, err
}

// WithoutAdapters is the configuration of the model that merged adapters leave.
func (c Config) WithoutAdapters() Config {
	n := c.clone()
	n.Finetune.LoRA = nil
	return n
}

// classRows says which row of the source's table of classes each of ours starts as: classes of the same name keep theirs, new ones
// start as what stands for no class where that was trained, else as the mean (-1). Nil: there is no table in one of the two.
func (c Config) classRows(source Config) []int {
	null := source.Network.classTable() - 1
	if null < 0 || c.Network.classTable() == 0 {
		return nil
	}
	fresh := -1
	if source.Train.DropClass > 0 || !source.Network.Conditional {
		fresh = null
	}
	var rows []int
	for i := range c.Network.classTable() - 1 {
		row := -1
		if names := c.classNames(); source.Network.Conditional && i < len(names) {
			row = slices.Index(source.classNames(), names[i])
		}
		if row < 0 {
			row = fresh
		}
		rows = append(rows, row)
	}
	return append(rows, null)
}

// classNames are those of the data, pictures or text.
func (c Config) classNames() []string {
	if c.Text != nil {
		return c.Text.Classes
	}
	return c.Data.Classes
}

// classTable is the number of rows of the table of classes, with that for none.
func (n Network) classTable() int {
	switch {
	case n.Kind == UNet && n.UNet != nil:
		return n.UNet.Classes
	case n.Kind == DiT && n.DiT != nil:
		return n.DiT.Classes + 1
	case n.Kind == MLP && n.MLP != nil:
		return n.MLP.Classes
	case n.Kind == TextNet && n.Text != nil:
		return n.Text.Classes
	}
	return 0
}

// BuildFinetune is Build for a fine-tuning run, which also measures the loss on old data.
func (c Config) BuildFinetune(ctx context.Context, sets *FinetuneSets, engine compute.Backend, folder *train.Folder) (*Run, error) {
	if o := c.Finetune.Old; o != nil && o.Mix > 0 {
		c.Data.Weights = []float64{1 - o.Mix, o.Mix}
	}
	r, err := c.Build(ctx, &sets.Sets, engine, folder)
	if err != nil || sets.Old == nil || r.Trainer.HeldOut == nil {
		return r, err
	}
	fresh := r.Trainer.HeldOut
	task, err := c.Task(r.Model)
	if err == nil {
		err = r.holdOut(c, task, sets.Old)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	old, averaged := r.Trainer.HeldOut, len(c.Train.Averages) > 0
	r.Trainer.HeldOut = func(ctx context.Context, weights *model.Scope) (event.Evaluated, error) {
		e, err := fresh(ctx, weights)
		if err != nil || averaged && weights.Scope() == train.Weights(weights.Store()).Scope() {
			return e, err // of weights that nobody uses the new data is enough
		}
		before, err := old(ctx, weights)
		e.Old = before.Loss
		return e, err
	}
	return r, nil
}

// ParseMix reads what is mixed in: PATH:SHARE, or SHARE of what the source was trained on.
func (o *OldData) ParseMix(text string) error {
	path, share := "", text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		path, share = text[:i], text[i+1:]
	}
	mix, err := strconv.ParseFloat(share, 64)
	if err != nil || !(mix > 0 && mix < 1) {
		return fmt.Errorf("--mix %s: write PATH:SHARE, or SHARE alone for what the source was trained on; SHARE is between 0 and 1", text)
	}
	if o.Mix = mix; path != "" {
		o.Data.Source, o.Data.Paths, o.Data.Weights, o.Data.Limit = Files, []string{path}, nil, 0
	}
	return nil
}
