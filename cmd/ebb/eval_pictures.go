package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/gomlx/compute"
)

// evalVerbs is the verb eval with its own verbs; without one of them it measures a model.
type evalVerbs struct {
	Model    evalCmd         `cmd:"" default:"withargs" help:"Measure a trained model on held-out pictures (the default)."`
	Pictures evalPicturesCmd `cmd:"" help:"Compare two folders or archives of pictures, whoever made them."`
	Leaks    evalLeaksCmd    `cmd:"" help:"Find held-out pictures that are also in the training data."`
	Curves   evalCurvesCmd   `cmd:"" help:"Draw how the held-out loss of runs fell."`
	Compare  evalCompareCmd  `cmd:"" help:"Hold models against the first, in pairs, with intervals."`
	Sweep    evalSweepCmd    `cmd:"" help:"Find the sampler, steps, guidance and average that are worth it."`
}

// Help is shown below the flags.
func (*evalVerbs) Help() string {
	return `  ebb eval runs/mine --data held-out.zip      see: ebb eval model --help
  ebb eval pictures samples/ real.zip
  ebb eval leaks train.zip held-out.zip
  ebb eval compare runs/a runs/b
  ebb eval sweep runs/mine --write`
}

// evalPicturesCmd is the verb eval pictures.
type evalPicturesCmd struct {
	A        string           `arg:"" help:"Pictures to judge: folder, archive, array file or cache."`
	B        string           `arg:"" help:"Pictures to compare with: the originals, or real ones."`
	Metrics  []pictureMeasure `help:"Measures, separated by commas; default: all that apply." placeholder:"NAME"`
	Features string           `help:"Feature space of fd, kid, precision, …: dct, pixels, train (a classifier made for it), or a file of Inception-v3 or DINOv2 weights." default:"dct" placeholder:"NAME"`
	Resize   features.Resize  `help:"How a network of features gets pictures of its size: tensorflow (the first FID's), torch (pytorch-fid), clean (clean-fid), pillow; default: as its published figures." default:"default" placeholder:"WAY"`
	Train    string           `name:"train-data" help:"Pictures that a classifier learns from, for --features train." placeholder:"PATH"`
	Cache    string           `help:"Folder to keep features and classifiers in, by the content of the pictures; default: none are kept." placeholder:"DIR"`
	Seed     uint64           `help:"Of random directions and subsets." default:"0"`
	JSON     bool             `name:"json" help:"One line of JSON."`
	engineFlags
}

// Help is shown below the flags.
func (*evalPicturesCmd) Help() string {
	return `Pairs, in the order of the names: mse, psnr, ssim, ms-ssim, on the 0…255 scale; ssim as
scikit-image's with Gaussian weights, ms-ssim as torchmetrics'.
Distributions: fd, kid, precision, recall, density, coverage, sw2, mmd, fd-inf (fd for
infinitely many pictures); fd-dct and fd-pixels name their features; fid, sfid and is
need Inception's weights. With 95 % intervals, and beside distances what two halves
of B get.

  ebb eval pictures samples/ real.zip
  ebb eval pictures samples/ real.zip --features pt_inception-2015-12-05.safetensors
  ebb eval pictures restored/ originals/ --metrics mse,psnr,ssim --json`
}

// compared is a run of the verb.
type compared struct {
	a, b     data.Set
	engine   compute.Backend
	store    features.Store
	progress *counter
	seed     uint64
	found    map[string]*[2]eval.Matrix // by space
}

// Run implements the verb.
func (c *evalPicturesCmd) Run(a *app) error {
	ctx, stop := interruptible()
	defer stop()
	if err := c.check(); err != nil {
		return err
	}
	paths := []string{c.A, c.B}
	if c.Train != "" {
		paths = append(paths, c.Train)
	}
	sets, err := openSets(ctx, paths...)
	if err != nil {
		return err
	}
	defer sets.close()
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	run := &compared{a: sets[0], b: sets[1], engine: engine, progress: newCounter(a, ""), seed: c.Seed, found: map[string]*[2]eval.Matrix{}}
	if err := run.check(); err != nil {
		return withCode(exitData, err)
	}
	open := &spaces{app: a, engine: engine, resize: c.Resize, folder: c.Cache}
	defer open.Close()
	if c.Train != "" {
		open.train = sets[2]
	}
	if c.Cache != "" {
		run.store.Dir = filepath.Join(c.Cache, "features")
	}
	f, err := open.open(ctx, c.Features)
	if err != nil {
		return err
	}
	r, err := run.measure(ctx, c.Metrics, c.Features, f)
	if err != nil {
		return asCode(exitData, err)
	}
	return r.print(a.stdout, c.JSON)
}

// check finds flags that do not fit together, before pictures are read.
func (c *evalPicturesCmd) check() error {
	if c.Features == trainFeatures && c.Train == "" {
		return errNoTrain
	}
	if c.Features != trainFeatures && c.Train != "" {
		return usage(errors.New("--train-data is for the classifier of --features train: add it, or leave --train-data out"))
	}
	return checkSpaces(c.Features)
}

// openedSets are sets to close together.
type openedSets []data.Set

