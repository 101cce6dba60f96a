package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// averageCmd is the verb average.
type averageCmd struct {
	Path     string  `arg:"" name:"run" help:"Run folder with snapshots."`
	SigmaRel float64 `help:"Width of the average, relative to the length of training: above 0, at most 0.28." required:"" placeholder:"WIDTH"`
	At       int64   `help:"Images or tokens up to which to average; default: all that were trained on." placeholder:"N"`
	Out      string  `help:"Folder to write; default: model-sigma-WIDTH in the run." placeholder:"DIR"`
	Force    bool    `help:"Write into a folder that is not empty."`
}

// Help is shown below the flags.
func (*averageCmd) Help() string {
	return `After training, makes an average of the weights of any width from snapshots of two (Karras et al. 2024,
section 3.2): the best width is found by trying, without training again. Have snapshots kept by

  ebb train --recipe folder --data my-pictures --set train.snapshots=32
  ebb average runs/folder --sigma-rel 0.08
  ebb sample runs/folder/model-sigma-0.08 -n 64`
}

// farOff is an error of the profile above which an average is not the one that was asked for.
const farOff = 0.05

// Run implements the verb.
func (c *averageCmd) Run(a *app) error {
	stored, err := c.snapshots()
	if err != nil {
		return usage(err)
	}
	want := optim.Profile{Time: stored[len(stored)-1].Profile.Time, SigmaRel: c.SigmaRel}
	if c.At != 0 {
		want.Time = float64(c.At)
	}
	profiles := make([]optim.Profile, len(stored))
	for i, s := range stored {
		profiles[i] = s.Profile
	}
	mix, err := optim.Reconstruct(profiles, want)
	if err != nil {
		return usage(err)
	}
	if c.Out == "" {
		c.Out = filepath.Join(c.Path, fmt.Sprintf("model-sigma-%g", c.SigmaRel))
	}
	if err := newFolder(c.Out, c.Force); err != nil {
		return err
	}
	if err := c.write(stored, mix); err != nil {
		return err
	}
	note := ""
	if mix.Error > farOff {
		note = "; that is far: keep more snapshots, or choose a width nearer to theirs"
	}
	_, err = fmt.Fprintf(a.stdout, "%s: width %g at %.0f, from %d snapshots; its profile is off by %.1f %%%s\n", c.Out, c.SigmaRel, want.Time, len(stored),
		100*mix.Error, note)
	return err
}

// snapshots are those of the run up to the wanted time.
func (c *averageCmd) snapshots() ([]train.Snapshot, error) {
	all, err := train.Snapshots(c.Path)
	if err != nil {
		return nil, err
	}
	var use []train.Snapshot
	for _, s := range all {
		if c.At == 0 || s.Profile.Time <= float64(c.At) {
			use = append(use, s)
		}
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s has no snapshots of averages: train with --set train.snapshots=32, with train.averages of two sigma_rel", c.Path)
	case len(use) == 0:
		return nil, fmt.Errorf("--at %d: the first snapshot of %s is at %.0f", c.At, c.Path, all[0].Profile.Time)
	}
	return use, nil
}

// write mixes the snapshots into a model folder.
func (c *averageCmd) write(stored []train.Snapshot, mix optim.Reconstruction) error {
	config, err := readConfig(filepath.Join(c.Path, configFile))
	if err != nil {
		return usage(err)
	}
	t := &trained{config: config, weights: train.Weights(model.NewStore())}
	network, err := t.build(c.Path)
	if err != nil {
		return err
	}
	if err := network.Init(t.weights, 0); err != nil {
		return err
	}
	if err := mixInto(t.weights, stored, mix); err != nil {
		return err
	}
	create := writeInto(c.Out)
	if err := writeConfig(create, config); err != nil {
		return err
	}
	if err := t.writeTokenizer(create); err != nil {
		return err
	}
	return writeWeights(create, config, t.model, t.weights, 0)
}

// mixInto gives each variable of a scope the mixture of its values in the snapshots.
func mixInto(weights *model.Scope, stored []train.Snapshot, mix optim.Reconstruction) (err error) {
	files := make([]*safetensors.File, len(stored))
	for i, s := range stored {
		if files[i], err = safetensors.Open(s.Path); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, files[i].Close()) }()
	}
	if err := train.SetTensors(weights, files[0]); err != nil { // says which tensors differ, if any do
		return fmt.Errorf("%s: %w", stored[0].Path, err)
	}
	values := make([][]float32, len(files))
	for v := range weights.IterVariables() {
		for i, f := range files {
			if values[i], err = f.Float32s(v.Name()); err != nil {
				return fmt.Errorf("%s: %w", stored[i].Path, err)
			}
		}
		mixed, err := mix.Mix(values)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name(), err)
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(mixed, v.Shape().Dimensions...)); err != nil {
			return err
		}
	}
	return nil
}
