package finetune

import (
	"slices"
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

// show runs a network on two pictures of 8×8 pixels with the channels given, all taken from one picture of eight channels, and
// returns the channels keep of the output.
func show(t testing.TB, b compute.Backend, net nets.Network, s *model.Scope, channels, keep int, class []int32) []float32 {
	t.Helper()
	all := testkit.Floats32(testkit.Fill("channels", 2*8*8*8))
	var in []float32
	for i := 0; i < len(all); i += 8 {
		in = append(in, all[i:i+channels]...)
	}
	exec := model.MustNewExec(b, s.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		var c *graph.Node
		if len(in) > 2 {
			c = in[2]
		}
		return net.Forward(&block.Ctx{Scope: s}, in[0], in[1], c)
	})
	defer exec.Finalize()
	args := []any{tensors.FromFlatDataAndDimensions(in, 2, 8, 8, channels), []float32{3, 700}}
	if class != nil {
		args = append(args, class)
	}
	out, err := exec.Call1(args...)
	if err != nil {
		t.Fatal(err)
	}
	var kept []float32
	for p := range slices.Chunk(tensors.MustCopyFlatData[float32](out), channels) {
		kept = append(kept, p[:keep]...)
	}
	return kept
}

func unet(t testing.TB, channels, classes, width int) nets.Network {
	t.Helper()
	c := nets.DefaultUNet(width, 16)
	c.Groups, c.Layers, c.InChannels, c.OutChannels, c.Classes = 4, 1, channels, channels, classes
	net, err := nets.NewUNet(c)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func augmented(t testing.TB) nets.Network {
	t.Helper()
	c := nets.DefaultUNet(8, 16)
	c.Groups, c.Layers, c.Augment = 4, 1, 9
	net, err := nets.NewUNet(c)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func dit(t testing.TB, channels, classes int) nets.Network {
	t.Helper()
	net, err := nets.NewDiT(nets.DiTConfig{InChannels: channels, OutChannels: channels, Size: 8, Patch: 2, Layers: 1, Heads: 2, Dim: 8, Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// What the old network returned for its channels and classes, the new one returns too, whatever the new channels hold.
func TestCarryKeepsTheFunction(t *testing.T) {
	b := testkit.Backend(t)
	class := func(c ...int32) []int32 { return c }
	for _, c := range []struct {
		name               string
		old, new           nets.Network
		before, after      int // channels
		classes            []int
		oldClass, newClass []int32
		notes              int
	}{
		{"as it is", unet(t, 3, 0, 8), unet(t, 3, 0, 8), 3, 3, nil, nil, nil, 0},
		{"U-Net, 3 to 4 channels", unet(t, 3, 0, 8), unet(t, 4, 0, 8), 3, 4, nil, nil, nil, 3},
		{"U-Net, 1 to 3 channels", unet(t, 1, 0, 8), unet(t, 3, 0, 8), 1, 3, nil, nil, nil, 3},
		{"U-Net without classes gets 3", unet(t, 3, 0, 8), unet(t, 3, 3, 8), 3, 3, nil, nil, class(1, 2), 1},
		{"U-Net, classes 0 1 null become 1 new new 0 null", unet(t, 3, 3, 8), unet(t, 3, 5, 8), 3, 3, []int{1, -1, 2, 0, 2}, class(1, 2), class(0, 4), 1},
		{"U-Net that is told of augmentation", unet(t, 3, 0, 8), augmented(t), 3, 3, nil, nil, nil, 1},
		{"U-Net that was told of it", augmented(t), unet(t, 3, 0, 8), 3, 3, nil, nil, nil, 1},
		{"DiT, 3 to 5 channels", dit(t, 3, 2), dit(t, 5, 2), 3, 5, nil, class(1, 2), class(1, 2), 3},
		{"DiT, one class more", dit(t, 3, 2), dit(t, 3, 3), 3, 3, []int{0, 1, 2, 2}, class(1, 2), class(1, 3), 1},
	} {
		old, fresh := start(t, c.old, dtypes.Float32, 1), start(t, c.new, dtypes.Float32, 2)
		want := show(t, b, c.old, old, c.before, c.before, c.oldClass)
		notes, err := Carry(fresh, c.new.Params(), Source{c.old.Params(), old}, CarryConfig{Classes: c.classes})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(notes) != c.notes {
			t.Errorf("%s: %d notes, want %d: %q", c.name, len(notes), c.notes, notes)
		}
		testkit.Close(t, c.name, show(t, b, c.new, fresh, c.after, c.before, c.newClass), want, testkit.Tol{Rel: 1e-5, Abs: 1e-6})
	}
}

func TestCarryMean(t *testing.T) {
	old, fresh := unet(t, 3, 2, 8), unet(t, 3, 3, 8)
	from, to := start(t, old, dtypes.Float32, 1), start(t, fresh, dtypes.Float32, 2)
	if _, err := Carry(to, fresh.Params(), Source{old.Params(), from}, CarryConfig{Classes: []int{0, -1, 1}}); err != nil {
		t.Fatal(err)
	}
	was, _ := read(from, unetClasses)
	is, _ := read(to, unetClasses)
	dim := len(was) / 2
	for i := range dim {
		if want := (was[i] + was[dim+i]) / 2; is[dim+i]-want > 1e-6 || want-is[dim+i] > 1e-6 {
			t.Fatalf("element %d of the new class is %v, want the mean, %v", i, is[dim+i], want)
		}
	}
}

func TestCarryRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new nets.Network
		classes  []int
		want     string
	}{
		{"another width", unet(t, 3, 0, 8), unet(t, 3, 0, 16), nil, "conv_in.weight is [3 3 3 8] in the source and [3 3 3 16] here"},
		{"fewer channels", unet(t, 3, 0, 8), unet(t, 1, 0, 8), nil, "conv_in.weight"},
		{"no classes any more", unet(t, 3, 3, 8), unet(t, 3, 0, 8), nil, "class_embedding.weight [3 32] has no place"},
		{"a row that is not there", unet(t, 3, 2, 8), unet(t, 3, 2, 8), []int{0, 2}, "class_embedding.weight"},
		{"another architecture", unet(t, 3, 0, 8), dit(t, 3, 2), nil, "is not in the source"},
	} {
		_, err := Carry(start(t, c.new, dtypes.Float32, 2), c.new.Params(), Source{c.old.Params(), start(t, c.old, dtypes.Float32, 1)},
			CarryConfig{Classes: c.classes})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want something of %q", c.name, err, c.want)
		}
	}
}

// logits runs a network of text on two rows.
func logits(t testing.TB, b compute.Backend, c nets.TextConfig, s *model.Scope, net nets.Network, class []int32) []float32 {
	t.Helper()
	exec := model.MustNewExec(b, s.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		var cNoise, k *graph.Node
		if c.Time {
			cNoise = in[1]
		}
		if c.Classes > 0 {
			k = in[2]
		}
		return net.Forward(&block.Ctx{Scope: s}, in[0], cNoise, k)
	})
	defer exec.Finalize()
	out, err := exec.Call1(tensors.FromFlatDataAndDimensions([]int32{1, 2, 7, 0, 7, 4}, 2, 3), []float32{3, 700}, class)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out)
}

