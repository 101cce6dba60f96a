package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tinyWriter trains a small network of a process on equations for two steps into a run folder.
func tinyWriter(t *testing.T, run, process, more string) {
	t.Helper()
	line := "train -q --no-check --recipe text --process " + process + " --run " + run + " --batch 8 --tokens 512 --set network.text.dim=16 " +
		"--set network.text.layers=1 --set network.text.heads=2 --set text.length=32 --set text.held_out.windows=8 --set text.sample.rows=1 " +
		"--set text.packing=packed --set text.tokenizer.no_special=true --set text.equations.each=8 --set network.text.positions=0 " +
		"--set text.sample.steps=4 --set text.sample.block=0 --set train.averages=[] --set train.rate.horizon=512 --set train.rate.warmup=0 " + more
	if code, _, stderr := ebb(strings.Fields(line)...); code != 0 {
		t.Fatal(line, stderr)
	}
}

// What does not go together is refused with what to do about it.
func TestSampleTextRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	tinyWriter(t, "r", "absorbing", "")
	tinyWriter(t, "ar", "autoregressive", "")
	for _, s := range []said{
		{"sample r --prompt 17+2x", 2, "", `--prompt: the model does not know the character 'x' \(byte 4\): its alphabet is "0123456789\+=;"`},
		{"sample r --infill é[MASK]", 2, "", `--infill: the model does not know the character 'é'`},
		{"sample r --length 3 --prompt 17+2", 2, "", `--prompt has 4 tokens and the text is to have 3: nothing is left to write; give --length 5 or more`},
		{"sample r --infill 17+25", 2, "", `--infill has no hole: write \[MASK\]`},
		{"sample r --infill 1[MASK:x]", 2, "", `begins no hole: write \[MASK\] or \[MASK:40\]`},
		{"sample r --infill 1[MASK] --length 9", 2, "", `leave out --prompt and --length`},
		{"sample r --spacing karras --from a.png --strength 0.5", 2, "", `--spacing, --from, --strength: r draws text, not pictures: leave that out`},
		{"sample r --gif a.gif", 2, "", `use --record FILE.html`},
		{"sample r --record a.gif", 2, "", `give it a name that ends in .html`},
		{"sample r --sampler heun", 2, "", `--sampler heun: a model of the process absorbing has one of ancestral, first-hitting`},
		{"sample r --sampler first-hitting --steps 9", 2, "", `makes a call for each token: leave it out`},
		{"sample r --eta 0.5", 2, "", `--eta is for --sampler remask`},
		{"sample r --block 5", 2, "", `--block is for --sampler block`},
		{"sample r --top-p 0", 2, "", `--top-p 0: give a number above 0 up to 1`},
		{"sample r --temperature=-1", 2, "", `--temperature -1: give a number from 0 to 100`},
		{"sample r --stop", 2, "", `the tokenizer of this model has no end of text`},
		{"sample r --class pos", 2, "", `--class pos: this model was trained without classes`},
		{"sample r --guidance 2", 2, "", `--guidance 2: this model was trained without classes`},
		{"sample r --out nowhere/a.txt", 5, "", `there is no folder nowhere`},
		{"sample ar --sampler ancestral", 2, "", `a model of the process autoregressive has only left-to-right`},
		{"sample ar --infill 1[MASK]2", 2, "", `does not see what comes after a hole: use one trained with --process absorbing`},
		{"train --recipe text --process gpt -n", 2, "", `gpt.*absorbing`},
		{"train --recipe text --process block --set text.block=7 -n", 2, "", `text.block is 7, must divide text.length, 10`},
		{"train --process block -n", 2, "", `--process: recipe glyphs is about pictures`},
	} {
		s.check(t)
	}
}

// A run of the processes with the most to draw goes on after a stop to the same bits as without one.
func TestProcessesResume(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, process := range []string{"block", "continuous"} {
		tinyWriter(t, process, process, "")
		tinyWriter(t, "stopped-"+process, process, "--tokens 256")
		said{"train -q --no-check --run stopped-" + process + " --tokens 512", 0, "", ""}.check(t)
		var weights [2][]byte
		for i, run := range []string{process, "stopped-" + process} {
			var err error
			if weights[i], err = os.ReadFile(run + "/model/model.safetensors"); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(weights[0], weights[1]) {
			t.Errorf("%s: a run that was stopped ends with other weights", process)
		}
	}
}

// Every process trains, measures and writes; a text does not depend on its batch or the number of threads.
func TestSampleTextOfEveryProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, process := range []string{"absorbing", "uniform", "autoregressive", "block", "continuous"} {
		tinyWriter(t, process, process, "")
		lines := func(flags string) []string {
			code, stdout, stderr := ebb(strings.Fields("sample " + process + " --json --prompt 17+ " + flags)...)
			if code != 0 || !strings.Contains(stderr, "of the network") {
				t.Fatal(process, flags, code, stderr)
			}
			return strings.Split(strings.TrimSpace(stdout), "\n")
		}
		all, some := lines("-n 5 --seed 4"), lines("-n 3 --first 2 --batch 2 --seed 4 --threads 1")
		if !slices.Equal(all[2:], some) {
			t.Errorf("%s: samples 2 to 4 are %q, and among five %q", process, some, all[2:])
		}
		var first textLine
		if err := json.Unmarshal([]byte(all[0]), &first); err != nil || !strings.HasPrefix(first.Text, "17+") || len(first.Text) != 32 || first.Tokens != 32 || first.Seed != 4 {
			t.Errorf("%s: %+v (%v)", process, first, err)
		}
		if long := lines("-n 1 --length 80"); len(long) != 1 || !strings.Contains(long[0], `"tokens":80`) {
			t.Errorf("%s: %q", process, long)
		}
	}
}

