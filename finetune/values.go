package finetune

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// read copies a weight out of a scope.
func read(s *model.Scope, name string) ([]float64, error) {
	v := s.GetVariable(name)
	if v == nil {
		return nil, fmt.Errorf("finetune: scope %s has no weight %q", s.Scope(), name)
	}
	t, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("finetune: read weight %q: %w", name, err)
	}
	out := make([]float64, 0, v.Shape().Size())
	err = t.ConstFlatData(func(flat any) {
		switch f := flat.(type) {
		case []float32:
			for _, x := range f {
				out = append(out, float64(x))
			}
		case []float64:
			out = append(out, f...)
		}
	})
	if err == nil && len(out) != v.Shape().Size() {
		err = fmt.Errorf("it is of type %s", v.DType())
	}
	if err != nil {
		return nil, fmt.Errorf("finetune: read weight %q: %w", name, err)
	}
	return out, nil
}

// write gives a weight of a scope new values.
func write(s *model.Scope, name string, values []float64) error {
	v := s.GetVariable(name)
	if v == nil || v.Shape().Size() != len(values) {
		return fmt.Errorf("finetune: scope %s has no weight %q of %d values", s.Scope(), name, len(values))
	}
	var t *tensors.Tensor
	if v.DType() == dtypes.Float64 {
		t = tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)
	} else {
		t = tensors.FromFlatDataAndDimensions(singles(values), v.Shape().Dimensions...)
	}
	if err := v.SetValue(t); err != nil {
		return fmt.Errorf("finetune: set weight %q: %w", name, err)
	}
	return nil
}

func singles(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, x := range values {
		out[i] = float32(x)
	}
	return out
}

func doubles(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, x := range values {
		out[i] = float64(x)
	}
	return out
}

// norms are the Euclidean lengths of the columns of w [rows, out].
func norms(w []float64, out int) []float64 {
	n := make([]float64, out)
	for i, x := range w {
		n[i%out] += x * x
	}
	for i, x := range n {
		n[i] = math.Sqrt(x)
	}
	return n
}
