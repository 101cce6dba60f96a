package interp

import (
	"math"

	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/shapes"
)

// rounded returns x as a float32 from which rounding to 16 bits gives the same as rounding x itself: inexact results are
// rounded to odd, so that no tie is made up.
func rounded[S realNumber](x S) float32 {
	f := float64(x)
	y := float32(f)
	if float64(y) == f || f != f || math.IsInf(float64(y), 0) {
		return y
	}
	bits := math.Float32bits(y)
	if math.Abs(float64(y)) > math.Abs(f) {
		bits--
	}
	return math.Float32frombits(bits | 1)
}

// half rounds to the nearest float16, ties to even. float16.FromFloat32 would flush denormals to zero.
func half(x float32) float16.Float16 {
	b := math.Float32bits(x)
	sign, b := uint16(b>>16&0x8000), b&0x7fffffff
	abs := math.Float32frombits(b)
	switch {
	case x != x:
		return float16.FromBits(sign | 0x7e00)
	case abs >= 65520: // halfway from the largest float16 to the next power of two
		return float16.FromBits(sign | 0x7c00)
	case abs < 0x1p-14: // denormals are multiples of 2^-24
		return float16.FromBits(sign | uint16(math.RoundToEven(float64(abs)*0x1p24)))
	}
	b += 0xfff + b>>13&1
	return float16.FromBits(sign | uint16(b>>13-112<<10))
}

// unpack returns the values of a packed dtype, the lowest bits of a byte first.
func unpack(in []uint8, s shapes.Shape) []int8 {
	bits := s.DType.Bits()
	out := make([]int8, s.Size())
	for i := range out {
		v := in[i*bits/8] >> (i * bits % 8) << (8 - bits)
		if s.DType.IsUnsigned() {
			out[i] = int8(v >> (8 - bits))
		} else {
			out[i] = int8(v) >> (8 - bits)
		}
	}
	return out
}

func pack(out []uint8, values []int64, bits int) {
	clear(out)
	for i, v := range values {
		out[i*bits/8] |= uint8(v) << (8 - bits) >> (8 - bits) << (i * bits % 8)
	}
}
