package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// What a person gets who measures on the wrong pictures, on too few, or with broken weights: a note that counts, or a refusal that says what is
// missing, before hours of work.
func TestEvalBadInput(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	album(t, "train", 60, 0)
	album(t, "few", 5, 0)
	for i := range 30 {
		grey := image.NewGray(image.Rect(0, 0, 16, 16))
		for k := range grey.Pix {
			grey.Pix[k] = uint8(k*i + k/16)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, grey); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join("grey", string(rune('a'+i))+".png"), b.String())
		paint(t, filepath.Join("small", string(rune('a'+i))+".png"), 8, 8, func(x, y int) color.Color { return color.NRGBA{uint8(x * y), uint8(i), 7, 255} })
	}
	tinyDINOv2(t, "dino.safetensors")
	randomWeights(t, "other.safetensors", map[string][]int{"a": {2}})
	said{"train -q --run r --recipe cifar10-small --config tiny.toml --images 64 --data train --set held_out.images=0 --set train.sample_every=0", 0, "", ""}.check(t)
	if err := os.CopyFS("diverged", os.DirFS("r/model")); err != nil {
		t.Fatal(err)
	}
	spoil(t, "diverged/unet/diffusion_pytorch_model.safetensors")
	for _, s := range []said{
		{"eval r", 3, "", `the run holds no pictures out: name some with --data`},
		// overlap
		{"eval r --data few --images 5", 0, "held-out error", `note: 5 of 5 held-out pictures are files of the training set \(.*\): figures on them flatter`},
		{"eval r --data train --train-data train --parts leaks", 0, `60 of 60 held-out pictures are also in the training set`, ``},
		// another size, other channels
		{"eval r --data grey --images 8", 0, "", `has 1 channels, the model's pictures have 3: held-out pictures are converted`},
		{"eval r --data small --images 8", 0, "", `has 8 x 8 pixels, the model's pictures have 16 x 16: held-out pictures are enlarged`},
		{"eval pictures grey small", 3, "", `16 x 16 pixels and 1 channels, .* has 8 x 8 and 3: bring both sides to one form first`},
		// no labels where they are needed
		{"eval r --data grey --parts classes --features train", 2, "", `needs a model that was trained with classes, --features train`},
		// too few
		{"eval r --data few --parts copies --samples 4", 1, "", `5 held-out pictures, at least 10 are needed`},
		{"eval r --data few --parts distribution --samples 60", 0, `left out: SW2-.* needs at least 20 pictures on each side, there are 5`, ``},
		{"eval pictures few few --metrics fd-inf", 3, "", `needs at least 50 pictures on each side, there are 5`},
		{"eval pictures grey few --metrics mse", 3, "", ``},
		{"eval sweep r --data few", 3, "", `there are 5 held-out pictures: a sweep needs at least 40`},
		// not finite
		{"eval diverged --data grey", 1, "", `is NaN: the weights are of a run that diverged, or damaged`},
		{"sample diverged -n 1 --out a.png", 1, "", `is NaN: the weights are of a run that diverged`},
		// other weights
		{"eval r --data grey --parts distribution --samples 4 --features other.safetensors", 3, "", `no feature network that ebb knows`},
		{"eval pictures grey grey --features dino.safetensors --metrics is", 2, "", `is needs --features FILE with weights of Inception-v3`},
		{"eval r --data grey --features nowhere --parts distribution", 2, "", `--features nowhere: give dct, pixels, train`},
	} {
		s.check(t)
	}
}

// spoil makes the last number of a safetensors file NaN.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(b[len(b)-4:], math.Float32bits(float32(math.NaN())))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
