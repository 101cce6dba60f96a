package diffusers

import (
	"errors"
	"fmt"

	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/ebb-ml/ebb/interop/torch"
)

// source is a file with weights.
type source interface {
	// tensor returns shape and values of a weight.
	tensor(name string) (shape []int, values []float32, err error)
	tensors() []string
	Close() error
}

// safeSource is a safetensors file.
type safeSource struct{ *safetensors.File }

func openSafetensors(path string) (source, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	return safeSource{f}, nil
}

func (s safeSource) tensors() []string {
	var names []string
	for _, t := range s.File.Tensors() {
		names = append(names, t.Name)
	}
	return names
}

func (s safeSource) tensor(name string) ([]int, []float32, error) {
	info, _ := s.Info(name)
	values, err := s.Float32s(name)
	return info.Shape, values, err
}

// torchSource is a file of torch.save.
type torchSource struct {
	*torch.File
	names  []string
	byName map[string]*torch.Tensor
}

func openTorch(path string) (source, error) {
	f, err := torch.Open(path)
	if err != nil {
		return nil, err
	}
	all, err := torch.Tensors(f.Root)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	s := &torchSource{File: f, byName: map[string]*torch.Tensor{}}
	for _, t := range all {
		s.names, s.byName[t.Name] = append(s.names, t.Name), t.Tensor
	}
	return s, nil
}

func (s *torchSource) tensors() []string { return s.names }

func (s *torchSource) tensor(name string) ([]int, []float32, error) {
	t := s.byName[name]
	d, err := safetensors.ParseDType(t.DType.Safetensors())
	if err != nil {
		return nil, nil, fmt.Errorf("tensor %s of type %v: %w", name, t.DType, err)
	}
	b, err := t.Bytes()
	if err != nil {
		return nil, nil, fmt.Errorf("tensor %s: %w", name, err)
	}
	values, err := safetensors.Float32s(d, b)
	return t.Shape, values, err
}
