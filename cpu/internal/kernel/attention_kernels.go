package kernel

import "math"

//go:generate go -C _gen run ./gemm -attention -out ../attention_amd64.s -stubs ../attention_stubs_amd64.go -pkg kernel

// attentionKernels are a tier's passes over a row of scores. They count in powers of two: scores are multiplied by log2(e)
// with the scale. n is a multiple of lanes; what lies beyond a row's end up to there must be readable, and is written.
type attentionKernels struct {
	lanes int
	// softmax replaces x by 2^(scale·x - newHigh) and returns newHigh, the maximum of high and of the row, and the sum.
	// high is at least -MaxFloat32.
	softmax func(n int, x *float32, scale, high float32) (newHigh, sum float32)
	// gradient replaces p by 2^(scale·p - shift) and ds by (gain·ds - offset)·p.
	gradient func(n int, p, ds *float32, scale, shift, gain, offset float32)
}

func attentionReference() attentionKernels {
	return attentionKernels{lanes: 1, softmax: refSoftmax, gradient: refSoftmaxGradient}
}

func refSoftmax(n int, x *float32, scale, high float32) (newHigh, sum float32) {
	row := view(x, n)
	for i := range row {
		row[i] *= scale
		high = max(high, row[i])
	}
	total := 0.0
	for i, v := range row {
		p := math.Exp2(float64(v - high))
		row[i] = float32(p)
		total += p
	}
	return high, float32(total)
}

func refSoftmaxGradient(n int, p, ds *float32, scale, shift, gain, offset float32) {
	soft, grad := view(p, n), view(ds, n)
	for i, v := range soft {
		soft[i] = float32(math.Exp2(float64(v)*float64(scale) - float64(shift)))
		grad[i] = (gain*grad[i] - offset) * soft[i]
	}
}
