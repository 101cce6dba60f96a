package features

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets"
	"github.com/gomlx/compute"
)

func engine(t testing.TB) compute.Backend {
	t.Helper()
	b, err := backend.Open(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// writeFile stores tensors of the given shapes, filled by name.
func writeFile(t *testing.T, name string, shapes map[string][]int) string {
	t.Helper()
	var all []safetensors.Tensor
	for name, shape := range shapes {
		size := 1
		for _, d := range shape {
			size *= d
		}
		v := testkit.Floats32(testkit.Fill(name, size))
		all = append(all, safetensors.Tensor{Info: safetensors.Info{Name: name, DType: safetensors.F32, Shape: shape}, Data: safetensors.Bytes(v)})
	}
	path := filepath.Join(t.TempDir(), name)
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
	return path
}

// tinyDINOv2 has one block of width 64.
func tinyDINOv2(t *testing.T) map[string][]int {
	t.Helper()
	n, err := nets.NewDINOv2(nets.DINOv2Config{Dim: 64, Depth: 1, Heads: 1, Patch: 14, Positions: 2})
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]int{}
	for _, p := range n.Params().All() {
		shapes[p.Name] = p.TorchShape()
	}
	return shapes
}

// TestFeaturesArePure: a picture's features are the same bits alone, in a batch, and in a set of several; names tell all that matters.
func TestFeaturesArePure(t *testing.T) {
	path := writeFile(t, "dino.safetensors", tinyDINOv2(t))
	n, err := Open(engine(t), path, Options{Batch: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	space, err := n.Space(Pool)
	if err != nil {
		t.Fatal(err)
	}
	var pictures []*data.Picture
	for k := range 5 {
		pictures = append(pictures, picture(9, 8, k))
	}
	all, err := space.Features(context.Background(), pictures)
	if err != nil {
		t.Fatal(err)
	}
	if all.N != 5 || all.D != 64 || reflect.DeepEqual(all.Row(0), all.Row(4)) {
		t.Fatalf("%d×%d features", all.N, all.D)
	}
	alone, err := space.Features(context.Background(), pictures[4:])
	if err != nil || !reflect.DeepEqual(alone.Row(0), all.Row(4)) {
		t.Errorf("features of a picture depend on its companions (%v)", err)
	}
	torch, err := Open(engine(t), path, Options{Resize: ResizeTorch})
	if err != nil {
		t.Fatal(err)
	}
	defer torch.Close()
	other, err := torch.Space(Pool)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(space.Name, "dinov2-64-") || !strings.HasSuffix(space.Name, "-pillow-pool") || other.Name == space.Name {
		t.Errorf("spaces %q and %q", space.Name, other.Name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := space.Features(ctx, pictures); err == nil {
		t.Error("a cancelled call goes on")
	}
	if _, err := n.Space(Spatial); err == nil || !strings.Contains(err.Error(), "no layer spatial") {
		t.Errorf("the spatial layer of DINOv2: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	b := engine(t)
	without := tinyDINOv2(t)
	delete(without, "blocks.0.mlp.fc2.bias")
	odd := tinyDINOv2(t)
	odd["cls_token"] = []int{1, 1, 65}
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("no tensors"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{
		"no feature network that ebb knows":     writeFile(t, "other", map[string][]int{"a": {2}}),
		`no tensor "blocks.0.mlp.fc2.bias"`:     writeFile(t, "without", without),
		"not those of a DINOv2":                 writeFile(t, "odd", odd),
		`no tensor "Conv2d_1a_3x3.conv.weight"`: writeFile(t, "inception", map[string][]int{"Mixed_7c.branch_pool.conv.weight": {1}}),
		"no such file":                          filepath.Join(t.TempDir(), "nothing"),
		"junk":                                  junk,
	} {
		if _, err := Open(b, path, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, err := Open(b, junk, Options{Resize: 9}); err == nil || !strings.Contains(err.Error(), "resizing") {
		t.Errorf("resizing 9: %v", err)
	}
}

// closeTo fails unless features differ by at most 1e-4 of the largest.
func closeTo(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	largest, worst := 0.0, 0.0
	for i, v := range want {
		largest, worst = max(largest, math.Abs(float64(v))), max(worst, math.Abs(float64(v-got[i])))
	}
	t.Log(fmt.Sprintf("%s: largest %.3g, differs by %.2g", what, largest, worst))
	if worst > 1e-4*largest {
		t.Errorf("%s: differs by %.3g, largest is %.3g", what, worst, largest)
	}
}
