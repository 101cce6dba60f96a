package main

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
)

// tinyModel makes the run folder r of a small network, trained for two steps. Its pictures are grey, 16 x 16.
func tinyModel(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "tiny.toml", tinyConfig)
	run, err := tinyRun()
	if err == nil {
		err = os.CopyFS("r", run)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tinyRun trains tinyModel's network once for all tests.
var tinyRun = sync.OnceValues(func() (fs.FS, error) {
	dir, err := os.MkdirTemp("", "ebb")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "tiny.toml")
	if err := os.WriteFile(config, []byte(tinyConfig), 0o600); err != nil {
		return nil, err
	}
	run := filepath.Join(dir, "r")
	if code, _, stderr := ebb("train", "-q", "--run", run, "--config", config, "--images", "64", "--set", "held_out.images=0"); code != 0 {
		return nil, errors.New(stderr)
	}
	files := fstest.MapFS{} // in memory, so that nothing is left behind
	return files, fs.WalkDir(os.DirFS(run), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(run, name))
		files[name] = &fstest.MapFile{Data: text, Mode: 0o600}
		return err
	})
})

// paint writes a PNG file.
func paint(t *testing.T, name string, w, h int, at func(x, y int) color.Color) {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, at(x, y))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	write(t, name, b.String())
}