// Texts go to the screen or a file, with holes filled and the rest as given; a record of their making is a page.
func TestSampleTextOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	tinyWriter(t, "r", "absorbing", "")
	for _, s := range []said{
		{"sample r -n 2", 0, `(?s)^--- sample 0 ---\n[0-9+=;]{32}\n--- sample 1 ---\n[0-9+=;]{32}\n$`, `2 texts of 32 tokens: [1-4] calls of the network`},
		{"sample r -n 1", 0, `^[0-9+=;]{32}\n$`, `1 text of 32 tokens`},
		{"sample r -n 1 --infill 17+[MASK:2]=42; --sampler confidence", 0, `^17\+..=42;\n$`, `1 text of 9 tokens: [12] calls?`},
		{"sample r -n 3 --out o.txt --record o.html --temperature 0 --sampler block --block 8", 0, `^$`, `(?s)o.txt\no.html\n3 texts`},
		{"sample r -n 1 --sampler remask --eta 0.3 --steps 9 --top-p 0.9", 0, `^[0-9+=;]{32}\n$`, ""},
	} {
		s.check(t)
	}
	page, err := os.ReadFile("o.html")
	if err != nil || !bytes.Contains(page, []byte("const frames = [[\"·")) || bytes.Contains(page, []byte("%!")) {
		t.Errorf("%s %v", page, err)
	}
	if o, err := os.ReadFile("o.txt"); err != nil || strings.Count(string(o), "--- sample") != 3 {
		t.Errorf("%s %v", o, err)
	}
}

// Labelled documents: classes by name, guidance, and texts that end.
func TestSampleTextByClass(t *testing.T) {
	t.Chdir(t.TempDir())
	var reviews strings.Builder
	reviews.WriteString("text,label\n")
	for i := range 120 {
		reviews.WriteString([]string{"bad dull", "good"}[i%2] + strings.Repeat(" so", i%5) + "," + []string{"neg", "pos"}[i%2] + "\n")
	}
	write(t, "reviews.csv", reviews.String())
	write(t, "others.csv", "label,text\nunheard,what is that\n"+strings.Repeat("pos,good so so\npos,good\n", 12)) // classes in another order, one unknown, one missing
	code, _, stderr := ebb(strings.Fields("train -q --no-check --recipe text-folder --data reviews.csv --run r --batch 16 --tokens 15360 " +
		"--set text.label=label --set text.packing=separate --set text.length=24 --set text.tokenizer.kind=bytes --set network.text.dim=16 " +
		"--set network.text.layers=1 --set network.text.heads=2 --set text.held_out.windows=0 --set train.rate.peak=1e-2 --set train.averages=[]")...)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, s := range []said{
		{"sample r -n 3", 0, `(?s)--- sample 0, neg ---.*--- sample 1, pos ---.*--- sample 2, neg ---`, ""},
		{"sample r -n 8 --class pos --guidance 2 --json", 0, `"class":"pos".*"ended":true`, ""},
		{"sample r -n 1 --class none --json", 0, `^{"sample":0,"seed":0,"text"`, ""},
		{"sample r -n 1 --class bad", 2, "", `--class bad: the classes are neg, pos \(or 0 to 1\)`},
		{"eval r --data others.csv --samples 6 --guidance 1,3 --exact 4 --out report", 0,
			`(?s)left to right, exact \(4\).*class named rightly by its words, share +all +neg +pos\nheld-out documents \(24\) +1.000 ± 0.000 +NaN +1.000\n.*samples, guidance 1 \(6\).*samples, guidance 3 \(6\)`, `the report is report.report.html`},
		{"eval r --advise --out report", 0, `by the report in report:`, ""},
		{"eval r --data others.csv --guidance=-1", 2, "", `--guidance -1: give scales from 0 to 100`},
		{"eval r --data others.csv --out report --parts classes", 2, "", `--parts is for reports on pictures`},
	} {
		s.check(t)
	}
	if previews, err := filepath.Glob("r/samples/*.txt"); err != nil || len(previews) == 0 {
		t.Error("no previews", err)
	} else if shown, err := os.ReadFile(previews[0]); err != nil || !strings.Contains(string(shown), "--- 2, pos\n") {
		t.Errorf("%v %s", err, shown)
	}
	// The report again takes its measures from the first.
	parts, err := filepath.Glob("report/parts/*")
	if err != nil || len(parts) != 5 {
		t.Errorf("kept %v (%v)", parts, err)
	}
	again := strings.Fields("eval r --data others.csv --samples 6 --guidance 1,3 --exact 4 --json --out ")
	_, first, _ := ebb(append(again, "report")...)
	_, anew, _ := ebb(append(again, "other")...)
	if kept, err := filepath.Glob("report/parts/*"); err != nil || !slices.Equal(kept, parts) || first != anew || first == "" {
		t.Errorf("kept %v (%v), then %v\n%s\n%s", parts, err, kept, first, anew)
	}
	page, err := os.ReadFile("report/report.html")
	if err != nil || !strings.Contains(string(page), "Classes asked for") || !strings.Contains(string(page), "sample 1, pos, guidance 3") {
		t.Errorf("%v %s", err, page)
	}
}
