package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const tinyPictures = "train --run r --recipe cifar10-small --config tiny.toml --images 64 --set held_out.images=0 --set train.sample_every=0 " +
	"--set sample.rows=1 --set sample.columns=1 --set sample.batch=1 --set network.conditional=false --data "

// album makes a folder of small pictures, some of which are cut off.
func album(t *testing.T, dir string, count, broken int) {
	t.Helper()
	for i := range count {
		name := filepath.Join(dir, fmt.Sprintf("%04d.png", i))
		paint(t, name, 16, 16, func(x, y int) color.Color { return color.NRGBA{uint8(x * i), uint8(y * 16), uint8(i), 255} })
		if i < broken {
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			write(t, name, string(whole[:len(whole)-30]))
		}
	}
}

// What data that cannot be used gets: it is named, and so is what to do; a few broken pictures among many are passed over.
func TestUnusableData(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	if err := os.Mkdir("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, "broken.zip", "PK\x03\x04 and then nothing")
	var b bytes.Buffer
	if err := zip.NewWriter(&b).Close(); err != nil {
		t.Fatal(err)
	}
	write(t, "empty.zip", b.String())
	album(t, "mixed", 40, 0)
	paint(t, "mixed/9999.png", 20, 16, func(int, int) color.Color { return color.White })
	album(t, "many", 40, 20)
	album(t, "few", 40, 1)
	for _, s := range []said{
		{"empty", 3, "", `empty`},
		{"empty.zip", 3, "", `empty.zip`},
		{"broken.zip", 3, "", `broken.zip`},
		{"nowhere", 3, "", `nowhere`},
		{"tiny.toml", 3, "", `tiny.toml`},
		{"mixed --set data.fit=exact", 3, "", `9999.png.*20`},
		{"many", 3, "", `0\d\d\d.png`},
		{"few --set data.max_broken=0.1", 0, "", `^done: 64 images`},
	} {
		if err := os.RemoveAll("r"); err != nil {
			t.Fatal(err)
		}
		s.line = tinyPictures + s.line
		s.check(t)
	}
}

// A checkpoint of another network is refused, and the tensors that differ are named.
func TestAnotherNetwork(t *testing.T) {
	tinyModel(t)
	for _, name := range []string{"r/config.toml", "r/model/config.toml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, strings.Replace(string(text), "channels = [8, 16]", "channels = [8, 24]", 1))
	}
	const differ = `the weights are of another network: .*down_blocks.* is \[.*16\] in the file and \[.*24\] here`
	for _, s := range []said{
		{"sample r", 2, "", differ},
		{"sample r/model", 2, "", differ},
		{"train --run r --images 128", 2, "", differ},
	} {
		s.check(t)
	}
}

// A run folder belongs to one process: another one is told whose it is, and what it can do.
func TestInUse(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	c := process(strings.Fields("train -q --run r --config tiny.toml --images 1000000")...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile("r/.lock"); err == nil && len(text) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the first process does not take the folder")
		}
	}
	said{"train --run r --config tiny.toml", 2, "", fmt.Sprintf(`r: is in use by process %d on host .*; wait for it, stop it, or choose another folder`, c.Process.Pid)}.check(t)
}

// A run folder that cannot be made.
func TestNoFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	write(t, "file", "")
	said{"train --run file/r --config tiny.toml --images 64", 5, "", `file.*not a directory.*choose a --run folder that can be written`}.check(t)
	said{"train --run file --config tiny.toml --images 64", 5, "", `file.*choose a --run folder`}.check(t)
}

// A transformer that is not told classes learns from labelled pictures all the same.
func TestUnconditionalTransformer(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	for _, s := range []said{
		{"train -q --run r --recipe glyphs --config tiny.toml --images 64 --set train.sample_every=0 --set network.kind=dit --set network.conditional=false " +
			"--set network.dit.size=16 --set network.dit.patch=4 --set network.dit.layers=1 --set network.dit.heads=1 --set network.dit.head_dim=16", 0, "", ""},
		{"eval r --images 16", 0, "held-out error", ""},
		{"sample r -n 1 --class A --out a.png", 2, "", "class"},
	} {
		s.check(t)
	}
}
