package kernel

func attentionFor(t Tier) attentionKernels {
	switch t {
	case AVX512:
		return attentionKernels{lanes: 16, softmax: softmaxAVX512, gradient: softmaxGradientAVX512}
	case AVX2:
		return attentionKernels{lanes: 8, softmax: softmaxAVX2, gradient: softmaxGradientAVX2}
	}
	return attentionReference()
}