func readPNG(t *testing.T, name string) image.Image {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func grey(m image.Image, x, y int) int {
	return int(color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y)
}

// Pictures that are given, what is kept of them, and the ways between seeds and out of noise, by a run and by a model folder.
func TestSampleEdits(t *testing.T) {
	tinyModel(t)
	shade := func(x, y int) color.Color { return color.Gray{uint8(16*y + x)} }
	paint(t, "in.png", 16, 16, shade)
	paint(t, "mask.png", 16, 16, func(x, _ int) color.Color { return color.Gray{uint8(255 * (x / 8))} })
	said{"sample r -n 2 --steps 3 --columns 2 --inpaint in.png --mask mask.png --out in-2.png --gif way.gif", 0, "way.gif\nin-2.png", ""}.check(t)
	said{"sample r/model -n 2 --batch 1 --steps 3 --inpaint in.png --mask mask.png --out single", 0, `single.000001.png`, ""}.check(t)
	grid := readPNG(t, "in-2.png")
	changed := 0
	for y := range 16 {
		for x := range 16 {
			got, want := grey(grid, 17+x, y), 16*y+x
			if x < 8 && got != want {
				t.Fatalf("pixel (%d, %d) is to be kept: %d instead of %d", x, y, got, want)
			} else if x >= 8 && got != want {
				changed++
			}
			if d := grey(readPNG(t, "single/000001.png"), x, y) - got; x < 8 && (d < -2 || d > 2) {
				t.Fatalf("pixel (%d, %d) differs by %d between a grid and single files", x, y, d)
			}
		}
	}
	if changed < 64 {
		t.Errorf("%d pixels of 128 were drawn anew", changed)
	}
	f, err := os.Open("way.gif")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if g, err := gif.DecodeAll(f); err != nil || len(g.Image) != 4 || g.Image[0].Bounds() != grid.Bounds() {
		t.Errorf("the way has %d frames, %v", len(g.Image), err)
	}

	said{"sample r -n 1 --steps 20 --from in.png --strength 0.05 --sampler ddim --spacing trailing --out near.png", 0, "", ""}.check(t)
	near := readPNG(t, "near.png")
	if d := grey(near, 8, 8) - 136; d < -40 || d > 40 {
		t.Errorf("strength 0.05 changes grey 136 to %d", grey(near, 8, 8))
	}

	said{"sample r -n 3 --steps 2 --sampler ddim --seed 1 --interpolate 2 --class A --columns 3 --out between.png", 0, "", ""}.check(t)
	between := readPNG(t, "between.png")
	for i, line := range []string{"--seed 1 --out a.png", "--seed 2 --out b.png"} {
		said{"sample r -n 1 --steps 2 --sampler ddim --class A " + line, 0, "", ""}.check(t)
		end := readPNG(t, []string{"a.png", "b.png"}[i])
		for k := range 16 {
			if d := grey(end, k, k) - grey(between, 34*i+k, k); d < -2 || d > 2 {
				t.Errorf("end %d of the way differs by %d from its seed's picture", i, d)
			}
		}
	}
	if text, err := os.ReadFile("between.png"); err != nil || !bytes.Contains(text, []byte("towards seed 2")) {
		t.Error("the picture does not say how it was made:", err)
	}
}

// Where and against what guidance acts, and thresholding, reach the sampler (what they do: package sample) and are told by the file. Two
// steps of training leave a network whose class changes nothing yet, so only thresholding shows.
func TestSampleGuidance(t *testing.T) {
	tinyModel(t)
	const common = "sample r -n 1 --steps 3 --class B --guidance 6 "
	said{common + "--out plain.png", 0, "", ""}.check(t)
	for flags, told := range map[string]string{
		"--guidance-interval 0.1:2":                       "guidance interval 0.1:2",
		"--guidance-rescale 1":                            "guidance rescale 1",
		"--autoguidance r@2":                              "autoguidance r@2",
		"--threshold 1":                                   "threshold 1",
		"--autoguidance r/model --guidance-interval 0.2:": "autoguidance r/model",
	} {
		said{common + flags + " --out other.png", 0, "", ""}.check(t)
		if flags == "--threshold 1" && slices.Equal(pixelsOf(t, "other.png"), pixelsOf(t, "plain.png")) {
			t.Errorf("%s changes nothing", flags)
		}
		if text, err := os.ReadFile("other.png"); err != nil || !bytes.Contains(text, []byte(told)) {
			t.Errorf("%s: the picture does not say how it was made: %v", flags, err)
		}
	}
	for _, s := range []said{
		{"--guidance-interval 3", 2, "", `--guidance-interval 3: give two noise levels`},
		{"--guidance-interval 3:1", 2, "", `guidance_min and guidance_max are 3 and 1`},
		{"--guidance-rescale 2", 2, "", `guidance_rescale is 2, must be from 0 to 1`},
		{"--threshold 95", 2, "", `threshold is 95, must be a quantile`},
		{"--autoguidance nowhere", 2, "", `--autoguidance: nowhere is neither a run nor a model`},
		{"--autoguidance r@77", 1, "", `--autoguidance: .*77`},
		{"-n 0", 2, "", `-n 0: give at least 1`},
		{"--steps 0", 2, "", `--steps 0: give at least 1`},
	} {
		s.line = "sample r " + s.line
		s.check(t)
	}
}

// What wrong pictures and flags get.
func TestSampleEditsRefused(t *testing.T) {
	tinyModel(t)
	paint(t, "big.png", 20, 16, func(int, int) color.Color { return color.Black })
	paint(t, "red.png", 16, 16, func(int, int) color.Color { return color.NRGBA{255, 0, 0, 255} })
	paint(t, "glass.png", 16, 16, func(int, int) color.Color { return color.NRGBA{10, 10, 10, 100} })
	paint(t, "good.png", 16, 16, func(int, int) color.Color { return color.White })
	whole, err := os.ReadFile("good.png")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "cut.png", string(whole[:len(whole)/2]))
	for _, s := range []said{
		{"--from nowhere.png", 2, "", `nowhere.png: there is no such file`},
		{"--from cut.png", 3, "", `cut.png: `},
		{"--from tiny.toml", 3, "", `tiny.toml: `},
		{"--from big.png", 2, "", `big.png has 20 x 16 pixels, this model draws 16 x 16: cut or scale`},
		{"--from red.png", 2, "", `red.png has 3 channels \(RGB\), and would lose colour or opacity as 1 channel \(grey\): convert`},
		{"--from glass.png", 2, "", `glass.png has 4 channels \(RGB and opacity\)`},
		{"--from good.png --strength 0", 2, "", `--strength 0: give a number above 0`},
		{"--from good.png --strength 1.5", 2, "", `--strength 1.5`},
		{"--from good.png --interpolate 3", 2, "", `leave out --inpaint and --from`},
		{"--from good.png --inpaint good.png --mask good.png", 2, "", `give one of them`},
		{"--inpaint good.png", 2, "", `--inpaint needs --mask`},
		{"--mask good.png", 2, "", `--mask belongs to --inpaint`},
		{"--strength 0.3", 2, "", `--strength belongs to --from or --inpaint`},
		{"--inpaint good.png --mask big.png", 2, "", `big.png has 20 x 16 pixels`},
		{"--interpolate 3 --sampler euler-ancestral", 2, "", `sampler without noise of its own, such as ddim`},
		{"--columns 0", 2, "", `--columns 0`},
		{"--out no/such/folder/g.png", 5, "", `g.png cannot be written: there is no folder no`},
		{"-n 2000000 --gif g.gif", 2, "", `--gif: .* million pixels`},
	} {
		s.line = "sample r -n 2 --steps 2 " + s.line
		s.check(t)
	}
	left, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if slices.Contains(names, "samples.png") || slices.Contains(names, "g.gif") {
		t.Errorf("a command that was refused left %v", names)
	}
}
