package nets

import (
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// goldens is what testdata/goldens.py wrote.
type goldens struct {
	Works    map[string][]float64 `json:"works"`    // norm and three projections of the output
	Training [][2]float64         `json:"training"` // loss and gradient norm of each step
	Tiny     map[string]golden    `json:"tiny"`
}

// golden is the part of one tiny network.
type golden struct {
	Output    []float64            `json:"output"`
	Gradients map[string][]float64 `json:"gradients"` // norm and two projections, in PyTorch's layout
}

type goldenCase struct {
	name       string
	net        Network
	x          *tensors.Tensor
	t          any // float32 where PyTorch embeds in float32 whatever the model's type
	class      bool
	recompute  bool
	goldenName string
}

func pictures(b, h, w, c int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(testkit.Fill("x", b*h*w*c), b, h, w, c)
}

func tokens(vocab float64, b, l int) *tensors.Tensor {
	ids := make([]int32, b*l)
	for i, v := range testkit.Fill("x", b*l) {
		ids[i] = int32((v + 1) * vocab / 2)
	}
	return tensors.FromFlatDataAndDimensions(ids, b, l)
}

func goldenCases(t *testing.T) []goldenCase {
	must := func(n Network, err error) Network {
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	ddpm := DefaultUNet(8, 12, 16)
	ddpm.Down, ddpm.Up = []Stage{StageConv, StageAttn, StageConv}, []Stage{StageConv, StageAttn, StageConv}
	ddpm.Layers, ddpm.Groups, ddpm.HeadDim, ddpm.Eps, ddpm.DownPadding, ddpm.CosFirst, ddpm.FreqShift = 1, 4, 0, 1e-6, 0, false, 1
	shift := DefaultUNet(8, 16)
	shift.InChannels, shift.OutChannels, shift.Groups, shift.HeadDim = 1, 2, 4, 4
	shift.Down, shift.Up = []Stage{StageAttn, StageConv}, []Stage{StageAttn, StageAttn}
	shift.ResnetResample, shift.ScaleShift, shift.MidScale, shift.Classes, shift.TimeDim = true, true, math.Sqrt2, 5, 12
	fourier := DefaultUNet(8, 8)
	fourier.Layers, fourier.Groups, fourier.Fourier, fourier.MidAttention = 1, 2, true, false
	fourier.Down, fourier.Up = []Stage{StageResnet, StageConv}, []Stage{StageConv, StageResnet}
	dit := DiTConfig{InChannels: 3, OutChannels: 2, Size: 4, Patch: 2, Layers: 2, Heads: 2, Dim: 8, Classes: 5}
	text := TextConfig{Vocab: 6, Dim: 8, Layers: 2, Heads: 2}
	cond := text
	cond.SwiGLU, cond.Time, cond.Classes = true, true, 5
	steps := []float32{3, 421}
	cases := []goldenCase{
		{name: "unet_ddpm", net: must(NewUNet(ddpm)), x: pictures(2, 8, 4, 3), t: steps},
		{name: "unet_scale_shift", net: must(NewUNet(shift)), x: pictures(2, 4, 4, 1), t: steps, class: true},
		{name: "unet_fourier", net: must(NewUNet(fourier)), x: pictures(2, 4, 4, 3), t: []float64{math.Log(3), math.Log(421)}},
		{name: "dit", net: must(NewDiT(dit)), x: pictures(2, 4, 4, 3), t: steps, class: true},
		{name: "text", net: must(NewText(text)), x: tokens(7, 2, 6), t: steps},
		{name: "text_cond", net: must(NewText(cond)), x: tokens(7, 2, 6), t: steps, class: true},
		{name: "mlp", net: must(NewMLP(MLPConfig{Features: 2, Width: 8, Layers: 2, Classes: 5})),
			x: tensors.FromFlatDataAndDimensions(testkit.Fill("x", 4), 2, 2), t: []float64{0.03, 4.21}, class: true},
	}
	for _, c := range cases[:6] {
		c.recompute, c.goldenName = true, c.name
		c.name += "/recompute"
		cases = append(cases, c)
	}
	return cases
}

// setFilled gives every parameter the weights of goldens.py.
func setFilled(t *testing.T, s *model.Scope, params *block.Params) {
	t.Helper()
	for _, p := range params.All() {
		s.VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(weights(t, p), p.Shape...)).SetTrainable(!p.Frozen)
	}
}

func weights(t *testing.T, p *block.Param) []float64 {
	t.Helper()
	w := testkit.Fill(p.Name, p.Size())
	mean, scale := spread(p)
	for i := range w {
		w[i] = mean + scale*w[i]
	}
	w, err := block.FromTorch(p, w)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// spread is how set_weights of goldens.py fills a parameter.
func spread(p *block.Param) (mean, scale float64) {
	shape, n := p.TorchShape(), p.Name
	gain := strings.Contains(n, "norm") && strings.HasSuffix(n, "weight") ||
		strings.HasSuffix(n, "n1.weight") || strings.HasSuffix(n, "n2.weight") || strings.HasSuffix(n, "nf.weight")
	switch {
	case len(shape) > 1:
		return 0, math.Sqrt(3 / float64(p.Size()/shape[0]))
	case gain:
		return 1, 0.3
	default:
		return 0, 0.3
	}
}

// run builds output and gradients of Σ output·r and executes them once.
func (g goldenCase) run(t *testing.T, b compute.Backend) (out *tensors.Tensor, grads map[string][]float64) {
	t.Helper()
	store := model.NewStore()
	scope := store.Scope("/net")
	setFilled(t, scope, g.net.Params())
	vars, err := g.net.Params().Variables(scope)
	if err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		var class *graph.Node
		if g.class {
			class = in[2]
		}
		y := g.net.Forward(&block.Ctx{Scope: scope, Recompute: g.recompute}, in[0], in[1], class)
		r := graph.Const(y.Graph(), testkit.Fill("r", y.Shape().Size()))
		loss := graph.ReduceAllSum(graph.Mul(y, graph.Reshape(r, y.Shape().Dimensions...)))
		var wrt []*graph.Node
		for _, v := range vars {
			wrt = append(wrt, v.NodeValue(y.Graph()))
		}
		return append([]*graph.Node{y}, graph.Gradient(loss, wrt...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	res, err := exec.Call(g.x, g.t, []int32{4, 1})
	if err != nil {
		t.Fatal(err)
	}
	grads = map[string][]float64{}
	for i, v := range vars {
		grads[v.Name()] = tensors.MustCopyFlatData[float64](res[i+1])
	}
	return res[0], grads
}

// Forward pass and every parameter's gradient equal PyTorch's and diffusers', in float64.
func TestEqualsPyTorch(t *testing.T) {
	var file goldens
	testkit.ReadJSON(t, "testdata/goldens.json", &file)
	b := testkit.Backend(t)
	for _, c := range goldenCases(t) {
		t.Run(c.name, func(t *testing.T) {
			if c.goldenName == "" {
				c.goldenName = c.name
			}
			want := file.Tiny[c.goldenName]
			out, grads := c.run(t, b)
			// Sines of time are float32 on both sides, hence not 1e-12.
			testkit.Close(t, "output", tensors.MustCopyFlatData[float64](out), want.Output, testkit.Tol{Scale: 5e-7})
			if len(grads) != len(want.Gradients) {
				t.Errorf("%d gradients, PyTorch has %d", len(grads), len(want.Gradients))
			}
			for _, p := range c.net.Params().All() {
				if g, ok := grads[p.Name]; ok {
					checkProjections(t, p, g, want.Gradients[p.Name])
				}
			}
		})
	}
}

func checkProjections(t *testing.T, p *block.Param, grad, want []float64) {
	t.Helper()
	if len(want) != 3 {
		t.Errorf("PyTorch has no gradient %q", p.Name)
		return
	}
	g, err := block.ToTorch(p, grad)
	if err != nil {
		t.Fatal(err)
	}
	var got [3]float64
	a, b := testkit.Fill(p.Name+"/1", len(g)), testkit.Fill(p.Name+"/2", len(g))
	for i, v := range g {
		got[0] += v * v
		got[1] += v * a[i]
		got[2] += v * b[i]
	}
	got[0] = math.Sqrt(got[0])
	testkit.Close(t, "gradient of "+p.Name, got[:], want, testkit.Tol{Abs: 1e-6*want[0] + 1e-10})
}
