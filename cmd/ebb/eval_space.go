package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/gomlx/compute"
)

// Names of feature spaces that need no file.
const (
	dctFeatures   = "dct"
	pixelFeatures = "pixels"
	trainFeatures = "train"
)

// pixelSide bounds the pictures of the space of pixels: distances of more numbers cost memory and say nothing more.
const pixelSide = 16

// spaces opens feature spaces by the names that --features takes, each network and classifier once.
type spaces struct {
	app    *app
	engine compute.Backend
	resize features.Resize
	train  data.Set // what a classifier learns from; nil: there is nothing
	flip   bool     // mirrored pictures mean the same
	folder string   // where trained classifiers are kept; "": nowhere

	judge    *features.Classifier
	networks map[string]*features.Network
}

// Close frees networks and classifier.
func (s *spaces) Close() {
	if s.judge != nil {
		s.judge.Close()
	}
	for _, n := range s.networks {
		n.Close()
	}
}

// checkSpaces finds names that nothing stands for, before any work.
func checkSpaces(names ...string) error {
	for _, name := range names {
		switch name {
		case dctFeatures, pixelFeatures, trainFeatures:
			continue
		}
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			return usage(fmt.Errorf("--features %s: give dct, pixels, train, or a .safetensors file of Inception-v3 or DINOv2 weights", name))
		}
	}
	return nil
}

var errNoTrain = usage(errors.New("--features train needs the training pictures: name them with --train-data"))

// open is the space of a name.
func (s *spaces) open(ctx context.Context, name string) (f assess.Features, err error) {
	switch name {
	case dctFeatures:
		f.Space = eval.DCTSpace()
	case pixelFeatures:
		f.Space = eval.PixelSpace(pixelSide)
	case trainFeatures:
		judge, err := s.classifier(ctx)
		if err != nil {
			return f, err
		}
		f.Space = judge.Space()
	default:
		return s.network(name)
	}
	return f, nil
}

// network opens weights that the user brought.
func (s *spaces) network(path string) (f assess.Features, err error) {
	if err := checkSpaces(path); err != nil {
		return f, err
	}
	n := s.networks[path]
	if n == nil {
		if n, err = features.Open(s.engine, path, features.Options{Resize: s.resize}); err != nil {
			return f, withCode(exitData, err)
		}
		if s.networks == nil {
			s.networks = map[string]*features.Network{}
		}
		s.networks[path] = n
	}
	return assess.NetworkFeatures(n)
}

// classifier is the small network that is trained on the training pictures, or was before.
func (s *spaces) classifier(ctx context.Context) (*features.Classifier, error) {
	if s.judge != nil {
		return s.judge, nil
	}
	if s.train == nil {
		return nil, errNoTrain
	}
	counter := newCounter(s.app, "training a classifier: images")
	config, progress := features.ClassifierConfig{Flip: s.flip}, func(p features.Progress) { counter.report(p.Images, p.Total) }
	var err error
	if s.folder == "" {
		s.judge, err = features.TrainClassifier(ctx, s.engine, s.train, config, progress)
	} else {
		s.judge, _, err = features.CachedClassifier(ctx, s.engine, s.train, config, filepath.Join(s.folder, "features"), progress)
	}
	return s.judge, err
}
