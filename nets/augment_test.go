package nets

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// augmented are small networks that take three numbers about augmentation.
func augmented(t *testing.T) map[string]Network {
	t.Helper()
	unet := DefaultUNet(4, 8)
	unet.Groups, unet.HeadDim, unet.Layers, unet.Augment = 4, 0, 1, 3
	u, err1 := NewUNet(unet)
	d, err2 := NewDiT(DiTConfig{InChannels: 3, OutChannels: 3, Size: 4, Patch: 2, Layers: 2, Heads: 1, Dim: 8, Classes: 2, Augment: 3})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return map[string]Network{"unet": u, "dit": d}
}

// forward runs a network on fixed pictures in float64. augment is nil or six numbers for two pictures.
func forward(t *testing.T, b compute.Backend, name string, net Network, scope *model.Scope, augment []float64) []float64 {
	t.Helper()
	out, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		c := &block.Ctx{Scope: scope}
		if augment != nil {
			c.Augment = graph.Reshape(graph.Const(in[0].Graph(), augment), 2, 3)
		}
		return net.Forward(c, in[0], in[1], classFor(name, in[0].Graph()))
	}, pictures(2, 4, 4, 3), []float64{0.5, 400})
	if err != nil {
		t.Fatal(name, err)
	}
	return tensors.MustCopyFlatData[float64](out)
}

func classFor(name string, g *graph.Graph) *graph.Node {
	if name != "dit" {
		return nil
	}
	return graph.Const(g, []int32{0, 2})
}

// Zeros, which stand for an untouched picture, change not a bit against saying nothing; other numbers change the picture that they are
// of and no other.
func TestAugmentZeroIsNothing(t *testing.T) {
	b := testkit.Backend(t)
	for name, net := range augmented(t) {
		scope := model.NewStore().Scope("/net")
		if err := net.Params().Init(scope, dtypes.Float64, 3); err != nil {
			t.Fatal(err)
		}
		plain := forward(t, b, name, net, scope, nil)
		if zeros := forward(t, b, name, net, scope, make([]float64, 6)); !slices.Equal(plain, zeros) {
			t.Errorf("%s: zeros differ from nothing", name)
		}
		told := forward(t, b, name, net, scope, []float64{0, 0, 0, 0, 0.7, 0})
		half := len(plain) / 2
		if !slices.Equal(plain[:half], told[:half]) || slices.Equal(plain[half:], told[half:]) {
			t.Errorf("%s: what is told of the second picture does not act on it alone", name)
		}
	}
}

// The gradients of all weights, those that take the numbers among them.
func TestAugmentGradients(t *testing.T) {
	for name, net := range augmented(t) {
		scope := model.NewStore().Scope("/net")
		setFilled(t, scope, net.Params())
		augment := testkit.Fill("augment", 6)
		testkit.CheckGradients(t, testkit.Backend(t), scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			g := in[0].Graph()
			c := &block.Ctx{Scope: scope, Augment: graph.Reshape(graph.Const(g, augment), 2, 3)}
			y := net.Forward(c, in[0], graph.Const(g, []float64{0.5, 400}), classFor(name, g))
			return graph.ReduceAllSum(graph.Mul(y, graph.Reshape(graph.Const(g, testkit.Fill("r", y.Shape().Size())), y.Shape().Dimensions...)))
		}, pictures(2, 4, 4, 3))
	}
}

// The weights for augmentation are three more rows and nothing else, and what is told must fit them.
func TestAugmentWeights(t *testing.T) {
	for name, net := range augmented(t) {
		var own []string
		for _, p := range net.Params().All() {
			if strings.HasPrefix(p.Name, AugmentPrefix) {
				own = append(own, fmt.Sprint(p.Name, p.Shape))
			}
		}
		want := map[string]string{"unet": "augment_embedding.weight[3 4]", "dit": "augment_embedding.weight[3 256]"}[name]
		if !slices.Equal(own, []string{want}) {
			t.Errorf("%s: %v, want %s", name, own, want)
		}
		scope := model.NewStore().Scope("/net")
		setFilled(t, scope, net.Params())
		_, err := model.CallOnce(testkit.Backend(t), scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			g := in[0].Graph()
			return net.Forward(&block.Ctx{Scope: scope, Augment: graph.Const(g, [][]float64{{1, 2}, {3, 4}})}, in[0], in[1], classFor(name, g))
		}, pictures(2, 4, 4, 3), []float64{0.5, 400})
		if err == nil || !strings.Contains(err.Error(), "augmentation") {
			t.Errorf("%s: two numbers for three: %v", name, err)
		}
	}
}
