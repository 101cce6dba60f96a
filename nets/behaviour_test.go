package nets

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

func shape32(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

// The zero start makes every network's first output nothing: the first loss of a text model is
// ln Vocab, that of an eps-predicting one is 1.
func TestInitZeroStartsAtNothing(t *testing.T) {
	unet := DefaultUNet(4, 8)
	unet.Groups, unet.HeadDim, unet.Init = 4, 0, InitZero
	dit := DiTConfig{InChannels: 3, OutChannels: 3, Size: 4, Patch: 2, Layers: 1, Heads: 1, Dim: 8, Classes: 2, Init: InitZero}
	text := TextConfig{Vocab: 6, Dim: 8, Layers: 1, Heads: 2, Init: InitZero}
	u, err1 := NewUNet(unet)
	d, err2 := NewDiT(dit)
	x, err3 := NewText(text)
	m, err4 := NewMLP(MLPConfig{Features: 2, Width: 8, Layers: 1, Init: InitZero})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b := testkit.Backend(t)
	for _, c := range []struct {
		name string
		net  Network
		in   *tensors.Tensor
	}{{"unet", u, pictures(2, 4, 4, 3)}, {"dit", d, pictures(2, 4, 4, 3)}, {"text", x, tokens(7, 2, 6)},
		{"mlp", m, tensors.FromFlatDataAndDimensions(testkit.Fill("x", 4), 2, 2)}} {
		scope := model.NewStore().Scope("/net")
		if err := c.net.Params().Init(scope, dtypes.Float64, 3); err != nil {
			t.Fatal(err)
		}
		out, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			var class *graph.Node
			if c.name == "dit" {
				class = graph.Const(in[0].Graph(), []int32{0, 2})
			}
			return c.net.Forward(&block.Ctx{Scope: scope}, in[0], in[1], class)
		}, c.in, []float64{0.5, 400})
		if err != nil {
			t.Fatal(c.name, err)
		}
		for _, v := range tensors.MustCopyFlatData[float64](out) {
			if v != 0 {
				t.Errorf("%s: first output %v, want 0", c.name, v)
				break
			}
		}
	}
}

// Dropout acts in training and hangs on the sample's key: two copies of a picture under one key stay
// alike, under two keys not.
func TestDropoutReachesTheNetworks(t *testing.T) {
	config := DefaultUNet(4, 8)
	config.Groups, config.HeadDim, config.Dropout = 4, 0, 0.5
	net, err := NewUNet(config)
	if err != nil {
		t.Fatal(err)
	}
	scope := model.NewStore().Scope("/net")
	if err := net.Params().Init(scope, dtypes.Float64, 3); err != nil {
		t.Fatal(err)
	}
	b := testkit.Backend(t)
	difference := func(keys []uint32) float64 {
		out, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			x := graph.Concatenate([]*graph.Node{in[0], in[0]}, 0)
			c := &block.Ctx{Scope: scope, DropoutKeys: graph.Const(x.Graph(), keys)}
			y := net.Forward(c, x, graph.Const(x.Graph(), []float64{7, 7}), nil)
			return graph.ReduceAllMax(graph.Abs(graph.Sub(graph.Slice(y, graph.AxisElem(0)), graph.Slice(y, graph.AxisElem(1)))))
		}, pictures(1, 4, 4, 3))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.ToScalar[float64](out)
	}
	if d := difference([]uint32{5, 5}); d > 1e-12 {
		t.Errorf("one key, outputs differ by %v", d)
	}
	if d := difference([]uint32{5, 6}); !(d > 1e-3) || math.IsNaN(d) {
		t.Errorf("two keys, outputs differ by %v", d)
	}
}

// Fed with bfloat16, a network with float32 weights computes in bfloat16, and its gradients come
// back in float32. (The graph is built only: the stock backend has no bfloat16 FusedDense.)
func TestBFloat16(t *testing.T) {
	config := DefaultUNet(4, 8)
	config.Groups, config.HeadDim = 4, 0
	net, err := NewUNet(config)
	if err != nil {
		t.Fatal(err)
	}
	scope := model.NewStore().Scope("/net")
	if err := net.Params().Init(scope, dtypes.Float32, 3); err != nil {
		t.Fatal(err)
	}
	vars, err := net.Params().Variables(scope)
	if err != nil {
		t.Fatal(err)
	}
	exec := model.MustNewExec(testkit.Backend(t), scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		y := net.Forward(&block.Ctx{Scope: scope}, graph.ConvertDType(in[0], dtypes.BFloat16), in[1], nil)
		loss := graph.ReduceAllSum(graph.ConvertDType(y, dtypes.Float32))
		wrt := make([]*graph.Node, len(vars))
		for i, v := range vars {
			wrt[i] = v.NodeValue(y)
		}
		for i, g := range graph.Gradient(loss, wrt...) {
			if g.DType() != dtypes.Float32 {
				t.Errorf("gradient of %s is %s", vars[i].Path(), g.Shape())
			}
		}
		if y.DType() != dtypes.BFloat16 {
			t.Errorf("output is %s", y.DType())
		}
		return y
	})
	if err := exec.PreCompile(tensors.FromShape(shape32(1, 4, 4, 3)), []float32{1}); err != nil {
		t.Fatal(err)
	}
}

// Gradients of a whole network with dropout inside recomputed blocks: the backward pass must draw the
// same masks again.
func TestGradientThroughRecomputedDropout(t *testing.T) {
	net, err := NewText(TextConfig{Vocab: 6, Dim: 4, Layers: 2, Heads: 2, SwiGLU: true, Classes: 5, Dropout: 0.4})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	scope := store.Scope("/net")
	setFilled(t, scope, net.Params())
	testkit.CheckGradients(t, testkit.Backend(t), store, func(_ *model.Scope, in []*graph.Node) *graph.Node {
		g := in[0].Graph()
		c := &block.Ctx{Scope: scope, Recompute: true, DropoutKeys: graph.Const(g, []uint32{1, 2})}
		y := net.Forward(c, in[0], nil, graph.Const(g, []int32{4, 1}))
		r := graph.Const(g, testkit.Fill("r", y.Shape().Size()))
		return graph.ReduceAllSum(graph.Mul(graph.Reshape(y, -1), r))
	}, tokens(7, 2, 3))
}
