package kernel

func conversionsAVX512() Conversions {
	r := conversionsReference()
	return Conversions{
		F32ToBF16: wholeVectors(16, f32ToBF16AVX512, r.F32ToBF16), BF16ToF32: wholeVectors(16, bf16ToF32AVX512, r.BF16ToF32),
		F32ToF16: wholeVectors(16, f32ToF16AVX512, r.F32ToF16), F16ToF32: wholeVectors(16, f16ToF32AVX512, r.F16ToF32),
		F32ToI32: wholeVectors(16, f32ToI32AVX512, r.F32ToI32), I32ToF32: wholeVectors(16, i32ToF32AVX512, r.I32ToF32),
		F32ToU8: wholeVectors(16, f32ToU8AVX512, r.F32ToU8), U8ToF32: wholeVectors(16, u8ToF32AVX512, r.U8ToF32),
		F32ToBool: wholeVectors(16, f32ToBoolAVX512, r.F32ToBool),
	}
}

func conversionsAVX2() Conversions {
	r := conversionsReference()
	return Conversions{
		F32ToBF16: wholeVectors(8, f32ToBF16AVX2, r.F32ToBF16), BF16ToF32: wholeVectors(8, bf16ToF32AVX2, r.BF16ToF32),
		F32ToF16: r.F32ToF16, F16ToF32: r.F16ToF32,
		F32ToI32: wholeVectors(8, f32ToI32AVX2, r.F32ToI32), I32ToF32: wholeVectors(8, i32ToF32AVX2, r.I32ToF32),
		F32ToU8: wholeVectors(8, f32ToU8AVX2, r.F32ToU8), U8ToF32: wholeVectors(8, u8ToF32AVX2, r.U8ToF32),
		F32ToBool: wholeVectors(8, f32ToBoolAVX2, r.F32ToBool),
	}
}

// wholeVectors leaves the elements beyond the last whole vector to the reference: conversions are exact or rounded alike.
func wholeVectors[D, S any](lanes int, vectors, rest func(dst []D, x []S)) func(dst []D, x []S) {
	return func(dst []D, x []S) {
		whole := len(dst) &^ (lanes - 1)
		vectors(dst[:whole], x[:whole])
		rest(dst[whole:], x[whole:])
	}
}
