package recipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/data"
)

// Sets are the data of a run: pictures or points, or text.
type Sets struct {
	Train data.Set
	Valid data.Set  // held out; nil for none
	Text  *TextSets // nil for pictures
	close []func() error
}

// Close closes all of them.
func (s *Sets) Close() error {
	var errs []error
	for _, c := range s.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// Open opens the data of the configuration.
func (c Config) Open(ctx context.Context) (*Sets, error) {
	if c.Text != nil {
		return c.OpenText(ctx, nil)
	}
	switch c.Data.Source {
	case Glyphs:
		size := c.Data.Height
		return generated(func(seed uint64) (data.Set, error) { return data.NewGlyphs(data.GlyphsConfig{Size: size, Seed: seed}) })
	case Points:
		return generated(func(seed uint64) (data.Set, error) { return data.NewPoints(c.Data.Points, 1<<20, seed) })
	}
	return c.openFiles(ctx)
}

// generated makes two sets that share no picture.
func generated(make func(seed uint64) (data.Set, error)) (*Sets, error) {
	train, err := make(1)
	if err != nil {
		return nil, err
	}
	valid, err := make(2)
	return &Sets{Train: train, Valid: valid}, err
}

func (c Config) openFiles(ctx context.Context) (*Sets, error) {
	if len(c.Data.Paths) == 0 {
		return nil, fmt.Errorf("recipe %s needs pictures: name a folder or an archive with --data", c.Recipe)
	}
	all, err := openAll(ctx, c.Data.Paths, data.PartTrain)
	if err != nil {
		return nil, err
	}
	s := &Sets{Train: all, close: []func() error{all.Close}}
	if c.Data.Limit > 0 {
		s.Train = data.Subset(s.Train, c.Data.Limit, c.Train.Seed)
	}
	switch {
	case c.HeldOut.Images == 0:
	case len(c.Data.Valid) > 0:
		valid, err := openAll(ctx, c.Data.Valid, data.PartAll)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.close = append(s.close, valid.Close)
		s.Valid = Relabel(valid, all.Classes())
	case c.HeldOut.Share > 0:
		if len(c.Data.Weights) > 0 {
			return nil, errors.Join(fmt.Errorf("data.weights need data.valid: weighted sources cannot be split (or set held_out.images=0)"), s.Close())
		}
		if s.Train, s.Valid, err = data.Split(ctx, s.Train, c.HeldOut.Share, c.Train.Seed); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if s.Valid.Len() == 0 {
			s.Valid = nil
		}
	}
	return s, nil
}

// OpenAll opens everything that lies at the paths of the configuration, whatever part of a data set it is.
func (c Config) OpenAll(ctx context.Context) (data.Set, error) {
	return openAll(ctx, c.Data.Paths, data.PartAll)
}

func openAll(ctx context.Context, paths []string, part data.Part) (data.Set, error) {
	var sets []data.Set
	for _, p := range paths {
		set, err := data.Open(ctx, p, data.OpenOptions{Part: part})
		if err != nil {
			for _, s := range sets {
				err = errors.Join(err, s.Close())
			}
			return nil, err
		}
		sets = append(sets, set)
	}
	if len(sets) == 1 {
		return sets[0], nil
	}
	return data.Concat(sets...), nil
}

// Loader is the source of training batches.
func (c Config) Loader(set data.Set) (*data.Loader, error) {
	lc := data.LoaderConfig{Batch: c.Train.Batch, Seed: c.Train.Seed, Preprocess: c.preprocess(), MaxBroken: c.Data.mayBeBroken()}
	if len(c.Data.Weights) > 0 {
		lc.Weights = c.Data.Weights
	}
	return data.NewLoader(set, lc)
}

// HeldOutLoader yields pictures in order, with nothing random about them.
func (c Config) HeldOutLoader(set data.Set, batch int) (*data.Loader, error) {
	p := c.preprocess()
	p.FlipX, p.FlipY, p.Noise, p.Augment = false, false, 0, 0
	if p.Fit == data.FitRandomCrop {
		p.Fit = data.FitCrop
	}
	return data.NewLoader(set, data.LoaderConfig{Batch: batch, Preprocess: p, Sequential: true, MaxBroken: c.Data.mayBeBroken()})
}

// mayBeBroken is MaxBroken as package data has it, where 0 is the default.
func (d Data) mayBeBroken() float64 {
	if d.MaxBroken == 0 {
		return -1
	}
	return d.MaxBroken
}

func (c Config) preprocess() data.Preprocess {
	d := c.Data
	return data.Preprocess{Height: d.Height, Width: d.Width, Channels: d.Channels, Fit: d.Fit, Background: d.Background, FlipX: d.FlipX,
		FlipY: d.FlipY, Augment: d.Augment, Noise: d.Noise, Norm: d.Norm}
}

// relabelled gives the pictures of a set the labels of other class names.
type relabelled struct {
	data.Set
	classes []string
	label   []int32 // by label of the set
}

// Relabel gives the pictures of a set labels that are indices into classes, by the name of their class; those of other classes have none.
func Relabel(s data.Set, classes []string) data.Set {
	r := &relabelled{Set: s, classes: classes}
	for _, name := range s.Classes() {
		r.label = append(r.label, int32(slices.Index(classes, name)))
	}
	return r
}

func (r *relabelled) Classes() []string { return r.classes }

func (r *relabelled) Entry(i int) data.Entry {
	e := r.Set.Entry(i)
	if e.Label >= 0 {
		e.Label = r.label[e.Label]
	}
	return e
}

// picked is some pictures of a set in another order.
type picked struct {
	data.Set
	index []int
}

// FirstByName returns the first n pictures of a set in the order of their names, all if there are fewer.
func FirstByName(s data.Set, n int) data.Set {
	index := make([]int, s.Len())
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return strings.Compare(s.Entry(a).Name, s.Entry(b).Name) })
	return &picked{s, index[:min(n, len(index))]}
}

func (p *picked) Len() int                             { return len(p.index) }
func (p *picked) Entry(i int) data.Entry               { return p.Set.Entry(p.index[i]) }
func (p *picked) Picture(i int) (*data.Picture, error) { return p.Set.Picture(p.index[i]) }
func (p *picked) Hash(i int) (data.Hash, error)        { return p.Set.Hash(p.index[i]) }
