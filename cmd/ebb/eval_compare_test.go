package main

import (
	"os"
	"strings"
	"testing"
)

// A measure of distributions while training, which is off unless asked for.
func TestTrainDistribution(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, s := range []said{
		{"train --run r --config tiny.toml --images 128 --set train.sample_every=64 --set held_out.distribution=50", 0, "", `after 64 images: FD-dct8-50 .*, KID-dct8 .*50 samples`},
		{"train --run q --config tiny.toml --set held_out.distribution=5", 2, "", `held_out.distribution is 5, must be 0 for none, or at least 50`},
		{"train --run q --recipe points --set held_out.distribution=50", 2, "", `samples are no pictures`},
	} {
		s.check(t)
	}
	log, err := os.ReadFile("r/events.jsonl")
	if err != nil || strings.Count(string(log), `"name":"FD-dct8-50"`) != 2 || strings.Count(string(log), `"name":"distribution_seconds"`) != 2 {
		t.Errorf("the log: %v\n%s", err, log)
	}
}
