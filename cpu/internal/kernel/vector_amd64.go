package kernel

func vectorFor(t Tier) Vector {
	v := vectorReference()
	switch t {
	case AVX512:
		fillAVX512(&v)
		v.Unary[Sin], v.Unary[Cos] = sinAVX512, cosAVX512
		v.ScaleAdd, v.Affine = scaleAddAVX512, affineAVX512
		v.Reductions, v.Movement, v.Conversions = reductionsAVX512(), movementAVX512(), conversionsAVX512()
		v.Random, v.Optimizer = randomAVX512(), optimizerAVX512()
	case AVX2:
		fillAVX2(&v)
		v.Unary[Sin], v.Unary[Cos] = sinAVX2, cosAVX2
		v.ScaleAdd, v.Affine = scaleAddAVX2, affineAVX2
		v.Reductions, v.Movement, v.Conversions = reductionsAVX2(), movementAVX2(), conversionsAVX2()
		v.Random, v.Optimizer = randomAVX2(), optimizerAVX2()
	}
	return v
}

// exchange makes a kernel of (s, a) from one of (a, s) that computes the same with its operands exchanged.
func exchange(f func(dst, a []float32, s float32)) func(dst []float32, s float32, a []float32) {
	return func(dst []float32, s float32, a []float32) { f(dst, a, s) }
}

func sinAVX512(dst, x []float32) { piecewise(dst, x, mostSinAVX512, sin32) }
func cosAVX512(dst, x []float32) { piecewise(dst, x, mostCosAVX512, cos32) }
func sinAVX2(dst, x []float32)   { piecewise(dst, x, mostSinAVX2, sin32) }
func cosAVX2(dst, x []float32)   { piecewise(dst, x, mostCosAVX2, cos32) }

// sinCosLimit is where the kernels stop: their π/2 has not enough digits beyond.
const sinCosLimit = 1 << 20

// refusedLanes is what is done one by one when a kernel has come upon something it cannot do: its vector, or more.
const refusedLanes = 16

// piecewise runs a kernel that stops before a vector it cannot do, and f for the elements there.
func piecewise(dst, x []float32, most func(dst, x []float32) int, f func(float32) float32) {
	for {
		done := most(dst, x)
		dst, x = dst[done:], x[done:]
		if len(dst) == 0 {
			return
		}
		n := min(refusedLanes, len(dst))
		patch(dst[:n], x[:n], most, f)
		dst, x = dst[n:], x[n:]
	}
}

// patch takes f for the elements beyond sinCosLimit alone: the others get the bits they would get anywhere.
func patch(dst, x []float32, most func(dst, x []float32) int, f func(float32) float32) {
	var near [refusedLanes]float32
	for i, v := range x {
		if !beyondSinCos(v) {
			near[i] = v
		}
	}
	most(near[:], near[:])
	for i, v := range x {
		if beyondSinCos(v) {
			dst[i] = f(v)
		} else {
			dst[i] = near[i]
		}
	}
}

func beyondSinCos(x float32) bool { return x > sinCosLimit || x < -sinCosLimit }
