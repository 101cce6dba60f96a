package features

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/internal/rng"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/optim"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Progress tells how far training is.
type Progress struct {
	Images, Total int
	Loss          float64 // cross entropy of the last batch, nats
}

// Draws of this package (see package rng); Index is the step's row.
const (
	drawTurn  uint32 = 0xD100_0000 // quarter turns
	drawShift uint32 = 0xD100_0001 // shifts of a few pixels
)

// TrainClassifier trains a classifier on a set: to tell its classes apart or, if it has fewer than two, by how many quarter turns a picture
// was rotated. The same set and configuration give the same weights, on any number of threads. A tenth is held out, by content, and
// measured at the end. Of more than 50,000 pictures as many are drawn at random. progress may be nil.
func TrainClassifier(ctx context.Context, engine compute.Backend, set data.Set, c ClassifierConfig, progress func(Progress)) (*Classifier, error) {
	set = limited(set, c)
	a, err := describe(set, c)
	if err != nil {
		return nil, err
	}
	return trainAs(ctx, engine, set, a, progress)
}

// limited is a set that can be hashed and learnt in minutes.
func limited(set data.Set, c ClassifierConfig) data.Set {
	const most = 50_000
	if set.Len() <= most {
		return set
	}
	return data.Subset(set, most, c.Seed)
}

