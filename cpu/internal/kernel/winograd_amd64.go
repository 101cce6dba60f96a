package kernel

func winogradFor(t Tier) Winograd {
	switch t {
	case AVX512:
		return Winograd{
			lanes: 16,
			input: winogradInputAVX512, output: winogradOutputAVX512, gradient: winogradGradientAVX512,
			filter: winogradFilterAVX512, filterGradient: winogradFilterGradientAVX512,
		}
	case AVX2:
		return Winograd{
			lanes: 8,
			input: winogradInputAVX2, output: winogradOutputAVX2, gradient: winogradGradientAVX2,
			filter: winogradFilterAVX2, filterGradient: winogradFilterGradientAVX2,
		}
	}
	return winogradReference()
}
