package main

import (
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
