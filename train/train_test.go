package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/ckpt"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/event"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// tiny is a run of 24 steps that uses everything a step may depend on: dropout, classes, two averages, loss-aware levels,
// augmentation that the network is told of, self-conditioning, and batches in two parts.
func tiny(t testing.TB) recipe.Config {
	t.Helper()
	c, err := recipe.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	u := nets.DefaultUNet(8, 16)
	u.Groups, u.Layers, u.Dropout, u.MidAttention = 4, 1, 0.1, false
	u.Down, u.Up = []nets.Stage{nets.StageConv, nets.StageConv}, []nets.Stage{nets.StageConv, nets.StageConv}
	c.Network.UNet = &u
	c.Data.Height, c.Data.Width = 16, 16
	c.Diffusion.LossAware, c.Diffusion.LowDiscrepancy = 10, false
	c.Data.Augment, c.Diffusion.SelfCondition = 0.5, 0.5
	c.SetImages(24 * 8)
	c.SetBatch(8)
	c.Train.Parts, c.Train.Averages = 2, []optim.EMA{{Decay: 0.9}, {SigmaRel: 0.1}}
	c.Train.Rate = optim.Schedule{Shape: optim.Cosine, Peak: 1e-2, Warmup: 16, Horizon: 192}
	c.Train.LogEvery, c.Train.SaveEvery, c.Train.EvalEvery, c.Train.SampleEvery = 8, 5*8, 0, 0
	return c
}

