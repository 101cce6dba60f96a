package finetune

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/ml/model"
)

// Files of an adapter's folder, as PEFT names them.
const (
	WeightsFile = "adapter_model.safetensors"
	ConfigFile  = "adapter_config.json"
)

// Adapter is a trained adapter apart from its network: what one layer's weights are changed by, for each layer.
type Adapter struct {
	Rank   int     // that most layers have
	Alpha  float64 // what is added is scaled by Alpha/Rank
	DoRA   bool
	RSLoRA bool   // scaled by Alpha/√Rank instead (Kalajdzievski 2023, arXiv 2312.03732)
	Base   string // what it was trained on, for people
	layers []layer
}

// layer holds the values of one adapter in the order of ours: a is [rows, rank], b [rank, out], magnitude [out] or nil.
type layer struct {
	name            string
	kernel          []int // [kh, kw, in] of a convolution, [in] of a linear layer
	rank, out       int
	scale           float64
	a, b, magnitude []float64
}

// Adapter takes the adapters out of a scope that the network was trained in.
func (l *LoRA) Adapter(weights *model.Scope, base string) (*Adapter, error) {
	c := l.config
	a := &Adapter{Rank: c.Rank, Alpha: c.scale() * float64(c.Rank), DoRA: c.DoRA, Base: base}
	for _, y := range l.layers {
		s := y.weight.Shape
		t := layer{name: y.name, kernel: s[:len(s)-1], rank: c.Rank, out: outOf(y.weight), scale: c.scale()}
		for _, v := range []struct {
			p  *block.Param
			to *[]float64
		}{{y.a, &t.a}, {y.b, &t.b}, {y.magnitude, &t.magnitude}} {
			if v.p == nil {
				continue
			}
			var err error
			if *v.to, err = read(weights, v.p.Name); err != nil {
				return nil, err
			}
		}
		a.layers = append(a.layers, t)
	}
	return a, nil
}

// Layers lists the names of the adapted layers.
func (a *Adapter) Layers() []string {
	var names []string
	for _, y := range a.layers {
		names = append(names, y.name)
	}
	return names
}

// Parameters is the number of trained values.
func (a *Adapter) Parameters() int {
	n := 0
	for _, y := range a.layers {
		n += len(y.a) + len(y.b) + len(y.magnitude)
	}
	return n
}

// peftConfig is adapter_config.json, as far as it says what the weights mean.
type peftConfig struct {
	Type      string             `json:"peft_type"`
	Base      string             `json:"base_model_name_or_path"`
	Rank      int                `json:"r"`
	Alpha     float64            `json:"lora_alpha"`
	Targets   any                `json:"target_modules"`
	DoRA      bool               `json:"use_dora"`
	RSLoRA    bool               `json:"use_rslora"`
	Bias      string             `json:"bias"`
	Alphas    map[string]float64 `json:"alpha_pattern"`
	Inference bool               `json:"inference_mode"`
}

// peftPrefix is what PEFT puts before the names of the model that it wraps.
const peftPrefix = "base_model.model."

// WriteConfig writes adapter_config.json.
func (a *Adapter) WriteConfig(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(peftConfig{Type: "LORA", Base: a.Base, Rank: a.Rank, Alpha: a.Alpha, Targets: a.Layers(), DoRA: a.DoRA, RSLoRA: a.RSLoRA, Bias: "none",
		Alphas: map[string]float64{}, Inference: true})
}

