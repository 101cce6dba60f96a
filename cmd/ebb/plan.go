package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// planCmd is the verb plan.
type planCmd struct {
	runFlags
	Timed int  `name:"steps" help:"Training steps to time, after one to warm up; 0: none." default:"2"`
	JSON  bool `name:"json" help:"As JSON."`
	engineFlags
}

// Help is shown below the flags.
func (*planCmd) Help() string {
	return `Says what ebb train with the same flags would need, and fails where it would not fit:
exit code 2 for too little memory, 5 for too little room on the disk.

  ebb plan --recipe cifar10 --data cifar10.zip --batch 64
  ebb plan --run runs/mine --images 1000000 --json`
}

// Run implements the verb.
func (c *planCmd) Run(a *app) error {
	ctx, stop := a.untilSignal()
	defer stop()
	config, _, err := c.configure()
	if err != nil {
		return usage(err)
	}
	sets, _, err := prepareData(ctx, &config, c.Folder)
	if err != nil {
		return err
	}
	defer sets.Close()
	engine, err := c.open()
	if err != nil {
		return err
	}
	defer engine.Finalize()
	p, err := estimate(ctx, config, heldOut(sets), engine, c.Folder)
	if err != nil {
		return err
	}
	misfit := p.check(c.Folder)
	if misfit == nil && c.Timed > 0 {
		if err := p.time(config, heldOut(sets), engine, c.Timed); err != nil {
			return err
		}
	}
	return errors.Join(p.print(a.stdout, c.JSON), misfit)
}

// heldOut counts the pictures that are held out, or bounds the rows of text from above.
func heldOut(s *recipe.Sets) int {
	if s.Text != nil {
		if s.Text.Valid == nil {
			return 0
		}
		return int(s.Text.Valid.Len())
	}
	if s.Valid == nil {
		return 0
	}
	return s.Valid.Len()
}

// check refuses what cannot fit, with the figures and what to change.
func (p *plan) check(folder string) error {
	if p.Available > 0 && p.Peak > p.Available {
		return usage(fmt.Errorf("this run needs %s of memory, %s are available: %s", size(p.Peak), size(p.Available), p.advice()))
	}
	if p.Disk > p.Free {
		return withCode(exitIO, fmt.Errorf("this run writes up to %s to %s (%d checkpoints of %s and the model), %s are free there: make room, or choose a --run folder on another disk",
			size(p.Disk), folder, mostCheckpoints, size(p.Checkpoint), size(p.Free)))
	}
	return nil
}

// advice says what makes the part that needs most memory need less.
func (p *plan) advice() string {
	switch {
	case p.Variables > p.Available/2:
		return fmt.Sprintf("weights, optimiser, averages and their copy while saving take %s: choose a smaller network or fewer train.averages", size(p.Variables))
	case p.HeldOut.Memory > p.Train.Memory && p.HeldOut.Memory >= p.Sample.Memory:
		return fmt.Sprintf("the held-out loss takes %s: set held_out.batch lower", size(p.HeldOut.Memory))
	case p.Sample.Memory > p.Train.Memory:
		return fmt.Sprintf("drawing samples takes %s: set sample.batch lower", size(p.Sample.Memory))
	}
	return "compute batches in pieces with --set train.parts=2 (or 4, …; same result), set network.recompute=true, or take a smaller --batch"
}

// time runs some training steps on nothing, and reckons from their speed how long the run will take.
func (p *plan) time(c recipe.Config, held int, engine compute.Backend, steps int) error {
	k, err := kindOf(c, held)
	if err != nil {
		return err
	}
	t, store := c.Train, model.NewStore()
	defer store.Finalize()
	step, err := train.NewTaskStep(engine, store, k.task, t.Seed, nil, train.StepConfig{AdamW: t.AdamW, Clip: t.Clip, Averages: t.Averages, Parts: t.Parts})
	if err != nil {
		return err
	}
	defer step.Finalize()
	fastest := time.Duration(1<<63 - 1)
	for i := range steps + 1 {
		start := time.Now()
		b, err := k.task.Batch(t, int64(i))
		if err != nil {
			return err
		}
		if _, err := step.RunBatch(b, t.Batch, 0, make([]float64, len(t.Averages))); err != nil {
			return err
		}
		if i > 0 {
			fastest = min(fastest, time.Since(start))
		}
	}
	p.PerStep = fastest.Seconds()
	p.Seconds = p.PerStep * (float64(p.Steps) + p.others(c, k)/p.Train.FLOPs)
	return nil
}

