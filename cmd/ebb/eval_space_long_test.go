//go:build long

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/nets"
)

// inceptionFile is Inception-v3 of the FID with random weights.
func inceptionFile(t *testing.T, path string) {
	t.Helper()
	n, err := nets.NewInception(nets.InceptionFID)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]int{}
	for _, p := range n.Params().All() {
		name, isConv := strings.CutSuffix(p.Name, ".conv.weight")
		if !isConv {
			continue
		}
		shapes[p.Name] = p.TorchShape()
		for _, k := range []string{"weight", "bias", "running_mean", "running_var"} {
			shapes[name+".bn."+k] = shapes[p.Name][:1]
		}
	}
	shapes["fc.weight"], shapes["fc.bias"] = []int{n.Classes(), 2048}, []int{n.Classes()}
	randomWeights(t, path, shapes)
}

// With Inception's weights a report, and a comparison of pictures, have FID, sFID and the Inception score, under their names with the number of
// pictures, real pictures beside them; and both say the same about the same pictures.
func TestInceptionFigures(t *testing.T) {
	a, b := picturesIn(t, 12, 16, 60), picturesIn(t, 24, 16, 0)
	t.Chdir(t.TempDir())
	inceptionFile(t, "inception.safetensors")
	code, out, errs := ebb("eval", "pictures", a, b, "--features", "inception.safetensors", "--metrics", "fid,sfid,is,kid", "--cache", "kept", "--json")
	if code != 0 {
		t.Fatal(errs)
	}
	var r map[string]struct {
		eval.Figure
		Real eval.Figure
	}
	var plain map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &plain); err != nil {
		t.Fatal(err)
	}
	delete(plain, "n")
	delete(plain, "reference_n")
	delete(plain, "features")
	text, _ := json.Marshal(plain)
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for key, name := range map[string]string{"fid": "FID-12", "sfid": "sFID-12", "is": "IS-12", "kid": "KID"} {
		f := r[key]
		if f.Name != name || math.IsNaN(float64(f.Value)) || f.Real.N == 0 || !strings.HasPrefix(f.Space, "inception-fid-") || !strings.Contains(f.Space, "-tensorflow-") {
			t.Errorf("%s: %+v", key, f)
		}
	}
	if f := r["fid"]; !(f.Value > f.Real.Value) || !(r["is"].Value >= 1) {
		t.Errorf("brighter pictures are no farther than real ones: %v, real %v", f.Value, f.Real.Value)
	}
	write(t, "tiny.toml", tinyConfig)
	said{"train -q --run r --config tiny.toml --images 64", 0, "", ""}.check(t)
	said{"eval r --data " + b + " --parts distribution --samples 10 --features inception.safetensors --out report", 0, `FID-10 (.*\n)+.*sFID-10 (.*\n)+.*IS-10 `, ``}.check(t)
	if files, err := filepath.Glob("report/features/features-*"); err != nil || len(files) != 6 { // samples and pictures in three layers
		t.Errorf("%v (%v)", files, err)
	}
	page, err := os.ReadFile("report/report.html")
	if err != nil || !strings.Contains(string(page), "sFID-10") {
		t.Error("sFID is not in the page", err)
	}
}
