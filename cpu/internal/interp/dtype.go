package interp

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/shapes"
)

// computed returns the dtype that values of d are computed in.
func computed(d dtypes.DType) dtypes.DType {
	switch d {
	case dtypes.Float16, dtypes.BFloat16, dtypes.Float32:
		return dtypes.Float64
	case dtypes.Complex64:
		return dtypes.Complex128
	case dtypes.Int1, dtypes.Int2, dtypes.Int4:
		return dtypes.Int8
	case dtypes.Uint1, dtypes.Uint2, dtypes.Uint4:
		return dtypes.Uint8
	}
	return d
}

// widened calls f with operands in the dtypes that are computed with and brings the results back. Operands of movements
// stay as they are unless they are packed.
func widened(f func(*call) error, c *call) error {
	wide := &call{op: c.op, attr: c.attr, in: make([]Tensor, len(c.in)), out: make([]Tensor, len(c.out))}
	_, moves := movements[c.op]
	dtype := func(d dtypes.DType) dtypes.DType {
		if moves && !d.IsPacked() {
			return d
		}
		return computed(d)
	}
	for i, t := range c.in {
		if t.Flat != nil {
			wide.in[i] = convert(t, dtype(t.Shape.DType))
		}
	}
	for i, t := range c.out {
		if wide.out[i] = t; dtype(t.Shape.DType) != t.Shape.DType {
			wide.out[i] = New(withDType(t.Shape, dtype(t.Shape.DType)))
		}
	}
	if err := f(wide); err != nil {
		return err
	}
	for i, t := range c.out {
		if dtype(t.Shape.DType) != t.Shape.DType {
			convertInto(t, wide.out[i])
		}
	}
	return nil
}

func withDType(s shapes.Shape, d dtypes.DType) shapes.Shape {
	s.DType = d
	return s
}

func convertDType(c *call) error {
	convertInto(c.out[0], c.in[0])
	return nil
}

// convert returns t in another dtype, t itself if it has that already.
func convert(t Tensor, d dtypes.DType) Tensor {
	if t.Shape.DType == d {
		return t
	}
	out := New(withDType(t.Shape, d))
	convertInto(out, t)
	return out
}

// real is what native numbers without an imaginary part are stored as.
type realNumber interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// convertInto converts src to dst's dtype, as XLA does: floats become integers by truncation, saturating, NaN becoming 0;
// booleans become 0 and 1, and become true unless 0; of complex numbers the real part counts.
func convertInto(dst, src Tensor) {
	switch in := src.Flat.(type) {
	case []bool:
		bytes := make([]uint8, len(in))
		for i, b := range in {
			if b {
				bytes[i] = 1
			}
		}
		convertNumbers(dst, bytes)
	case []float16.Float16:
		convertNumbers(dst, mapped(in, float16.Float16.Float32))
	case []bfloat16.BFloat16:
		convertNumbers(dst, mapped(in, bfloat16.BFloat16.Float32))
	case []complex64:
		convertComplex(dst, mapped(in, func(z complex64) complex128 { return complex128(z) }))
	case []complex128:
		convertComplex(dst, in)
	case []int8:
		convertNumbers(dst, in)
	case []int16:
		convertNumbers(dst, in)
	case []int32:
		convertNumbers(dst, in)
	case []int64:
		convertNumbers(dst, in)
	case []uint8:
		if src.Shape.DType.IsPacked() {
			convertNumbers(dst, unpack(in, src.Shape))
			return
		}
		convertNumbers(dst, in)
	case []uint16:
		convertNumbers(dst, in)
	case []uint32:
		convertNumbers(dst, in)
	case []uint64:
		convertNumbers(dst, in)
	case []float32:
		convertNumbers(dst, in)
	case []float64:
		convertNumbers(dst, in)
	default:
		panic(fmt.Errorf("no conversion from %T", in))
	}
}

func convertComplex(dst Tensor, in []complex128) {
	switch out := dst.Flat.(type) {
	case []complex64:
		for i, z := range in {
			out[i] = complex64(z)
		}
	case []complex128:
		copy(out, in)
	case []bool:
		for i, z := range in {
			out[i] = z != 0
		}
	default:
		convertNumbers(dst, mapped(in, func(z complex128) float64 { return real(z) }))
	}
}

func mapped[S, D any](in []S, f func(S) D) []D {
	out := make([]D, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

func convertNumbers[S realNumber](dst Tensor, in []S) {
	switch out := dst.Flat.(type) {
	case []bool:
		for i, x := range in {
			out[i] = x != 0
		}
	case []float16.Float16:
		for i, x := range in {
			out[i] = half(rounded(x))
		}
	case []bfloat16.BFloat16:
		for i, x := range in {
			out[i] = bfloat16.FromFloat32(rounded(x))
		}
	case []float32:
		castFloats(out, in)
	case []float64:
		castFloats(out, in)
	case []complex64:
		for i, x := range in {
			out[i] = complex(float32(x), 0)
		}
	case []complex128:
		for i, x := range in {
			out[i] = complex(float64(x), 0)
		}
	case []int8:
		castIntegers(out, in, math.MinInt8, math.MaxInt8)
	case []int16:
		castIntegers(out, in, math.MinInt16, math.MaxInt16)
	case []int32:
		castIntegers(out, in, math.MinInt32, math.MaxInt32)
	case []int64:
		castIntegers(out, in, math.MinInt64, math.MaxInt64)
	case []uint8:
		if dst.Shape.DType.IsPacked() {
			packed := make([]int64, len(in))
			castIntegers(packed, in, math.MinInt64, math.MaxInt64)
			pack(out, packed, dst.Shape.DType.Bits())
			return
		}
		castIntegers(out, in, 0, math.MaxUint8)
	case []uint16:
		castIntegers(out, in, 0, math.MaxUint16)
	case []uint32:
		castIntegers(out, in, 0, math.MaxUint32)
	case []uint64:
		castIntegers(out, in, 0, math.MaxUint64)
	default:
		panic(fmt.Errorf("no conversion to %T", out))
	}
}

func castFloats[D float32 | float64, S realNumber](out []D, in []S) {
	for i, x := range in {
		out[i] = D(x)
	}
}

// castIntegers wraps integers around and saturates floats at the smallest and largest value of D.
func castIntegers[D, S realNumber](out []D, in []S, lowest, highest float64) {
	half := 0.5
	if S(half) == 0 { // S is an integer type
		for i, x := range in {
			out[i] = D(x)
		}
		return
	}
	for i, x := range in {
		switch f := float64(x); {
		case f != f:
			out[i] = 0
		case f <= lowest:
			out[i] = limit[D](lowest)
		case f >= highest:
			out[i] = limit[D](highest)
		default:
			out[i] = D(x)
		}
	}
}

// limit returns the integer type's bound that is nearest to f; the bounds of 64-bit types are no floats.
func limit[D realNumber](f float64) D {
	switch f {
	case math.MaxInt64:
		top := int64(math.MaxInt64)
		return D(top)
	case math.MaxUint64:
		top := uint64(math.MaxUint64)
		return D(top)
	}
	return D(f)
}
