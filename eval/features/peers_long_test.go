//go:build long

package features

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/interop/safetensors"
)

// TestEqualsPeers compares whole roads, from 8-bit pictures to features, with pytorch-fid, torch-fidelity and transformers, given the same
// random weights.
func TestEqualsPeers(t *testing.T) {
	python := testkit.Python(t, "pytorch_fid", "torch_fidelity", "transformers")
	folder := t.TempDir()
	if out, err := exec.Command(python, "testdata/golden.py", "peers", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := engine(t)
	pictures := []*data.Picture{picture(32, 32, 0), picture(32, 32, 1)}
	for _, c := range []struct {
		weights, want string
		resize        Resize
		layer         Layer
	}{
		{"fid", "torch", ResizeTorch, Pool},
		{"fid", "tensorflow", ResizeDefault, Pool},
		{"fid", "probabilities", ResizeTensorFlow, Probabilities},
		{"dinov2", "pillow", ResizeDefault, Pool},
	} {
		n, err := Open(b, filepath.Join(folder, c.weights+".safetensors"), Options{Resize: c.resize, Batch: 2})
		if err != nil {
			t.Fatal(err)
		}
		space, err := n.Space(c.layer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := space.Features(context.Background(), pictures)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(folder, c.weights+"."+c.want+".f32"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := safetensors.Values[float32](raw)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, space.Name, got.Data, want)
		n.Close()
	}
}
