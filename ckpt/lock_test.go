package ckpt

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be another process: it opens the folder named by the environment, says so, and saves one checkpoint
// after another, from the one that it loads on, until it is killed.
func TestMain(m *testing.M) {
	dir := os.Getenv("EBB_TEST_RUN")
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := trainUntilKilled(dir); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
	}
}

func trainUntilKilled(dir string) error {
	r, _, err := Open(dir, Options{Keep: 2})
	if err != nil {
		return err
	}
	step := int64(0)
	switch c, _, err := r.Load(); {
	case err == nil:
		if err := same(c, c.Step, 0); err != nil {
			return err
		}
		step = c.Step
	case !errors.Is(err, ErrNone):
		return err
	}
	os.Stdout.WriteString("open\n")
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		step++
		if err := r.Save(testSnapshot(step, 0)); err != nil {
			return err
		}
	}
	return nil
}

// startRun starts that process and waits until it has the folder.
func startRun(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "EBB_TEST_RUN="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	return other
}

// TestKill kills a process in the midst of its saves, again and again.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	last := int64(0)
	for i := range 12 {
		other := startRun(t, dir)
		time.Sleep(time.Duration(i*i) * time.Millisecond / 4)
		if err := other.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		other.Wait()
		c, skipped, err := Load(dir)
		if errors.Is(err, ErrNone) && last == 0 {
			continue
		}
		if err != nil || len(skipped) > 0 || c.Step < last || same(c, c.Step, 0) != nil {
			t.Fatal(i, skipped, err)
		}
		last = c.Step
	}
	if last == 0 {
		t.Error("nothing was ever saved")
	}
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	other := startRun(t, dir)
	_, _, err := Open(dir, Options{Force: true})
	var held *LockError
	host, _ := os.Hostname()
	if !errors.As(err, &held) || held.Owner.PID != other.Process.Pid {
		t.Fatal(err)
	}
	for _, part := range []string{dir, host, strconv.Itoa(other.Process.Pid), held.Owner.Started.Format(time.DateTime)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	r, notices, err := Open(dir, Options{})
	if err != nil || len(notices) == 0 || !strings.Contains(notices[0], strconv.Itoa(other.Process.Pid)) {
		t.Fatal(notices, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r, notices, err = Open(dir, Options{})
	if err != nil || len(notices) != 0 {
		t.Error("after an orderly end:", notices, err)
	}
	r.Close()
}

func TestTwoRunsInOneProcess(t *testing.T) {
	dir := t.TempDir()
	r, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := Open(dir, Options{}); err == nil {
		t.Error("the folder was locked twice")
	}
}

func TestLockOfAnotherHost(t *testing.T) {
	dir := t.TempDir()
	text, err := json.Marshal(Owner{Host: "elsewhere", Boot: "other", PID: 7, Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".lock"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	_, _, err = Open(dir, Options{})
	var held *LockError
	if !errors.As(err, &held) || !strings.Contains(err.Error(), "process 7 on host elsewhere") || !strings.Contains(err.Error(), "force") {
		t.Error(err)
	}
	r, notices, err := Open(dir, Options{Force: true})
	if err != nil || len(notices) != 1 {
		t.Fatal(notices, err)
	}
	r.Close()
}

func TestDamagedLock(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".lock"), []byte(`{"host":`), 0o666); err != nil {
		t.Fatal(err)
	}
	r, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}
