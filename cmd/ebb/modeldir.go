package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ebb-ml/ebb/interop/diffusers"
	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/text"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// A model folder holds config.toml and the weights: as a directory of diffusers where that loses nothing, else as model.safetensors, whose
// names are PyTorch's and whose layout is ebb's own.

// stepKey is where a file of weights says of which step it is.
const stepKey = "step"

// writeWeights writes the weights of a model folder through create. m is nil for text.
func writeWeights(create diffusers.Create, c recipe.Config, m *recipe.Model, weights *model.Scope, step int64) error {
	if d, err := foreign(c, m); err == nil && holdsAll(d, weights) {
		return diffusers.Write(create, d, metadata(step), valuesOf(weights))
	}
	return writeOwn(create, weights, step)
}

// writeOwn writes model.safetensors.
func writeOwn(create diffusers.Create, weights *model.Scope, step int64) error {
	all, err := train.Tensors(weights)
	if err != nil {
		return err
	}
	return create(weightsFile, func(w io.Writer) error { return safetensors.Write(w, metadata(step), all) })
}

func metadata(step int64) map[string]string {
	return map[string]string{"ebb": version, stepKey: strconv.FormatInt(step, 10)}
}

// foreign is a model as diffusers knows it; the error names what it does not know.
func foreign(c recipe.Config, m *recipe.Model) (diffusers.Model, error) {
	if m == nil {
		return diffusers.Model{}, errors.New("diffusers has no text models like these")
	}
	p := m.Precond
	if p.Native != nil { // of a fine-tuned model: what the weights were first trained in, and are run in still
		p = *p.Native
	}
	d := diffusers.Model{UNet: c.Network.UNet, DiT: c.Network.DiT, Height: m.Height, Width: m.Width, Schedule: p.Schedule.Config(),
		Prediction: p.Prediction, SigmaData: p.SigmaData, Method: c.Sample.Method, Clip: true, Labels: m.Classes}
	switch {
	case c.Network.Kind == recipe.MLP:
		return d, errors.New("network.kind: diffusers has no mlp")
	case m.SelfCondition:
		return d, errors.New("diffusion.self_condition: networks of diffusers have no second input for the last estimate")
	case !m.Clips():
		return d, errors.New("data.norm: diffusers takes pictures to be in ±1 and has no place for a mean and a standard deviation")
	}
	return d, d.Check()
}

// holdsAll says whether a directory of diffusers would hold all weights of a scope. It leaves out those for augmentation, and knows of no
// adapters.
func holdsAll(d diffusers.Model, weights *model.Scope) bool {
	net, err := d.Network()
	if err != nil || d.UNet != nil && d.UNet.Augment > 0 || d.DiT != nil && d.DiT.Augment > 0 {
		return false
	}
	count := 0
	for range weights.IterVariables() {
		count++
	}
	return count == len(net.Params().All())
}

// valuesOf reads parameters out of a scope.
func valuesOf(weights *model.Scope) diffusers.Weights {
	return func(p *block.Param) ([]float32, error) {
		v := weights.GetVariable(p.Name)
		if v == nil {
			return nil, fmt.Errorf("there is no weight %s", p.Name)
		}
		value, err := v.Value()
		if err != nil {
			return nil, err
		}
		return tensors.CopyFlatData[float32](value)
	}
}

// weightsIn finds the file of weights in a model folder; "" if there is none.
func weightsIn(dir string) string {
	for _, name := range []string{weightsFile, diffusers.Model{}.WeightsFile(), diffusers.Model{DiT: &nets.DiTConfig{}}.WeightsFile()} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// openWeights opens a file of weights for a network. One of diffusers is turned into ebb's layout, in memory.
func openWeights(path string, network train.Network) (*safetensors.File, error) {
	f, err := safetensors.Open(path)
	declared, ok := network.(interface{ Params() *block.Params })
	if err != nil || filepath.Base(path) == weightsFile || !ok {
		return f, err
	}
	defer f.Close()
	layout := map[string]block.Layout{}
	for _, p := range declared.Params().All() {
		layout[p.Name] = p.Layout
	}
	var own []safetensors.Tensor
	for _, info := range f.Tensors() {
		t, err := fromTorch(f, info, layout[info.Name])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, info.Name, err)
		}
		own = append(own, t)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f.Metadata(), own); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return safetensors.Parse(b.Bytes())
}

// fromTorch reads a tensor in PyTorch's layout. A shape that the layout does not have is left as it is, for the comparison to report.
func fromTorch(f *safetensors.File, info safetensors.Info, l block.Layout) (safetensors.Tensor, error) {
	values, err := f.Float32s(info.Name)
	if err != nil {
		return safetensors.Tensor{}, err
	}
	p := &block.Param{Name: info.Name, Shape: slices.Clone(info.Shape)}
	switch s := info.Shape; {
	case l == block.Matrix && len(s) == 2:
		p.Layout, p.Shape = l, []int{s[1], s[0]}
	case l == block.Kernel && len(s) == 4:
		p.Layout, p.Shape = l, []int{s[2], s[3], s[1], s[0]}
	}
	if values, err = block.FromTorch(p, values); err != nil {
		return safetensors.Tensor{}, err
	}
	return safetensors.Tensor{Info: safetensors.Info{Name: info.Name, DType: safetensors.F32, Shape: p.Shape}, Data: safetensors.Bytes(values)}, nil
}

// writeInto is a diffusers.Create that writes whole files into a folder, which it makes.
func writeInto(dir string) diffusers.Create {
	return func(path string, write func(io.Writer) error) error {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return withCode(exitIO, err)
		}
		return withCode(exitIO, replaceFile(path, write))
	}
}

// newFolder says whether a folder can be written without mixing with what is there.
func newFolder(dir string, force bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && (len(entries) == 0 || force):
		return nil
	case err != nil:
		return withCode(exitIO, err)
	}
	return usage(fmt.Errorf("%s is there and not empty: name another folder, or say --force to write into it", dir))
}

// writeConfig writes config.toml of a model folder.
func writeConfig(create diffusers.Create, c recipe.Config) error {
	var text bytes.Buffer
	if err := c.Encode(&text); err != nil {
		return err
	}
	return create(configFile, func(w io.Writer) error { _, err := w.Write(text.Bytes()); return err })
}

// writeTokenizer writes tokenizer.json of a model of text.
func (t *trained) writeTokenizer(create diffusers.Create) error {
	if t.tokenizer == nil {
		return nil
	}
	return create(text.TokenizerFile, t.tokenizer.Write)
}
