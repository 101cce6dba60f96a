package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// A model of text goes on with other text and the same tokenizer, as it was or as block diffusion; what cannot be is refused.
func TestFinetuneText(t *testing.T) {
	t.Chdir(t.TempDir())
	novel(t, "novel.txt")
	write(t, "sea.txt", strings.Repeat("the sea was calm and the ship lay still under a pale moon that night ", 40))
	write(t, "marks.txt", strings.Repeat("the sea: calm! ", 200))
	var moods strings.Builder
	moods.WriteString("text,label\n")
	for i := range 200 {
		fmt.Fprintf(&moods, "%s night upon the sea number %d,%s\n", []string{"calm and still", "torn by a storm"}[i%2], i, []string{"calm", "wild"}[i%2])
	}
	write(t, "mood.csv", moods.String())
	const train = "train -q --no-check --recipe text-small --data novel.txt --run base --tokens 1024 --set train.averages=[]"
	said{train + tinyText, 0, "", ""}.check(t)
	const tune = "finetune base --no-check --data sea.txt --tokens 1024 --run "
	for _, s := range []said{
		{tune + "sea", 0, "", `(?s)going on from base.*text.paths .*stays: the network\n.*trained: all weights.*done: 1024 tokens; the model in sea.model.*held-out loss on the new data: .* before, .* now \(-.*ebb sample sea.model -n 4`},
		{"finetune --run sea --tokens 2048 --no-check", 0, "", `done: 2048 tokens`},
		{"sample sea/model -n 1 --steps 4", 0, `^[a-z ]{32}\n$`, ""},
		{"eval sea --windows 20", 0, `bits per character`, ""},
		{tune + "blocks --process block --train blocks.*", 0, "", `(?s)text.process +absorbing -> block.*trained: blocks\.\*, .* % of the model's`},
		{"sample blocks/model -n 1 --steps 4", 0, `^[a-z ]{32}\n$`, ""},
		{strings.Replace(train, "--run base", "--run bytes", 1) + tinyText + " --set text.tokenizer={kind='bytes',alphabet='',no_special=false}", 0, "", ""},
		{"finetune bytes --no-check --data mood.csv --set text.label=label --set network.conditional=true --run moods --tokens 512", 0, "",
			`(?s)text.packing +packed -> separate.*class_embedding.weight \[3 16\] is new; what reads it is zero.*done: 512 tokens`},
		{"sample moods -n 2 --steps 4 --guidance 2", 0, `(?s)sample 0, calm ---.*sample 1, wild ---`, ""},
		{"finetune moods --no-check --data novel.txt --run more --tokens 512", 0, "", `done: 512 tokens`},
		{"finetune base --no-check --data mood.csv --set text.label=label --set network.conditional=true --run x", 2, "", `filled with pad, which the tokenizer of this model does not have`},
		{tune + "lora --lora 2 --alpha 4", 0, "", `(?s)trained: adapters of rank 2, \d+ values, .* % of the model's.*held-out loss on the new data: .* now \(-.*The adapter alone is in lora.model.adapter:.*ebb sample base --lora lora:0.8 -n 4`},
		{"sample lora/model -n 2 --steps 4", 0, `[a-z ]{32}\n`, ""},
		{"sample base --lora lora:0.5 -n 1 --steps 4", 0, `^[a-z ]{32}\n$`, ""},
		{"eval lora --windows 20", 0, `bits per character`, ""},
		{tune + "dora --process block --lora 2 --dora", 0, "", `(?s)text.process +absorbing -> block.*done: 1024 tokens`},
		{tune + "ar --process autoregressive --lora 2 --targets blocks.*", 0, "", `done: 1024 tokens`},
		{"finetune lora --no-check --data sea.txt --run x", 2, "", `start from its model folder, where they are merged`},
		{tune + "x --lora 2 --train blocks.*", 2, "", `lora`},
		{tune + "x --class calm --images 5", 2, "", `--images, --class: that is not for a model of text`},
		{tune + "x --process continuous", 2, "", `cannot be carried over`},
		{"finetune base --no-check --data marks.txt --run x", 3, "", `marks.txt.*the character ':' .* is not in the tokenizer's alphabet`},
	} {
		s.check(t)
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a command that was refused left a run folder")
	}
	for _, run := range []string{"lora", "dora"} { // a run with adapters is the model that merging leaves
		said{"eval " + run + " --windows 20 --json", 0, "", ""}.check(t)
		_, apart, _ := ebb("eval", run, "--data", "sea.txt", "--windows", "20", "--json", "--checkpoint", "best")
		_, merged, _ := ebb("eval", run+"/model", "--data", "sea.txt", "--windows", "20", "--json")
		if a, b := bitsPerChar(t, apart), bitsPerChar(t, merged); math.Abs(a-b) > 1e-5 {
			t.Errorf("%s: %v bits a character, merged %v", run, a, b)
		}
	}
	// In one go, to the same bits as with a stop.
	said{strings.Replace(tune, "1024", "2048", 1) + "whole -q", 0, "", ""}.check(t)
	said{strings.Replace(tune, "1024", "2048", 1) + "again -q --threads 1", 0, "", ""}.check(t)
	whole, err1 := os.ReadFile("whole/model/model.safetensors")
	again, err2 := os.ReadFile("again/model/model.safetensors")
	if err1 != nil || err2 != nil || !bytes.Equal(whole, again) {
		t.Error("the number of threads matters", err1, err2)
	}
}

func bitsPerChar(t *testing.T, report string) float64 {
	t.Helper()
	var r struct {
		BitsPerChar float64 `json:"bits_per_char"`
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil || r.BitsPerChar <= 0 {
		t.Fatalf("%v in %s", err, report)
	}
	return r.BitsPerChar
}
