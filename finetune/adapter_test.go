package finetune

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// golden is one weight before and after PEFT merged an adapter into it, in PyTorch's layout.
type golden struct {
	Shape        []int
	Base, Merged []float64
}

// param is the declaration of a golden's weight.
func (g golden) param(name string) *block.Param {
	s := g.Shape
	if len(s) == 4 {
		return &block.Param{Name: name, Layout: block.Kernel, Shape: []int{s[2], s[3], s[1], s[0]}}
	}
	return &block.Param{Name: name, Layout: block.Matrix, Shape: []int{s[1], s[0]}}
}

// peftCase is the base weights of a golden adapter in a scope.
func peftCase(t *testing.T, goldens map[string]golden) *model.Scope {
	t.Helper()
	scope := model.NewStore().Scope("/net")
	for name, g := range goldens {
		p := g.param(name)
		values, err := block.FromTorch(p, g.Base)
		if err != nil {
			t.Fatal(err)
		}
		scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	return scope
}

func TestMergeEqualsPEFT(t *testing.T) {
	var all map[string]map[string]golden
	testkit.ReadJSON(t, "testdata/goldens.json", &all)
	for kind, goldens := range all {
		scope := peftCase(t, goldens)
		a, err := Load(filepath.Join("testdata/adapters", kind))
		if err != nil {
			t.Fatal(err)
		}
		restore, err := Merge(scope, Layered{a, 1})
		if err != nil {
			t.Fatal(err)
		}
		check := func(when string, want func(golden) []float64) {
			for name, g := range goldens {
				got, err := read(scope, name)
				if err != nil {
					t.Fatal(err)
				}
				if got, err = block.ToTorch(g.param(name), got); err != nil {
					t.Fatal(err)
				}
				testkit.Close(t, kind+" "+name+" "+when, got, want(g), testkit.Tol{Rel: 1e-6, Abs: 1e-6})
			}
		}
		check("merged", func(g golden) []float64 { return g.Merged })
		if err := restore(); err != nil {
			t.Fatal(err)
		}
		check("restored", func(g golden) []float64 { return g.Base })
	}
}

// What is written is what PEFT wrote, byte for byte of each tensor.
func TestFilesEqualPEFT(t *testing.T) {
	for _, kind := range []string{"lora", "rslora", "dora"} {
		dir := filepath.Join("testdata/adapters", kind)
		a, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		var b, config bytes.Buffer
		if err := a.WriteWeights(&b); err != nil {
			t.Fatal(err)
		}
		if err := a.WriteConfig(&config); err != nil {
			t.Fatal(err)
		}
		ours, err := safetensors.Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := safetensors.Open(filepath.Join(dir, WeightsFile))
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		if len(ours.Tensors()) != len(theirs.Tensors()) {
			t.Errorf("%s: %d tensors, PEFT has %d", kind, len(ours.Tensors()), len(theirs.Tensors()))
		}
		for _, want := range theirs.Tensors() {
			got, ok := ours.Info(want.Name)
			x, _ := ours.Bytes(want.Name)
			y, _ := theirs.Bytes(want.Name)
			if !ok || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(x, y) {
				t.Errorf("%s: %s of shape %v became %v %v", kind, want.Name, want.Shape, ok, got.Shape)
			}
		}
		again, err := parse(config.Bytes(), ours)
		if err != nil {
			t.Fatal(err)
		}
		if again.layers[0].scale != a.layers[0].scale || again.DoRA != a.DoRA {
			t.Errorf("%s: scale %v became %v", kind, a.layers[0].scale, again.layers[0].scale)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good, err := os.ReadFile("testdata/adapters/lora/" + ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile("testdata/adapters/lora/" + WeightsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"LORA"`, `"IA3"`, "only LORA"},
		{`"r": 2`, `"r": 0`, "at least 1"},
		{`"alpha_pattern": {}`, `"alpha_pattern": {"to_q": 1}`, "alpha_pattern"},
		{`"bias": "none"`, `"bias": "all"`, "biases"},
		{`"use_dora": false`, `"use_dora": true`, suffixMagnitude},
		{`{`, ``, ConfigFile},
	} {
		f, err := safetensors.Parse(weights)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parse(bytes.Replace(good, []byte(c.old), []byte(c.new), 1), f)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want something of %q", c.new, err, c.want)
		}
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no adapter") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestMergeRefuses(t *testing.T) {
	var all map[string]map[string]golden
	testkit.ReadJSON(t, "testdata/goldens.json", &all)
	a, err := Load("testdata/adapters/lora")
	if err != nil {
		t.Fatal(err)
	}
	goldens := all["lora"]
	delete(goldens, "to_q.weight")
	if _, err := Merge(peftCase(t, goldens), Layered{a, 1}); err == nil || !strings.Contains(err.Error(), "to_q.weight") {
		t.Errorf("a network without to_q: %v", err)
	}
	g := golden{Shape: []int{5, 7}, Base: make([]float64, 35)}
	goldens["to_q.weight"] = g
	if _, err := Merge(peftCase(t, goldens), Layered{a, 1}); err == nil || !strings.Contains(err.Error(), "another network") {
		t.Errorf("a wider to_q: %v", err)
	}
}

// Any bytes are an adapter or an error.
func FuzzParse(f *testing.F) {
	for _, kind := range []string{"lora", "dora"} {
		config, err := os.ReadFile(filepath.Join("testdata/adapters", kind, ConfigFile))
		if err != nil {
			f.Fatal(err)
		}
		weights, err := os.ReadFile(filepath.Join("testdata/adapters", kind, WeightsFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(config, weights)
	}
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		file, err := safetensors.Parse(weights)
		if err != nil {
			return
		}
		if a, err := parse(config, file); err == nil {
			if err := a.WriteWeights(&bytes.Buffer{}); err != nil {
				t.Error(err)
			}
		}
	})
}
