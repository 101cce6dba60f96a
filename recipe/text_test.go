package recipe_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/ml/model"
)

// corpus writes a text of the letters a-z and space and returns its path.
func corpus(t testing.TB, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corpus.txt")
	line := strings.Repeat("the quick brown fox jumps over the lazy dog ", size/44+1)[:size]
	if err := os.WriteFile(path, []byte(line), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// resolved is a preset on that text.
func resolved(t testing.TB, name string, settings ...string) (recipe.Config, *recipe.Sets, []string) {
	t.Helper()
	c, err := recipe.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	if c.Text.Source == recipe.TextFiles {
		c.Text.Paths = []string{corpus(t, 60_000)}
	}
	for _, s := range settings {
		if err := c.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	sets, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sets.Close() })
	notes, err := c.ResolveText(sets.Text)
	if err != nil {
		t.Fatal(name, err)
	}
	return c, sets, notes
}

// Every preset of text resolves and builds, says nothing of pictures in its TOML form, and is read back as the same configuration.
func TestTextPresets(t *testing.T) {
	for _, name := range []string{"text", "text-small", "text-folder"} {
		c, sets, notes := resolved(t, name)
		m, err := c.TextModel()
		if err != nil {
			t.Fatal(name, err)
		}
		if name == "text-small" && m.Parameters != 4_743_707 { // that of the curve's peer
			t.Errorf("%s has %d parameters", name, m.Parameters)
		}
		if name == "text-folder" && !strings.Contains(strings.Join(notes, "\n"), "rows of") {
			t.Errorf("%s does not say what it chose: %q", name, notes)
		}
		var b bytes.Buffer
		if err := c.Encode(&b); err != nil {
			t.Fatal(err)
		}
		for _, section := range []string{"[data]", "[diffusion]", "[held_out]", "[sample]", "images"} {
			if strings.Contains(b.String(), section) {
				t.Errorf("%s: %s stands in a configuration of text", name, section)
			}
		}
		var d recipe.Config
		if err := d.Decode(&b, "config.toml"); err != nil {
			t.Fatal(name, err)
		}
		if changes, err := recipe.Changes(c, d); err != nil || len(changes) > 0 {
			t.Errorf("%s: after writing and reading %v %v", name, changes, err)
		}
		if _, err := d.ResolveText(sets.Text); err != nil {
			t.Errorf("%s: resolved twice: %v", name, err)
		}
	}
	c, err := recipe.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Encode(&b); err != nil || strings.Contains(b.String(), "text") {
		t.Error("a configuration of pictures speaks of text:", err, b.String())
	}
}

// Recipe text-folder chooses what a person leaves open, whichever part that is: with a network of their own the rest is still chosen.
func TestTextFolderFillsTheRest(t *testing.T) {
	for _, settings := range [][]string{nil, {"network.text={vocab=0,dim=64,layers=1,heads=2,init='zero'}", "train.rate.shape=cosine"}} {
		c, _, _ := resolved(t, "text-folder", settings...)
		tr, horizon := c.Train, c.Train.Tokens/2
		if settings != nil {
			horizon = tr.Tokens
		}
		if tr.Tokens != 10_000_000 || tr.Rate.Warmup == 0 || tr.Rate.Horizon != horizon || tr.LogEvery == 0 || tr.EvalEvery != tr.Tokens/20 || tr.DropClass == 0 {
			t.Errorf("%v: %+v", settings, tr)
		}
		if settings != nil && c.Network.Text.Dim != 64 {
			t.Errorf("the network became %+v", c.Network.Text)
		}
	}
	c, err := recipe.Preset("text-folder")
	if err != nil {
		t.Fatal(err)
	}
	if c.SetTokens(5_000_000); c.Train.EvalEvery >= 0 || c.Train.Rate.Horizon >= 0 {
		t.Errorf("a length that is set before the text is known settles more: %+v", c.Train)
	}
}

// What cannot be trained on is refused with what is wrong, where, and what to do.
func TestBadText(t *testing.T) {
	write := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := strings.Repeat("abc ", 5000)
	for _, c := range []struct {
		recipe, content string
		settings        []string
		want            string
	}{
		{"text-small", "", nil, "the corpus is empty"},
		{"text-small", "abc", nil, "are fewer than a row of 128"},
		{"text-small", long + "Caf\xe9", []string{"text.encoding=strict"}, "is no UTF-8"},
		{"text-small", long + "Big", nil, `the character 'B' at byte 20000 is not in the tokenizer's alphabet: clean the text, or choose another tokenizer`},
		{"text-small", long, []string{"text.fingerprint=0123"}, "the run was made for 0123: use the tokenizer.json of the run"},
		{"text-small", long, []string{"train.images=5"}, "train.images is 5, but recipe text-small is about text"},
		{"text-small", long, []string{"sample.steps=5"}, "are about pictures; use those of [text]"},
		{"text-small", long, []string{"network.kind=unet"}, "network.kind must be text"},
		{"text-small", long, []string{"text.sample.steps=0"}, "text.sample: masked: sampler ancestral with 0 steps"},
		{"text-small", long, []string{"text.length=0"}, "text.length is 0"},
	} {
		config, err := recipe.Preset(c.recipe)
		if err != nil {
			t.Fatal(err)
		}
		config.Text.Paths = []string{write("a.txt", c.content)}
		for _, s := range c.settings {
			if err := config.Set(s); err != nil {
				t.Fatal(err)
			}
		}
		sets, err := config.Open(t.Context())
		if err == nil {
			_, err = config.ResolveText(sets.Text)
			sets.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %v: %v, expected %q", c.content[max(0, len(c.content)-8):], c.settings, err, c.want)
		}
	}
	c, err := recipe.Preset("text-small")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "recipe text-small needs text: name") {
		t.Error(err)
	}
	if err := c.Set("text.lenght=5"); err == nil || !strings.Contains(err.Error(), "did you mean text.length?") {
		t.Error(err)
	}
	var short *recipe.TooShortError
	c.Text.Paths = []string{write("b.txt", "abc")}
	if _, err := c.Open(t.Context()); !errors.As(err, &short) || short.Length != 128 {
		t.Error(err)
	}
}

