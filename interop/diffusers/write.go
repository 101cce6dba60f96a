package diffusers

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
)

// Create writes one file of the directory; path is relative, with slashes. It is the caller's way of writing: atomically, into a run
// folder, or into memory.
type Create func(path string, write func(io.Writer) error) error

// Weights returns the values of a parameter as ebb keeps them ([block.Param.Shape]).
type Weights func(p *block.Param) ([]float32, error)

// Write writes the directory of a model. metadata is added to the one of the weights' file. Weights that act on augmented pictures only
// (see [nets.AugmentPrefix]) are left out: without augmentation the network is the same without them.
// Nothing is written of a model that diffusers cannot express; the error names the setting.
func Write(create Create, m Model, metadata map[string]string, weights Weights) error {
	if err := m.Check(); err != nil {
		return err
	}
	net, err := m.Network()
	if err != nil {
		return err
	}
	netClass, netConfig, err := m.network()
	if err != nil {
		return err
	}
	scheduleClass, schedule, err := m.scheduler()
	if err != nil {
		return err
	}
	meta := map[string]string{"format": "pt"} // without which diffusers refuses the file
	maps.Copy(meta, metadata)
	files := []struct {
		path  string
		write func(io.Writer) error
	}{
		{m.WeightsFile(), func(w io.Writer) error { return writeWeights(w, net, meta, weights) }},
		{m.part() + "/" + configFile, func(w io.Writer) error { return writeJSON(w, netClass, netConfig) }},
		{partScheduler + "/" + scheduleFile, func(w io.Writer) error { return writeJSON(w, scheduleClass, schedule) }},
		{indexFile, func(w io.Writer) error { return m.writeIndex(w, netClass, scheduleClass) }},
	}
	for _, f := range files {
		if err := create(f.path, f.write); err != nil {
			return err
		}
	}
	return nil
}

// writeIndex names the parts. A pipeline of DiT has an autoencoder, which models of pixels have not.
func (m Model) writeIndex(w io.Writer, network, scheduler string) error {
	const library = "diffusers"
	index := map[string]any{m.part(): []string{library, network}, partScheduler: []string{library, scheduler}}
	class := "DDPMPipeline"
	if m.DiT != nil {
		class = "DiTPipeline"
		index["vae"] = []any{nil, nil}
		labels := map[string]string{}
		for i, name := range m.Labels {
			labels[strconv.Itoa(i)] = name
		}
		if len(labels) > 0 {
			index["id2label"] = labels
		}
	}
	return writeJSON(w, class, index)
}

// writeWeights writes all weights in PyTorch's layout, one at a time.
func writeWeights(w io.Writer, net nets.Network, metadata map[string]string, weights Weights) error {
	var infos []safetensors.Info
	params := map[string]*block.Param{}
	for _, p := range net.Params().All() {
		if strings.HasPrefix(p.Name, nets.AugmentPrefix) {
			continue
		}
		params[p.Name] = p
		infos = append(infos, safetensors.Info{Name: p.Name, DType: safetensors.F32, Shape: p.TorchShape()})
	}
	out, err := safetensors.NewWriter(w, metadata, infos)
	if err != nil {
		return err
	}
	for _, info := range out.Tensors() {
		p := params[info.Name]
		values, err := weights(p)
		if err != nil {
			return err
		}
		if values, err = block.ToTorch(p, values); err != nil {
			return err
		}
		if _, err := out.Write(safetensors.Bytes(values)); err != nil {
			return fmt.Errorf("weight %s: %w", p.Name, err)
		}
	}
	return out.Close()
}

// labelsOf reads names of classes, keyed by their numbers; nil where they are not 0, 1, 2 …
func labelsOf(raw json.RawMessage) []string {
	var byNumber map[string]string
	if json.Unmarshal(raw, &byNumber) != nil {
		return nil
	}
	names := make([]string, len(byNumber))
	for key, name := range byNumber {
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(names) {
			return nil
		}
		names[i], _, _ = strings.Cut(name, ",")
	}
	return names
}
