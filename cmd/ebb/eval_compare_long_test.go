//go:build long

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// comparableRuns trains two runs that differ in their length and one that differs in what it sees.
func comparableRuns(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, line := range []string{"train -q --run a --config tiny.toml --images 64", "train -q --run b --config tiny.toml --images 320 --set diffusion.schedule=cosine --set train.rate.peak=3e-3"} {
		said{line, 0, "", ""}.check(t)
		if t.Failed() {
			t.FailNow()
		}
	}
	if err := os.CopyFS("small", os.DirFS("a/model")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("small/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "small/config.toml", strings.NewReplacer("height = 16", "height = 20", "width = 16", "width = 20").Replace(string(text)))
}

// Comparing, sweeping and advising on real runs, as a person does it.
func TestCompareSweepAdvise(t *testing.T) {
	comparableRuns(t)
	for _, s := range []said{
		// compare
		{"eval compare a", 2, "", `a comparison of 1 run: name at least two`},
		{"eval compare a nowhere", 2, "", `nowhere is neither a run nor a model`},
		{"eval compare a small", 3, "", `data.height is 16 and 20`},
		{"eval compare a b --metrics speed", 2, "", `choose one of eps`},
		{"eval compare a b --levels 0", 2, "", `give at least 1`},
		{"eval compare a b --images 32 --samples 40 --levels 4 --out c", 0, `^b against a\n(.*\n)+eps-MSE .* a\n.* b: -.*, better(.*\n)+KID`, ``},
		{"eval compare a a/model --images 16 --metrics eps --json", 0, `"verdict":"no difference shown"`, ``},
		// sweep
		{"eval sweep small --samples 12", 2, "", `fewer than 40 samples`},
		{"eval sweep a --steps 0", 2, "", `--steps 0: give at least 1`},
		{"eval sweep a --averages ema-7", 2, "", `the run has raw`},
		{"eval sweep a --averages sigma-0.05", 2, "", `has no snapshots`},
		{"eval sweep a/model --averages raw", 2, "", `one set of weights`},
		{"eval sweep a --measure beauty", 2, "", `choose one of fd`},
		{"eval sweep a --features beauty", 2, "", `--features beauty: give dct, pixels, train, or`},
		{"eval sweep b --samplers ddim,heun --steps 1,2 --averages raw --samples 80 --seed 3 --write", 0, `nothing that costs no more is nearer. Recommended: `,
			`^round 1 of 2, ddim, 1 steps(.*\n)+b/config.toml: \[sample\] is now`},
		{"eval sweep b --samplers ddim,heun --steps 1,2 --averages raw --samples 80 --seed 3 --json", 0, `"recommended":`, ``},
		// advise
		{"eval a --advise", 2, "", `there is no report in a/report to take advice from; make one:  ebb eval a --out a/report`},
		{"eval nowhere --advise", 2, "", `nowhere is neither a run nor a model`},
	} {
		if s.check(t); t.Failed() {
			t.FailNow()
		}
	}
	for _, name := range []string{"c/compare.html", "c/compare.json", "c/compare.svg", "b/sweep/sweep.json", "b/sweep/sweep.svg"} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Error(name, err)
		}
	}
	sweepGoesOn(t)
	advised(t)
}

// sweepGoesOn: features of samples are kept, and the same sweep draws none anew.
func sweepGoesOn(t *testing.T) {
	t.Helper()
	cells, err := filepath.Glob("b/sweep/cells/*.features")
	if err != nil || len(cells) != 4 {
		t.Fatal(cells, err)
	}
	before := map[string]os.FileInfo{}
	for _, c := range cells {
		if before[c], err = os.Stat(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(cells[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, first, _ := ebb("eval", "sweep", "b", "--samplers", "ddim,heun", "--steps", "1,2", "--averages", "raw", "--samples", "80", "--seed", "3", "--json")
	_, second, _ := ebb("eval", "sweep", "b", "--samplers", "ddim,heun", "--steps", "1,2", "--averages", "raw", "--samples", "80", "--seed", "3", "--json")
	if first != second || first == "" {
		t.Errorf("the same sweep again:\n%s\n%s", first, second)
	}
	for _, c := range cells[1:] {
		if now, err := os.Stat(c); err != nil || !now.ModTime().Equal(before[c].ModTime()) {
			t.Errorf("%s was drawn anew (%v)", c, err)
		}
	}
	var r struct {
		Recommended cell
		Cells       []struct {
			cell
			Calls        int
			Last, Pareto bool
		}
	}
	if err := json.Unmarshal([]byte(first), &r); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cells {
		want := c.Steps
		if c.Sampler.String() == "heun" {
			want = 2*c.Steps - 1
		}
		if c.Guidance != 1 {
			want *= 2
		}
		if c.Calls != want {
			t.Errorf("%v costs %d calls, want %d", c.cell, c.Calls, want)
		}
		if c.cell == r.Recommended && !(c.Last && c.Pareto) {
			t.Errorf("%v is recommended: %+v", c.cell, c)
		}
	}
	for _, dir := range []string{"b", "b/model"} {
		config, err := readConfig(filepath.Join(dir, configFile))
		if err != nil || config.Sample.Method != r.Recommended.Sampler || config.Sample.Steps != r.Recommended.Steps {
			t.Errorf("%s: [sample] is %+v, recommended %+v (%v)", dir, config.Sample, r.Recommended, err)
		}
	}
	said{"train --run b", 0, "", `b is complete`}.check(t) // another [sample] is no other run
}

// advised: advice is taken from figures that were written, and measures nothing.
func advised(t *testing.T) {
	t.Helper()
	for _, s := range []said{
		{"eval b --out b/report --parts denoising --images 16", 0, `eps-MSE`, `the report is`},
		{"eval b --advise", 0, `by the report in b/report:`, ``},
	} {
		s.check(t)
	}
	text, err := os.ReadFile("b/report/report.json")
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	r["sections"].(map[string]any)["copies"] = json.RawMessage(`{"title":"Copies","figures":[
		{"name":"copy rate-pixels","space":"pixels","value":0.5,"interval":[0.4,0.6],"n":100},{"name":"held-out copy rate-pixels","space":"pixels","value":0,"interval":[0,0.01],"n":100}]}`)
	if text, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	write(t, "elsewhere/report.json", string(text))
	for _, s := range []said{
		{"eval b --advise --out elsewhere", 0, `Copying: 50 % of the samples are pictures of training.\n(.*\n)+.*data.augment=0.12`, ``},
		{"eval b --advise --out elsewhere --json", 0, `"finding":"Copying`, ``},
		{"eval a --advise --out nowhere", 2, "", `ebb eval a --out nowhere`},
	} {
		s.check(t)
	}
	write(t, "bad/report.json", strings.Repeat("x", 10))
	said{"eval b --advise --out bad", 3, "", `bad/report.json: report: this is no report.json`}.check(t)
}
