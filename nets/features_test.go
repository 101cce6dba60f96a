package nets

import (
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// filled gives every tensor that is asked for the weights of features.py, by the shapes that a network declares.
func filled(shapes map[string][]int) Weights {
	return func(name string) ([]float32, []int, bool) {
		shape, ok := shapes[name]
		if !ok {
			return nil, nil, false
		}
		size := 1
		for _, d := range shape {
			size *= d
		}
		mean, scale := 0.0, 0.3
		norm := strings.Contains(name, "bn.") || strings.Contains(name, "norm")
		switch {
		case strings.HasSuffix(name, "running_var"):
			mean, scale = 1, 0.5
		case strings.Contains(name, "cls_token") || strings.Contains(name, "pos"):
			scale = 0.5
		case len(shape) > 1:
			scale = math.Sqrt(6 / float64(size/shape[0]))
		case strings.HasSuffix(name, "gamma") || norm && strings.HasSuffix(name, "weight"):
			mean = 1
		}
		w := testkit.Fill(name, size)
		out := make([]float32, size)
		for i, v := range w {
			out[i] = float32(mean + scale*float64(float32(v)))
		}
		return out, shape, true
	}
}

// inceptionShapes are those of the file that an Inception's parameters are folded from.
func inceptionShapes(n *Inception) map[string][]int {
	shapes := map[string][]int{}
	for _, v := range n.convs {
		shapes[v.name+".conv.weight"] = v.weight.TorchShape()
		for _, k := range []string{"weight", "bias", "running_mean", "running_var"} {
			shapes[v.name+".bn."+k] = []int{v.bias.Size()}
		}
	}
	shapes["fc.weight"], shapes["fc.bias"] = n.fc.Weight.TorchShape(), n.fc.Bias.TorchShape()
	return shapes
}

// checkRecord compares an output with what record of features.py kept of it: eight numbers and four projections.
func checkRecord(t *testing.T, what string, got *tensors.Tensor, want []float64) {
	t.Helper()
	v := tensors.MustCopyFlatData[float32](got)
	testkit.Close(t, what, v[:8], want[:8], testkit.Tol{Abs: 1e-4, Rel: 1e-4})
	norm := 0.0
	for _, x := range v {
		norm += float64(x) * float64(x)
	}
	for k, w := range want[8:] {
		r, sum := testkit.Fill("r/"+string(rune('0'+k)), len(v)), 0.0
		for i, x := range v {
			sum += float64(x) * r[i]
		}
		if math.Abs(sum-w) > 1e-4*math.Sqrt(norm) {
			t.Errorf("%s: projection %d is %.6f, PyTorch's %.6f", what, k, sum, w)
		}
	}
}

func picture32(b, h, w int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(testkit.Floats32(testkit.Fill("x", b*h*w*3)), b, h, w, 3)
}

// TestInceptionEqualsPyTorch in both variants, batch norms folded, on a picture that is not square.
func TestInceptionEqualsPyTorch(t *testing.T) {
	var file map[string]map[string][]float64
	testkit.ReadJSON(t, "testdata/features.json", &file)
	b := testkit.Backend(t)
	for _, variant := range []InceptionVariant{InceptionFID, InceptionTorchvision} {
		n, err := NewInception(variant)
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		s := store.Scope("/inception")
		if err := n.Load(s, filled(inceptionShapes(n))); err != nil {
			t.Fatal(err)
		}
		if err := n.Params().Check(s); err != nil {
			t.Fatal(err)
		}
		exec := model.MustNewExec(b, store, func(_ *model.Scope, x *graph.Node) []*graph.Node {
			o := n.Forward(&block.Ctx{Scope: s}, x)
			return []*graph.Node{o.Pool, o.Spatial, o.Logits, o.NoBias}
		})
		out, err := exec.Call(picture32(1, 107, 91))
		if err != nil {
			t.Fatal(err)
		}
		for i, what := range []string{"pool", "spatial", "logits", "no_bias"} {
			checkRecord(t, variant.String()+" "+what, out[i], file[variant.String()][what])
		}
		exec.Finalize()
	}
}

// TestDINOv2EqualsPyTorch with positions scaled as the repository does, as Hugging Face does, and not at all.
func TestDINOv2EqualsPyTorch(t *testing.T) {
	var file map[string]map[string][]float64
	testkit.ReadJSON(t, "testdata/features.json", &file)
	want := file["dinov2"]
	for _, c := range []struct {
		what   string
		h, w   int
		rename bool
	}{{"offset", 42, 56, false}, {"size", 42, 56, true}, {"native", 70, 70, false}} {
		n, err := NewDINOv2(DINOv2Config{Dim: 24, Depth: 2, Heads: 3, Patch: 14, Positions: 5})
		if err != nil {
			t.Fatal(err)
		}
		shapes := map[string][]int{}
		for _, p := range n.Params().All() {
			shapes[p.Name] = p.TorchShape()
		}
		from := filled(shapes)
		if c.rename {
			from = huggingFace(from)
		}
		store := model.NewStore()
		s := store.Scope("/dinov2")
		if err := n.Load(s, from); err != nil {
			t.Fatal(err)
		}
		out, err := model.CallOnce(testkit.Backend(t), store, func(_ *model.Scope, x *graph.Node) *graph.Node {
			return n.Forward(&block.Ctx{Scope: s}, x)
		}, picture32(2, c.h, c.w))
		if err != nil {
			t.Fatal(err)
		}
		checkRecord(t, "dinov2 "+c.what, out, want[c.what])
	}
}

// huggingFace renames the repository's tensors as transformers' Dinov2Model names them.
func huggingFace(from Weights) Weights {
	names := strings.NewReplacer("embeddings.cls_token", "cls_token", "embeddings.position_embeddings", "pos_embed",
		"embeddings.patch_embeddings.projection", "patch_embed.proj", "encoder.layer.", "blocks.", "attention.attention.query", "attn.qkv#0",
		"attention.attention.key", "attn.qkv#1", "attention.attention.value", "attn.qkv#2", "attention.output.dense", "attn.proj",
		"layer_scale1.lambda1", "ls1.gamma", "layer_scale2.lambda1", "ls2.gamma", "layernorm", "norm")
	return func(name string) ([]float32, []int, bool) {
		ours := names.Replace(name)
		at := strings.Index(ours, "#")
		if at < 0 {
			return from(ours)
		}
		part := int(ours[at+1] - '0')
		v, shape, ok := from(ours[:at] + ours[at+2:])
		third := len(v) / 3
		return v[part*third : (part+1)*third], append([]int{shape[0] / 3}, shape[1:]...), ok
	}
}

func TestFeatureNetworksRefuse(t *testing.T) {
	inception, _ := NewInception(InceptionFID)
	dino, _ := NewDINOv2(DINOv2Config{Dim: 24, Depth: 2, Heads: 3, Patch: 14, Positions: 5})
	scope := model.NewStore().Scope("/x")
	shapes := inceptionShapes(inception)
	shapes["fc.bias"], shapes["fc.weight"] = []int{1000}, []int{1000, 2048}
	_, badVariant := NewInception(7)
	_, badHeads := NewDINOv2(DINOv2Config{Dim: 24, Depth: 2, Heads: 5, Patch: 14, Positions: 5})
	small := func() (err error) {
		defer func() { err, _ = recover().(error) }()
		g := graph.NewGraph(testkit.Backend(t), "small")
		inception.Forward(&block.Ctx{Scope: scope}, graph.Const(g, picture32(1, 64, 64)))
		return nil
	}
	for want, err := range map[string]error{
		`no tensor "Conv2d_1a_3x3.conv.weight": are they of another network`: inception.Load(scope, filled(nil)),
		`"fc.weight" has shape [1000 2048]`:                                  inception.Load(model.NewStore().Scope("/y"), filled(shapes)),
		`no tensor "cls_token"`:                                              dino.Load(scope, filled(shapes)),
		"variant of Inception":                                               badVariant,
		"5 heads do not divide width 24":                                     badHeads,
		"at least 75 pixels":                                                 small(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestInceptionCount: torchvision's network without its auxiliary head has 23,834,568 parameters, of which the norms have two a channel where the
// folded ones have one.
func TestInceptionCount(t *testing.T) {
	n, err := NewInception(InceptionTorchvision)
	if err != nil {
		t.Fatal(err)
	}
	channels := 0
	for _, v := range n.convs {
		channels += v.bias.Size()
	}
	if got := n.Params().Count() + channels; got != 23_834_568 {
		t.Errorf("%d parameters with both of each norm, torchvision has 23,834,568", got)
	}
	for config, want := range map[DINOv2Config]int{DINOv2S(): 22_056_576, DINOv2B(): 86_580_480, DINOv2L(): 304_368_640} {
		d, err := NewDINOv2(config)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Params().Count() + config.Dim; got != want { // and a mask token that features do not need
			t.Errorf("dinov2 of width %d: %d parameters, want %d", config.Dim, got, want)
		}
	}
}

// TestClassifier: gradients are right, any size of picture will do, and what it says of one does not depend on its companions.
func TestClassifier(t *testing.T) {
	n, err := NewClassifier(ClassifierConfig{Channels: 2, Classes: 3, Widths: []int{8, 8, 16}})
	if err != nil {
		t.Fatal(err)
	}
	b, store := testkit.Backend(t), model.NewStore()
	s := store.Scope("/classifier")
	for _, p := range n.Params().All() { // not as they start: layers that start at zero hide what is before them
		w := testkit.Fill(p.Name, p.Size())
		for i := range w {
			w[i] *= 0.4
		}
		s.VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(w, p.Shape...))
	}
	x := tensors.FromFlatDataAndDimensions(testkit.Fill("x", 2*7*5*2), 2, 7, 5, 2)
	testkit.CheckGradients(t, b, store, func(_ *model.Scope, in []*graph.Node) *graph.Node {
		f, logits := n.Forward(&block.Ctx{Scope: s}, in[0])
		return graph.Add(graph.ReduceAllSum(graph.Mul(f, f)), graph.ReduceAllSum(graph.LogSoftmax(logits, -1)))
	}, x)
	logits := func(x *tensors.Tensor) []float64 {
		out, err := model.CallOnce(b, store, func(_ *model.Scope, x *graph.Node) *graph.Node {
			_, logits := n.Forward(&block.Ctx{Scope: s}, x)
			return logits
		}, x)
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float64](out)
	}
	alone := tensors.FromFlatDataAndDimensions(testkit.Fill("x", 2*7*5*2)[7*5*2:], 1, 7, 5, 2)
	testkit.Close(t, "alone", logits(alone), logits(x)[3:], testkit.Tol{Abs: 1e-12})
	for want, c := range map[string]ClassifierConfig{
		"multiple of 8": {Channels: 1, Classes: 2, Widths: []int{12}},
		"resolutions":   {Channels: 1, Classes: 2},
		"classes":       {Channels: 1, Widths: []int{8}},
	} {
		if _, err := NewClassifier(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
