package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/interop/safetensors"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Tensors returns the variables of a scope under their names in it, sorted. Their bytes are the engine's own where it shares memory with
// the host: they are valid until the next step.
func Tensors(s *model.Scope) ([]safetensors.Tensor, error) {
	var all []safetensors.Tensor
	for _, v := range variables(s) {
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("train: read %s: %w", v.Path(), err)
		}
		t := safetensors.Tensor{Info: safetensors.Info{Name: nameIn(s, v), Shape: v.Shape().Dimensions}}
		switch v.DType() {
		case dtypes.Float32:
			t.DType = safetensors.F32
		case dtypes.Float64:
			t.DType = safetensors.F64
		case dtypes.Int64:
			t.DType = safetensors.I64
		default:
			return nil, fmt.Errorf("train: %s is of type %s, which checkpoints do not hold", v.Path(), v.DType())
		}
		if err := value.ConstBytes(func(b []byte) { t.Data = b }); err != nil {
			return nil, fmt.Errorf("train: read %s: %w", v.Path(), err)
		}
		all = append(all, t)
	}
	return all, nil
}

// SetTensors gives the variables of a scope the values of a file. File and scope must have the same tensors, of the same shapes.
func SetTensors(s *model.Scope, f *safetensors.File) error {
	vars := variables(s)
	if err := sameTensors(s, vars, f); err != nil {
		return err
	}
	for _, v := range vars {
		value, err := fromFile(f, nameIn(s, v), v)
		if err != nil {
			return err
		}
		if err := v.SetValue(value); err != nil {
			return fmt.Errorf("train: set %s: %w", v.Path(), err)
		}
	}
	return nil
}

func fromFile(f *safetensors.File, name string, v *model.Variable) (*tensors.Tensor, error) {
	if v.DType() == dtypes.Int64 {
		b, err := f.Bytes(name)
		if err != nil {
			return nil, err
		}
		values, err := safetensors.Values[int64](b)
		if err != nil {
			return nil, err
		}
		return tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...), nil
	}
	values, err := f.Float32s(name)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(values, notFinite); i >= 0 {
		return nil, fmt.Errorf("train: number %d of tensor %s is %v: the weights are of a run that diverged, or damaged; take an earlier checkpoint", i, name, values[i])
	}
	return tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...), nil
}

// sameTensors says which tensors differ between a scope and a file.
func sameTensors(s *model.Scope, vars []*model.Variable, f *safetensors.File) error {
	var differ []string
	known := map[string]bool{}
	for _, v := range vars {
		name := nameIn(s, v)
		known[name] = true
		if info, ok := f.Info(name); !ok {
			differ = append(differ, fmt.Sprintf("%s %v is missing in the file", name, v.Shape().Dimensions))
		} else if !slices.Equal(info.Shape, v.Shape().Dimensions) {
			differ = append(differ, fmt.Sprintf("%s is %v in the file and %v here", name, info.Shape, v.Shape().Dimensions))
		}
	}
	for _, info := range f.Tensors() {
		if !known[info.Name] {
			differ = append(differ, fmt.Sprintf("%s %v is only in the file", info.Name, info.Shape))
		}
	}
	if len(differ) == 0 {
		return nil
	}
	more := ""
	if n := len(differ) - 5; n > 0 {
		differ, more = differ[:5], fmt.Sprintf("; and %d more", n)
	}
	return &OtherNetworkError{strings.Join(differ, "; ") + more}
}

// OtherNetworkError says that weights belong to a network with other tensors.
type OtherNetworkError struct{ Differ string }

func (e *OtherNetworkError) Error() string { return "the weights are of another network: " + e.Differ }

// variables lists the variables of a scope and those below it, sorted by path.
func variables(s *model.Scope) []*model.Variable {
	all := slices.Collect(s.IterVariables())
	slices.SortFunc(all, func(a, b *model.Variable) int { return strings.Compare(a.Path(), b.Path()) })
	return all
}

func nameIn(s *model.Scope, v *model.Variable) string {
	return strings.TrimPrefix(strings.TrimPrefix(v.Path(), s.Scope()), "/")
}
