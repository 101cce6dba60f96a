package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tinyText = " --batch 8 --set network.text.dim=16 --set network.text.layers=1 --set network.text.heads=2 --set text.length=32 " +
	"--set text.held_out.share=0.2 --set text.sample.rows=2 --set text.sample.steps=4"

// novel writes some text of letters and space.
func novel(t *testing.T, name string) {
	t.Helper()
	write(t, name, strings.Repeat("it was a dark and stormy night and the rain fell in torrents ", 60))
}

// Text from a file is trained on, measured, gone on with and exported; progress is counted in tokens.
func TestTrainText(t *testing.T) {
	t.Chdir(t.TempDir())
	novel(t, "novel.txt")
	for _, s := range []said{
		{"train --recipe text-small --data novel.txt --run r --tokens 1024" + tinyText, 0, "", `(?s)1024 tokens, batch 8.*held-out loss .* bits a character.*done: 1024 tokens`},
		{"train --run r --tokens 2048", 0, "", `going on after 1024 tokens.*2048 tokens`},
		{"train --run r", 0, "", `(?s)is complete: 2048 tokens.*ebb train --run r --tokens 4096`},
		{"plan --run r --steps 0 --tokens 4096", 0, `4096 tokens in 16 steps of 8`, ""},
		{"train --run r --tokens 4096 --set text.length=16", 2, "", `text.length is 32 there and 16 now`},
		{"train --run r --images 5", 2, "", `recipe text-small is about text; say how many --tokens`},
		{"eval r", 0, `bits per character`, ""},
		{"eval r --windows 0", 2, "", `--windows 0: give a number of rows, or all`},
	} {
		s.check(t)
	}
	previews, err := filepath.Glob("r/samples/*.txt")
	if err != nil || len(previews) < 2 {
		t.Error(previews, err)
	}
	var whole, held, again evalTextResult
	for line, r := range map[string]*evalTextResult{"r --data other.txt --windows all": &whole, "r": &held, "r/model --data novel.txt": &again} {
		novel(t, "other.txt")
		code, stdout, stderr := ebb(append([]string{"eval", "--json"}, strings.Fields(line)...)...)
		if err := json.Unmarshal([]byte(stdout), r); err != nil || code != 0 || strings.Count(stdout, "\n") != 1 {
			t.Fatal(line, code, err, stdout, stderr)
		}
	}
	if whole.Windows != 3660/32 || whole.Chars != whole.Tokens || held.BitsPerChar != again.BitsPerChar || held.Windows != again.Windows || held.Windows != (732-32+1)/32 {
		t.Errorf("the whole text %+v, what was held out %+v, the same by its name %+v", whole, held, again)
	}
	if d := float64(held.Perplexity)/math.Exp2(float64(held.BitsPerChar)) - 1; math.Abs(d) > 1e-3 || !(held.StandardError > 0) || held.BitsPerByte != held.BitsPerChar {
		t.Errorf("%+v", held)
	}
	if err := os.WriteFile("r/model/tokenizer.json", []byte(`{"ebb_tokenizer":"bytes","special":false}`), 0o666); err != nil {
		t.Fatal(err)
	}
	said{"eval r/model", 3, "", `model.tokenizer.json is tokenizer .*, the model was trained with .*: put the model's own there`}.check(t)
	if err := os.Remove("r/model/tokenizer.json"); err != nil {
		t.Fatal(err)
	}
	said{"eval r/model", 3, "", `no tokenizer`}.check(t)
}

// What text that cannot be used gets, and flags that are about pictures.
func TestBadText(t *testing.T) {
	t.Chdir(t.TempDir())
	novel(t, "novel.txt")
	write(t, "empty.txt", "")
	write(t, "short.txt", "too short")
	write(t, "latin.txt", strings.Repeat("so naive ", 100)+"na\xefve")
	write(t, "capital.txt", strings.Repeat("so naive ", 100)+"So")
	if err := os.Mkdir("folder", 0o777); err != nil {
		t.Fatal(err)
	}
	const train = "train --run r --recipe text-small "
	for _, s := range []said{
		{train, 3, "", `recipe text-small needs text: name a file, a folder or an archive with --data`},
		{train + "--data nothing.txt", 3, "", `nothing.txt`},
		{train + "--data folder", 3, "", `no text files found`},
		{train + "--data empty.txt", 3, "", `empty.txt: .*the corpus is empty`},
		{train + "--data short.txt", 3, "", `short.txt: 9 tokens to train on are fewer than a row of 128: give more text, or set text.length lower`},
		{"train --run r --recipe text-folder --data short.txt", 3, "", `short.txt`},
		{"train --run r --recipe text-folder --data empty.txt", 3, "", `empty.txt: there is no text in it`},
		{train + "--data latin.txt --set text.encoding=strict", 3, "", `latin.txt.*byte 902 \(0xef\) is no UTF-8: convert the file, or allow`},
		{train + "--data capital.txt", 3, "", `the character 'S' at byte 900 is not in the tokenizer's alphabet: clean the text, or choose another tokenizer`},
		{train + "--data novel.txt --images 5", 2, "", `--images: recipe text-small is about text; say how many --tokens`},
		{train + "--data novel.txt --set text.held_out.share=0.1 --set sample.steps=5", 2, "", `are about pictures; use those of \[text\]`},
		{train + "--data novel.txt --set text.lenght=5", 2, "", `there is no key text.lenght; did you mean text.length\?`},
		{train + "--data novel.txt --set text.held_out.share=0.1 --tokens=-5", 2, "", `train.tokens is -5, must be at least 1`},
		{"train --run r --recipe text --data novel.txt", 2, "", `recipe text makes its own text; train on yours with --recipe text-folder`},
		{"train --run r --tokens 5", 2, "", `--tokens: recipe glyphs is about pictures; say how many --images`},
		{"train --run r --set train.tokens=5", 2, "", `train.images is .* and train.tokens 5|train.tokens is 5, but recipe glyphs is about pictures`},
	} {
		s.check(t)
	}
	if _, err := os.Stat("r"); err == nil {
		t.Error("a command that was refused left a run folder")
	}
}

// The built-in equations are trained on without any file, and judged at the end.
func TestTrainEquations(t *testing.T) {
	t.Chdir(t.TempDir())
	said{"train --recipe text --run r --tokens 2048 --batch 8 --set network.text.dim=16 --set network.text.layers=1 --set text.sample.steps=8 --set text.equations.documents=3000 --set text.held_out.share=0.1",
		0, "", `(?s)Of \d+ equations that it wrote, \d+ are true .*Of 800 missing numbers, it filled in \d+ right.*ebb sample r`}.check(t)
	log, err := os.ReadFile("r/events.jsonl")
	if err != nil || !strings.Contains(string(log), `"equations_true"`) || !strings.Contains(string(log), `"numbers_right"`) {
		t.Error(err, string(log))
	}
}
