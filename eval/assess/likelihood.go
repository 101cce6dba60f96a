package assess

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/report"
)

// likelihoodDraws is the number of levels at which the variational bound is estimated for each picture.
const likelihoodDraws = 64

// likelihoodSteps are the calls that the adaptive solver needs about, each with a gradient.
const likelihoodSteps = 120

// LikelihoodCalls is about how many pictures the network is given for Likelihood.
func (c Settings) LikelihoodCalls() int { return c.Likelihood * (3*likelihoodSteps + likelihoodDraws) }

// Likelihood measures how many bits a model needs for each number of a held-out picture: by the probability-flow ODE, and as the
// variational bound of the discrete process. 8-bit pictures alone have such bits: others are refused.
func (s *Subject) Likelihood(ctx context.Context, c Settings) (report.Section, error) {
	section := report.Section{Title: "Likelihood"}
	bins, err := s.bins()
	if err != nil {
		return section, err
	}
	net, err := s.compile(s.Weights)
	if err != nil {
		return section, err
	}
	defer net.Finalize()
	schedule := s.Model.Precond.Schedule
	ode := diffusion.NewODE(schedule, s.size())
	ode.Seed = c.Seed
	bound := diffusion.Bound{Size: s.size(), Levels: schedule.Table(1000), Bins: bins, Draws: likelihoodDraws, Seed: c.Seed}
	bound.Prior = schedule.Path().Prior(bound.Levels[len(bound.Levels)-1])
	var flow, variational []float64
	calls := 0
	n := min(c.Likelihood, s.HeldOut.Len())
	err = s.batches(ctx, s.HeldOut, n, min(c.Batch, 32), func(first int, x []float32, labels []int32) error {
		d, err := net.VJP(ctx, s.classes(labels))
		if err != nil {
			return err
		}
		bits, used, err := ode.BitsPerDim(ctx, d, x, uint64(first), bins, 1)
		if err != nil {
			return err
		}
		plain, err := net.Denoiser(ctx, s.classes(labels))
		if err != nil {
			return err
		}
		terms, err := bound.BitsPerDim(ctx, plain, x, uint64(first))
		flow, variational, calls = append(flow, bits...), append(variational, terms.Total()...), calls+used
		s.progress(first+len(labels), n)
		return err
	})
	if err != nil {
		return section, err
	}
	section.Facts = []report.Fact{{Name: "ODE", Value: fmt.Sprintf("adaptive, tolerance %g, one Hutchinson probe, uniform dequantisation; %d calls", ode.Tolerance, calls)},
		{Name: "variational bound", Value: fmt.Sprintf("%d levels, estimated at %d of them for each picture", len(bound.Levels), likelihoodDraws)}}
	for _, m := range []struct {
		name, note string
		values     []float64
	}{{"bits per dimension, ODE", "an upper bound: uniform dequantisation", flow}, {"bits per dimension, variational bound", "an upper bound", variational}} {
		f, err := eval.MeanFigure(m.name, m.values)
		if err != nil {
			return section, err
		}
		f.Note = m.note
		section.Figures = append(section.Figures, f)
	}
	return section, nil
}

// bins are those of 8-bit pictures on the network's scale.
func (s *Subject) bins() (diffusion.Bins, error) {
	n := s.Model.Norm
	if len(n.Mean) != 1 || len(n.Std) != 1 || n.Std[0] == 0 {
		return diffusion.Bins{}, fmt.Errorf("assess: bits per dimension need one mean and deviation for all channels, the model has %d", len(n.Mean))
	}
	return diffusion.Bins{Low: -n.Mean[0] / n.Std[0], High: (1 - n.Mean[0]) / n.Std[0], Count: 256}, nil
}
