package block

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Layout says how a parameter lies in a PyTorch file.
type Layout int

const (
	// Plain parameters have the same shape on both sides.
	Plain Layout = iota
	// Matrix is [in, out] here and [out, in] in PyTorch (nn.Linear).
	Matrix
	// Kernel is [kh, kw, in, out] here and [out, in, kh, kw] in PyTorch (nn.Conv2d).
	Kernel
)

// Param declares one parameter of a network.
type Param struct {
	Name   string // as in PyTorch's state_dict, e.g. "mid_block.resnets.0.conv1.weight"
	Shape  []int  // as stored here
	Layout Layout // how PyTorch stores it
	Start  Start  // how it starts
	Frozen bool   // constant: stored with the model but never trained
}

// Size is the number of elements.
func (p *Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

func (p *Param) fits(dims []int) error {
	if !slices.Equal(dims, p.Shape) {
		return fmt.Errorf("weight %q has shape %v, this network needs %v: is it from another architecture?", p.Name, dims, p.Shape)
	}
	return nil
}

// Params lists the parameters of a network in the order of their declaration.
type Params struct {
	prefix string
	list   *[]*Param
}

// NewParams returns an empty list.
func NewParams() *Params { return &Params{list: new([]*Param)} }

// Sub returns a view of the same list under a name, e.g. Sub("resnets.%d", i).
func (p *Params) Sub(format string, args ...any) *Params {
	return &Params{p.prefix + fmt.Sprintf(format, args...) + ".", p.list}
}

// Add declares a parameter and returns it.
func (p *Params) Add(name string, layout Layout, start Start, shape ...int) *Param {
	q := &Param{Name: p.prefix + name, Shape: shape, Layout: layout, Start: start}
	*p.list = append(*p.list, q)
	return q
}

// All returns the parameters; changing a Start before Init is the way to another
// initialisation.
func (p *Params) All() []*Param { return *p.list }

// Count is the number of elements of all parameters, as PyTorch counts them.
func (p *Params) Count() int {
	n := 0
	for _, q := range p.All() {
		n += q.Size()
	}
	return n
}

// Init creates every parameter as a variable of s with its starting value: a pure
// function of seed and the parameter's name, computed here and not by a backend, so
// that all backends start alike. dtype is Float32, or Float64 for gradient checks. It
// fails, changing nothing, if one of the variables exists.
func (p *Params) Init(s *model.Scope, dtype dtypes.DType, seed uint64) error {
	if dtype != dtypes.Float32 && dtype != dtypes.Float64 {
		return fmt.Errorf("parameters can be float32 or float64, not %s", dtype)
	}
	for _, q := range p.All() {
		if s.GetVariable(q.Name) != nil {
			return fmt.Errorf("scope %s already has a weight %q", s.Scope(), q.Name)
		}
	}
	for _, q := range p.All() {
		var t *tensors.Tensor
		if dtype == dtypes.Float32 {
			t = tensors.FromFlatDataAndDimensions(values[float32](q, seed), q.Shape...)
		} else {
			t = tensors.FromFlatDataAndDimensions(values[float64](q, seed), q.Shape...)
		}
		s.VariableWithValue(q.Name, t).SetTrainable(!q.Frozen)
	}
	return nil
}

// Check compares the variables of s with the declarations and says which are missing
// or of another shape.
func (p *Params) Check(s *model.Scope) error {
	for _, q := range p.All() {
		v := s.GetVariable(q.Name)
		if v == nil {
			return fmt.Errorf("scope %s has no weight %q, which this network needs", s.Scope(), q.Name)
		}
		if err := q.fits(v.Shape().Dimensions); err != nil {
			return err
		}
	}
	return nil
}

// Variables returns the trainable variables of s in the order of declaration: what an
// optimiser works on. Missing ones are an error, as in Check. It also restores the trainable marks,
// which GoMLX's loaders lose.
func (p *Params) Variables(s *model.Scope) ([]*model.Variable, error) {
	if err := p.Check(s); err != nil {
		return nil, err
	}
	var vs []*model.Variable
	for _, q := range p.All() {
		v := s.GetVariable(q.Name).SetTrainable(!q.Frozen)
		if !q.Frozen {
			vs = append(vs, v)
		}
	}
	return vs, nil
}
