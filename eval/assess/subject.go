package assess

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval/features"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Subject is a model with the pictures that it is held against.
type Subject struct {
	Config  recipe.Config
	Model   *recipe.Model
	Weights *model.Scope // that are judged, usually an average
	Raw     *model.Scope // the weights as they were trained, to compare with; nil: not
	Engine  compute.Backend
	Seen    int64    // images that they were trained on, for the recipe's reference; 0: not known
	HeldOut data.Set // pictures that training did not see
	Train   data.Set // pictures of training; nil: what needs them is left out
	// Request says how samples are drawn; its Seed, Count and Batch are replaced.
	Request sample.Request
	// Store keeps features; the zero value keeps none.
	Store features.Store
	// Progress, if set, is told how far a section is.
	Progress func(done, total int)
}

// Settings say how much is measured. Its numbers are upper limits: there may be fewer pictures.
type Settings struct {
	Images  int // held-out pictures for denoising and reconstruction
	Levels  int // noise levels
	Batch   int // pictures at once
	Samples int // drawn, and real pictures that they are held against
	// Ways of making pictures anew that Reconstruction measures; nil: all.
	Ways []diffusion.Reconstruction
	// Likelihood is how many held-out pictures get a likelihood, which takes some hundred calls of the network each.
	Likelihood int
	Seed       uint64
}

// DefaultSettings are enough to see differences of a few per cent, in minutes for small networks.
func DefaultSettings() Settings {
	return Settings{Images: 512, Levels: 10, Batch: 64, Samples: 1000, Likelihood: 32, Seed: 1}
}

// Check says what is wrong with the settings, if anything.
func (s Settings) Check() error {
	if s.Images < 1 || s.Levels < 1 || s.Batch < 1 || s.Samples < 0 || s.Likelihood < 0 {
		return fmt.Errorf("assess: %d images at %d levels in batches of %d, %d samples, %d likelihoods: give at least 1, 1, 1, 0 and 0",
			s.Images, s.Levels, s.Batch, s.Samples, s.Likelihood)
	}
	return nil
}

func (s *Subject) progress(done, total int) {
	if s.Progress != nil {
		s.Progress(done, total)
	}
}

// size is how many numbers a sample has.
func (s *Subject) size() int { return s.Model.Height * s.Model.Width * s.Model.Channels }

// compile prepares the network on weights.
func (s *Subject) compile(weights *model.Scope) (*diffusion.Compiled, error) {
	m := s.Model
	network := func(x, cNoise, class *graph.Node) *graph.Node { return m.Forward(weights, x, cNoise, class) }
	return diffusion.Compile(s.Engine, weights.Store(), network, m.Precond, m.Shape, m.Classed)
}

// classes are what the network is told of pictures with these labels: it knows the class of a picture as in training.
func (s *Subject) classes(labels []int32) []int32 {
	if !s.Model.Classed {
		return nil
	}
	out := make([]int32, len(labels))
	for i, l := range labels {
		out[i] = l
		if l < 0 || l >= s.Model.Null || !s.Config.Network.Conditional {
			out[i] = s.Model.Null
		}
	}
	return out
}

// batches gives the first n pictures of a set to yield as the network sees them, without augmentation; all but the last batch are full.
func (s *Subject) batches(ctx context.Context, set data.Set, n, batch int, yield func(first int, x []float32, labels []int32) error) (err error) {
	n = min(n, set.Len())
	if n == 0 {
		return fmt.Errorf("assess: there are no pictures to measure on")
	}
	batch = min(batch, n)
	loader, err := s.Config.HeldOutLoader(set, batch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loader.Close(context.WithoutCancel(ctx))) }()
	for first := 0; first < n; first += batch {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		b, err := loader.Batch(int64(first / batch))
		if err != nil {
			return err
		}
		take := min(batch, n-first)
		if err := yield(first, b.Images[:take*s.size()], b.Labels[:take]); err != nil {
			return err
		}
	}
	return nil
}

// noise is the fixed noise of a batch that begins with picture first.
func (s *Subject) noise(seed uint64, first int) diffusion.Noise {
	return diffusion.Noise{Seed: seed, First: uint64(first), Size: s.size()}
}

// levels are n noise levels in the middle of as many equal parts of the schedule's time.
func (s *Subject) levels(n int) []float64 {
	schedule := s.Model.Precond.Schedule
	sigmas := make([]float64, n)
	for k := range sigmas {
		t := (float64(k) + 0.5) / float64(n)
		if steps := schedule.Steps(); steps > 0 {
			t += 0.5 / float64(steps) // level i of a discrete schedule lies at (i+1/2)/N
		}
		sigmas[k] = schedule.Sigma(schedule.Snap(t))
	}
	return sigmas
}