// openSets opens all parts of what lies at each path.
func openSets(ctx context.Context, paths ...string) (openedSets, error) {
	var all openedSets
	for _, p := range paths {
		set, err := data.Open(ctx, p, data.OpenOptions{Part: data.PartAll})
		if err != nil {
			all.close()
			return nil, withCode(exitData, err)
		}
		all = append(all, set)
	}
	return all, nil
}

func (s openedSets) close() {
	for _, set := range s {
		set.Close()
	}
}

// check compares the first pictures of both sides: size, channels and depth.
func (r *compared) check() error {
	p, err := r.a.Picture(0)
	if err != nil {
		return fmt.Errorf("%s: %w", r.a.Entry(0).Name, err)
	}
	q, err := r.b.Picture(0)
	if err != nil {
		return fmt.Errorf("%s: %w", r.b.Entry(0).Name, err)
	}
	if p.Height != q.Height || p.Width != q.Width || p.Channels != q.Channels {
		return fmt.Errorf("%s has %d x %d pixels and %d channels, %s has %d x %d and %d: bring both sides to one form first (ebb data prepare --size --channels)",
			r.a.Entry(0).Name, p.Width, p.Height, p.Channels, r.b.Entry(0).Name, q.Width, q.Height, q.Channels)
	}
	return nil
}

// vectors are the features of both sides, computed once.
func (r *compared) vectors(ctx context.Context, space eval.Space) (*[2]eval.Matrix, error) {
	if m := r.found[space.Name]; m != nil {
		return m, nil
	}
	var m [2]eval.Matrix
	for i, set := range []data.Set{r.a, r.b} {
		r.progress.what = space.Name + " features of side " + string(rune('A'+i))
		var err error
		if m[i], err = r.store.Extract(ctx, set, space, r.progress.report); err != nil {
			return nil, err
		}
	}
	r.found[space.Name] = &m
	return &m, nil
}

// measure computes what was asked for, or all that applies.
func (r *compared) measure(ctx context.Context, wanted []pictureMeasure, name string, f assess.Features) (*pictureResult, error) {
	out := &pictureResult{N: r.a.Len(), Reference: r.b.Len(), Features: f.Space.Name}
	asked := len(wanted) > 0
	if !asked {
		wanted = defaultMeasures(name, f)
	}
	for _, w := range wanted {
		if _, err := w.space(f); err != nil {
			return nil, err
		}
	}
	if err := r.paired(ctx, out, wanted, asked); err != nil {
		return nil, err
	}
	m := &distances{compared: r, ctx: ctx, features: f}
	for _, w := range wanted {
		if w.paired() {
			continue
		}
		f, err := m.figure(w)
		if err != nil {
			if asked || context.Cause(ctx) != nil {
				return nil, err
			}
			out.Notes = append(out.Notes, fmt.Sprintf("%s left out: %v", w, err))
			continue
		}
		out.Figures = append(out.Figures, f)
	}
	return out, nil
}

// paired adds the paired measures; unless asked for, those that cannot be had are left out with a note.
func (r *compared) paired(ctx context.Context, out *pictureResult, wanted []pictureMeasure, asked bool) error {
	if !slices.ContainsFunc(wanted, pictureMeasure.paired) {
		return nil
	}
	if !asked && r.a.Len() != r.b.Len() {
		out.Notes = append(out.Notes, fmt.Sprintf("no paired measures: there are %d and %d pictures", r.a.Len(), r.b.Len()))
		return nil
	}
	first, err := r.a.Picture(0)
	if err != nil {
		return err
	}
	what := eval.PairMeasures{SSIM: slices.Contains(wanted, measureSSIM)}
	if slices.Contains(wanted, measureMSSSIM) {
		what.MSSSIM = eval.MSSSIMScales(first.Height, first.Width)
	}
	if small := min(first.Height, first.Width); small < 11 && (what.SSIM || slices.Contains(wanted, measureMSSSIM)) {
		if asked {
			return fmt.Errorf("ssim and ms-ssim need pictures of at least 11 x 11 pixels, these have %d x %d: leave them out of --metrics", first.Width, first.Height)
		}
		what = eval.PairMeasures{}
		out.Notes = append(out.Notes, "no ssim and ms-ssim: they need at least 11 x 11 pixels")
	}
	pairs, err := eval.ComparePairs(ctx, r.a, r.b, what)
	if err != nil {
		return err
	}
	if !pairs.SameNames {
		out.Notes = append(out.Notes, "the names of the two sides differ: pictures were paired by the order of their names")
	}
	if what.MSSSIM > 0 && what.MSSSIM < 5 {
		out.Notes = append(out.Notes, fmt.Sprintf("ms-ssim has %d of its 5 scales, which need 176 x 176 pixels", what.MSSSIM))
	}
	return out.addPairs(pairs, wanted)
}

// addPairs adds the figures that are wanted.
func (r *pictureResult) addPairs(pairs eval.Pairs, wanted []pictureMeasure) error {
	figures, err := pairs.Figures()
	for _, f := range figures {
		m, e := measureNames.Parse(map[string]string{"MSE": "mse", "PSNR": "psnr", "SSIM": "ssim", "MS-SSIM": "ms-ssim"}[f.Name])
		if err = errors.Join(err, e); e == nil && slices.Contains(wanted, m) {
			r.Figures = append(r.Figures, measured{Figure: f, measure: m})
		}
	}
	return err
}