// others is the work of held-out losses, samples and further measures over the whole run, at every interval and at the end.
func (p *plan) others(c recipe.Config, k *planKind) float64 {
	t := c.Train
	times := func(every int64) float64 {
		if every <= 0 {
			return 1
		}
		return float64(max(1, t.Target()/every))
	}
	return times(t.SampleEvery)*p.Sample.FLOPs*float64(k.sampleCalls) +
		times(t.EvalEvery)*p.HeldOut.FLOPs*float64(k.heldOutBatches*(min(len(t.Averages), 1)+1)) + p.measures(c, times)
}

// measures is the work of those of [eval].
func (p *plan) measures(c recipe.Config, times func(every int64) float64) float64 {
	if c.Eval.EveryImages == 0 || c.HeldOut.Batch == 0 || c.Sample.Batch == 0 {
		return 0
	}
	of := assess.Settings{Images: c.Eval.Images, Levels: evalLevels, Likelihood: evalLikelihood}
	calls := 0
	for _, m := range c.Eval.Measures {
		switch m {
		case recipe.MeasureDenoising:
			calls += of.DenoisingCalls(len(c.Train.Averages) > 0)
		case recipe.MeasureOneStep:
			calls += of.ReconstructionCalls(diffusion.OneStep)
		case recipe.MeasureReconstruction:
			calls += of.ReconstructionCalls(diffusion.Reconstructions()...)
		case recipe.MeasureLikelihood:
			calls += of.LikelihoodCalls()
		}
	}
	work := float64(calls) * p.HeldOut.FLOPs / float64(c.HeldOut.Batch)
	if c.Eval.Draws() {
		work += float64(c.Eval.Samples*c.Sample.Steps) * p.Sample.FLOPs / float64(c.Sample.Batch)
	}
	return times(c.Eval.EveryImages) * work
}

func (p *plan) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(p)
	}
	about := ""
	if !p.Known {
		about = " (at least: this engine does not tell what computations need)"
	}
	available := "unknown"
	if p.Available > 0 {
		available = size(p.Available)
	}
	unit := "images"
	if p.Tokens > 0 {
		unit = "tokens"
	}
	_, err := fmt.Fprintf(w, `recipe %s: %d parameters; %d %s in %d steps of %d
work    %.4g GFLOP a step, %.4g GFLOP a batch of held-out loss, %.4g GFLOP a call of the sampler
memory  %s at most, %s available%s
        variables and their copy %s, a step %s, held-out loss %s, samples %s
disk    up to %s, %s free; a checkpoint takes %s
`, p.Recipe, p.Parameters, p.Images+p.Tokens, unit, p.Steps, p.Batch, p.Train.FLOPs/1e9, p.HeldOut.FLOPs/1e9, p.Sample.FLOPs/1e9,
		size(p.Peak), available, about, size(p.Variables), size(p.Train.Memory), size(p.HeldOut.Memory), size(p.Sample.Memory),
		size(p.Disk), size(p.Free), size(p.Checkpoint))
	if p.PerStep > 0 {
		_, e := fmt.Fprintf(w, "time    %.4g s a step, %v in all\n", p.PerStep, time.Duration(p.Seconds*float64(time.Second)).Round(time.Second))
		err = errors.Join(err, e)
	}
	return err
}

// size writes a number of bytes for people.
func size(n int64) string {
	if n < 10<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
