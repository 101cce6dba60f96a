//go:build long

package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval/report"
)

// blocks paints n pictures of 8 x 8 pixels, each of 16 blocks that are dark or light by chance.
func blocks(t *testing.T, dir string, n int, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		light := random.Uint32()
		paint(t, fmt.Sprintf("%s/%04d.png", dir, i), 8, 8, func(x, y int) color.Color {
			return color.Gray{20 + 215*uint8(light>>(y/2*4+x/2)&1)}
		})
	}
}

// nonsense writes documents of words that follow each other by chance, and labelled ones that say their class in one word.
func nonsense(t *testing.T) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 0))
	var words [200]string
	for i := range words {
		for range 2 + i%5 {
			words[i] += string(rune('a' + random.IntN(16)))
		}
	}
	var documents strings.Builder
	for range 30 {
		for range 30 {
			documents.WriteString(words[random.IntN(len(words))] + " ")
		}
		documents.WriteString("\n\n")
	}
	write(t, "words.txt", documents.String())
	var labelled strings.Builder
	table := csv.NewWriter(&labelled)
	for i := range 240 {
		_ = table.Write([]string{[]string{"bad dull", "good fine"}[i%2] + strings.Repeat(" so", i%5), []string{"neg", "pos"}[i%2]}) // a Builder takes everything
	}
	table.Flush()
	write(t, "labelled.csv", "text,label\n"+labelled.String())
}

const adviseConfig = `
[train]
batch = 32
averages = [{decay = 0.99}]
sample_every = 0
save_every = 0
eval_every = 3200
rate = {peak = 2e-3, warmup = 320}
[sample]
rows = 1
columns = 2
[network]
kind = "unet"
conditional = false
[network.unet]
channels = [32, 64]
down = ["conv", "conv"]
up = ["conv", "conv"]
layers = 1
groups = 8
[diffusion]
schedule = "cosine"
prediction = "v"
`

// Each rule of ebb eval --advise has a run that triggers it, and the command that it names is one that ebb accepts.
func TestEachAdvice(t *testing.T) {
	t.Chdir(t.TempDir())
	blocks(t, "few", 16, 1)
	blocks(t, "held", 200, 2)
	blocks(t, "leaked", 60, 1) // begins with the few
	nonsense(t)
	write(t, "blocks.toml", adviseConfig)
	const onBlocks = "train -q --recipe cifar10-small --config blocks.toml --data few --valid held --set data.flip_x=false --images 16000 --run few-run"
	const letters = "train -q --set train.sample_every=0 --set train.save_every=0 --set sample.rows=1 --set sample.columns=2 --set train.eval_every=800 "
	const words = "train -q --no-check --recipe text-folder --batch 16 --set text.tokenizer.kind=bytes --set network.text.heads=2 --set text.held_out.windows=32 " +
		"--set text.held_out.share=0.3 --set train.averages=[] --set train.sample_every=0 "
	const flat = "--process autoregressive --data words.txt --set text.length=64 --set network.text.init=torch "
	for _, c := range []struct {
		train, run, eval string
		findings         []string
	}{
		{onBlocks, "few-run", "--data held --train-data few --samples 50 --parts denoising,copies", []string{"Overfitting: the error on held-out pictures is ", "Copying: "}},
		{"", "few-run", "--data leaked --train-data few --samples 50 --parts leaks", []string{"of the held-out pictures are also in the training set"}},
		{letters + "--images 4000 --set train.rate.peak=1e-5 --set train.rate.horizon=32000", "runs/glyphs", "--parts denoising --samples 2 --images 128",
			[]string{"times what recipe glyphs reaches", "still falling"}},
		{letters + "--images 6400 --run band --set diffusion.time=logit-normal --set diffusion.time_mean=0.9 --set diffusion.time_std=0.5 --set train.averages=[{sigma_rel=0.25}]",
			"band", "--parts denoising,distribution --samples 100 --features dct --images 256", []string{"At low noise the network is hardly better", "With guidance 4 samples", "it reaches too far back"}},
		{words + flat + "--tokens 800000 --run heart --set text.held_out.share=0.2 --set network.text.dim=64 --set network.text.layers=2 --set train.rate.peak=5e-3 " +
			"--set train.eval_every=80000", "heart", "--samples 40", []string{"Copying: ", "Overfitting: the held-out loss fell"}},
		{words + flat + "--tokens 80000 --run again --set network.text.dim=32 --set network.text.layers=1 --set train.rate.peak=3e-3 --set text.sample.temperature=0.05", "again",
			"--samples 40", []string{"Repetition: ", "still falling"}},
		{words + "--data labelled.csv --tokens 15360 --run classes --set text.label=label --set text.packing=separate --set text.length=24 --set network.text.dim=16 " +
			"--set network.text.layers=1 --set train.rate.peak=1e-2", "classes", "--samples 40 --guidance 1", []string{"Without guidance the words of"}},
	} {
		if c.train != "" {
			said{c.train, 0, "", ""}.check(t)
		}
		said{"eval " + c.run + " --out " + c.run + "/report " + c.eval, 0, "", ""}.check(t)
		if t.Failed() {
			t.FailNow()
		}
		advice := adviceOn(t, c.run)
		for _, f := range c.findings {
			i := slices.IndexFunc(advice, func(a report.Advice) bool { return strings.Contains(a.Finding, f) })
			if i < 0 {
				t.Errorf("%s: %q was to be found, there is %+v", c.run, f, advice)
			}
		}
		for _, a := range advice {
			acceptable(t, a.Command)
		}
		if err := os.RemoveAll(c.run + "/report"); err != nil {
			t.Error(err)
		}
	}
}

// adviceOn is what ebb says of the report in a run.
func adviceOn(t *testing.T, run string) []report.Advice {
	t.Helper()
	code, stdout, stderr := ebb("eval", run, "--advise", "--json")
	var r struct{ Advice []report.Advice }
	if code != 0 || json.Unmarshal([]byte(stdout), &r) != nil {
		t.Fatalf("ebb eval %s --advise: exit code %d\n%s%s", run, code, stdout, stderr)
	}
	return r.Advice
}

// acceptable checks that a command of an advice is understood, without doing all of its work.
func acceptable(t *testing.T, command string) {
	t.Helper()
	line := strings.NewReplacer("ebb ", "", "'", "").Replace(command)
	switch verb, _, _ := strings.Cut(line, " "); verb {
	case "train", "finetune":
		line += " -n"
	case "sample":
		line += " -n 1"
	default: // eval and tune would take minutes
		line += " --help"
	}
	if said, err := process(strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", line, err, said)
	}
}
