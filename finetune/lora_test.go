package finetune

import (
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// tiny is a U-Net with every kind of layer.
func tiny(t testing.TB) *nets.UNet {
	t.Helper()
	c := nets.DefaultUNet(8, 16)
	c.Groups, c.Layers, c.Classes = 4, 1, 3
	net, err := nets.NewUNet(c)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// start makes weights of random values, adapters at their start.
func start(t testing.TB, net nets.Network, dtype dtypes.DType, seed uint64) *model.Scope {
	t.Helper()
	s := model.NewStore().Scope("/net")
	if err := net.Params().Init(s, dtype, seed); err != nil {
		t.Fatal(err)
	}
	return s
}

// copyInto gives the weights of one scope to another that has them too.
func copyInto(t testing.TB, to, from *model.Scope, p *block.Params) {
	t.Helper()
	for _, q := range p.All() {
		if from.GetVariable(q.Name) == nil {
			continue
		}
		v, err := read(from, q.Name)
		if err == nil {
			err = write(to, q.Name, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// stir gives the adapters values as training might.
func stir(t testing.TB, l *LoRA, s *model.Scope) {
	t.Helper()
	for _, y := range l.layers {
		b := testkit.Fill(y.name, y.b.Size())
		for i := range b {
			b[i] *= 0.2
		}
		if err := write(s, y.b.Name, b); err != nil {
			t.Fatal(err)
		}
		if y.magnitude == nil {
			continue
		}
		m, err := read(s, y.magnitude.Name)
		for i := range m {
			m[i] *= 1 + 0.3*math.Sin(float64(i))
		}
		if err == nil {
			err = write(s, y.magnitude.Name, m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// output runs a network on two fixed pictures.
func output(t testing.TB, b compute.Backend, net nets.Network, s *model.Scope) []float32 {
	t.Helper()
	exec := model.MustNewExec(b, s.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return net.Forward(&block.Ctx{Scope: s}, in[0], in[1], in[2])
	})
	defer exec.Finalize()
	x := tensors.FromFlatDataAndDimensions(testkit.Floats32(testkit.Fill("x", 2*8*8*3)), 2, 8, 8, 3)
	out, err := exec.Call1(x, []float32{3, 700}, []int32{2, 0})
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out)
}

var bothKinds = []LoRAConfig{{Rank: 2, Alpha: 3}, {Rank: 2, DoRA: true}}

// With fresh adapters the network is the one that it was made from, and with trained ones it is what merging makes of that.
func TestSameAtStartAndAfterMerging(t *testing.T) {
	b := testkit.Backend(t)
	for _, config := range bothKinds {
		plain := tiny(t)
		base := start(t, plain, dtypes.Float32, 1)
		before := output(t, b, plain, base)
		l, err := NewLoRA(tiny(t), config)
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, l, dtypes.Float32, 2)
		copyInto(t, s, base, plain.Params())
		if err := l.Begin(s); err != nil {
			t.Fatal(err)
		}
		testkit.Close(t, "at the start", output(t, b, l, s), before, testkit.Tol{Abs: 2e-6})
		stir(t, l, s)
		adapted := output(t, b, l, s)
		a, err := l.Adapter(s, "tiny")
		if err != nil {
			t.Fatal(err)
		}
		restore, err := Merge(base, Layered{a, 1})
		if err != nil {
			t.Fatal(err)
		}
		testkit.Close(t, "merged", output(t, b, plain, base), adapted, testkit.Tol{Rel: 1e-5, Abs: 1e-5})
		if change := distance(adapted, before); change < 0.01 {
			t.Errorf("%+v: adapters change the output by %v only, which tests nothing", config, change)
		}
		if err := restore(); err != nil {
			t.Fatal(err)
		}
		if d := distance(output(t, b, plain, base), before); d != 0 {
			t.Errorf("%+v: restored weights differ by %v", config, d)
		}
	}
}

// Strengths and stacks add changes up.
func TestStack(t *testing.T) {
	plain := tiny(t)
	var adapters []*Adapter
	for i, config := range bothKinds {
		l, err := NewLoRA(tiny(t), config)
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, l, dtypes.Float32, uint64(i))
		copyInto(t, s, start(t, plain, dtypes.Float32, 9), plain.Params())
		if err := l.Begin(s); err != nil {
			t.Fatal(err)
		}
		stir(t, l, s)
		a, err := l.Adapter(s, "")
		if err != nil {
			t.Fatal(err)
		}
		adapters = append(adapters, a)
	}
	const name = "mid_block.attentions.0.to_q.weight"
	weight := func(stack ...Layered) []float64 {
		base := start(t, plain, dtypes.Float32, 9)
		if _, err := Merge(base, stack...); err != nil {
			t.Fatal(err)
		}
		w, err := read(base, name)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	none, one, two := weight(), weight(Layered{adapters[0], 1}), weight(Layered{adapters[1], 1})
	both := weight(Layered{adapters[1], 0.25}, Layered{adapters[0], 0.5})
	want := make([]float64, len(none))
	for i, w := range none {
		want[i] = w + 0.5*(one[i]-w) + 0.25*(two[i]-w)
	}
	testkit.Close(t, "half and a quarter", both, want, testkit.Tol{Abs: 1e-6})
	if _, err := Merge(start(t, plain, dtypes.Float32, 9), Layered{adapters[0], math.NaN()}); err == nil {
		t.Error("a strength of NaN was accepted")
	}
}

func TestGradients(t *testing.T) {
	for _, config := range bothKinds {
		c := nets.DefaultUNet(4, 4)
		c.Groups, c.HeadDim, c.Layers = 2, 0, 1
		net, err := nets.NewUNet(c)
		if err != nil {
			t.Fatal(err)
		}
		config.Targets = []string{"*.to_*", "*conv1", "*.linear_2", "*.conv_shortcut"}
		l, err := NewLoRA(net, config)
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, l, dtypes.Float64, 3)
		if err := l.Begin(s); err != nil {
			t.Fatal(err)
		}
		stir(t, l, s)
		x := tensors.FromFlatDataAndDimensions(testkit.Fill("g", 4*4*3), 1, 4, 4, 3)
		testkit.CheckGradients(t, testkit.Backend(t), s.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
			y := l.Forward(&block.Ctx{Scope: s}, in[0], graph.Const(in[0].Graph(), []float64{300}), nil)
			return graph.ReduceAllSum(graph.Mul(y, graph.Sin(y)))
		}, x)
	}
}

func TestNewLoRA(t *testing.T) {
	l, err := NewLoRA(tiny(t), LoRAConfig{Rank: 2, Targets: []string{"*.to_q", "*.to_k"}})
	if err != nil {
		t.Fatal(err)
	}
	trained := 0
	for _, p := range l.Params().All() {
		if !p.Frozen {
			trained += p.Size()
			if !strings.Contains(p.Name, ".to_q.lora_") && !strings.Contains(p.Name, ".to_k.lora_") {
				t.Errorf("%s is trained", p.Name)
			}
		}
	}
	// Attention stands on the coarse level (1 block down, 2 up) and in the middle: 4 blocks of 2 layers of 16×16.
	if want := 4 * 2 * 2 * (16 + 16); trained != want || l.Layers() != 8 {
		t.Errorf("%d values in %d layers are trained, want %d in 8", trained, l.Layers(), want)
	}
	for _, c := range []struct {
		config LoRAConfig
		want   string
	}{
		{LoRAConfig{}, "rank 0"},
		{LoRAConfig{Rank: 2, Alpha: -1}, "alpha"},
		{LoRAConfig{Rank: 2, Targets: []string{"[a"}}, "not a glob"},
		{LoRAConfig{Rank: 2, Targets: []string{"encoder.*"}}, "up_blocks"},
		{LoRAConfig{Rank: 200}, "lower rank"},
	} {
		if _, err := NewLoRA(tiny(t), c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want something of %q", c.config, err, c.want)
		}
	}
}

func TestOnly(t *testing.T) {
	p := tiny(t).Params()
	n, err := Only(p, []string{"up_blocks.*", "conv_out.bias"})
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, q := range p.All() {
		part := strings.HasPrefix(q.Name, "up_blocks.") || q.Name == "conv_out.bias"
		if part {
			want += q.Size()
		}
		if q.Frozen == part {
			t.Errorf("%s: frozen is %v", q.Name, q.Frozen)
		}
	}
	if n != want {
		t.Errorf("%d values are trained, want %d", n, want)
	}
	for _, glob := range []string{"decoder.*", "[", ""} {
		if _, err := Only(tiny(t).Params(), []string{glob}); err == nil {
			t.Errorf("%q was accepted", glob)
		}
	}
}

func distance(a, b []float32) (most float64) {
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}
