package diffusers

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/nets/block"
)

// Pipeline is an open model directory.
type Pipeline struct {
	Model
	sources []source
	at      map[string]int // of each weight, by its present name
	names   map[string]string
}

// IsDir says whether a directory looks like one of diffusers.
func IsDir(dir string) bool {
	return exists(dir, indexFile) || exists(dir, partUNet, configFile) || exists(dir, partDiT, configFile)
}

// Open reads the settings of a directory and opens its weights: a whole pipeline, or a pipeline whose files all lie in one folder, as those of
// the library's first year do. Weights may be safetensors, whole or in shards, or a PyTorch .bin file. Values of
// half precision come out as float32.
func Open(dir string) (*Pipeline, error) {
	p := &Pipeline{at: map[string]int{}, names: map[string]string{}}
	folder, err := p.readSettings(dir)
	if err != nil {
		return nil, err
	}
	if err := p.open(folder); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close closes the files of weights.
func (p *Pipeline) Close() error {
	var errs []error
	for _, s := range p.sources {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// readSettings reads everything but weights and returns the folder that these lie in.
func (p *Pipeline) readSettings(dir string) (folder string, err error) {
	var index map[string]json.RawMessage
	if exists(dir, indexFile) {
		if err := readJSON(filepath.Join(dir, indexFile), &index); err != nil {
			return "", err
		}
	}
	for _, part := range []string{partUNet, partDiT, "."} {
		if exists(dir, part, configFile) {
			folder = filepath.Join(dir, part)
			break
		}
	}
	if folder == "" {
		return "", fmt.Errorf("%s %w: it has neither %s/%s nor %s/%s", dir, errNoModel, partUNet, configFile, partDiT, configFile)
	}
	if err := p.readNetwork(filepath.Join(folder, configFile)); err != nil {
		return "", err
	}
	if p.DiT != nil {
		p.Labels = labelsOf(index["id2label"])
	}
	schedule := filepath.Join(dir, partScheduler, scheduleFile)
	if !exists(schedule) {
		schedule = filepath.Join(dir, scheduleFile)
	}
	if !exists(schedule) {
		return "", fmt.Errorf("%s %w with a noise schedule: it has no %s/%s; copy the one that the model was trained with", dir, errNoModel, partScheduler, scheduleFile)
	}
	return folder, p.readScheduler(schedule)
}

func (m *Model) readNetwork(path string) (err error) {
	var head struct {
		Class string `json:"_class_name"`
		Norm  string `json:"norm_type"`
	}
	if err := readJSON(path, &head); err != nil {
		return err
	}
	switch {
	case head.Class == classUNet:
		j := defaultUNet()
		if err := readJSON(path, &j); err != nil {
			return err
		}
		if j.SampleSize != nil {
			m.Height, m.Width = j.SampleSize[0], j.SampleSize[1]
		}
		m.UNet, err = j.config(path)
	case head.Class == classDiT, head.Class == classDiTOld && head.Norm == adaNorm:
		j := defaultDiT()
		if err := readJSON(path, &j); err != nil {
			return err
		}
		m.Height, m.Width = j.SampleSize, j.SampleSize
		m.DiT, err = j.config(path)
	default:
		err = refuse(path, "_class_name", "the network %q is not supported, only %s and %s", head.Class, classUNet, classDiT)
	}
	if err != nil {
		return err
	}
	return m.checkChannels(path)
}

// checkChannels refuses networks that are no denoiser by themselves: with a learned variance, or with a further input.
func (m Model) checkChannels(where string) error {
	in, out := 0, 0
	if m.UNet != nil {
		in, out = m.UNet.InChannels, m.UNet.OutChannels
	} else if m.DiT != nil {
		in, out = m.DiT.InChannels, m.DiT.OutChannels
	}
	if in != out {
		return refuse(where, "in_channels", "%d and out_channels %d differ: only networks that return what they are given are supported", in, out)
	}
	return nil
}

// open finds the weights in a folder.
func (p *Pipeline) open(folder string) error {
	base := filepath.Join(folder, weightsBase)
	var paths []string
	for _, variant := range []string{"", ".fp16", ".bf16"} {
		if index := base + variant + ".safetensors.index.json"; exists(index) {
			var err error
			if paths, err = shards(index); err != nil {
				return err
			}
			break
		}
		if i := slices.IndexFunc([]string{".safetensors", ".bin"}, func(ext string) bool { return exists(base + variant + ext) }); i >= 0 {
			paths = []string{base + variant + []string{".safetensors", ".bin"}[i]}
			break
		}
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s has no weights: %s.safetensors or .bin is expected", folder, weightsBase)
	}
	for _, path := range paths {
		if err := p.add(path); err != nil {
			return err
		}
	}
	return p.check(folder)
}

// shards lists the files that an index names, all in its own folder.
func shards(index string) ([]string, error) {
	var j struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := readJSON(index, &j); err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range j.Map {
		if filepath.Base(name) != name {
			return nil, refuse(index, "weight_map", "%q is not a file beside it", name)
		}
		if path := filepath.Join(filepath.Dir(index), name); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}

func (p *Pipeline) add(path string) error {
	var s source
	var err error
	if strings.HasSuffix(path, ".bin") {
		s, err = openTorch(path)
	} else {
		s, err = openSafetensors(path)
	}
	if err != nil {
		return err
	}
	p.sources = append(p.sources, s)
	for _, name := range s.tensors() {
		now := present(name)
		p.at[now], p.names[now] = len(p.sources)-1, name
	}
	return nil
}

// present is what diffusers calls a weight today: attention had other names before version 0.13.
func present(name string) string {
	for _, r := range [][2]string{{".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}} {
		name = strings.ReplaceAll(name, r[0], r[1])
	}
	return name
}

// check compares names with the network's; shapes are compared when values are read.
func (p *Pipeline) check(folder string) error {
	net, err := p.Network()
	if err != nil {
		return err
	}
	var differ []string
	known := map[string]bool{}
	for _, q := range net.Params().All() {
		known[q.Name] = true
		if _, ok := p.at[q.Name]; !ok {
			differ = append(differ, q.Name+" is missing")
		}
	}
	for name := range p.at {
		if !known[name] && !strings.HasPrefix(name, "pos_embed.pos_embed") { // a constant table of old files
			differ = append(differ, name+" belongs to no layer")
		}
	}
	if len(differ) == 0 {
		return nil
	}
	slices.Sort(differ)
	more := ""
	if n := len(differ) - 5; n > 0 {
		differ, more = differ[:5], fmt.Sprintf("; and %d more", n)
	}
	return fmt.Errorf("%s: the weights are not those of its %s: %s%s", folder, configFile, strings.Join(differ, "; "), more)
}

// Weight returns the values of a parameter of [Model.Network] as ebb keeps them.
func (p *Pipeline) Weight(q *block.Param) ([]float32, error) {
	i, ok := p.at[q.Name]
	if !ok {
		return nil, fmt.Errorf("no weight %q", q.Name)
	}
	shape, values, err := p.sources[i].tensor(p.names[q.Name])
	if err != nil {
		return nil, err
	}
	// Old attention layers were 1×1 convolutions in some files: the numbers are the same.
	if q.Layout == block.Matrix && len(shape) == 4 && shape[2] == 1 && shape[3] == 1 {
		shape = shape[:2]
	}
	if !slices.Equal(shape, q.TorchShape()) {
		return nil, fmt.Errorf("weight %s has shape %v, this network needs %v", q.Name, shape, q.TorchShape())
	}
	return block.FromTorch(q, values)
}
