package assess_test

import (
	"context"
	"math"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/ebb-ml/ebb/eval/report"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

// subject is an untrained network on letters.
func subject(t *testing.T) *assess.Subject {
	t.Helper()
	c, err := recipe.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Height, c.Data.Width = 16, 16
	c.Network.UNet.Channels, c.Network.UNet.Groups = []int{8, 8, 8}, 4
	ctx := context.Background()
	sets, err := c.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resolve(ctx, sets.Train); err != nil {
		t.Fatal(err)
	}
	m, err := c.Model()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := backend.Open(backend.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Finalize)
	weights := train.Weights(model.NewStore())
	if err := m.Network.Init(weights, 3); err != nil {
		t.Fatal(err)
	}
	levels, err := m.Precond.Schedule.Levels(diffusion.Trailing, 3)
	if err != nil {
		t.Fatal(err)
	}
	return &assess.Subject{Config: c, Model: m, Weights: weights, Raw: weights, Engine: engine, HeldOut: data.First(sets.Valid, 60), Train: data.First(sets.Train, 120),
		Request: sample.Request{Batch: 16, Sampler: diffusion.NewSampler(diffusion.DDIM), Levels: levels, Clip: 1, Guidance: diffusion.Guidance{Scale: 1},
			Classes: func(i int) int32 { return int32(i % 26) }}}
}

func settings() assess.Settings {
	return assess.Settings{Images: 20, Levels: 4, Batch: 8, Samples: 40, Likelihood: 2, Seed: 1}
}

func checkFigures(t *testing.T, s report.Section, err error, atLeast int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Figures) < atLeast {
		t.Errorf("%d figures, want at least %d", len(s.Figures), atLeast)
	}
	for _, f := range s.Figures {
		if math.IsNaN(float64(f.Value)) || f.N < 1 || f.Name == "" {
			t.Errorf("figure %+v", f)
		}
	}
}

// TestDenoisingIsTheHeldOutError holds the figure of a report against the one of training, which is computed in a graph.
func TestDenoisingIsTheHeldOutError(t *testing.T) {
	s, ctx, c := subject(t), context.Background(), settings()
	section, err := s.Denoising(ctx, c)
	checkFigures(t, section, err, 5)
	task, err := s.Config.Task(s.Model)
	if err != nil {
		t.Fatal(err)
	}
	loader, err := s.Config.HeldOutLoader(data.Subset(s.HeldOut, c.Images, c.Seed), c.Batch)
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close(ctx)
	h, err := train.NewHeldOut(s.Engine, task, train.HeldOutConfig{Data: loader, Images: c.Images, Batch: c.Batch, Levels: c.Levels, Seed: c.Seed, Eps: true, Null: s.Model.Null})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Finalize()
	want, err := h.Measure(ctx, s.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if got := float64(section.Figures[0].Value); math.Abs(got-float64(want.Loss)) > 1e-4*float64(want.Loss) {
		t.Errorf("eps-MSE %v, training measures %v", got, want.Loss)
	}
	for _, f := range section.Figures[6:] {
		if f.Name == "eps-MSE of the raw weights, minus the average's" && f.Value != 0 {
			t.Errorf("equal weights differ by %v", f.Value)
		}
	}
}

func TestReconstruction(t *testing.T) {
	s, c := subject(t), settings()
	c.Images = 4
	section, err := s.Reconstruction(context.Background(), c)
	checkFigures(t, section, err, 3*5*3)
	if len(section.Pictures) != 3 || len(section.Charts) != 2 {
		t.Errorf("%d pictures and %d charts", len(section.Pictures), len(section.Charts))
	}
}

func TestLikelihood(t *testing.T) {
	s := subject(t)
	section, err := s.Likelihood(context.Background(), settings())
	checkFigures(t, section, err, 2)
}

func TestSamplesAgainstPictures(t *testing.T) {
	s, ctx, c := subject(t), context.Background(), settings()
	samples, err := s.Draw(ctx, 30, 5)
	if err != nil {
		t.Fatal(err)
	}
	section, err := s.Distribution(ctx, c, samples, []assess.Features{{Space: eval.DCTSpace()}})
	checkFigures(t, section, err, 6)
	section, err = s.Copies(ctx, samples, assess.CopySpace())
	checkFigures(t, section, err, 2)
	if section.Figures[0].Value != 0 {
		t.Errorf("noise is taken for copies: %v", section.Figures[0])
	}
}

// TestCopiesAreFound passes pictures of training off as samples.
func TestCopiesAreFound(t *testing.T) {
	s, ctx := subject(t), context.Background()
	section, err := s.Copies(ctx, data.First(s.Train, 20), assess.CopySpace())
	checkFigures(t, section, err, 2)
	if section.Figures[0].Value < 0.9 {
		t.Errorf("of pictures of training %v are found to be copies", section.Figures[0].Value)
	}
}

// TestConditional takes fresh letters for samples, and judges them by a classifier that has only begun to learn: they are oftener of the class
// asked for than if they had been asked for as the next letter, and no class is far from its held-out pictures.
func TestConditional(t *testing.T) {
	s, ctx := subject(t), context.Background()
	sets, err := s.Config.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.HeldOut = data.First(sets.Valid, 520)
	config := features.ClassifierConfig{Widths: []int{16, 32}, Images: 4800, Batch: 32, LearningRate: 0.006, Seed: 3}
	judge, err := features.TrainClassifier(ctx, s.Engine, data.First(sets.Train, 2600), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer judge.Close()
	samples := data.First(sets.Train, 520)
	section, err := s.Conditional(ctx, samples, judge)
	checkFigures(t, section, err, 2+26)
	wrong, err := s.Conditional(ctx, shifted{samples}, judge)
	checkFigures(t, wrong, err, 2+26)
	if len(section.Charts) != 2 || len(section.Charts[1].Labels) != 26 {
		t.Errorf("%d charts", len(section.Charts))
	}
	if section.Figures[0].Interval.Low < 1.5/26 || wrong.Figures[0].Value > section.Figures[0].Value/2 {
		t.Errorf("of the class asked for: %v, shifted %v", section.Figures[0], wrong.Figures[0])
	}
	near, far := 0, 0
	for i := range 26 {
		if section.Figures[2+i].Interval.Low <= 0 {
			near++
		}
		if wrong.Figures[2+i].Interval.Low > 0 {
			far++
		}
	}
	if near < 22 || far < 13 {
		t.Errorf("%d of 26 classes are near their held-out pictures, %d are far if they are others", near, far)
	}
}

// shifted gives each picture the label of the next class.
type shifted struct{ data.Set }

func (s shifted) Entry(i int) data.Entry {
	e := s.Set.Entry(i)
	e.Label = (e.Label + 1) % 26
	return e
}
