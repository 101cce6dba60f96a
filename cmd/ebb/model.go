package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

const weightsFile = "model.safetensors"

// modelFlags choose the weights of a run.
type modelFlags struct {
	Path       string `arg:"" name:"run" help:"Run folder, or the model folder that a run ends with."`
	Weights    string `help:"raw or an average; default: first average." placeholder:"NAME"`
	Checkpoint string `help:"Checkpoint of a run: last, best or a step." default:"last"`

	Adapters []string `name:"lora" help:"Adapter to add, and how strongly; repeatable." placeholder:"DIR[:0.8]" sep:"none"`
}

// trained is a model with its weights.
type trained struct {
	config  recipe.Config
	model   *recipe.Model // nil for text
	weights *model.Scope
	seen    string // what is known of the weights' training
	images  int64  // that they were trained on; tokens of text

	text      *recipe.TextModel // nil for pictures
	tokenizer text.Tokenizer
}

// load reads configuration and weights.
func (f *modelFlags) load() (*trained, error) {
	config, err := readConfig(filepath.Join(f.Path, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage(fmt.Errorf("%s is neither a run nor a model: it has no %s; ebb train makes runs", f.Path, configFile))
	} else if err != nil {
		return nil, usage(err)
	}
	t := &trained{config: config, weights: train.Weights(model.NewStore())}
	network, err := t.build(f.Path)
	if err != nil {
		return nil, err
	}
	file, err := f.file(t, network)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := network.Init(t.weights, 0); err != nil {
		return nil, err
	}
	if err := train.SetTensors(t.weights, file); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return t, mergeAdapters(t.weights, f.Adapters)
}

// build makes the model of the configuration in a folder, without weights.
func (t *trained) build(dir string) (network train.Network, err error) {
	if t.config.Text == nil {
		if t.model, err = t.config.Model(); err != nil {
			return nil, usage(fmt.Errorf("%s: %w", filepath.Join(dir, configFile), err))
		}
		return t.model.Network, nil
	}
	if t.text, err = t.config.TextModel(); err != nil {
		return nil, usage(fmt.Errorf("%s: %w", filepath.Join(dir, configFile), err))
	}
	if t.tokenizer, err = readTokenizer(dir); err != nil {
		return nil, withCode(exitData, err)
	}
	print, err := text.Fingerprint(t.tokenizer)
	if err != nil {
		return nil, err
	}
	if print != t.config.Text.Fingerprint {
		return nil, withCode(exitData, fmt.Errorf("%s is tokenizer %s, the model was trained with %s: put the model's own there",
			filepath.Join(dir, text.TokenizerFile), print, t.config.Text.Fingerprint))
	}
	return t.text.Network, nil
}

// file opens the weights: those of a model folder, or of a checkpoint.
func (f *modelFlags) file(t *trained, network train.Network) (*safetensors.File, error) {
	if path := weightsIn(f.Path); path != "" {
		if f.Weights != "" || f.Checkpoint != "last" {
			return nil, usage(fmt.Errorf("%s is a model folder and has one set of weights: leave out --weights and --checkpoint, or name the run", f.Path))
		}
		t.seen, t.images = f.Path, t.config.Train.Images
		return openWeights(path, network)
	}
	group, err := f.group(t.config)
	if err != nil {
		return nil, usage(err)
	}
	c, err := f.checkpoint(group)
	if err != nil {
		return nil, err
	}
	t.seen, t.images = fmt.Sprintf("%s, step %d", f.Path, c.Step), c.Step*int64(t.config.Train.Batch)
	return c.Group(group)
}

// group is the name of the tensors in a checkpoint.
func (f *modelFlags) group(c recipe.Config) (string, error) {
	names := []string{"raw"}
	for _, e := range c.Train.Averages {
		names = append(names, e.String())
		if f.Weights == "" || f.Weights == e.String() {
			return e.String(), nil
		}
	}
	if f.Weights == "" || f.Weights == "raw" {
		return train.GroupWeights, nil
	}
	return "", fmt.Errorf("--weights %s: the run has %s", f.Weights, strings.Join(names, ", "))
}

func (f *modelFlags) checkpoint(group string) (*ckpt.Checkpoint, error) {
	switch f.Checkpoint {
	case "last", "":
		c, _, err := ckpt.Load(f.Path, group)
		if errors.Is(err, ckpt.ErrNone) {
			err = usage(fmt.Errorf("%s has no checkpoint yet: let ebb train run a little longer", f.Path))
		}
		return c, err
	case "best":
		all, _, err := ckpt.List(f.Path)
		if err != nil {
			return nil, err
		}
		best := ckpt.Best(all)
		if best == nil {
			return nil, usage(fmt.Errorf("no checkpoint of %s has a held-out loss: use --checkpoint last", f.Path))
		}
		return ckpt.LoadStep(f.Path, best.Step, group)
	}
	step, err := strconv.ParseInt(f.Checkpoint, 10, 64)
	if err != nil {
		return nil, usage(fmt.Errorf("--checkpoint %s: give last, best or a step", f.Checkpoint))
	}
	return ckpt.LoadStep(f.Path, step, group)
}
