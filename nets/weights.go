package nets

import (
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Weights finds a tensor of a PyTorch file: its values in row-major order and its shape; ok is false where there is none of that name.
type Weights func(name string) (values []float32, shape []int, ok bool)

// loader moves tensors of foreign names into the variables of a scope; the first thing that does not fit stays in err.
type loader struct {
	net   string
	scope *model.Scope
	from  Weights
	err   error
}

// read returns the tensor of a name, which must have a shape.
func (l *loader) read(name string, shape []int) []float32 {
	if l.err != nil {
		return nil
	}
	values, got, ok := l.from(name)
	switch {
	case !ok:
		l.err = fmt.Errorf("%s: the weights have no tensor %q: are they of another network?", l.net, name)
	case !slices.Equal(got, shape):
		l.err = fmt.Errorf("%s: tensor %q has shape %v, this network needs %v: is it from another size or variant?", l.net, name, got, shape)
	}
	return values
}

// set stores values in PyTorch's order as parameter p.
func (l *loader) set(p *block.Param, torch []float32) {
	if l.err != nil {
		return
	}
	values, err := block.FromTorch(p, torch)
	if err != nil {
		l.err = fmt.Errorf("%s: %s: %w", l.net, p.Name, err)
		return
	}
	t := tensors.FromFlatDataAndDimensions(values, p.Shape...)
	l.scope.VariableWithValue(p.Name, t).SetTrainable(false)
}

// copy stores the tensor of a name as parameter p.
func (l *loader) copy(p *block.Param, name string) { l.set(p, l.read(name, p.TorchShape())) }