// WriteWeights writes adapter_model.safetensors.
func (a *Adapter) WriteWeights(w io.Writer) error {
	var all []safetensors.Tensor
	for _, y := range a.layers {
		for _, p := range y.params() {
			values, err := block.ToTorch(&p.Param, singles(*p.values))
			if err != nil {
				return err
			}
			all = append(all, safetensors.Tensor{Info: safetensors.Info{Name: peftPrefix + p.Name, Shape: p.torchShape(), DType: safetensors.F32},
				Data: safetensors.Bytes(values)})
		}
	}
	slices.SortFunc(all, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return safetensors.Write(w, map[string]string{"format": "pt"}, all)
}

// layerParam is one tensor of a layer with its shape on both sides.
type layerParam struct {
	block.Param
	conv   bool // of a convolution
	values *[]float64
}

// torchShape is [1, out, 1, 1] for the lengths of a convolution, as PEFT keeps them.
func (p layerParam) torchShape() []int {
	if p.conv && p.Layout == block.Plain {
		return []int{1, p.Shape[0], 1, 1}
	}
	return p.TorchShape()
}

// params describes the tensors of a layer.
func (y *layer) params() []layerParam {
	layout, thin := block.Matrix, []int{y.rank, y.out}
	conv := len(y.kernel) == 3
	if conv {
		layout, thin = block.Kernel, []int{1, 1, y.rank, y.out}
	}
	p := []layerParam{
		{block.Param{Name: y.name + suffixA, Layout: layout, Shape: append(slices.Clone(y.kernel), y.rank)}, conv, &y.a},
		{block.Param{Name: y.name + suffixB, Layout: layout, Shape: thin}, conv, &y.b},
	}
	if y.magnitude != nil {
		p = append(p, layerParam{block.Param{Name: y.name + suffixMagnitude, Shape: []int{y.out}}, conv, &y.magnitude})
	}
	return p
}

// Load reads the folder of an adapter, one of ours or of PEFT.
func Load(dir string) (*Adapter, error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("finetune: %s is no adapter: %w", dir, err)
	}
	f, err := safetensors.Open(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, fmt.Errorf("finetune: %s is no adapter: %w", dir, err)
	}
	defer f.Close()
	a, err := parse(text, f)
	if err != nil {
		return nil, fmt.Errorf("finetune: adapter %s: %w", dir, err)
	}
	return a, nil
}

func parse(config []byte, f *safetensors.File) (*Adapter, error) {
	var c peftConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	switch {
	case c.Type != "LORA":
		return nil, fmt.Errorf("peft_type is %q: only LORA is known", c.Type)
	case c.Rank < 1 || math.IsNaN(c.Alpha):
		return nil, fmt.Errorf("r is %d and lora_alpha %v: r must be at least 1", c.Rank, c.Alpha)
	case len(c.Alphas) > 0:
		return nil, errors.New("alpha_pattern is set: only one lora_alpha for all layers is known")
	case c.Bias != "" && c.Bias != "none":
		return nil, fmt.Errorf("bias is %q: adapters that train biases are not known", c.Bias)
	}
	a := &Adapter{Rank: c.Rank, Alpha: c.Alpha, DoRA: c.DoRA, RSLoRA: c.RSLoRA, Base: c.Base}
	known := 0
	for _, info := range f.Tensors() {
		name, ok := strings.CutSuffix(info.Name, suffixA)
		if !ok {
			continue
		}
		y, err := c.layer(f, name)
		if err != nil {
			return nil, err
		}
		known += len(y.params())
		a.layers = append(a.layers, y)
	}
	if known != len(f.Tensors()) || known == 0 {
		return nil, fmt.Errorf("%s has %d tensors, of which %d are LoRA or DoRA of linear and convolution layers: it is of another kind",
			WeightsFile, len(f.Tensors()), known)
	}
	return a, nil
}

// layer reads the tensors of one layer, whose name in the file is given.
func (c peftConfig) layer(f *safetensors.File, name string) (layer, error) {
	y := layer{name: strings.TrimPrefix(name, peftPrefix)}
	a, _ := f.Info(name + suffixA)
	b, ok := f.Info(name + suffixB)
	fits := ok && len(a.Shape) == len(b.Shape) && (len(a.Shape) == 2 || len(a.Shape) == 4) && a.Shape[0] == b.Shape[1] &&
		!slices.Contains(a.Shape, 0) && b.Shape[0] > 0
	if !fits {
		return y, fmt.Errorf("%s has A of shape %v and B of shape %v, which do not make a linear layer or a convolution", name, a.Shape, b.Shape)
	}
	y.rank, y.out, y.kernel = a.Shape[0], b.Shape[0], []int{a.Shape[1]}
	if len(a.Shape) == 4 {
		y.kernel = []int{a.Shape[2], a.Shape[3], a.Shape[1]}
	}
	y.scale = c.Alpha / float64(y.rank)
	if c.RSLoRA {
		y.scale = c.Alpha / math.Sqrt(float64(y.rank))
	}
	if c.DoRA {
		y.magnitude = []float64{}
	}
	for _, p := range y.params() {
		full := strings.TrimSuffix(name, y.name) + p.Name
		values, err := f.Float32s(full)
		if err != nil {
			return y, err
		}
		if values, err = block.FromTorch(&p.Param, values); err != nil {
			return y, fmt.Errorf("%s: %w", full, err)
		}
		*p.values = doubles(values)
	}
	return y, nil
}
