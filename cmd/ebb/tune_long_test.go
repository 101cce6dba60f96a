//go:build long

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A whole search, cut off and gone on with, ends as one that was not; its winner trains.
func TestTuneLife(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	line := strings.Fields("tune -q --config tiny.toml --trials 4 --longest 192 --time 10m --range-steps 40 --knobs train.rate.peak=1e-5..1e-2,train.batch=16:32 --json")
	code, whole, talk := ebb(append(line, "--out", "whole")...)
	if code != 0 {
		t.Fatal(talk)
	}
	type found struct {
		Winner []string
		Score  float64
		Trials []tuneTrial
		Config string
	}
	var want, got found
	if err := json.Unmarshal([]byte(whole), &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Trials) != 6 || want.Trials[0].Budget != 64 || want.Trials[5].Budget != 192 {
		t.Fatalf("%+v", want)
	}
	for _, v := range want.Trials[4:] {
		if float64(v.Score) < want.Score {
			t.Errorf("%+v is better than the winner's %v", v, want.Score)
		}
	}
	cutOff(t, "whole", "part")
	if code, part, talk := ebb(append(line, "--out", "part")...); code != 0 {
		t.Fatal(talk)
	} else if err := json.Unmarshal([]byte(part), &got); err != nil {
		t.Fatal(err)
	}
	if got.Score != want.Score || strings.Join(got.Winner, " ") != strings.Join(want.Winner, " ") || len(got.Trials) != 6 {
		t.Errorf("gone on with: %+v\nnever stopped: %+v", got, want)
	}
	checkpoints, err := filepath.Glob("whole/trial-*/checkpoints")
	if err != nil || len(checkpoints) != 2 {
		t.Errorf("of the trials that were dropped checkpoints stay: %v %v", checkpoints, err)
	}
	for _, s := range []said{
		{"tune -q --config tiny.toml --trials 5 --longest 192 --out whole", 2, "", `whole has a search with other settings`},
		{"tune -q --config tiny.toml --trials 4 --longest 192 --time 10m --knobs train.rate.peak=1e-5..1e-2,train.batch=16:32 --out whole", 0, `<- best\n(.*\n)+Try:  ebb train --recipe glyphs --config whole/tuned.toml`, ``},
		{"train -n --recipe glyphs --config whole/tuned.toml --run tuned", 0, `^peak = `, ``},
	} {
		s.check(t)
	}
	for _, name := range []string{"whole/rate.svg", "whole/tune.svg"} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Error(name, err)
		}
	}
}

// cutOff copies a search as it was after its range test and two trials.
func cutOff(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, tuneFile))
	if err != nil {
		t.Fatal(err)
	}
	var s tuneState
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	s.Trials = s.Trials[:2]
	if text, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(to, tuneFile), string(text))
}
