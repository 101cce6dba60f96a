package kernel

//go:generate go -C _gen run ./vector -family convert -out ../convert_amd64.s -stubs ../convert_stubs_amd64.go -pkg kernel

import "math"

// Conversions holds the conversions between float32 and narrow types. The slices have equal lengths.
//
// Floats become integers by dropping the fraction; what does not fit, and NaN, gives an unspecified integer. Half precision
// (IEEE binary16) and bfloat16 are held in uint16, rounded to nearest, halves to even; NaN stays NaN.
type Conversions struct {
	F32ToBF16 func(dst []uint16, x []float32)
	BF16ToF32 func(dst []float32, x []uint16)
	F32ToF16  func(dst []uint16, x []float32)
	F16ToF32  func(dst []float32, x []uint16)
	F32ToI32  func(dst []int32, x []float32)
	I32ToF32  func(dst []float32, x []int32)
	F32ToU8   func(dst []uint8, x []float32)
	U8ToF32   func(dst []float32, x []uint8) // also of truth values held as bytes 0 and 1
	F32ToBool func(dst []uint8, x []float32) // 1 where x is not 0
}

// Number is a type that [Convert] converts from and to.
type Number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Convert converts elements by the language's rules, for the pairs of types that have no kernel of their own.
func Convert[D, S Number](dst []D, x []S) {
	for i := range dst {
		dst[i] = D(x[i])
	}
}

func conversionsReference() Conversions {
	return Conversions{
		F32ToBF16: mapConvert(bf16),
		BF16ToF32: mapConvert(func(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }),
		F32ToF16:  mapConvert(half),
		F16ToF32:  mapConvert(unhalf),
		F32ToI32:  Convert[int32, float32],
		I32ToF32:  Convert[float32, int32],
		F32ToU8:   mapConvert(func(x float32) uint8 { return uint8(int32(x)) }),
		U8ToF32:   Convert[float32, uint8],
		F32ToBool: mapConvert(func(x float32) uint8 { return uint8(truth(x != 0)) }),
	}
}

func mapConvert[D, S any](f func(S) D) func(dst []D, x []S) {
	return func(dst []D, x []S) {
		for i := range dst {
			dst[i] = f(x[i])
		}
	}
}

// bf16 keeps the upper half of the bits: adding just under half a unit, or half if the lowest kept bit is odd, rounds.
func bf16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

const (
	halfInfinity  = 0x7c00
	halfMinNormal = 1.0 / (1 << 14)
)

// half rounds to binary16.
func half(x float32) uint16 {
	b := math.Float32bits(x)
	negative := uint16(b >> 16 & 0x8000)
	a := math.Float32frombits(b &^ (1 << 31))
	switch {
	case x != x:
		return negative | halfInfinity | 0x200 | uint16(b>>13&0x3ff)
	case a >= 65520: // halfway between the largest half and the next power of two
		return negative | halfInfinity
	case a < halfMinNormal: // the sum with 0.5 has the unit of the smallest half: it rounds as wanted
		return negative | uint16(math.Float32bits(a+0.5)-math.Float32bits(0.5))
	}
	m := math.Float32bits(a)
	m += 0xfff + m>>13&1
	return negative | uint16(m>>13-(127-15)<<10)
}

// unhalf is exact.
func unhalf(h uint16) float32 {
	negative := uint32(h&0x8000) << 16
	e, m := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch e {
	case 0:
		return math.Float32frombits(math.Float32bits(float32(m)/(1<<24)) | negative)
	case 0x1f:
		if m != 0 {
			m |= 0x200
		}
		return math.Float32frombits(negative | 0x7f800000 | m<<13)
	}
	return math.Float32frombits(negative | (e+127-15)<<23 | m<<13)
}
