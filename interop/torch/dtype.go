package torch

import "fmt"

// DType is the type of a tensor's elements.
type DType uint8

// The element types.
const (
	Bool DType = iota + 1
	Uint8
	Int8
	Int16
	Uint16
	Int32
	Uint32
	Int64
	Uint64
	Float16
	BFloat16
	Float32
	Float64
	Complex64
	Complex128
	Float8E4M3FN
	Float8E5M2
	Float8E4M3FNUZ
	Float8E5M2FNUZ
	Float8E8M0FNU
	untyped // bytes, of a torch.storage.UntypedStorage
)

var dtypes = [...]struct {
	name, storage, safetensors string
	size                       int64
}{
	Bool:           {"bool", "BoolStorage", "BOOL", 1},
	Uint8:          {"uint8", "ByteStorage", "U8", 1},
	Int8:           {"int8", "CharStorage", "I8", 1},
	Int16:          {"int16", "ShortStorage", "I16", 2},
	Uint16:         {"uint16", "", "U16", 2},
	Int32:          {"int32", "IntStorage", "I32", 4},
	Uint32:         {"uint32", "", "U32", 4},
	Int64:          {"int64", "LongStorage", "I64", 8},
	Uint64:         {"uint64", "", "U64", 8},
	Float16:        {"float16", "HalfStorage", "F16", 2},
	BFloat16:       {"bfloat16", "BFloat16Storage", "BF16", 2},
	Float32:        {"float32", "FloatStorage", "F32", 4},
	Float64:        {"float64", "DoubleStorage", "F64", 8},
	Complex64:      {"complex64", "ComplexFloatStorage", "C64", 8},
	Complex128:     {"complex128", "ComplexDoubleStorage", "", 16},
	Float8E4M3FN:   {"float8_e4m3fn", "", "F8_E4M3", 1},
	Float8E5M2:     {"float8_e5m2", "", "F8_E5M2", 1},
	Float8E4M3FNUZ: {"float8_e4m3fnuz", "", "F8_E4M3FNUZ", 1},
	Float8E5M2FNUZ: {"float8_e5m2fnuz", "", "F8_E5M2FNUZ", 1},
	Float8E8M0FNU:  {"float8_e8m0fnu", "", "F8_E8M0", 1},
	untyped:        {"untyped", "UntypedStorage", "", 1},
}

// String returns PyTorch's name of the type, such as "float32".
func (d DType) String() string {
	if d < Bool || d > untyped {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Size returns the bytes of one element, 0 for a value that is no type.
func (d DType) Size() int {
	if d < Bool || d > untyped {
		return 0
	}
	return int(dtypes[d].size)
}

// Safetensors returns the name of the type in safetensors files, such as "F32", or "" if it has none there.
func (d DType) Safetensors() string {
	if d < Bool || d > untyped {
		return ""
	}
	return dtypes[d].safetensors
}

// dtypeWhere returns the type for which match holds, 0 if there is none.
func dtypeWhere(match func(name, storage string) bool) DType {
	for d := Bool; d <= untyped; d++ {
		if match(dtypes[d].name, dtypes[d].storage) {
			return d
		}
	}
	return 0
}