// An untrained network knows nothing: its held-out loss is ln V whatever is masked, its bits per character log2 V, with no error, and
// rows of bytes count characters and not bytes.
func TestHeldOutOfUntrainedNetwork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("äöüß", 4000)), 0o666); err != nil {
		t.Fatal(err)
	}
	c, sets, _ := resolved(t, "text-small", "text.paths=['"+path+"']", "text.tokenizer={kind='bytes',no_special=true,alphabet=''}",
		"network.text.dim=32", "network.text.layers=1", "network.text.heads=2", "text.held_out.share=0.5", "text.length=64")
	m, err := c.TextModel()
	if err != nil {
		t.Fatal(err)
	}
	task, err := c.TextTask(m)
	if err != nil {
		t.Fatal(err)
	}
	weights := train.Weights(model.NewStore())
	if err := task.Init(weights, 1); err != nil {
		t.Fatal(err)
	}
	rows, chars, size, err := c.Rows(sets.Text.Valid, sets.Text.Tokenizer, 20)
	if err != nil {
		t.Fatal(err)
	}
	if len(chars) != 20 || chars[3] != 32 || size[3] != 64 {
		t.Errorf("%d rows, %d characters and %d bytes in one", len(chars), chars[3], size[3])
	}
	h, err := c.TextHeldOut(testkit.Backend(t), task, m, train.HeldOutTokensConfig{Rows: rows, Chars: chars, Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Finalize()
	e, err := h.Measure(context.Background(), weights)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(e.Loss)-math.Log(256)) > 1e-5 || math.Abs(float64(e.BitsPerChar)-16) > 1e-4 { // two bytes a character, 8 bits each
		t.Errorf("loss %v, %v bits per character", e.Loss, e.BitsPerChar)
	}
	s, err := h.Score(context.Background(), weights)
	if err != nil {
		t.Fatal(err)
	}
	if _, standardError := s.BitsPerChar(); !(standardError < 1e-4) {
		t.Errorf("standard error %v", standardError)
	}
}

// A predictor gives the logits of the very network, for canvases of any length.
func TestPredictor(t *testing.T) {
	c, _, _ := resolved(t, "text-small", "network.text.dim=32", "network.text.layers=1", "network.text.heads=2", "network.text.init=torch")
	m, err := c.TextModel()
	if err != nil {
		t.Fatal(err)
	}
	weights := train.Weights(model.NewStore())
	if err := m.Network.Init(weights, 1); err != nil {
		t.Fatal(err)
	}
	var results [2][]int32
	engine := testkit.Backend(t)
	for i, own := range []*recipe.TextModel{m, m.Frozen()} {
		p, err := recipe.NewPredictor(engine, weights, own)
		if err != nil {
			t.Fatal(err)
		}
		canvas := masked.NewCanvas(3, 10, m.Vocab)
		sampler := masked.Sampler{Steps: 10, Seed: 4}
		if _, err := sampler.Sample(p.Model(10, m.Null, masked.Schedule{}), canvas); err != nil {
			t.Fatal(err)
		}
		results[i] = canvas.Tokens
		p.Finalize()
	}
	for i, v := range results[0] {
		if v != results[1][i] || v < 0 || int(v) >= m.Vocab {
			t.Fatalf("%v and %v", results[0], results[1])
		}
	}
}
