package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shapes writes n pictures of 8×8 pixels of each class: bright or dark in a corner that tells the class.
func shapes(t *testing.T, dir string, n int, classes ...string) {
	t.Helper()
	for k, class := range classes {
		for i := range n {
			m := image.NewNRGBA(image.Rect(0, 0, 8, 8))
			for p := range 64 {
				x, y := p%8, p/8
				v := uint8(60 + 20*k + (37*i+11*x*y+5*x)%60)
				m.SetNRGBA(x, y, color.NRGBA{v, uint8(200 - i%50), uint8(90 * k), 255})
			}
			path := filepath.Join(dir, class, fmt.Sprintf("%03d.png", i))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, m); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

const tinyTOML = `
[network]
conditional = true
[network.unet]
channels = [8, 16]
down = ["conv", "attn"]
up = ["attn", "conv"]
layers = 1
groups = 4
[train]
images = 64
batch = 8
drop_class = 0.1
[held_out]
images = 8
batch = 8
levels = 2
[sample]
rows = 1
columns = 2
steps = 2
`

// base trains a tiny network on two classes in the present folder, which has other pictures of a third.
func base(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	shapes(t, "old", 24, "sun", "moon")
	shapes(t, "old-valid", 6, "sun", "moon")
	shapes(t, "new", 24, "star")
	shapes(t, "new-valid", 8, "star")
	write(t, "tiny.toml", tinyTOML)
	said{"train --recipe cifar10-small --config tiny.toml --data old --valid old-valid --run base -q", 0, "", ""}.check(t)
}

const onNew = " --data new --valid new-valid --class star --images 32 "

// A run goes on from another: what changes is said, the best weights are kept, and the same command finds nothing left to do.
func TestFinetune(t *testing.T) {
	base(t)
	for _, s := range []said{
		{"finetune base" + onNew + "--mix 0.25 --run more", 0, "", `(?s)going on from base, step 8.*train.rate.peak +0.0003 -> 9e-05.*` +
			`class_embedding.weight: 3 rows become 4, 1 of them new.*trained: all weights.*25 % of each batch is old data.*` +
			`after 0 images: held-out loss [0-9.]+, on the old data [0-9.]+.*held-out loss on the new data: [0-9.]+ before`},
		{"finetune base" + onNew + "--mix 0.25 --run more", 0, "", `done: 32 images`},
		{"finetune --run more", 0, "", `done: 32 images`},
		{"sample more/model -n 2 --class star --out star.png", 0, "", ""},
		{"sample more/model -n 2 --class sun --out sun.png", 0, "", ""},
		{"finetune base" + onNew + "--lora 2 --run more", 2, "", `was begun with --lora 0`},
		{"finetune more --data new --run more", 2, "", `more went on from base, not from more`},
		{"train --run more", 2, "", `go on with ebb finetune --run more`},
		{"finetune --run base", 2, "", `base is a run of ebb train`},
		// The source may go: the run has all that it needs.
		{"finetune more/model" + onNew + "--train up_blocks.* --run parts -q", 0, "", `parts/model`},
	} {
		s.check(t)
	}
	if err := os.RemoveAll("base"); err != nil {
		t.Fatal(err)
	}
	said{"finetune --run more --images 40", 0, "", `done: 40 images`}.check(t)
}

// Adapters are saved apart and merged; sampling with one is sampling from what it was merged into.
func TestFinetuneAdapters(t *testing.T) {
	base(t)
	for _, kind := range []string{"", "--dora "} {
		run := "lora" + strings.Trim(kind, "- ")
		said{"finetune base" + onNew + "--lora 2 --replace-classes " + kind + "--set train.rate.peak=0.1 --no-early-stop --run " + run, 0, "",
			`(?s)class_embedding.weight: 3 rows become 2.*trained: adapters of rank 2, \d+ values.*--lora ` + run + `:0.8`}.check(t)
	}
	// Classes changed, so the source cannot take the adapters' class table, but its layers are the same.
	for _, s := range []said{
		{"sample base -n 2 --class sun --out plain.png", 0, "", ""},
		{"sample base -n 2 --class sun --lora loradora:0 --out none.png", 0, "", ""},
		{"sample base -n 2 --class sun --lora lora --lora loradora:0.5 --out both.png", 0, "", ""},
		{"sample base -n 2 --lora nowhere", 2, "", `there is no adapter_config.json in nowhere`},
	} {
		s.check(t)
	}
	plain, none, both := pixelsOf(t, "plain.png"), pixelsOf(t, "none.png"), pixelsOf(t, "both.png")
	if d := farthest(plain, none); d != 0 {
		t.Errorf("an adapter of strength 0 changes a pixel by %v", d)
	}
	if d := farthest(plain, both); d == 0 {
		t.Error("two adapters change nothing")
	}
	for _, s := range []said{
		{"finetune base --data old --valid old-valid --images 32 --lora 2 --set train.rate.peak=0.1 --no-early-stop --run same", 0, "", ""},
		{"sample same/model -n 2 --class sun --out merged.png", 0, "", ""},
		{"sample base -n 2 --class sun --lora same/model/adapter --out added.png", 0, "", ""},
	} {
		s.check(t)
	}
	if d := farthest(pixelsOf(t, "merged.png"), pixelsOf(t, "added.png")); d > 1 {
		t.Errorf("merged and added weights draw pixels that differ by %v", d)
	}
}

// Other noise: the run begins with the loss of the same denoiser, and what is refused is refused by name.
func TestFinetuneChanges(t *testing.T) {
	base(t)
	for _, s := range []said{
		{"finetune base" + onNew + "--set diffusion.schedule=cosine --set diffusion.prediction=v --set diffusion.zero_terminal_snr=true " +
			"--set network.unet.dropout=0.1 --run noise", 0, "",
			`(?s)diffusion.prediction +eps -> v.*diffusion.schedule +linear -> cosine.*goes on predicting eps on schedule linear inside`},
		{"sample noise/model -n 2 --out noise.png", 0, "", ""},
		{"finetune noise/model" + onNew + "--set diffusion.schedule=linear --set diffusion.prediction=eps --set diffusion.zero_terminal_snr=false -n --run back",
			0, `^from = 'noise/model'`, `diffusion.prediction +v -> eps`},
		{"finetune base" + onNew + "--set data.channels=4 -n --run wide", 0, "", `conv_in.weight: 3 channels become 4; the new ones start at zero`},
		{"finetune base" + onNew + "--set data.height=16 --set data.width=16 -n --run large", 0, "", `stays: .*noise schedule`},
		{"finetune base" + onNew + "--set data.channels=1 --run r", 2, "", `conv_in.weight is \[3 3 3 8\] in the source`},
		{"finetune base" + onNew + "--set network.unet.channels=[8,32] --run r", 2, "", `cannot be carried over: .*is \[`},
		{"finetune base" + onNew + "--set diffusion.zero_terminal_snr=true --run r", 2, "", `predict v, x0 or flow`},
		{"finetune base" + onNew + "--train decoder.* --run r", 2, "", `no weight is called decoder.\*: the network has conv_in.\*`},
		{"finetune base" + onNew + "--lora 0 --dora --run r", 2, "", `say --lora RANK`},
		{"finetune base" + onNew + "--mix 1.5 --run r", 2, "", `SHARE is between 0 and 1`},
		{"finetune base --data nowhere --run r", 3, "", `nowhere`},
		{"finetune base --run r", 2, "", `name the model to go on from, and --data`},
		{"finetune", 2, "", `name the run or model`},
		{"finetune base --data old --class star --run r", 3, "", `the pictures have 2 classes of their own`},
		{"finetune base --data new --valid new-valid -n --set trian.batch=2 --run r", 2, "", `train.batch`},
	} {
		s.check(t)
	}
	if _, err := os.Stat("r"); err == nil {
		t.Error("a command that was refused left a run folder")
	}
	text, err := os.ReadFile("noise/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?s)\[finetune.native\]\nschedule = 'linear'`).Match(text) {
		t.Errorf("the configuration does not keep the network's own schedule:\n%s", text)
	}
}

func pixelsOf(t *testing.T, path string) []uint8 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []uint8
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			out = append(out, c.R, c.G, c.B)
		}
	}
	return out
}

func farthest(a, b []uint8) (most float64) {
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}
