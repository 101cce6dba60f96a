package cpu

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// DotGeneral captures a sum of products over contracted axes, for each index of the batch axes.
func (f *Function) DotGeneral(lhs compute.Value, lhsContract, lhsBatch []int, rhs compute.Value, rhsContract, rhsBatch []int,
	config compute.DotGeneralConfig) (compute.Value, error) {
	r, err := f.record(compute.OpTypeDotGeneral, lhs, rhs)
	if err != nil {
		return nil, err
	}
	attr := ir.DotGeneral{LHSContract: slices.Clone(lhsContract), LHSBatch: slices.Clone(lhsBatch),
		RHSContract: slices.Clone(rhsContract), RHSBatch: slices.Clone(rhsBatch), Accumulator: config.AccumulatorDType}
	return r.finish(attr, func() (shapes.Shape, error) {
		for _, d := range []dtypes.DType{r.shapes[0].DType, config.AccumulatorDType, config.OutputDType} {
			if d != dtypes.InvalidDType && (d == dtypes.Bool || !supportedDTypes[d]) {
				return shapes.Invalid(), fmt.Errorf("not defined for %s", d)
			}
		}
		return shapeinference.DotGeneral(r.shapes[0], lhsContract, lhsBatch, r.shapes[1], rhsContract, rhsBatch, config)
	})
}

// ConvGeneral captures a convolution in its most general form; negative paddings crop.
func (f *Function) ConvGeneral(input, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeConvGeneral, input, kernel)
	if err != nil {
		return nil, err
	}
	x, k := r.shapes[0], r.shapes[1]
	n := max(x.Rank()-2, 0)
	attr := ir.Conv{Axes: axes.Clone(), Strides: orOnes(strides, n), Paddings: orZeros(paddings, n),
		InputDilations: orOnes(inputDilations, n), KernelDilations: orOnes(kernelDilations, n),
		ChannelGroups: max(channelGroups, 1), BatchGroups: max(batchGroups, 1)}
	return r.finish(attr, func() (shapes.Shape, error) {
		if x.DType != k.DType || x.DType == dtypes.Bool {
			return x, fmt.Errorf("input is %s and kernel %s: want one dtype of numbers", x, k)
		}
		if len(axes.InputSpatial) == n && len(axes.KernelSpatial) == n && k.Rank() == n+2 {
			window, dims := make([]int, n), make([]int, n)
			for i := range n {
				dims[i], window[i] = x.Dim(axes.InputSpatial[i]), k.Dim(axes.KernelSpatial[i])
			}
			if err := checkWindows(dims, window, attr.Strides, attr.InputDilations, attr.KernelDilations, attr.Paddings); err != nil {
				return x, err
			}
		}
		return shapeinference.ConvGeneral(x, k, axes, attr.Strides, attr.Paddings, attr.InputDilations, attr.KernelDilations,
			attr.ChannelGroups, attr.BatchGroups)
	})
}

// RNGBitGenerator captures random bits: Philox4x32-10 with the state [key, counter low, counter high], as in XLA.
func (f *Function) RNGBitGenerator(state compute.Value, shape shapes.Shape) (newState, values compute.Value, err error) {
	r, err := f.record(compute.OpTypeRNGBitGenerator, state)
	if err != nil {
		return nil, nil, err
	}
	s, err := r.infer(func() (shapes.Shape, error) {
		if !r.shapes[0].Equal(compute.RNGStateShape) {
			return shape, fmt.Errorf("the state is %s, want %s", r.shapes[0], compute.RNGStateShape)
		}
		if d := shape.DType; !d.IsInt() && !d.IsFloat() || d.IsPacked() {
			return shape, fmt.Errorf("no random bits of dtype %s", d)
		}
		return shape, nil
	})
	if err != nil {
		return nil, nil, err
	}
	out := r.emit(nil, r.shapes[0], s)
	return out[0], out[1], nil
}

// FFT captures a discrete Fourier transform of the last axes.
func (f *Function) FFT(operand compute.Value, kind compute.FFTType, lengths []int) (compute.Value, error) {
	r, err := f.record(compute.OpTypeFFT, operand)
	if err != nil {
		return nil, err
	}
	return r.finish(ir.FFT{Kind: kind, Lengths: slices.Clone(lengths)}, func() (shapes.Shape, error) {
		return spectrumShape(r.shapes[0], kind, lengths)
	})
}

// spectrumShape returns the shape of a transform: a real signal of n elements has a spectrum of n/2+1.
func spectrumShape(s shapes.Shape, kind compute.FFTType, lengths []int) (shapes.Shape, error) {
	rank, k := s.Rank(), len(lengths)
	if k == 0 || k > rank || s.DType.IsComplex() == (kind == compute.FFTForwardReal) || !s.DType.IsComplex() && !s.DType.IsFloat() ||
		s.DType.IsHalfPrecision() {
		return s, fmt.Errorf("no %s transform of %s over %d axes", kind, s, k)
	}
	want, out := slices.Clone(lengths), slices.Clone(lengths)
	dtype := s.DType
	switch half := lengths[k-1]/2 + 1; kind {
	case compute.FFTForwardReal:
		out[k-1] = half
		dtype = dtypes.Complex64
		if s.DType == dtypes.Float64 {
			dtype = dtypes.Complex128
		}
	case compute.FFTInverseReal:
		want[k-1] = half
		dtype = s.DType.RealDType()
	}
	if !slices.Equal(s.Dimensions[rank-k:], want) {
		return s, fmt.Errorf("the last axes of %s are not %v, as lengths %v want", s, want, lengths)
	}
	return shapes.Shape{DType: dtype, Dimensions: slices.Concat(s.Dimensions[:rank-k], out)}, nil
}