// A network of text may sooner or later be told classes and noise levels; at the start that makes no difference, but it can be learnt,
// since what the zero modulation reads is not zero. Causal and block networks have the weights of one that sees everything.
func TestCarryText(t *testing.T) {
	b := testkit.Backend(t)
	plain := nets.TextConfig{Vocab: 7, Dim: 8, Layers: 2, Heads: 2, Block: 3}
	source, err := nets.NewText(plain)
	if err != nil {
		t.Fatal(err)
	}
	from := model.NewStore().Scope("/net")
	if err := source.Params().Init(from, dtypes.Float32, 1); err != nil {
		t.Fatal(err)
	}
	want := logits(t, b, plain, from, source, []int32{0, 0})
	for _, change := range []func(*nets.TextConfig){func(c *nets.TextConfig) { c.Classes = 3 }, func(c *nets.TextConfig) { c.Classes, c.Time = 2, true }, func(*nets.TextConfig) {}} {
		c := plain
		c.Block = 0 // one block of three is a whole row
		change(&c)
		net, err := nets.NewText(c)
		if err != nil {
			t.Fatal(err)
		}
		to := model.NewStore().Scope("/net")
		if err := net.Params().Init(to, dtypes.Float32, 2); err != nil {
			t.Fatal(err)
		}
		done, err := Carry(to, net.Params(), Source{Params: source.Params(), Weights: from}, CarryConfig{})
		if err != nil || (len(done) > 0) != (c.Classes > 0) {
			t.Fatal(done, err)
		}
		if got := logits(t, b, c, to, net, []int32{1, 0}); !slices.Equal(got, want) {
			t.Errorf("%+v: the logits are %v, were %v", c, got, want)
		}
		if c.Classes > 0 {
			table, err := read(to, unetClasses)
			if err != nil || !slices.ContainsFunc(table, func(v float64) bool { return v != 0 }) {
				t.Error("nothing can be learnt of classes", err)
			}
		}
	}
}
