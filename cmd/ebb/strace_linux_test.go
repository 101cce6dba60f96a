//go:build long

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	sweepRun   = "train -q --config tiny.toml --set held_out.images=0 --set train.sample_every=0 --set train.save_every=64 --threads 1 --run "
	sweepStart = " --images 128" // before the faultSweep
	sweepEnd   = " --images 256" // two more saves, and the model
)

// Every write, fsync, rename, folder and removal of two saves and of the end of a run is met in turn by a kill, an I/O error and a full
// disk, on the real program under strace. Whatever is hit, the last good checkpoint stays, the same command goes on, and the end has the
// bytes of a run that was left alone.
func TestEveryCallOfASaveFails(t *testing.T) {
	if err := exec.Command("strace", "-V").Run(); err != nil {
		t.Skip("this test needs strace (Debian's package strace):", err)
	}
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, line := range []string{sweepRun + "begun" + sweepStart, sweepRun + "straight" + sweepStart, sweepRun + "straight" + sweepEnd} {
		if code, _, stderr := ebb(strings.Fields(line)...); code != 0 {
			t.Fatal(stderr)
		}
	}
	if out, err := exec.Command("strace", "-f", "-o", "log", "-e", "trace=fsync", "true").CombinedOutput(); err != nil {
		t.Skipf("this system lets tests trace nothing: %v\n%s", err, out)
	}
	total := 0
	for _, call := range []string{"write", "pwrite64", "fsync", "renameat", "unlinkat", "mkdirat", "ftruncate"} {
		for _, fault := range []string{"signal=KILL", "error=EIO", "error=ENOSPC"} {
			hits := 0
			for n := 1; n <= 60 && faultSweep(t, call, fault, n); n++ {
				hits++
			}
			t.Logf("%s, %s: %d calls hit", call, fault, hits)
			total += hits
		}
	}
	if total < 60 {
		t.Errorf("only %d calls were hit: does strace work here?", total)
	}
}

// faultSweep lets the n-th call of each thread fail and goes on. It says whether there was such a call.
func faultSweep(t *testing.T, call, fault string, n int) (hit bool) {
	t.Helper()
	what := fmt.Sprintf("%s number %d, %s", call, n, fault)
	if err := os.RemoveAll("r"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS("r", os.DirFS("begun")); err != nil {
		t.Fatal(err)
	}
	line := strings.Fields(sweepRun + "r" + sweepEnd)
	traced := exec.Command("strace", append([]string{"-f", "-qq", "-o", "log", "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, n), os.Args[0]}, line...)...)
	traced.Env = append(os.Environ(), "EBB_TEST_RUN_MAIN=1")
	said, _ := traced.CombinedOutput()
	log, err := os.ReadFile("log")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("(INJECTED)")) && !bytes.Contains(log, []byte("+++ killed by SIGKILL")) {
		return false
	}
	if code, _, stderr := ebb(line...); code != 0 {
		t.Errorf("%s: the run does not go on: exit code %d\n%s\nthe run that failed said:\n%s", what, code, stderr, said)
		return true
	}
	for _, f := range []string{"weights", "optimizer", "ema-sigma-0.1"} {
		name := filepath.Join("checkpoints", "000000008", f+".safetensors")
		want, err1 := os.ReadFile(filepath.Join("straight", name))
		got, err2 := os.ReadFile(filepath.Join("r", name))
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: %s differs in the end (%v, %v)\nthe run that failed said:\n%s", what, f, err1, err2, said)
		}
	}
	return true
}
