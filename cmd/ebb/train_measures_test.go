package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const tinyWeights = "/model/unet/diffusion_pytorch_model.safetensors"

// Measures while training: as asked for, with what they cost, in log and reports; and the run is the same as without.
func TestMeasuresWhileTraining(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	album(t, "pictures", 240, 0)
	every := "train --recipe cifar10-small --config tiny.toml --images 128 --set train.sample_every=0 --set held_out.images=32 --set held_out.share=0.5 " +
		"--set sample.steps=4 --set sample.rows=1 --set sample.columns=1 --set network.conditional=false --data pictures "
	for _, s := range []said{
		{every + "--run r --set eval.every_images=64 --set eval.samples=50 --set eval.images=16 --set eval.measures=[\"denoising\",\"one-step\",\"distribution\",\"copies\"]", 0, "",
			`after 64 images: eps-MSE \d\.\d+ \[.*\]; overfitting gap .*; MSE, one-step from sigma .*; FD-dct8-50 .*; copy rate-.* \(\d+\.\d s, \d+\.\d % of the time so far; r/evals/000000064/report.html\)`},
		{every + "--run q", 0, "", ""},
		{"eval curves r --measure eps-MSE --out c.svg", 0, "c.svg", ""},
		{"eval curves r --measure eps --out c.svg", 3, "", `r has no figure "eps"; it has: eval_seconds; eps-MSE`},
	} {
		s.check(t)
	}
	log, err := os.ReadFile("r/events.jsonl")
	for _, name := range []string{"FD-dct8-50", "eval_seconds", "overfitting gap of the eps-MSE"} {
		if err != nil || strings.Count(string(log), `"name":"`+name+`"`) != 2 {
			t.Errorf("%s in the log: %v\n%s", name, err, log)
		}
	}
	a, err := os.ReadFile("r" + tinyWeights)
	b, other := os.ReadFile("q" + tinyWeights)
	if err != nil || other != nil || !bytes.Equal(a, b) {
		t.Errorf("measuring changed what was learnt (%v, %v)", err, other)
	}
	var report struct {
		Sections map[string]struct{ Seconds float64 }
	}
	text, err := os.ReadFile("r/evals/000000128/report.json")
	if err != nil || json.Unmarshal(text, &report) != nil || len(report.Sections) != 4 || report.Sections["denoising"].Seconds <= 0 {
		t.Errorf("the report (%v):\n%s", err, text)
	}
}

func TestMeasuresWhileTrainingRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, s := range []said{
		{"train -n", 0, `every_images = 0\nmeasures = \['denoising', 'one-step'\]\nimages = 64\nsamples = 256`, ""},
		{"train -n --recipe points", 0, `measures = \['denoising'\]`, ""},
		{"train -n --set eval.every_images=-1", 2, "", `eval.every_images, images and samples are -1, `},
		{"train -n --set eval.every_images=9 --set held_out.share=0", 2, "", `nothing is held out to measure on: set held_out.share`},
		{"train -n --set eval.every_images=9 --set eval.measures=[\"distribution\"] --set eval.samples=5", 2, "", `eval.samples is 5, must be at least 50 for \[distribution\]`},
		{"train -n --set eval.every_images=9 --set eval.measures=[\"points\"]", 2, "", `take distribution`},
		{"train -n --recipe points --set eval.every_images=9 --set eval.measures=[\"copies\"]", 2, "", `eval.measures has copies, which is about pictures`},
		{"train -n --set eval.measures=[\"fid\"]", 2, "", `fid.*denoising`},
		{"train -n --recipe text --set eval.every_images=9", 2, "", `the keys of .*\[eval\].* are about pictures`},
	} {
		s.check(t)
	}
}
