package diffusers

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

func open(t *testing.T, dir string) *Pipeline {
	t.Helper()
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// returns is what make.py's function of that name does: the output for two pictures at steps 3 and 421.
func returns(t *testing.T, m Model, weights Weights) []float32 {
	t.Helper()
	net, err := m.Network()
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	scope := store.Scope("net")
	for _, p := range net.Params().All() {
		values, err := weights(p)
		if err != nil {
			t.Fatal(err)
		}
		scope.VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	channels, classes := 0, false
	if m.UNet != nil {
		channels, classes = m.UNet.InChannels, m.UNet.Classes > 0
	} else {
		channels, classes = m.DiT.InChannels, true
	}
	exec, err := model.NewExec(testkit.Backend(t), store, func(_ *model.Scope, in []*graph.Node) *graph.Node {
		in = append(in, nil)
		return net.Forward(&block.Ctx{Scope: scope}, in[0], in[1], in[2])
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	x := testkit.Floats32(testkit.Fill("x", 2*m.Height*m.Width*channels))
	in := []any{tensors.FromFlatDataAndDimensions(x, 2, m.Height, m.Width, channels), tensors.FromFlatDataAndDimensions([]float32{3, 421}, 2)}
	if classes {
		in = append(in, tensors.FromFlatDataAndDimensions([]int32{1, 2}, 2))
	}
	out, err := exec.Call1(in...)
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	if err := out.ConstFlatData(func(flat any) { got = slices.Clone(flat.([]float32)) }); err != nil {
		t.Fatal(err)
	}
	return got
}

// What diffusers wrote is read as the model that it was.
func TestGolden(t *testing.T) {
	var want map[string][]float64
	testkit.ReadJSON(t, "testdata/golden.json", &want)
	for name, values := range want {
		p := open(t, "testdata/"+name)
		testkit.Close(t, name, returns(t, p.Model, p.Weight), values, testkit.Tol{Rel: 1e-5, Abs: 1e-5})
	}
}

// The settings of the three directories, as a person would write them.
func TestSettings(t *testing.T) {
	unet := open(t, "testdata/unet")
	if c := unet.Schedule; c.Family != diffusion.Cosine || c.Steps != 50 || !c.ZeroTerminalSNR || unet.Prediction != diffusion.PredictV || unet.Method != diffusion.DDIM {
		t.Errorf("unet: schedule %+v, prediction %v, sampler %v", c, unet.Prediction, unet.Method)
	}
	if unet.Height != 4 || unet.Width != 8 || unet.UNet.Classes != 3 || !unet.UNet.ResnetResample || unet.UNet.TimeDim != 8 || !unet.Clip {
		t.Errorf("unet: %+v", unet.Model)
	}
	flat := open(t, "testdata/flat")
	if c := flat.UNet; c.HeadDim != 0 || c.DownPadding != 0 || c.CosFirst || c.FreqShift != 1 || flat.Clip || flat.Method != diffusion.DDPM {
		t.Errorf("flat: %+v", flat.Model)
	}
	dit := open(t, "testdata/dit")
	if dit.Schedule.Family != diffusion.FlowLinear || dit.Schedule.Shift != 2 || dit.Prediction != diffusion.PredictFlow || dit.Height != 4 {
		t.Errorf("dit: %+v", dit.Model)
	}
	var edm, infinite Model
	if err := edm.readScheduler("testdata/dit/edm/scheduler_config.json"); err != nil || edm.Prediction != diffusion.PredictEDM || edm.Schedule.SigmaMax != 40 {
		t.Errorf("edm: %+v, %v", edm, err)
	}
	if err := infinite.readScheduler("testdata/flat/infinite/scheduler_config.json"); err != nil || infinite.Method != diffusion.DPMpp2M {
		t.Errorf("-Infinity in a file: %+v, %v", infinite, err)
	}
}

// memory is a Create.
type memory map[string][]byte

func (m memory) create(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	err := write(&b)
	m[path] = b.Bytes()
	return err
}

// What is written again has the settings and the very weights that diffusers wrote.
func TestWriteIsRead(t *testing.T) {
	for _, name := range []string{"unet", "dit"} {
		p, files := open(t, "testdata/"+name), memory{}
		if err := Write(files.create, p.Model, map[string]string{"step": "7"}, p.Weight); err != nil {
			t.Fatal(err)
		}
		for path, text := range files {
			original, err := os.ReadFile(filepath.Join("testdata", name, path))
			switch {
			case strings.HasSuffix(path, ".safetensors"):
				sameTensors(t, text, original)
			case path == indexFile && err != nil: // the DiT has none
			default:
				sameSettings(t, name+"/"+path, text, original)
			}
		}
	}
}

func sameTensors(t *testing.T, a, b []byte) {
	t.Helper()
	got, err1 := safetensors.Parse(a)
	want, err2 := safetensors.Parse(b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if len(got.Tensors()) != len(want.Tensors()) || got.Metadata()["format"] != "pt" || got.Metadata()["step"] != "7" {
		t.Errorf("%d tensors, %d are expected; metadata %v", len(got.Tensors()), len(want.Tensors()), got.Metadata())
	}
	for _, info := range want.Tensors() {
		x, err1 := got.Bytes(info.Name)
		y, err2 := want.Bytes(info.Name)
		if now, _ := got.Info(info.Name); err1 != nil || err2 != nil || !bytes.Equal(x, y) || !slices.Equal(now.Shape, info.Shape) {
			t.Errorf("%s differs: %v %v", info.Name, now, info)
		}
	}
}

// sameSettings compares what both files say; diffusers says more about samplers.
func sameSettings(t *testing.T, name string, a, b []byte) {
	t.Helper()
	var got, want map[string]any
	if err := json.Unmarshal(a, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(name, err)
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		x, _ := json.Marshal(got[key])
		y, _ := json.Marshal(want[key])
		same := bytes.Equal(x, y) || key == "timestep_spacing" || // ours sees the last level
			key == "act_fn" || key == "out_channels" && want[key] == nil || want[key] == nil && (key == "mid_block_type" || string(x) == "null")
		if !same {
			t.Errorf("%s: %s is %s, diffusers wrote %s", name, key, x, y)
		}
	}
}

// A schedule that diffusers has no name for is written as the betas it comes to.
func TestTrainedBetas(t *testing.T) {
	p := open(t, "testdata/flat")
	m := p.Model
	m.Schedule = diffusion.ScheduleConfig{Family: diffusion.Linear, Shift: 2}
	_, config, err := m.scheduler()
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Schedule.Build()
	if err != nil {
		t.Fatal(err)
	}
	product := 1.0
	for i, b := range config.(betaJSON).TrainedBetas {
		if product *= 1 - b; i%100 == 99 && !near(product, s.AlphasCumprod()[i]) {
			t.Errorf("step %d: alphaBar %v, want %v", i, product, s.AlphasCumprod()[i])
		}
	}
}

func near(a, b float64) bool { return a-b < 1e-12*b && b-a < 1e-12*b }

// Each setting that one side lacks is refused by name.
func TestRefusals(t *testing.T) {
	good := open(t, "testdata/flat").Model
	for _, c := range []struct {
		field  string
		change func(m *Model)
	}{
		{"fourier", func(m *Model) { m.UNet.Fourier = true }},
		{"in_channels", func(m *Model) { m.UNet.InChannels = 6 }},
		{"schedule", func(m *Model) {
			m.Schedule = diffusion.ScheduleConfig{Family: diffusion.Trigonometric}
			m.Prediction = diffusion.PredictV
		}},
		{"prediction", func(m *Model) { m.Prediction = diffusion.PredictEDM }},
		{"prediction", func(m *Model) { m.Schedule = diffusion.ScheduleConfig{Family: diffusion.FlowLinear} }},
		{"size", func(m *Model) {
			d := nets.DiTSmall()
			m.UNet, m.DiT, m.Height, m.Width = nil, &d, 32, 64
		}},
		{"only U-Nets", func(m *Model) { m.UNet = nil }},
	} {
		m, u := good, *good.UNet
		m.UNet = &u
		c.change(&m)
		files := memory{}
		if err := Write(files.create, m, nil, nil); err == nil || !strings.Contains(err.Error(), c.field) || len(files) > 0 {
			t.Errorf("%s: error %v, %d files", c.field, err, len(files))
		}
	}
}

// Each setting of a file that ebb lacks is refused by file and name.
func TestForeignRefusals(t *testing.T) {
	for _, c := range []struct{ file, from, to, want string }{
		{"unet/config.json", `"act_fn": "silu"`, `"act_fn": "mish"`, "act_fn"},
		{"unet/config.json", `"center_input_sample": false`, `"center_input_sample": true`, "center_input_sample"},
		{"unet/config.json", `"time_embedding_type": "positional"`, `"time_embedding_type": "learned"`, "time_embedding_type"},
		{"unet/config.json", `"UpBlock2D"`, `"SkipUpBlock2D"`, "up_block_types"},
		{"unet/config.json", `"upsample_type": "resnet"`, `"upsample_type": "conv"`, "upsample_type"},
		{"unet/config.json", `"class_embed_type": null`, `"class_embed_type": "timestep"`, "class_embed_type"},
		{"unet/config.json", `"out_channels": 1`, `"out_channels": 2`, "out_channels"},
		{"unet/config.json", `"norm_num_groups": 2`, `"norm_num_groups": 3`, "groups = 3 does not divide"},
		{"unet/config.json", `UNet2DModel`, `UNet3DModel`, "UNet3DModel"},
		{"unet/config.json", `"layers_per_block": 1`, `"layers_per_block": 2`, "is missing"},
		{"unet/config.json", `"time_embedding_dim": 8`, `"time_embedding_dim": 12`, "has shape"},
		{"scheduler/scheduler_config.json", `"trained_betas": null`, `"trained_betas": [0.1]`, "trained_betas"},
		{"scheduler/scheduler_config.json", `squaredcos_cap_v2`, `exp`, "beta_schedule"},
		{"scheduler/scheduler_config.json", `v_prediction`, `epsilon`, "pure noise"},
		{"scheduler/scheduler_config.json", `DDIMScheduler`, `SCMScheduler`, "SCMScheduler"},
		{"scheduler/scheduler_config.json", `{`, ``, "scheduler_config.json"},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/unet")); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), c.from, c.to, 1)
		if changed == string(text) {
			t.Fatalf("%s has no %s", c.file, c.from)
		}
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := readAll(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.to, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no model directory") {
		t.Errorf("an empty folder: %v", err)
	}
}

// readAll opens a directory and reads each weight.
func readAll(dir string) error {
	p, err := Open(dir)
	if err != nil {
		return err
	}
	defer p.Close()
	net, err := p.Network()
	if err != nil {
		return err
	}
	for _, q := range net.Params().All() {
		if _, err := p.Weight(q); err != nil {
			return err
		}
	}
	return nil
}

// Weights that tell of augmentation are left out: without augmentation they do nothing.
func TestAugmentIsLeftOut(t *testing.T) {
	p := open(t, "testdata/unet")
	m, u := p.Model, *p.UNet
	m.UNet, u.Augment = &u, 9
	files := memory{}
	if err := Write(files.create, m, map[string]string{"step": "7"}, p.Weight); err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile("testdata/unet/unet/diffusion_pytorch_model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, files[m.WeightsFile()], original)
}

// Weights in shards are found by their index.
func TestShards(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/unet")); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, "unet", weightsBase)
	f, err := safetensors.Open(base + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]string{}
	shard := make([][]safetensors.Tensor, 2)
	for i, info := range f.Tensors() {
		b, err := f.Bytes(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		index[info.Name] = weightsBase + []string{"-1.safetensors", "-2.safetensors"}[i%2]
		shard[i%2] = append(shard[i%2], safetensors.Tensor{Info: info, Data: bytes.Clone(b)})
	}
	for i, s := range shard {
		var b bytes.Buffer
		if err := safetensors.Write(&b, nil, s); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(base+[]string{"-1.safetensors", "-2.safetensors"}[i], b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := json.Marshal(map[string]any{"weight_map": index})
	if err := errorsOf(f.Close(), os.Remove(base+".safetensors"), os.WriteFile(base+".safetensors.index.json", text, 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := readAll(dir); err != nil {
		t.Error(err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// FuzzSettings: whatever the two files hold, reading them ends without a panic, and what is accepted can be declared.
func FuzzSettings(f *testing.F) {
	for _, name := range []string{"testdata/unet/unet/config.json", "testdata/flat/config.json", "testdata/dit/transformer/config.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte(`{"_class_name": "DDPMScheduler", "lambda_min_clipped": -Infinity}`))
	}
	f.Fuzz(func(t *testing.T, network, scheduler []byte) {
		dir := t.TempDir()
		if err := errorsOf(os.WriteFile(filepath.Join(dir, configFile), network, 0o666), os.WriteFile(filepath.Join(dir, scheduleFile), scheduler, 0o666)); err != nil {
			t.Fatal(err)
		}
		var p Pipeline
		if _, err := p.readSettings(dir); err != nil {
			return
		}
		if u := p.UNet; u != nil && (len(u.Channels) > 8 || u.Layers > 8 || slices.Max(u.Channels) > 1<<10) {
			return // right, but long to declare
		}
		if d := p.DiT; d != nil && d.Layers > 8 {
			return
		}
		if _, err := p.Network(); err != nil {
			t.Error(err)
		}
	})
}
