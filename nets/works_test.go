package nets

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// The works of ebb's benchmarks, at full width in float32: the same function as diffusers' models.
func TestWorksEqualPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: the stock backend convolves at 1 GFLOPS")
	}
	var file goldens
	testkit.ReadJSON(t, "testdata/goldens.json", &file)
	b := testkit.Backend(t)
	cifar, err1 := NewUNet(DDPMCifar10())
	small, err2 := NewUNet(UNetSmall())
	dit, err3 := NewDiT(DiTSmall())
	text, err4 := NewText(TextBase())
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	picture := func(n int) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(testkit.Floats32(testkit.Fill("x", n*n*3)), 1, n, n, 3)
	}
	for _, c := range []struct {
		name string
		net  Network
		x    *tensors.Tensor
	}{{"unet-cifar", cifar, picture(8)}, {"unet-small", small, picture(8)}, {"dit-s", dit, picture(8)}, {"text-base", text, tokens(28, 1, 16)}} {
		scope := model.NewStore().Scope("/net")
		for _, p := range c.net.Params().All() {
			w := testkit.Floats32(weights(t, p))
			scope.VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(w, p.Shape...))
		}
		out, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			var class *graph.Node
			if c.name == "dit-s" {
				class = in[2]
			}
			return c.net.Forward(&block.Ctx{Scope: scope}, in[0], in[1], class)
		}, c.x, []float32{3}, []int32{4})
		if err != nil {
			t.Fatal(c.name, err)
		}
		y := tensors.MustCopyFlatData[float32](out)
		var got [4]float64
		for i, k := range []string{"", "/1", "/2", "/3"} {
			r := testkit.Fill(k, len(y))
			for j, v := range y {
				if i == 0 {
					r[j] = float64(v)
				}
				got[i] += float64(v) * r[j]
			}
		}
		got[0] = math.Sqrt(got[0])
		want := file.Works[c.name]
		testkit.Close(t, c.name, got[:], want, testkit.Tol{Abs: 1e-5 * want[0]})
		scope.Store().Finalize()
	}
}
