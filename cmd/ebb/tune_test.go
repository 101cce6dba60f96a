package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/tune"
)

// What cannot be tuned is refused before anything is trained.
func TestTuneRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, s := range []said{
		{"tune --config tiny.toml --knobs train.btch", 2, "", `there is no key train.btch; did you mean train.batch\?`},
		{"tune --config tiny.toml --knobs train.btch=1:2", 2, "", `there is no key train.btch`},
		{"tune --config tiny.toml --knobs diffusion.prediction=eps:v", 2, "", `changes what the held-out loss measures`},
		{"tune --config tiny.toml --knobs train.images=10:20", 2, "", `how long a trial is`},
		{"tune --config tiny.toml --knobs network.unet.layers", 2, "", `say what values to try, network.unet.layers=LOW..HIGH`},
		{"tune --config tiny.toml --knobs train.batch=big:small", 2, "", `train.batch`},
		{"tune --config tiny.toml --knobs train.rate.peak=2..1", 2, "", `a range needs two numbers, the lower first`},
		{"tune --config tiny.toml --knobs train.clip,train.clip", 2, "", `train.clip is there twice`},
		{"tune --config tiny.toml --knobs network.unet.dropout=0.0:2.0", 2, "", `network.unet.dropout=2.0: .*[dD]ropout`},
		{"tune --config tiny.toml --trials 1", 2, "", `at least 2 trials`},
		{"tune --config tiny.toml --set held_out.images=0", 2, "", `nothing is held out`},
		{"tune nowhere", 2, "", `nowhere is no run`},
		{"tune nowhere --recipe glyphs", 2, "", `start from one of them`},
		{"tune --recipe folder", 3, "", `name a folder or an archive with --data`},
		{"tune --config tiny.toml --time 1ms", 2, "", `--time 1ms is too short: training does .* images a second`},
	} {
		s.check(t)
	}
}

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

// The time is shared out: all of it and no more, over as many trials as are asked for or can be had.
func TestTuneFitsTime(t *testing.T) {
	config, err := recipe.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	config.SetImages(1_000_000)
	sets, err := config.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		seconds float64
		trials  int
	}{{1800, 9}, {600, 9}, {30, 6}} {
		s := &tuner{tuneCmd: &tuneCmd{Trials: 9}, app: &app{}, config: config, sets: sets, state: tuneState{Rate: 200}}
		n, rungs, err := s.fit(c.seconds)
		if err != nil {
			t.Fatal(err)
		}
		judged := 0
		for _, r := range rungs {
			judged += r.Candidates
		}
		spent := (float64(tune.Work(rungs)) + float64(judged)*s.judgement()) / s.state.Rate
		if n > c.trials || spent > c.seconds || spent < 0.9*c.seconds {
			t.Errorf("%.0f s: %d trials, %v, which take %.0f s", c.seconds, n, rungs, spent)
		}
	}
}