// trainAs trains what describe has described.
func trainAs(ctx context.Context, engine compute.Backend, set data.Set, a about, progress func(Progress)) (*Classifier, error) {
	train, held, err := data.Split(ctx, set, a.Config.HeldOut, a.Config.Seed)
	if err != nil {
		return nil, fmt.Errorf("features: holding out pictures to validate a classifier: %w", err)
	}
	cl, err := newClassifier(engine, a)
	if err != nil {
		return nil, err
	}
	err = cl.train(ctx, engine, train, progress)
	if err == nil {
		err = cl.validate(ctx, held)
	}
	if err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// describe resolves the configuration and hashes what training depends on.
func describe(set data.Set, c ClassifierConfig) (about, error) {
	if set.Len() == 0 {
		return about{}, errors.New("features: a classifier cannot be trained on an empty set")
	}
	p, err := set.Picture(0)
	if err != nil {
		return about{}, fmt.Errorf("features: %w", err)
	}
	if c, err = c.resolve(p, set.Len()); err != nil {
		return about{}, err
	}
	a := about{Config: c, Input: p.Channels}
	if len(set.Classes()) > 1 {
		a.Classes = set.Classes()
	}
	a.Key, err = key(set, a)
	return a, err
}

// trainer is the state of a training.
type trainer struct {
	about    about
	loader   *data.Loader
	step     *model.Exec
	schedule optim.Schedule
}

func (c *Classifier) train(ctx context.Context, engine compute.Backend, set data.Set, progress func(Progress)) error {
	cfg := c.about.Config
	if err := c.net.Params().Init(c.scope(), dtypes.Float32, cfg.Seed); err != nil {
		return err
	}
	t := trainer{about: c.about, schedule: optim.Schedule{Shape: optim.Cosine, Peak: cfg.LearningRate, Warmup: int64(cfg.Images / 10), Horizon: int64(cfg.Images)}}
	var err error
	if t.step, err = c.stepGraph(engine); err != nil {
		return err
	}
	defer t.step.Finalize()
	t.loader, err = data.NewLoader(set, data.LoaderConfig{Batch: cfg.Batch, Seed: cfg.Seed, Preprocess: data.Preprocess{
		Height: cfg.Side, Width: cfg.Side, Channels: c.about.Input, Fit: data.FitStretch, Filter: data.Bicubic, FlipX: cfg.Flip}})
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	steps := cfg.Images / cfg.Batch
	for k := range steps {
		loss, err := t.run(ctx, k)
		if err != nil {
			return errors.Join(err, t.loader.Close(context.WithoutCancel(ctx)))
		}
		if progress != nil {
			progress(Progress{Images: (k + 1) * cfg.Batch, Total: steps * cfg.Batch, Loss: loss})
		}
	}
	return t.loader.Close(ctx)
}

// stepGraph is one step: cross entropy against target rows [B, classes] (zeros where a picture has no label), AdamW.
func (c *Classifier) stepGraph(engine compute.Backend) (*model.Exec, error) {
	vars, err := c.net.Params().Variables(c.scope())
	if err != nil {
		return nil, err
	}
	adam, state := optim.DefaultAdamW(), c.store.Scope("/optimizer")
	adam.WeightDecay = 0.05
	if err := adam.Init(state, vars); err != nil {
		return nil, err
	}
	return model.NewExec(engine, c.store, func(_ *model.Scope, x, target, lr *graph.Node) *graph.Node {
		_, logits := c.net.Forward(&block.Ctx{Scope: c.scope()}, x)
		loss := graph.Neg(graph.ReduceAllSum(graph.Mul(target, graph.LogSoftmax(logits, -1))))
		loss = graph.MulScalar(loss, 1/float64(x.Shape().Dimensions[0]))
		var values []*graph.Node
		for _, v := range vars {
			values = append(values, v.NodeValue(x.Graph()))
		}
		grads, _ := optim.Clip(graph.Gradient(loss, values...), 1)
		adam.Update(state, vars, grads, lr)
		return loss
	})
}

// run makes one step.
func (t *trainer) run(ctx context.Context, step int) (float64, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	b, err := t.loader.Batch(int64(step))
	if err != nil {
		return 0, fmt.Errorf("features: %w", err)
	}
	cfg, classes := t.about.Config, t.about.outputs()
	x, target := make([]float32, len(b.Images)), make([]float32, cfg.Batch*classes)
	size := len(x) / cfg.Batch
	for i := range cfg.Batch {
		label := b.Labels[i]
		picture := square{b.Images[i*size:][:size], cfg.Side, t.about.Input}
		if len(t.about.Classes) == 0 {
			label = int32(turns * rng.ForStep(cfg.Seed, uint64(step), i, drawTurn).Uniform(0))
			picture.pix = turn(picture.pix, cfg.Side, t.about.Input, int(label))
		}
		u, v := rng.ForStep(cfg.Seed, uint64(step), i, drawShift).Pair(0)
		picture.shift(x[i*size:][:size], draw(u, cfg.Side/16), draw(v, cfg.Side/16))
		if label >= 0 {
			target[i*classes+int(label)] = 1
		}
	}
	seen := int64(step+1) * int64(cfg.Batch)
	in := []any{tensors.FromFlatDataAndDimensions(x, cfg.Batch, cfg.Side, cfg.Side, t.about.Input),
		tensors.FromFlatDataAndDimensions(target, cfg.Batch, classes), tensors.FromScalar(float32(t.schedule.At(seen)))}
	out, err := t.step.Call1(in...)
	if err != nil {
		return 0, fmt.Errorf("features: training a classifier: %w", err)
	}
	loss := float64(tensors.ToScalar[float32](out))
	if math.IsNaN(loss) {
		return 0, fmt.Errorf("features: training a classifier diverged after %d images: choose a learning rate below %v", seen, cfg.LearningRate)
	}
	for _, v := range append(in, out) {
		err = errors.Join(err, v.(*tensors.Tensor).FinalizeAll())
	}
	return loss, err
}

// draw maps u in (0, 1) to -most … most.
func draw(u float64, most int) int { return int(u*float64(2*most+1)) - most }

// square is a picture of side×side pixels.
type square struct {
	pix            []float32
	side, channels int
}

// shift writes the picture moved by dy, dx pixels to dst; the border is repeated.
func (s square) shift(dst []float32, dy, dx int) {
	n, c := s.side, s.channels
	for y := range n {
		for x := range n {
			i, j := min(max(y-dy, 0), n-1), min(max(x-dx, 0), n-1)
			copy(dst[(y*n+x)*c:][:c], s.pix[(i*n+j)*c:][:c])
		}
	}
}

// validate counts how many held-out pictures are assigned rightly. The task of turns is measured with picture i turned i times.
func (c *Classifier) validate(ctx context.Context, held data.Set) error {
	a := &c.about
	a.Right, a.Total = make([]int, a.outputs()), make([]int, a.outputs())
	space := c.Probabilities()
	if len(a.Classes) == 0 {
		i := 0
		plain := space.Features
		space.Features = func(ctx context.Context, p []*data.Picture) (eval.Matrix, error) {
			rotated := make([]*data.Picture, len(p))
			for k := range p {
				rotated[k] = turned(p[k], (i+k)%turns)
			}
			i += len(p)
			return plain(ctx, rotated)
		}
	}
	p, err := eval.Extract(ctx, sameSize{held, a.Config.Side}, space, nil)
	if err != nil {
		return fmt.Errorf("features: validating a classifier: %w", err)
	}
	for i := range p.N {
		label := int(held.Entry(i).Label)
		if len(a.Classes) == 0 {
			label = i % turns
		}
		if label < 0 {
			continue
		}
		a.Total[label]++
		if argmax(p.Row(i)) == label {
			a.Right[label]++
		}
	}
	return nil
}

// sameSize shows the pictures of a set at one size, as the measures want them.
type sameSize struct {
	data.Set
	side int
}

// Picture decodes and scales picture i.
func (s sameSize) Picture(i int) (*data.Picture, error) {
	p, err := s.Set.Picture(i)
	if err != nil {
		return nil, err
	}
	return p.Resize(s.side, s.side, data.Bicubic)
}

// turned rotates a square picture by quarter turns, counter-clockwise.
func turned(p *data.Picture, quarters int) *data.Picture {
	out := *p
	out.Pix = turn(p.Pix, p.Height, p.Channels*int(p.Depth/8), quarters)
	return &out
}

// turn is turned for n×n pixels of size elements each.
func turn[T any](pix []T, n, size, quarters int) []T {
	out := make([]T, len(pix))
	for y := range n {
		for x := range n {
			i, j := y, x
			for range quarters {
				i, j = j, n-1-i
			}
			copy(out[(y*n+x)*size:][:size], pix[(i*n+j)*size:][:size])
		}
	}
	return out
}
