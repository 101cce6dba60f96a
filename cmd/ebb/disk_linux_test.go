//go:build long

package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// inSmallDisk runs a shell script whose current folder is an empty disk of its own, of the given size, in a mount namespace that ends with
// it. $EBB is the program.
func inSmallDisk(t *testing.T, size, script string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/tiny.toml", tinyConfig)
	if err := os.Mkdir(dir+"/disk", 0o777); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/bin/sh", "-c", `mount -t tmpfs -o size=`+size+` none disk || exit 99; cd disk; `+script)
	c.Dir, c.Env = dir, append(os.Environ(), "EBB_TEST_RUN_MAIN=1", "EBB="+os.Args[0])
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || exit != nil && exit.ExitCode() == 99 {
		t.Skipf("this system lets tests mount nothing: %v\n%s", err, out)
	}
	return string(out)
}

func expect(t *testing.T, out string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		at := strings.Index(out, w)
		if at < 0 {
			t.Errorf("%q is expected in\n%s", w, out)
			return
		}
		out = out[at+len(w):]
	}
}

// A disk without room for the checkpoints is refused before the first step. One that fills up later is told of and the run goes on, until
// three saves in a row have failed; what was saved is intact, and with room again the same command goes on.
func TestDiskFull(t *testing.T) {
	out := inSmallDisk(t, "8m", `
line="train --run r --config ../tiny.toml --images 640 --set train.save_every=64 --set held_out.images=0 --set train.sample_every=0"
dd if=/dev/zero of=fill bs=1M count=7 2>/dev/null
$EBB $line; echo code $?; ls
rm fill
$EBB $line --images 128 -q; echo code $?
dd if=/dev/zero of=fill bs=64k count=90 2>/dev/null
$EBB $line --no-check -q; echo code $?; rm fill
$EBB $line -q; echo code $?
`)
	expect(t, out, "this run writes up to", "MiB are free there: make room, or choose a --run folder on another disk", "code 5\nfill\n",
		"done: 128 images", "code 0", "a checkpoint needs", "the disk has", "make room there", "code 5", "done: 640 images", "code 0")
}

// A run folder on a disk that can only be read.
func TestReadOnly(t *testing.T) {
	out := inSmallDisk(t, "16m", `
line="train -q --run r --config ../tiny.toml --set held_out.images=0 --set train.sample_every=0"
$EBB $line --images 64; echo code $?
mount -o remount,ro none .
$EBB $line --images 128; echo code $?
$EBB train -q --run s --config ../tiny.toml --images 64; echo code $?
$EBB sample r -n 1 --steps 2; echo code $?
$EBB sample r -n 1 --steps 2 --out ../out.png; echo code $?
`)
	expect(t, out, "code 0", "read-only file system: choose a --run folder", "code 5", "read-only file system: choose a --run folder", "code 5",
		"samples.png", "read-only file system", "code 5", "../out.png", "code 0")
}
