package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets"
)

// randomWeights writes random weights of the given shapes, small enough that deep networks keep their size.
func randomWeights(t *testing.T, path string, shapes map[string][]int) {
	t.Helper()
	var all []safetensors.Tensor
	for name, shape := range shapes {
		size := 1
		for _, d := range shape {
			size *= d
		}
		mean, scale := 0.0, 0.3
		switch {
		case strings.HasSuffix(name, "running_var"), strings.HasSuffix(name, "bn.weight"):
			mean = 1
		case len(shape) > 1:
			scale = math.Sqrt(6 / float64(size/shape[0]))
		}
		v := testkit.Floats32(testkit.Fill(name, size))
		for i := range v {
			v[i] = float32(mean + scale*float64(v[i]))
		}
		all = append(all, safetensors.Tensor{Info: safetensors.Info{Name: name, DType: safetensors.F32, Shape: shape}, Data: safetensors.Bytes(v)})
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(f, nil, all); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// tinyDINOv2 has one block of width 64.
func tinyDINOv2(t *testing.T, path string) {
	t.Helper()
	n, err := nets.NewDINOv2(nets.DINOv2Config{Dim: 64, Depth: 1, Heads: 1, Patch: 14, Positions: 2})
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]int{}
	for _, p := range n.Params().All() {
		shapes[p.Name] = p.TorchShape()
	}
	randomWeights(t, path, shapes)
}

// Features of networks: brought weights, resizing, a trained classifier, what is kept, and what is refused.
func TestEvalPicturesFeatures(t *testing.T) {
	a, b := picturesIn(t, 24, 16, 4), picturesIn(t, 24, 16, 0)
	t.Chdir(t.TempDir())
	tinyDINOv2(t, "dino.safetensors")
	randomWeights(t, "other.safetensors", map[string][]int{"a": {2}})
	pair := "eval pictures " + a + " " + b
	for _, s := range []said{
		{pair + " --features dino.safetensors --metrics fd,kid,precision --cache kept", 0, `FD-dinov2-64-\w+-pillow-pool-24 .*\n.*KID-dinov2(.*\n)+.*precision-dinov2`, ``},
		{pair + " --features dino.safetensors --resize clean --metrics fd --cache kept", 0, `FD-dinov2-64-\w+-clean-pool-24`, ``},
		{pair + " --features dino.safetensors --metrics fd --resize wide", 2, ``, `choose one of default`},
		{pair + " --features dino.safetensors --metrics fid", 2, ``, `fid needs --features FILE with the weights of the FID's Inception`},
		{pair + " --features dino.safetensors --metrics sfid", 2, ``, `sfid needs --features FILE with weights of Inception-v3`},
		{pair + " --features other.safetensors", 3, ``, `no feature network that ebb knows: looked for Mixed_7c`},
		{pair + " --features nothing", 2, ``, `--features nothing: give dct, pixels, train, or a .safetensors file`},
		{pair + " --features train", 2, ``, `name them with --train-data`},
		{pair + " --train-data " + b, 2, ``, `for the classifier of --features train`},
	} {
		s.check(t)
	}
	files, err := filepath.Glob("kept/features/*.safetensors")
	if err != nil || len(files) != 4 { // two sides, two ways of resizing
		t.Errorf("%v (%v)", files, err)
	}
	code, out, errs := ebb("eval", "pictures", a, b, "--features", "dino.safetensors", "--json")
	var r map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
		t.Fatal(code, errs, err)
	}
	for _, key := range []string{"fd", "kid", "recall", "fd_dct", "mse", "features"} {
		if r[key] == nil {
			t.Errorf("no %s among those measured by default: %s", key, out)
		}
	}
	if r["fid"] != nil || r["is"] != nil {
		t.Errorf("measures of Inception in the space of DINOv2: %s", out)
	}
}
