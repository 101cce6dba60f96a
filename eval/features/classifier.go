package features

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// ClassifierConfig says how a classifier is trained. The zero value of a field means what its comment says.
type ClassifierConfig struct {
	Side   int   `json:"side"`   // pictures are scaled to Side×Side pixels; 0: their smaller side, at most 32
	Widths []int `json:"widths"` // channels at Side, Side/2, …; nil: 32, 64, 128 and, from 24 pixels on, 128
	// Images is how many pictures are seen in training; 0: five times the set, at least 20,000 and at most 100,000.
	Images       int     `json:"images"`
	Batch        int     `json:"batch"`         // 0: 64
	LearningRate float64 `json:"learning_rate"` // highest of AdamW; 0: 0.002
	HeldOut      float64 `json:"held_out"`      // share of the set that accuracy is measured on and that training does not see; 0: 0.1
	// Flip mirrors half of the pictures. It helps with photographs and makes b and d one letter, so it is off unless asked for.
	Flip bool   `json:"flip"`
	Seed uint64 `json:"seed"`
}

// resolve fills in the defaults for a set whose first picture is p.
func (c ClassifierConfig) resolve(p *data.Picture, size int) (ClassifierConfig, error) {
	setDefault(&c.Side, min(p.Height, p.Width, 32))
	if c.Widths == nil {
		c.Widths = []int{32, 64, 128}
		if c.Side >= 24 {
			c.Widths = append(c.Widths, 128)
		}
	}
	setDefault(&c.Images, min(max(5*size, 20_000), 100_000))
	setDefault(&c.Batch, 64)
	setDefault(&c.LearningRate, 0.002)
	setDefault(&c.HeldOut, 0.1)
	if c.Side < 4 || c.Images < c.Batch || c.Batch < 1 || !(c.LearningRate > 0) || !(c.HeldOut > 0 && c.HeldOut < 1) {
		return c, fmt.Errorf("features: a classifier of pictures of side %d from %d images in batches of %d, rate %v, %v held out: need a side of at "+
			"least 4, at least one batch, a rate above 0 and a share between 0 and 1", c.Side, c.Images, c.Batch, c.LearningRate, c.HeldOut)
	}
	return c, nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Classifier is a trained classifier. Use it from one goroutine at a time and Close it.
type Classifier struct {
	about about
	net   *nets.Classifier
	store *model.Store
	execs [2]*model.Exec // features, probabilities
}

// about is what is stored beside the weights.
type about struct {
	Key     string           `json:"key"` // hash of data and configuration
	Config  ClassifierConfig `json:"config"`
	Input   int              `json:"channels"`
	Classes []string         `json:"classes"` // empty: it tells quarter turns
	Right   []int            `json:"right"`   // held-out pictures of each class (or turn) that it assigned rightly
	Total   []int            `json:"total"`
}

// turns is the number of classes of the task that is set where the data has none: by how many quarter turns a picture was rotated (Gidaris
// et al. 2018, arXiv 1803.07728).
const turns = 4

// weightScope is where the weights lie in the store.
const weightScope = "/classifier"

// evalBatch is the number of pictures that are measured at once.
const evalBatch = 64

func (a about) outputs() int {
	if len(a.Classes) == 0 {
		return turns
	}
	return len(a.Classes)
}

// newClassifier declares network and graphs; the weights come after.
func newClassifier(engine compute.Backend, a about) (*Classifier, error) {
	net, err := nets.NewClassifier(nets.ClassifierConfig{Channels: a.Input, Classes: a.outputs(), Widths: a.Config.Widths})
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	c := &Classifier{about: a, net: net, store: model.NewStore()}
	for i := range c.execs {
		c.execs[i], err = model.NewExec(engine, c.store, func(_ *model.Scope, x *graph.Node) *graph.Node {
			features, logits := net.Forward(&block.Ctx{Scope: c.scope()}, x)
			return []*graph.Node{features, graph.Softmax(logits, -1)}[i]
		})
		if err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
	}
	return c, nil
}

func (c *Classifier) scope() *model.Scope { return c.store.Scope(weightScope) }

// Close frees the compiled graphs and the weights.
func (c *Classifier) Close() {
	for _, e := range c.execs {
		e.Finalize()
	}
	c.store.Finalize()
}

// Config returns the configuration with its defaults filled in.
func (c *Classifier) Config() ClassifierConfig { return c.about.Config }

// Classes lists the classes it tells apart; it is empty for one that was trained on data without any, to tell quarter turns.
func (c *Classifier) Classes() []string { return c.about.Classes }

// Space is the feature space of the layer before the last, for distances.
func (c *Classifier) Space() eval.Space { return c.space("features", 0) }

// Probabilities is the space of the class probabilities.
func (c *Classifier) Probabilities() eval.Space { return c.space("probabilities", 1) }

func (c *Classifier) space(layer string, exec int) eval.Space {
	return eval.Space{Name: "trained-" + c.about.Key[:8] + "-" + layer, Batch: evalBatch, Features: func(ctx context.Context, p []*data.Picture) (eval.Matrix, error) {
		return c.run(ctx, exec, p)
	}}
}

// run computes features (0) or probabilities (1), in batches of one size.
func (c *Classifier) run(ctx context.Context, exec int, pictures []*data.Picture) (eval.Matrix, error) {
	var out eval.Matrix
	side, channels := c.about.Config.Side, c.about.Input
	for first := 0; first < len(pictures); first += evalBatch {
		if err := context.Cause(ctx); err != nil {
			return out, err
		}
		part := pictures[first:min(first+evalBatch, len(pictures))]
		x := make([]float32, 0, evalBatch*side*side*channels)
		for _, p := range part {
			var err error
			if x, err = c.about.input(x, p); err != nil {
				return out, err
			}
		}
		values, err := call(c.execs[exec], x[:cap(x)], evalBatch, side, side, channels)
		if err != nil {
			return out, fmt.Errorf("features: classifier: %w", err)
		}
		d := len(values) / evalBatch
		if out.D == 0 {
			out = eval.NewMatrix(len(pictures), d)
		}
		copy(out.Data[first*d:], values[:len(part)*d])
	}
	return out, nil
}

// input appends a picture as the network sees it, in ±1.
func (a about) input(dst []float32, p *data.Picture) ([]float32, error) {
	p, err := p.WithChannels(a.Input, 0)
	if err != nil {
		return nil, fmt.Errorf("features: classifier: %w", err)
	}
	if p, err = p.Resize(a.Config.Side, a.Config.Side, data.Bicubic); err != nil {
		return nil, fmt.Errorf("features: classifier: %w", err)
	}
	if p.Depth == data.Float32 {
		return p.Samples(dst), nil
	}
	return data.PlusMinusOne().Apply(dst, p), nil
}

// Accuracy is the share of held-out pictures that it assigned rightly, with its interval: what a perfect generator's samples would get.
func (c *Classifier) Accuracy() (eval.Figure, error) {
	right, total := 0, 0
	for i, n := range c.about.Total {
		right, total = right+c.about.Right[i], total+n
	}
	name := "classifier-accuracy"
	if len(c.about.Classes) == 0 {
		name = "classifier-turns"
	}
	return eval.ShareFigure(name, right, total)
}

// Agreement is how far samples are of the classes that were asked for.
type Agreement struct {
	Share    eval.Figure   // share of samples assigned to the requested class
	HeldOut  eval.Figure   // the same share of held-out pictures, whose classes are known
	PerClass []eval.Figure // of each class in the order of Classes; N 0 where none was asked for
}

// Agreement assigns each sample to a class and compares it with the one requested: requested[i] indexes Classes.
func (c *Classifier) Agreement(ctx context.Context, samples data.Set, requested []int32, progress func(done, total int)) (Agreement, error) {
	classes := c.about.Classes
	if len(classes) == 0 {
		return Agreement{}, errors.New("features: the training data has no classes, so its classifier tells quarter turns and not classes")
	}
	if len(requested) != samples.Len() {
		return Agreement{}, fmt.Errorf("features: %d samples with %d requested classes", samples.Len(), len(requested))
	}
	for i, k := range requested {
		if k < 0 || int(k) >= len(classes) {
			return Agreement{}, fmt.Errorf("features: sample %s was requested of class %d, there are 0 to %d", samples.Entry(i).Name, k, len(classes)-1)
		}
	}
	p, err := eval.Extract(ctx, samples, c.Probabilities(), progress)
	if err != nil {
		return Agreement{}, err
	}
	right, total := make([]int, len(classes)), make([]int, len(classes))
	for i, k := range requested {
		total[k]++
		if argmax(p.Row(i)) == int(k) {
			right[k]++
		}
	}
	return c.agreement(right, total)
}

func (c *Classifier) agreement(right, total []int) (a Agreement, err error) {
	hits, n := 0, 0
	for k, name := range c.about.Classes {
		hits, n = hits+right[k], n+total[k]
		f := eval.Figure{Name: "agreement-" + name}
		if total[k] > 0 {
			if f, err = eval.ShareFigure(f.Name, right[k], total[k]); err != nil {
				return a, err
			}
		}
		a.PerClass = append(a.PerClass, f)
	}
	if a.HeldOut, err = c.Accuracy(); err != nil {
		return a, err
	}
	a.Share, err = eval.ShareFigure("agreement", hits, n)
	a.Share.Space = "trained-" + c.about.Key[:8]
	return a, err
}

// Requested translates the labels of a set (folders named after classes) into the classifier's classes, by name.
func (c *Classifier) Requested(set data.Set) ([]int32, error) {
	index := make([]int32, len(set.Classes()))
	for i, name := range set.Classes() {
		k := slices.Index(c.about.Classes, name)
		if k < 0 {
			return nil, fmt.Errorf("features: the samples have a class %q, which the classifier does not know: it knows %q", name, c.about.Classes)
		}
		index[i] = int32(k)
	}
	out := make([]int32, set.Len())
	for i := range out {
		label := set.Entry(i).Label
		if label < 0 {
			return nil, fmt.Errorf("features: sample %s has no class: put samples in folders named after the class they were asked for", set.Entry(i).Name)
		}
		out[i] = index[label]
	}
	return out, nil
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

func (a about) json() (string, error) {
	b, err := json.Marshal(a)
	return string(b), err
}
