package recipe

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/finetune"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/sample"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// source is a resolved configuration of a small U-Net on linear betas, with weights that stand for trained ones.
func source(t *testing.T) (Config, *model.Scope) {
	t.Helper()
	c, err := Preset("cifar10-small")
	if err != nil {
		t.Fatal(err)
	}
	u := nets.DefaultUNet(8, 16)
	u.Groups, u.Layers = 4, 1
	c.Network.UNet = &u
	c.Data.Source, c.Data.Paths = Files, []string{"pictures"}
	c.Data.Height, c.Data.Width, c.Data.Channels, c.Data.Norm = 8, 8, 3, data.PlusMinusOne()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := c.Model()
	if err != nil {
		t.Fatal(err)
	}
	weights := train.Weights(model.NewStore())
	if err := m.Network.Init(weights, 5); err != nil {
		t.Fatal(err)
	}
	return c, weights
}

// clean is the estimate that a model makes of noisy numbers at a level.
func clean(t *testing.T, b compute.Backend, c Config, weights *model.Scope, sigma float64) []float32 {
	t.Helper()
	m, err := c.Model()
	if err != nil {
		t.Fatal(err)
	}
	g, err := sample.New(b, weights, m.Forward, sample.Model{Precond: m.Precond, Shape: m.Shape, Classed: m.Classed, Null: m.Null})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Finalize()
	// One Euler step from sigma to a hundredth of it: x + (D - x)·0.99, which D can be read from.
	x := diffusion.Noise{Seed: 3, Size: 192}
	r := sample.Request{Seed: 3, Count: 2, Batch: 2, Sampler: diffusion.NewSampler(diffusion.DDIM), Levels: []float64{sigma, sigma / 100},
		Guidance: diffusion.Guidance{Scale: 1}}
	var out []float32
	if err := g.Draw(t.Context(), r, func(_ int, v []float32) error { out = append(out, v...); return nil }); err != nil {
		t.Fatal(err)
	}
	start := make([]float32, len(out))
	x.Fill(start, 0)
	prior := m.Precond.Schedule.Path().Prior(sigma)
	for i := range out {
		v := float64(start[i]) * prior
		out[i] = float32(v + (float64(out[i])-v)/0.99)
	}
	return out
}

// Every change of noise leaves the denoiser as it was, through configuration, network and engine.
func TestFinetuneKeepsTheDenoiser(t *testing.T) {
	b, err := backend.Open(backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	c, weights := source(t)
	for _, set := range []string{
		"", "diffusion.shift=0.5", "diffusion.schedule=cosine diffusion.shift=2", "diffusion.prediction=v",
		"diffusion.prediction=v diffusion.zero_terminal_snr=true", "diffusion.schedule=trigonometric diffusion.prediction=x0 diffusion.weight=min-snr",
	} {
		n, err := c.Continue("base", nil)
		if err != nil {
			t.Fatal(err)
		}
		n.Data.Paths = []string{"other"}
		n.SetLength(640, 8, 100)
		for _, s := range strings.Fields(set) {
			if err := n.Set(s); err != nil {
				t.Fatal(err)
			}
		}
		n.SettleNative()
		if err := n.Validate(); err != nil {
			t.Fatalf("%s: %v", set, err)
		}
		if (n.Finetune.Native == nil) != (set == "") {
			t.Errorf("%q: native is %+v", set, n.Finetune.Native)
		}
		start := train.Weights(model.NewStore())
		if _, err := n.StartFrom(start, c, weights); err != nil {
			t.Fatal(err)
		}
		for _, sigma := range []float64{0.1, 1, 20} {
			testkit.Close(t, set, clean(t, b, n, start, sigma), clean(t, b, c, weights, sigma), testkit.Tol{Rel: 1e-5, Abs: 2e-5})
		}
	}
}

// A fine-tuning run's configuration survives being written and read.
func TestFinetuneConfigRoundTrip(t *testing.T) {
	c, _ := source(t)
	n, err := c.Continue("base", &finetune.LoRAConfig{Rank: 2, Targets: []string{"*.to_q"}})
	if err != nil {
		t.Fatal(err)
	}
	n.Data.Paths = []string{"other"}
	n.SetLength(640, 8, 100)
	if err := n.Set("diffusion.schedule=cosine"); err != nil {
		t.Fatal(err)
	}
	n.SettleNative()
	var text bytes.Buffer
	if err := n.Encode(&text); err != nil {
		t.Fatal(err)
	}
	var back Config
	if err := back.Decode(bytes.NewReader(text.Bytes()), "config.toml"); err != nil {
		t.Fatal(err)
	}
	changes, err := Changes(n, back)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) > 0 || back.Finetune == nil || back.Finetune.Native == nil || back.Finetune.LoRA.Rank != 2 {
		t.Errorf("came back as %+v: %+v", back.Finetune, changes)
	}
}

// The default learning rate hangs on that of the first training, however often a model is fine-tuned.
func TestContinue(t *testing.T) {
	c, _ := source(t)
	n, err := c.Continue("base", nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.Continue("base-finetuned", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := c.Train.Rate.Peak * 0.3; math.Abs(n.Train.Rate.Peak-want) > 1e-9 || again.Train.Rate.Peak != n.Train.Rate.Peak {
		t.Errorf("rates %v and %v, want %v", n.Train.Rate.Peak, again.Train.Rate.Peak, want)
	}
	n.Finetune.LoRA = &finetune.LoRAConfig{Rank: 1}
	if _, err := n.Continue("x", nil); err == nil || !strings.Contains(err.Error(), "merged") {
		t.Errorf("going on from unmerged adapters: %v", err)
	}
}

func TestParseMix(t *testing.T) {
	for _, c := range []struct {
		text, path string
		share      float64
	}{{"0.2", "own", 0.2}, {"a:b:0.5", "a:b", 0.5}, {"x", "", 0}, {"a:1", "", 0}, {"a:0", "", 0}, {":0.1", "own", 0.1}, {"a:0.5x", "", 0}} {
		o := OldData{Data: Data{Paths: []string{"own"}}}
		err := o.ParseMix(c.text)
		if (err == nil) != (c.share > 0) {
			t.Errorf("%s: error %v", c.text, err)
		} else if err == nil && (o.Mix != c.share || o.Data.Paths[0] != c.path) {
			t.Errorf("%s: %v of %v", c.text, o.Mix, o.Data.Paths)
		}
	}
}

func TestClassRows(t *testing.T) {
	made := func(conditional bool, drop float64, classes ...string) Config {
		u := nets.DefaultUNet(8)
		c := Config{Network: Network{Kind: UNet, Conditional: conditional, UNet: &u}, Data: Data{Classes: classes, Channels: 3}}
		c.Train.DropClass = drop
		c.fillNetwork()
		return c
	}
	for _, c := range []struct {
		name     string
		from, to Config
		want     []int
	}{
		{"one more, no class trained", made(true, 0.1, "a", "b"), made(true, 0, "a", "b", "c"), []int{0, 1, 2, 2}},
		{"one more, no class never seen", made(true, 0, "a", "b"), made(true, 0, "a", "b", "c"), []int{0, 1, -1, 2}},
		{"replaced", made(true, 0.1, "a", "b"), made(true, 0, "c", "b"), []int{2, 1, 2}},
		{"none before", made(false, 0), made(true, 0, "a"), nil},
	} {
		got := c.to.classRows(c.from)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
				break
			}
		}
	}
}
