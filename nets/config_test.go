package nets

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/pelletier/go-toml/v2"
)

// edit returns a copy of c changed by f.
func edit[C any](c C, f func(*C)) C {
	f(&c)
	return c
}

// Each mistake in a configuration is refused by the constructor, by the name of its key.
func TestBadConfigsSayWhy(t *testing.T) {
	unet := func(want string, f func(*UNetConfig)) (string, func() error) {
		return want, func() error { _, err := NewUNet(edit(UNetSmall(), f)); return err }
	}
	dit := func(want string, f func(*DiTConfig)) (string, func() error) {
		return want, func() error { _, err := NewDiT(edit(DiTSmall(), f)); return err }
	}
	text := func(want string, f func(*TextConfig)) (string, func() error) {
		return want, func() error { _, err := NewText(edit(TextSmall(), f)); return err }
	}
	mlp := func(want string, f func(*MLPConfig)) (string, func() error) {
		return want, func() error { _, err := NewMLP(edit(DefaultMLP(), f)); return err }
	}
	check := func(want string, build func() error) {
		t.Helper()
		if err := build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	check(unet("in_channels", func(c *UNetConfig) { c.InChannels = 0 }))
	check(unet("channels[1]", func(c *UNetConfig) { c.Channels = []int{64, -96, 128} }))
	check(unet("groups = 32 does not divide channels[1] = 90", func(c *UNetConfig) { c.Channels = []int{64, 90, 128} }))
	check(unet("number of channels", func(c *UNetConfig) { c.Channels = nil }))
	check(unet("down and up stages", func(c *UNetConfig) { c.Down = c.Down[:2] }))
	check(unet("stage number 7", func(c *UNetConfig) { c.Up = []Stage{7, 0, 0} }))
	check(unet("head_dim = 48 does not divide channels[2]", func(c *UNetConfig) { c.HeadDim = 48 }))
	check(unet("mid_groups", func(c *UNetConfig) { c.MidGroups = 7 }))
	check(unet("down_padding", func(c *UNetConfig) { c.DownPadding = 2 }))
	check(unet("eps", func(c *UNetConfig) { c.Eps = 0 }))
	check(unet("mid_scale", func(c *UNetConfig) { c.MidScale = 0 }))
	check(unet("freq_shift", func(c *UNetConfig) { c.FreqShift = 32 }))
	check(unet("dropout", func(c *UNetConfig) { c.Dropout = 1 }))
	check(unet("classes", func(c *UNetConfig) { c.Classes = -1 }))
	check(unet("init number 5", func(c *UNetConfig) { c.Init = 5 }))
	check(dit("patch = 3 does not divide size = 32", func(c *DiTConfig) { c.Patch = 3 }))
	check(dit("divisible by 4", func(c *DiTConfig) { c.Heads, c.Dim = 3, 3 }))
	check(dit("classes", func(c *DiTConfig) { c.Classes = 0 }))
	check(dit("dropout", func(c *DiTConfig) { c.Dropout = -0.1 }))
	check(text("even heads", func(c *TextConfig) { c.Heads = 3 }))
	check(text("vocab", func(c *TextConfig) { c.Vocab = 0 }))
	check(text("hidden", func(c *TextConfig) { c.Hidden = -1 }))
	check(mlp("width", func(c *MLPConfig) { c.Width = 3 }))
	check(mlp("features", func(c *MLPConfig) { c.Features = 0 }))
}

// Wrong inputs are errors of Call that say what was wanted.
func TestBadInputsSayWhy(t *testing.T) {
	unet, err := NewUNet(edit(UNetSmall(), func(c *UNetConfig) { c.Channels, c.Groups = []int{4, 4, 4}, 4 }))
	if err != nil {
		t.Fatal(err)
	}
	scope := model.NewStore().Scope("/net")
	if err := unet.Params().Init(scope, dtypes.Float32, 0); err != nil {
		t.Fatal(err)
	}
	b := testkit.Backend(t)
	picture := func(h, w, c int) *tensors.Tensor { return tensors.FromShape(shape32(1, h, w, c)) }
	for _, c := range []struct {
		want  string
		x, t  any
		class bool
	}{
		{"want [batch, height, width, 3]", picture(4, 4, 1), []float32{1}, false},
		{"multiples of 4", picture(4, 6, 3), []float32{1}, false},
		{"noise level must be floating point [1]", picture(4, 4, 3), []int32{1}, false},
		{"noise level must be floating point [1]", picture(4, 4, 3), []float32{1, 2}, false},
		{"no classes", picture(4, 4, 3), []float32{1}, true},
	} {
		_, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, x, n *graph.Node) *graph.Node {
			var class *graph.Node
			if c.class {
				class = graph.Const(x.Graph(), []int32{0})
			}
			return unet.Forward(&block.Ctx{Scope: scope}, x, n, class)
		}, c.x, c.t)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// Configurations survive TOML and JSON, with their enumerations as words.
func TestConfigsRoundTrip(t *testing.T) {
	want := edit(DDPMCifar10(), func(c *UNetConfig) { c.Init = InitZero })
	b, err := toml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("attn")) || !bytes.Contains(b, []byte("init = 'zero'")) {
		t.Errorf("enumerations are not words:\n%s", b)
	}
	var got UNetConfig
	if err := toml.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("TOML gives %+v, %v", got, err)
	}
	b, err = json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got = UNetConfig{}
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("JSON gives %+v, %v", got, err)
	}
	if err := toml.Unmarshal([]byte("down = ['atn']"), &got); err == nil || !strings.Contains(err.Error(), "conv, attn, resnet") {
		t.Errorf("a misspelt stage: %v", err)
	}
}
