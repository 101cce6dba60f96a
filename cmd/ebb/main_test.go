package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be ebb itself, for tests that need a process of their own.
func TestMain(m *testing.M) {
	if os.Getenv("EBB_TEST_RUN_MAIN") != "" {
		os.Exit(run(os.Args[1:], &app{start: time.Now(), stdout: os.Stdout, stderr: os.Stderr}))
	}
	debug.SetGCPercent(400) // compiling many small graphs makes garbage that is never many megabytes
	os.Exit(m.Run())
}

// ebb runs a command line in this process.
func ebb(args ...string) (code int, stdout, stderr string) {
	var out, talk bytes.Buffer
	code = run(args, &app{start: time.Now(), stdout: &out, stderr: &talk})
	return code, out.String(), talk.String()
}

// process prepares a command line as a process of its own.
func process(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "EBB_TEST_RUN_MAIN=1")
	return c
}

// said is one command line and what it must say, as regular expressions.
type said struct {
	line   string
	code   int
	stdout string
	stderr string
}

func (s said) check(t *testing.T) {
	t.Helper()
	code, stdout, stderr := ebb(strings.Fields(s.line)...)
	if code != s.code {
		t.Errorf("ebb %s: exit code %d, %d expected\n%s%s", s.line, code, s.code, stdout, stderr)
	}
	for _, c := range []struct{ what, want, got string }{{"stdout", s.stdout, stdout}, {"stderr", s.stderr, stderr}} {
		if !regexp.MustCompile(`(?m)` + c.want).MatchString(c.got) {
			t.Errorf("ebb %s: %s is\n%s\n%q was expected", s.line, c.what, c.got, c.want)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// What a wrong setting gets: place, key, the nearest right name, exit code 2; and nothing is written.
func TestWrongSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "bad.toml", "recipe = \"x\"\n[train]\nimges = 5\n")
	write(t, "wrong.toml", "[train]\nimages = \"many\"\n")
	write(t, "twice.toml", "[train]\nimages = 5\nimages = 6\n")
	for _, s := range []said{
		{"train -n --set train.btch=32", 2, "", `--set train.btch=32: there is no key train.btch; did you mean train.batch\?`},
		{"train -n --set batch=32", 2, "", `did you mean train.batch\?`},
		{"train -n --set train.batch=many", 2, "", `train.batch`},
		{"train -n --set train.batch", 2, "", `write it as key=value`},
		{"train -n --set diffusion.schedule=cosin", 2, "", `cosin.*cosine`},
		{"train -n --set train.batch=0", 2, "", `train.batch is 0, must be at least 1`},
		{"train -n --set train.parts=7", 2, "", `train.parts is 7, must divide train.batch, 16`},
		{"train -n --config bad.toml", 2, "", `bad.toml:3:1: there is no key train.imges; did you mean train.images\?`},
		{"train -n --config wrong.toml", 2, "", `wrong.toml:2:10: train.images: it is a string, must be int64$`},
		{"train -n --config twice.toml", 2, "", `twice.toml:3:.*images`},
		{"train --recipe glyps", 2, "", `there is no recipe "glyps" \(did you mean glyphs\?\): choose one of glyphs, points`},
		{"train --recipe folder", 3, "", `name a folder or an archive with --data`},
		{"train --images x", 2, "", `--images`},
		{"train -n --set data.height=30", 2, "", `divisible by 4`},
		{"train --precision bf16", 2, "", `f32 only`},
		{"tran", 2, "", `did you mean (one of )?"train"`},
		{"bench --batch 0", 2, "", `--batch 0: give at least 1`},
		{"bench --work tiny", 2, "", `unet-cifar`},
		{"sample nowhere", 2, "", `nowhere is neither a run nor a model`},
		{"eval nowhere --images 0", 2, "", `give at least 1`},
		{"train -n --set train.images=640 --set data.fit=pad", 0, `^images = 640\n(.*\n)*`, ""},
		{"train --recipes", 0, `^dit-s +DiT`, ""},
	} {
		s.check(t)
	}
	if _, err := os.Stat("runs"); err == nil {
		t.Error("a command that was refused left a run folder")
	}
}

// What bad data gets: exit code 3 and the name of what is wrong.
func TestBadData(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text/a.txt", "no picture")
	for _, s := range []said{
		{"train --recipe folder --data nothing --run r", 3, "", `nothing`},
		{"train --recipe folder --data text --run r", 3, "", `text`},
	} {
		s.check(t)
	}
	if _, err := os.Stat("r"); err == nil {
		t.Error("a command that was refused left a run folder")
	}
}

const tinyConfig = `
[data]
height = 16
width = 16
[train]
batch = 32
log_every = 32
sample_every = 128
save_every = 64
eval_every = 128
[network.unet]
channels = [8, 16]
down = ["conv", "conv"]
up = ["conv", "conv"]
groups = 4
mid_attention = false
[held_out]
images = 16
batch = 16
[sample]
steps = 2
guidance = 1
`

// A run to its end, what it leaves, what the same command says then, how it goes on, and what is done with it.
func TestRunLife(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	check := func(all ...said) {
		t.Helper()
		for _, s := range all {
			if s.check(t); t.Failed() { // the rest builds on it
				t.FailNow()
			}
		}
	}
	check(said{"train --run r --config tiny.toml --images 128", 0, "", `training \d+ parameters, 128 images(.*\n)+A judge that had no part in training(.*\n)+Try:  ebb sample r`})
	for _, f := range []string{"config.toml", "env.json", "events.jsonl", "tensorboard", "model/unet/diffusion_pytorch_model.safetensors", "model/config.toml", "samples/000000128.png"} {
		if _, err := os.Stat(filepath.Join("r", f)); err != nil {
			t.Error(err)
		}
	}
	// Killed before the model was written: the same command does the rest.
	if err := os.RemoveAll("r/model"); err != nil {
		t.Fatal(err)
	}
	check(
		said{"train --run r", 0, "", `^done: 128 images`},
		said{"train --run r", 0, "", `r is complete: 128 images(.*\n)+.*ebb train --run r --images 256`},
		said{"train --run r --images 160 --json", 0, `"kind":"started".*"resumed":true(.*\n)+.*"kind":"finished".*"complete":true`, `^done`},
		said{"train --run r --set network.unet.layers=2", 2, "", `network.unet.layers is 1 there and 2 now`},
		said{"train --run r --recipe points", 2, "", `r is a run of recipe glyphs, not points`},
		said{"sample r -n 3 --steps 3 --class B --out g.png", 0, `g.png`, ""},
		said{"sample r/model -n 2 --steps 2 --out d", 0, `000001.png`, ""},
		said{"sample r --class AB", 2, "", `the classes are A, B, C`},
		said{"sample r --sampler quick", 2, "", `quick`},
		said{"sample r --weights ema-7", 2, "", `the run has raw, ema-sigma-0.1`},
		said{"sample r/model --weights raw", 2, "", `one set of weights`},
		said{"eval r --images 32 --json", 0, `^{"peer":"ebb-.*"images":32,"heldout_mse":.*"per_t":\[`, ""},
		said{"eval r --data nothing.zip", 3, "", `nothing.zip`},
	)
	// A damaged checkpoint is passed over unless it is asked for.
	write(t, "r/checkpoints/000000005/weights.safetensors", "damaged")
	write(t, "r/checkpoints/000000005/ema-sigma-0.1.safetensors", "damaged")
	check(said{"eval r --images 32", 0, `step 4`, ""}, said{"eval r --images 32 --checkpoint 5", 1, "", `damaged|ema-sigma-0.1.safetensors`})
}

// A run that is killed goes on with the same command and ends with the bytes of one that was not; ^C and SIGTERM save and leave their
// exit codes.
func TestKilled(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	line := strings.Fields("--config tiny.toml --images 640 --set train.save_every=96 --set held_out.images=0 --set train.sample_every=0 --threads 1")
	straight := append([]string{"train", "--run", "straight"}, line...)
	if code, _, stderr := ebb(straight...); code != 0 {
		t.Fatal(stderr)
	}
	broken := append([]string{"train", "--run", "broken"}, line...)
	for _, stop := range []struct {
		signal os.Signal
		after  time.Duration
		code   int
	}{{os.Kill, 300 * time.Millisecond, -1}, {os.Interrupt, 350 * time.Millisecond, exitBreak}, {stopSignals()[1], 400 * time.Millisecond, exitStopped}} {
		c := process(broken...)
		var talk bytes.Buffer
		c.Stderr = &talk
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(stop.after)
		_ = c.Process.Signal(stop.signal)
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != stop.code && code != 0 { // 0: it was done before
			t.Errorf("%v: exit code %d, %d expected\n%s", stop.signal, code, stop.code, talk.String())
		}
	}
	if code, _, stderr := ebb(broken...); code != 0 {
		t.Fatal(stderr)
	}
	for _, f := range []string{"weights", "optimizer", "ema-sigma-0.1"} {
		name := filepath.Join("checkpoints", "000000020", f+".safetensors")
		want, err1 := os.ReadFile(filepath.Join("straight", name))
		got, err2 := os.ReadFile(filepath.Join("broken", name))
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s differs after kills (%v, %v)", f, err1, err2)
		}
	}
}
