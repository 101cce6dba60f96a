//go:build long && unix

package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A run that is killed 25 times, at random moments and each fifth time inside a save, ends with the very bytes of one that was left alone.
func TestKilled25Times(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	line := strings.Fields("--config tiny.toml -q --images 16000 --set train.save_every=96 --set held_out.images=0 --set train.sample_every=0 --threads 1")
	if code, _, stderr := ebb(append([]string{"train", "--run", "straight"}, line...)...); code != 0 {
		t.Fatal(stderr)
	}
	random := rand.New(rand.NewPCG(1, 2))
	inSave, alive := 0, 0
	for k := range 25 {
		c := process(append([]string{"train", "--run", "broken"}, line...)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if k%5 == 0 {
			if saving("broken") {
				inSave++
			}
		} else {
			time.Sleep(100*time.Millisecond + time.Duration(random.Int64N(int64(500*time.Millisecond))))
		}
		if err := c.Process.Kill(); err == nil {
			alive++
		}
		_ = c.Wait()
	}
	if alive < 25 || inSave < 3 {
		t.Errorf("%d kills of 25 met a process that ran, %d met a save: make the run longer", alive, inSave)
	}
	if code, _, stderr := ebb(append([]string{"train", "--run", "broken"}, line...)...); code != 0 {
		t.Fatal(stderr)
	}
	for _, f := range []string{"weights", "optimizer", "ema-sigma-0.1"} {
		name := filepath.Join("checkpoints", "000000500", f+".safetensors")
		want, err1 := os.ReadFile(filepath.Join("straight", name))
		got, err2 := os.ReadFile(filepath.Join("broken", name))
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s differs after 25 kills (%v, %v)", f, err1, err2)
		}
	}
}

// saving waits until a checkpoint is being written aside, and says whether it saw one.
func saving(run string) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		entries, err := os.ReadDir(filepath.Join(run, "checkpoints"))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.Trim(e.Name(), "0123456789") != "" { // a finished one has a number for a name
				return true
			}
		}
	}
	return false
}
