package torch

import (
	"errors"
	"fmt"
	"strings"
)

// global is a name of a Python module that has a meaning here when it is called.
type global string

// storageType is the name of a class of storages.
type storageType DType

// calls is what the known names make of their arguments. Nothing else can be called.
var calls = map[global]func(Tuple) (any, error){
	"torch._utils._rebuild_tensor":               func(a Tuple) (any, error) { return rebuild(a, 4, -1) },
	"torch._utils._rebuild_tensor_v2":            func(a Tuple) (any, error) { return rebuild(a, 6, -1) },
	"torch._utils._rebuild_tensor_v3":            func(a Tuple) (any, error) { return rebuild(a, 7, 6) },
	"torch._utils._rebuild_parameter":            firstTensor,
	"torch._utils._rebuild_parameter_with_state": firstTensor,
	"torch.nn.parameter.Parameter":               firstTensor,
	"torch.nn.parameter.Buffer":                  firstTensor,
	"torch.Tensor":                               firstTensor,
	"torch.Size":                                 firstTuple,
	"torch.device":                               device,
	"collections.OrderedDict":                    dict,
	"collections.Counter":                        dict,
	"_codecs.encode":                             encode,
	"builtins.set":                               set,
	"builtins.complex":                           complexNumber,
	"builtins.bytearray":                         byteArray,
}

// resolve returns what a name stands for, and refuses every name that is not known.
func resolve(module, name string) (any, error) {
	module = strings.Replace(module, "__builtin__", "builtins", 1) // its name in Python 2, which protocol 2 keeps
	full := global(module + "." + name)
	if _, ok := calls[full]; ok || full == "torch._tensor._rebuild_from_type_v2" {
		return full, nil
	}
	switch module {
	case "torch", "torch.storage":
		if d := dtypeWhere(func(_, storage string) bool { return storage != "" && storage == name }); d != 0 {
			return storageType(d), nil
		}
		if d := dtypeWhere(func(dtype, _ string) bool { return dtype == name }); d != 0 && d != untyped && module == "torch" {
			return d, nil
		}
	}
	return nil, fmt.Errorf("refused: the file refers to %s, which is none of the names that tensors and plain values need; "+
		"loading it would run its code. In Python, save model.state_dict() alone, or convert the file to safetensors", printable(string(full)))
}

func (g global) call(args Tuple) (any, error) {
	if g == "torch._tensor._rebuild_from_type_v2" {
		return rebuildFromType(args)
	}
	f := calls[g]
	if f == nil {
		return nil, errors.New("cannot be called")
	}
	return f(args)
}

// rebuildFromType is the form of tensors with attributes of their own: (function, type, its arguments, attributes); the attributes are dropped.
func rebuildFromType(args Tuple) (any, error) {
	if len(args) != 4 {
		return nil, errBadArguments(args)
	}
	f, ok := args[0].(global)
	inner, isTuple := args[2].(Tuple)
	if !ok || !isTuple || f == "torch._tensor._rebuild_from_type_v2" {
		return nil, errBadArguments(args)
	}
	return f.call(inner)
}

func errBadArguments(args Tuple) error {
	return fmt.Errorf("has arguments that torch.save does not write: %d values", len(args))
}

func firstTensor(args Tuple) (any, error) {
	if len(args) == 0 {
		return nil, errBadArguments(args)
	}
	t, ok := args[0].(*Tensor)
	if !ok {
		return nil, fmt.Errorf("is made of a %T in place of a tensor", args[0])
	}
	return t, nil
}

func firstTuple(args Tuple) (any, error) {
	if len(args) == 1 {
		switch v := args[0].(type) {
		case Tuple:
			return v, nil
		case *List:
			return Tuple(v.Items), nil
		}
	}
	return nil, errBadArguments(args)
}

func device(args Tuple) (any, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, errBadArguments(args)
	}
	kind, ok := args[0].(string)
	if !ok {
		return nil, errBadArguments(args)
	}
	if len(args) == 2 {
		return fmt.Sprintf("%s:%v", kind, args[1]), nil
	}
	return kind, nil
}

// dict makes a Counter or OrderedDict, whose content mostly comes by SETITEMS.
func dict(args Tuple) (any, error) {
	if len(args) == 0 {
		return &Dict{}, nil
	}
	if d, ok := args[0].(*Dict); ok && len(args) == 1 {
		return d, nil
	}
	return nil, errBadArguments(args)
}

// encode is how protocol 2 holds bytes: as text in which each character is one byte.
func encode(args Tuple) (any, error) {
	if len(args) != 2 || args[1] != "latin1" {
		return nil, errBadArguments(args)
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, errBadArguments(args)
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil, errors.New("a character is no byte")
		}
		b = append(b, byte(r))
	}
	return b, nil
}

func byteArray(args Tuple) (any, error) {
	if len(args) == 0 {
		return []byte{}, nil
	}
	if b, ok := args[0].([]byte); ok && len(args) == 1 {
		return b, nil
	}
	return encode(args)
}

func set(args Tuple) (any, error) {
	if len(args) == 1 {
		if l, ok := args[0].(*List); ok {
			return l, nil
		}
	}
	return nil, errBadArguments(args)
}

func complexNumber(args Tuple) (any, error) {
	if len(args) != 2 {
		return nil, errBadArguments(args)
	}
	re, ok := args[0].(float64)
	im, isFloat := args[1].(float64)
	if !ok || !isFloat {
		return nil, errBadArguments(args)
	}
	return complex(re, im), nil
}