func engine(t testing.TB, threads int) compute.Backend {
	t.Helper()
	b, err := backend.Open(backend.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// newTrainer joins the parts of a configuration in a run folder.
func newTrainer(t testing.TB, c recipe.Config, dir string, b compute.Backend) *train.Trainer {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sets, err := c.Open(t.Context())
	must(err)
	_, err = c.Resolve(t.Context(), sets.Train)
	must(err)
	folder, _, err := train.OpenFolder(dir, train.FolderOptions{Keep: 20})
	must(err)
	sets.Valid = nil
	run, err := c.Build(t.Context(), sets, b, folder)
	must(err)
	t.Cleanup(func() { must(run.Close(context.Background())) })
	return run.Trainer
}

// checkpoint returns all bytes of the last checkpoint that a run depends on.
func checkpoint(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all, _, err := ckpt.List(dir)
	if err != nil || len(all) == 0 {
		t.Fatal("no checkpoint", err)
	}
	files, err := filepath.Glob(filepath.Join(all[0].Path, "*"))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for _, f := range files {
		if filepath.Base(f) == "MANIFEST.json" { // holds times
			continue
		}
		if content[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

var errStop = errors.New("enough")

// A run that is stopped, and one that is killed between checkpoints, end as one that ran straight through, bit for bit, whatever the
// number of threads.
func TestResumeIsExact(t *testing.T) {
	c := tiny(t)
	straight, broken := t.TempDir(), t.TempDir()
	one, two := engine(t, 1), engine(t, 2)
	a := newTrainer(t, c, straight, one)
	if r, err := a.Train(t.Context()); err != nil || r.Seen != 192 || r.Step != 24 {
		t.Fatal(r, err)
	}
	if err := a.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	// Stopped in good order during step 7.
	ctx, cancel := context.WithCancelCause(t.Context())
	b := newTrainer(t, c, broken, two)
	b.OnStep = func(s train.Status) {
		if s.Step == 7 {
			cancel(errStop)
		}
	}
	_, err := b.Train(ctx)
	var stopped *train.StoppedError
	if !errors.As(err, &stopped) || stopped.Step != 7 || !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	if err := b.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	// Failed after step 12, in a way that saves nothing: the checkpoint of step 10 is the last.
	d := newTrainer(t, c, broken, one)
	spoil(d, func(s train.Source) train.Source { return failing{s, 12} })
	if _, err := d.Train(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Fatal(err)
	}
	if err := d.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	e := newTrainer(t, c, broken, two)
	if r, err := e.Train(t.Context()); err != nil || r.Step != 24 {
		t.Fatal(r, err)
	}
	if err := e.Folder.Close(); err != nil {
		t.Fatal(err)
	}
	want, got := checkpoint(t, straight), checkpoint(t, broken)
	if len(want) != 5 { // weights, two averages, optimiser, state
		t.Fatalf("%d files in a checkpoint", len(want))
	}
	for name, w := range want {
		if !bytes.Equal(got[name], w) {
			t.Errorf("%s differs after stop and resume", name)
		}
	}
	again := newTrainer(t, c, broken, one)
	if r, err := again.Train(t.Context()); err != nil || !r.Already {
		t.Error("a complete run was trained again", r, err)
	}
	events, damaged, err := event.ReadFile(filepath.Join(broken, "events.jsonl"))
	if err != nil || len(damaged) > 0 {
		t.Fatal(damaged, err)
	}
	steps := map[int64]int{}
	for _, e := range event.Timeline(events) {
		if _, ok := e.Body.(event.Progress); ok {
			steps[e.Step]++
		}
	}
	for k := int64(1); k <= 24; k++ {
		if steps[k] != 1 {
			t.Errorf("step %d was logged %d times", k, steps[k])
		}
	}
}

// spoil puts something between a run and its pictures.
func spoil(t *train.Trainer, wrap func(train.Source) train.Source) {
	task := t.Task.(*train.Denoising)
	task.Data = wrap(task.Data)
}

// failing stops yielding at a step.
type failing struct {
	train.Source
	at int64
}

func (f failing) Batch(step int64) (*data.Batch, error) {
	if step == f.at {
		return nil, errors.New("the disk is gone")
	}
	return f.Source.Batch(step)
}

// The result does not depend on the number of parts that a batch is computed in.
func TestPartsAgree(t *testing.T) {
	b := engine(t, 2)
	var losses, norms []float64
	var all [][]float32
	for _, parts := range []int{1, 4} {
		c := tiny(t)
		c.Train.Parts, c.Train.Batch, c.Train.Images = parts, 16, 16
		c.Train.Rate.Warmup, c.Train.AdamW.Eps = 0, 1e-3 // Adam's first step is a sign: a larger eps keeps rounding small
		tr := newTrainer(t, c, t.TempDir(), b)
		tr.Config.LogEvery = 16
		if _, err := tr.Train(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := tr.Folder.Close(); err != nil {
			t.Fatal(err)
		}
		p := progress(t, tr.Folder.Dir())
		losses, norms = append(losses, float64(p.Loss)), append(norms, float64(p.GradNorm))
		all = append(all, savedWeights(t, tr.Folder.Dir()))
	}
	if d := math.Abs(losses[0]/losses[1] - 1); d > 1e-5 {
		t.Errorf("losses %v differ by %g", losses, d)
	}
	if d := math.Abs(norms[0]/norms[1] - 1); d > 1e-4 {
		t.Errorf("gradient norms %v differ by %g", norms, d)
	}
	for i := range all[0] {
		if d := math.Abs(float64(all[0][i] - all[1][i])); d > 1e-5 {
			t.Fatalf("weight %d is %v in one part and %v in four", i, all[0][i], all[1][i])
		}
	}
}

func progress(t *testing.T, dir string) (p event.Progress) {
	t.Helper()
	events, _, err := event.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if b, ok := e.Body.(event.Progress); ok {
			p = b
		}
	}
	return p
}

// poisoned yields a NaN at a step, as often as told.
type poisoned struct {
	train.Source
	at    int64
	times *int
}

func (p poisoned) Batch(step int64) (*data.Batch, error) {
	b, err := p.Source.Batch(step)
	if err != nil || step != p.at || *p.times == 0 {
		return b, err
	}
	*p.times--
	bad := *b
	bad.Images = append([]float32(nil), b.Images...)
	bad.Images[77] = float32(math.NaN())
	return &bad, nil
}

// A NaN sends the run back to its last checkpoint with half the learning rate; when that does not help, it is given up and what was
// saved is good.
func TestRollback(t *testing.T) {
	for _, c := range []struct {
		at    int64
		times int
		to    int64 // step gone back to
	}{{7, 1, 5}, {2, 1, 0}, {12, 9, 10}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			config := tiny(t)
			tr := newTrainer(t, config, t.TempDir(), engine(t, 2))
			spoil(tr, func(s train.Source) train.Source { return poisoned{s, c.at, &c.times} })
			r, err := tr.Train(t.Context())
			if err := tr.Folder.Close(); err != nil {
				t.Fatal(err)
			}
			var numerics *train.NumericsError
			if c.times > 0 != errors.As(err, &numerics) {
				t.Fatal(r, err)
			}
			if numerics != nil && (numerics.Step != c.at+1 || !strings.Contains(numerics.Error(), "first in the images of the batch, number 77")) {
				t.Error(numerics)
			}
			events, _, err := event.ReadFile(filepath.Join(tr.Folder.Dir(), "events.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			backs := 0
			for _, e := range events {
				if b, ok := e.Body.(event.RolledBack); ok {
					backs++
					if b.ToStep != c.to || b.Attempt != backs {
						t.Errorf("%+v", b)
					}
				}
			}
			if want := map[bool]int{true: 3, false: 1}[numerics != nil]; backs != want {
				t.Errorf("%d rollbacks, %d expected", backs, want)
			}
			if _, skipped, err := ckpt.Load(tr.Folder.Dir()); err != nil || len(skipped) > 0 {
				t.Error(skipped, err)
			}
		})
	}
}

// The error of the noise estimate of a network that returns 0 has a closed form, for every prediction.
func TestHeldOutEqualsClosedForm(t *testing.T) {
	b := engine(t, 2)
	for _, set := range []string{"diffusion.schedule=linear", "diffusion.schedule=edm"} {
		c := tiny(t)
		c.Network.UNet.Init = nets.InitZero
		c.Diffusion = recipe.Diffusion{}
		if err := c.Set(set); err != nil {
			t.Fatal(err)
		}
		if set == "diffusion.schedule=edm" {
			if err := c.Set("diffusion.prediction=edm"); err != nil {
				t.Fatal(err)
			}
		}
		tr := newTrainer(t, c, t.TempDir(), b)
		store := model.NewStore()
		task := tr.Task.(*train.Denoising)
		if err := task.Init(train.Weights(store), 1); err != nil {
			t.Fatal(err)
		}
		h, err := train.NewHeldOut(b, task, train.HeldOutConfig{Data: flat{16 * 16, 8}, Images: 20, Batch: 8, Levels: 5, Eps: true, Null: task.Null})
		if err != nil {
			t.Fatal(err)
		}
		e, err := h.Measure(t.Context(), train.Weights(store))
		if err != nil {
			t.Fatal(err)
		}
		p := task.Objective.Precond
		for k, l := range e.Levels {
			sigma := p.Schedule.Sigma(p.Schedule.Snap((float64(k)+0.5)/5 + 0.5/1000*min(1, float64(p.Schedule.Steps()))))
			// The estimate is (x − D)/σ with D = CSkip·x + COut·0, of x = x0 + σ·ε and x0² = 1/4 everywhere.
			skip := p.At(sigma).CSkip
			if p.Prediction.String() == "eps" {
				skip = 1 // F is the estimate itself: 0
			}
			want := skip*skip + (1-skip)*(1-skip)*0.25/(sigma*sigma)
			if math.Abs(float64(l.Loss)/want-1) > 0.05 { // 5120 draws: a standard deviation of 2 %
				t.Errorf("%s, level %v: %v, expected %v", set, l.T, l.Loss, want)
			}
		}
		if err := tr.Folder.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// flat yields pictures of ±1/2 in equal parts.
type flat struct{ size, batch int }

func (f flat) Batch(int64) (*data.Batch, error) {
	b := &data.Batch{Images: make([]float32, f.size*f.batch), Labels: make([]int32, f.batch)}
	for i := range b.Images {
		b.Images[i] = float32(i%2) - 0.5
	}
	return b, nil
}

// A checkpoint of another network is refused by the names of the tensors.
func TestOtherNetworkIsRefused(t *testing.T) {
	dir := t.TempDir()
	c := tiny(t)
	c.Train.Images = 16
	b := engine(t, 2)
	for k, want := range []string{"", "conv_in.bias is [8] in the file and [16] here"} {
		tr := newTrainer(t, c, dir, b)
		_, err := tr.Train(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Error(k, err)
		}
		if err := tr.Folder.Close(); err != nil {
			t.Fatal(err)
		}
		u := *c.Network.UNet
		u.Channels = []int{16, 16}
		c.Network.UNet, c.Train.Images = &u, 32
	}
}

// savedWeights are the weights of a run's newest checkpoint, one tensor after the other.
func savedWeights(t *testing.T, dir string) (w []float32) {
	t.Helper()
	k, _, err := ckpt.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := k.Group(train.GroupWeights)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range f.Tensors() {
		v, err := f.Float32s(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		w = append(w, v...)
	}
	return w
}
