package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// Number lists the Go types whose memory is the same as that of an element in a file.
type Number interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64 | complex64
}

// Values returns the numbers whose little-endian bytes are b, without copying where the bytes are aligned: then the numbers share b's memory.
// It fails if b ends inside a number.
func Values[T Number](b []byte) ([]T, error) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(b)%size != 0 {
		return nil, fmt.Errorf("%d bytes are not a whole number of %T", len(b), zero)
	}
	n := len(b) / size
	if n == 0 {
		return nil, nil
	}
	if littleEndian() && uintptr(unsafe.Pointer(&b[0]))%unsafe.Alignof(zero) == 0 {
		return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
	}
	out := make([]T, n)
	_, err := binary.Decode(b, binary.LittleEndian, out)
	return out, err
}

// Bytes returns the little-endian bytes of v, sharing its memory on little-endian machines.
func Bytes[T Number](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	if littleEndian() {
		return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
	}
	b, _ := binary.Append(nil, binary.LittleEndian, v) // cannot fail: Number has fixed sizes only
	return b
}

func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// Float32s returns the named tensor as float32, whatever floating-point type it has: F32 without copying where possible,
// BF16 and F16 exactly, F64 rounded to the nearest. Other types are refused.
func (f *File) Float32s(name string) ([]float32, error) {
	b, err := f.Bytes(name)
	if err != nil {
		return nil, err
	}
	t, _ := f.Info(name)
	values, err := Float32s(t.DType, b)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return values, nil
}

// Float32s turns the little-endian bytes of floating-point numbers into float32, as [File.Float32s] does.
func Float32s(d DType, b []byte) ([]float32, error) {
	switch d {
	case F32:
		return Values[float32](b)
	case F64:
		return convert(b, func(v float64) float32 { return float32(v) })
	case BF16:
		return convert(b, func(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) })
	case F16:
		return convert(b, half)
	}
	return nil, fmt.Errorf("%v is not a type that float32 can take over", d)
}

func convert[T Number](b []byte, f func(T) float32) ([]float32, error) {
	in, err := Values[T](b)
	out := make([]float32, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out, err
}

// half returns the value of an IEEE 754 binary16 number.
func half(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0: // subnormal: fraction · 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // infinity, NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
