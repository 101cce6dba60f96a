package recipe_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/recipe"
)

// small stands for pictures of a person.
func small(t testing.TB, c *recipe.Config) data.Set {
	t.Helper()
	set, err := data.NewGlyphs(data.GlyphsConfig{Size: 32, Count: 520})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data.Source == recipe.Points {
		p, err := data.NewPoints(c.Data.Points, 100, 1)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	c.Data.Paths = []string{"pictures"}
	return set
}

// Every preset resolves, is valid, builds, and its TOML form is read back as the same configuration.
func TestPresets(t *testing.T) {
	want := map[string]int{"cifar10": 35_746_307, "cifar10-small": 3_778_435, "dit-s": 35_233_932}
	for _, p := range recipe.Presets() {
		c, err := recipe.Preset(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if want[p.Name] > 0 {
			c.Data.Channels = 3
		}
		if c.Text != nil {
			continue // TestTextPresets
		}
		if p.Name == "dit-s" {
			c.Network.Conditional = true
		}
		if _, err := c.Resolve(t.Context(), small(t, &c)); err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		m, err := c.Model()
		if err != nil {
			t.Fatal(p.Name, err)
		}
		if _, err := c.Task(m); err != nil {
			t.Fatal(p.Name, err)
		}
		if n := want[p.Name]; n > 0 && p.Name != "dit-s" && m.Parameters != n {
			t.Errorf("%s has %d parameters, %d expected", p.Name, m.Parameters, n)
		}
		var b bytes.Buffer
		if err := c.Encode(&b); err != nil {
			t.Fatal(err)
		}
		var d recipe.Config
		if err := d.Decode(&b, "config.toml"); err != nil {
			t.Fatal(p.Name, err)
		}
		if changes, err := recipe.Changes(c, d); err != nil || len(changes) > 0 {
			t.Errorf("%s: after writing and reading %v %v", p.Name, changes, err)
		}
		if _, err := d.Resolve(t.Context(), small(t, &d)); err != nil {
			t.Errorf("%s: resolved twice: %v", p.Name, err)
		}
	}
}

// Decoding replaces lists, keeps what is not mentioned, and changes nothing when there is an error.
func TestDecode(t *testing.T) {
	c, err := recipe.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	before := c
	channels := append([]int(nil), c.Network.UNet.Channels...)
	if err := c.Decode(strings.NewReader("[network.unet]\nchannels = [7, 8]\n[train]\nbatch = 5\nimges = 1\n"), "x.toml"); err == nil {
		t.Fatal("an unknown key was accepted")
	} else {
		var d *recipe.DecodeError
		if !errors.As(err, &d) || d.Line != 5 || d.Column != 1 || !strings.Contains(d.Message, "train.images") {
			t.Errorf("%+v", err)
		}
	}
	if c.Train.Batch != before.Train.Batch || !reflect.DeepEqual(c.Network.UNet.Channels, channels) {
		t.Error("an error has changed the configuration:", c.Train.Batch, c.Network.UNet.Channels)
	}
	for _, set := range []string{"network.unet.channels=[16, 32]", "train.rate.shape=linear", `data.paths=["a=b", "c"]`, "sample.method=ddim",
		"network.unet.down=['conv','attn']", "train.rate.peak=1e-4", "train.averages=[{decay=0.5}]"} {
		if err := c.Set(set); err != nil {
			t.Error(err)
		}
	}
	if n := c.Network.UNet; !reflect.DeepEqual(n.Channels, []int{16, 32}) || !reflect.DeepEqual(n.Down, []nets.Stage{nets.StageConv, nets.StageAttn}) {
		t.Errorf("%+v", n)
	}
	if c.Train.Rate.Peak != 1e-4 || c.Train.Rate.Shape.String() != "linear" || c.Sample.Method.String() != "ddim" || len(c.Train.Averages) != 1 ||
		c.Train.Averages[0].Decay != 0.5 || c.Train.Averages[0].SigmaRel != 0 || !reflect.DeepEqual(c.Data.Paths, []string{"a=b", "c"}) {
		t.Errorf("%+v", c)
	}
	if before.Network.UNet.Channels[0] != channels[0] || !reflect.DeepEqual(before.Network.UNet.Channels, channels) {
		t.Error("the configuration it was copied from has changed")
	}
}

func TestChangesKnowsWhatMayChange(t *testing.T) {
	a, err := recipe.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	b := a
	b.SetImages(128_000)
	b.Diffusion.Steps = 500
	changes, err := recipe.Changes(a, b)
	if err != nil {
		t.Fatal(err)
	}
	fixed := map[string]bool{}
	for _, c := range changes {
		fixed[c.Key] = c.Fixed
	}
	if f, ok := fixed["train.images"]; !ok || f {
		t.Error("the length of training may change:", changes)
	}
	if f, ok := fixed["diffusion.steps"]; !ok || !f {
		t.Error("the schedule may not change:", changes)
	}
}

// Labels of other pictures follow the names of their classes, and pictures come in the order of their names.
func TestRelabelAndFirstByName(t *testing.T) {
	set, err := data.NewGlyphs(data.GlyphsConfig{Count: 30})
	if err != nil {
		t.Fatal(err)
	}
	r := recipe.Relabel(set, []string{"B", "A"})
	for i, want := range []int32{1, 0, -1} {
		if got := r.Entry(i).Label; got != want {
			t.Errorf("letter %d has label %d, %d expected", i, got, want)
		}
	}
	f := recipe.FirstByName(set, 5)
	for i := range 4 {
		if f.Len() != 5 || f.Entry(i).Name > f.Entry(i+1).Name {
			t.Error(f.Entry(i).Name, f.Entry(i+1).Name)
		}
	}
}

// A configuration in JSON means the same as in TOML, and its errors name places in it.
func TestDecodeJSON(t *testing.T) {
	var want, got recipe.Config
	for document, c := range map[string]*recipe.Config{
		"[network]\nkind = 'unet'\n[network.unet]\nchannels = [7, 8]\n[train]\nbatch = 5\nclip = 2\n[[train.averages]]\ndecay = 0.5":                           &want,
		"\n{\"network\": {\"kind\": \"unet\", \"unet\": {\"channels\": [7, 8]}}, \"train\": {\"batch\": 5, \"clip\": 2, \"averages\": [{\"decay\": 5e-1}]}}\n": &got,
	} {
		if err := c.Decode(strings.NewReader(document), "c"); err != nil {
			t.Fatal(err)
		}
	}
	if changes, err := recipe.Changes(want, got); err != nil || len(changes) > 0 || got.Train.Batch != 5 || got.Train.Averages[0].Decay != 0.5 {
		t.Error("JSON and TOML differ:", changes, err)
	}
	for document, want := range map[string]string{
		"{\n \"train\": {\"imges\": 1}}":            "c.json:2:12: there is no key train.imges; did you mean train.images?",
		"{\n \"train\": {\n\"batch\": \"many\"}}":   "c.json:3:1: train.batch: it is a string, must be int",
		"{\"network\": {\"kind\": \"unit\"}}":       "c.json:1:14: network.kind: ",
		"{\"train\": {\"batch\": 1e999}}":           "no number that can be held",
		"{\"train\": {\"batch\": null}}":            "train.batch is null: leave the key out",
		"{\"train\": {\"batch\": 5, \"batch\": 6}}": "train.batch is there twice",
		"{\"train\": {\"batch\": 5}":                "c.json:1:23: the document ends too early",
		"{\"train\": {\"batch\": 5,\n}}":            "c.json:1:23: invalid character",
		"{} {}":                                     "a configuration is one object",
		strings.Repeat("{\"a\":", 100):              "nested too deeply",
	} {
		before := got.Train.Batch
		if err := got.Decode(strings.NewReader(document), "c.json"); err == nil || !strings.Contains(err.Error(), want) || got.Train.Batch != before {
			t.Errorf("%s: %v, %q expected", document, err, want)
		}
	}
}

// FuzzDecode: no document makes the decoder panic, and one that is accepted can be written and read again.
func FuzzDecode(f *testing.F) {
	f.Add("[train]\nbatch = 5\n")
	f.Add("[[train.averages]]\ndecay = 0.5\n[network.unet]\nchannels = []")
	f.Add("train.batch = 0x7fffffffffffffff")
	f.Add("data = 5")
	f.Add(`{"train": {"batch": 5, "averages": [{"decay": 0.5}]}, "data": {"paths": []}}`)
	f.Add(`{"a": {"a": null}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := recipe.Preset("glyphs")
		if err != nil {
			t.Fatal(err)
		}
		if c.Decode(strings.NewReader(text), "x") != nil {
			return
		}
		var b bytes.Buffer
		if err := c.Encode(&b); err != nil {
			t.Fatal(err)
		}
		var d recipe.Config
		if err := d.Decode(&b, "y"); err != nil {
			t.Fatal(err)
		}
	})
}
