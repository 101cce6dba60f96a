package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/interop/diffusers"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

// pixels are the decoded samples of a file.
func pixels(t *testing.T, name string) []byte {
	t.Helper()
	m := readPNG(t, name)
	var all []byte
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			r, g, b, _ := m.At(x, y).RGBA()
			all = append(all, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return all
}

// A run goes out as a diffusers directory, comes in again, and draws the same pictures.
func TestExportImport(t *testing.T) {
	tinyModel(t)
	draw := " -n 2 --steps 2 --class B --guidance 1 --sampler ddim --spacing leading --out "
	for _, s := range []said{
		{"export r out", 0, `out: a diffusers directory, from r, step`, ""},
		{"export r out", 2, "", `out is there and not empty: .*--force`},
		{"export r out --force", 0, `out: a diffusers`, ""},
		{"export r own --format safetensors", 0, `own: a model folder`, ""},
		{"import out --run in", 0, `in: \d+ parameters, 16x16x1, schedule cosine, predicts v`, ""},
		{"import r --run in2", 3, "", `r is no model directory of diffusers`},
		{"import nowhere", 3, "", `nowhere is no model directory of diffusers`},
		{"export nowhere out2", 2, "", `neither a run nor a model`},
		{"sample r" + draw + "1.png", 0, "", ""},
		{"sample out" + draw + "2.png", 0, "", ""},
		{"sample own" + draw + "3.png", 0, "", ""},
		{"sample in" + strings.Replace(draw, "B", "1", 1) + "4.png", 0, "", ""},
	} {
		s.check(t)
	}
	want := pixels(t, "1.png")
	for i := 2; i <= 4; i++ {
		if name := fmt.Sprintf("%d.png", i); !bytes.Equal(pixels(t, name), want) {
			t.Errorf("%s differs from 1.png", name)
		}
	}
	if p, err := diffusers.Open("r/model"); err != nil {
		t.Errorf("model/ of a run is no diffusers directory: %v", err)
	} else if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// What diffusers cannot express stays ebb's own, and export says why. Augmentation and self-conditioning train, go on, and draw.
func TestExportRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, s := range []said{
		{"train -q --run self --config tiny.toml --images 64 --set diffusion.self_condition=0.5 --set data.augment=0.5", 0, "", ""},
		{"train -q --run self --images 96", 0, "", ""},
		{"sample self/model -n 2 --steps 2 --guidance 2 --out s.png", 0, "s.png", ""},
		{"export self out", 2, "", `diffusion.self_condition: .*--format safetensors`},
		{"train -q --run told --config tiny.toml --images 64 --set data.augment=0.5", 0, "", ""},
		{"export told told-out", 0, "", ""},
		{"sample told/model -n 1 --steps 2 --out 1.png", 0, "", ""},
		{"sample told-out -n 1 --steps 2 --out 2.png", 0, "", ""},
		{"train -q --run points --recipe points --images 2560 --set held_out.images=0 --set train.sample_every=0 --set sample.batch=8", 0, "", ""},
		{"export points out", 2, "", `network.kind: diffusers has no mlp`},
		{"train -n --recipe points --set data.augment=0.1", 2, "", `an MLP takes neither`},
		{"train -n --set data.augment=2", 2, "", `data.augment is 2, must be from 0 to 1`},
		{"train -n --set diffusion.self_condition=2", 2, "", `self-conditioning probability 2`},
	} {
		s.check(t)
	}
	for _, name := range []string{"self/model/model.safetensors", "told/model/model.safetensors", "told-out/unet/config.json"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(pixels(t, "1.png"), pixels(t, "2.png")) {
		t.Error("without the weights for augmentation the samples differ")
	}
}

// An average made after training: of a stored width it is the stored one, of another the mixture; and what is said without snapshots.
func TestAverage(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, s := range []said{
		{"train -q --run r --config tiny.toml --images 256 --set train.averages=[{sigma_rel=0.05},{sigma_rel=0.1}] --set train.snapshots=4", 0, "", ""},
		{"average r --sigma-rel 0.1", 0, `r/model-sigma-0.1: width 0.1 at 256, from 8 snapshots; its profile is off by 0.0 %`, ""},
		{"average r --sigma-rel 0.08 --out a", 0, `a: width 0.08 at 256`, ""},
		{"average r --sigma-rel 0.08 --at 128 --out b", 0, `b: width 0.08 at 128, from 4 snapshots`, ""},
		{"eval sweep r --averages raw,sigma-0.08 --samplers ddim --steps 1 --samples 40", 0, `ddim, 1 steps, sigma-0.08`, `round 1 of 1, ddim, 1 steps, raw`},
		{"average r --sigma-rel 0.4", 2, "", `at most 0.28`},
		{"average r --sigma-rel 0.1", 2, "", `not empty`},
		{"average r --sigma-rel 0.1 --at 3", 2, "", `the first snapshot of r is at 64`},
		{"average nowhere --sigma-rel 0.1", 2, "", `nowhere has no snapshots of averages: train with --set train.snapshots=32`},
		{"sample a -n 1 --steps 2 --out a.png", 0, "", ""},
		{"train -n --config tiny.toml --set train.snapshots=4 --set train.averages=[{decay=0.9}]", 2, "", `none of train.averages has a sigma_rel`},
	} {
		s.check(t)
	}
	made, err1 := safetensors.Open(weightsIn(filepath.Join("r", "model-sigma-0.1")))
	stored, err2 := safetensors.Open("r/checkpoints/000000008/ema-sigma-0.1.safetensors")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	const name = "conv_in.bias" // of the same layout in both
	a, err1 := made.Float32s(name)
	b, err2 := stored.Float32s(name)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for i := range a {
		if d := math.Abs(float64(a[i] - b[i])); d > 1e-5 {
			t.Errorf("%s[%d] is %v, the average that was kept while training has %v", name, i, a[i], b[i])
		}
	}
	if err := made.Close(); err != nil {
		t.Error(err)
	}
	if err := stored.Close(); err != nil {
		t.Error(err)
	}
}

// The tab key: a shell runs ebb with the line so far.
func TestCompletion(t *testing.T) {
	if out, err := process("completion", "bash", "-c").Output(); err != nil || !strings.HasPrefix(string(out), "complete ") {
		t.Errorf("completion says %q, %v", out, err)
	}
	for line, want := range map[string]string{"ebb tr": "train", "ebb sample --samp": "--sampler", "ebb train --backend ": "cpu"} {
		c := process()
		c.Env = append(c.Env, "COMP_LINE="+line)
		out, err := c.Output()
		if err != nil || !strings.Contains("\n"+string(out), "\n"+want+"\n") {
			t.Errorf("%q is completed by %q, %v", line, out, err)
		}
	}
}

// The help of each verb fits a screen.
func TestHelpFits(t *testing.T) {
	for _, verb := range []string{"train", "plan", "sample", "finetune", "tune", "eval", "eval model", "eval pictures",
		"eval leaks", "eval curves", "eval compare", "eval sweep", "export", "average", "import", "data inspect", "data prepare", "data get", "doctor", "bench", "completion"} {
		c := process(append(strings.Fields(verb), "--help")...)
		out, err := c.Output()
		if lines := strings.Count(string(out), "\n"); err != nil || lines > 52 {
			t.Errorf("ebb %s --help: %d lines, %v", verb, lines, err)
		}
	}
}
