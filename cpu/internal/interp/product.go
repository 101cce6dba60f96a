package interp

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

var products = table(conv, compute.OpTypeConvGeneral)

// ring computes sums of products of one type.
type ring interface {
	dot(out, a, b any, n dotNest)
	conv(out, x, kernel any, n *convNest)
}

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float64 | complex128
}

type numbers[T number] struct{}

func ringOf(d dtypes.DType) (ring, error) {
	switch d {
	case dtypes.Int8:
		return numbers[int8]{}, nil
	case dtypes.Int16:
		return numbers[int16]{}, nil
	case dtypes.Int32:
		return numbers[int32]{}, nil
	case dtypes.Int64:
		return numbers[int64]{}, nil
	case dtypes.Uint8:
		return numbers[uint8]{}, nil
	case dtypes.Uint16:
		return numbers[uint16]{}, nil
	case dtypes.Uint32:
		return numbers[uint32]{}, nil
	case dtypes.Uint64:
		return numbers[uint64]{}, nil
	case dtypes.Float64:
		return numbers[float64]{}, nil
	case dtypes.Complex128:
		return numbers[complex128]{}, nil
	}
	return nil, fmt.Errorf("no products of %s", d)
}

// dotNest lists where the elements of a product's operands lie: batches, rows of a, columns of b, and contracted indices.
type dotNest struct {
	aBatch, bBatch, aFree, bFree, aContract, bContract []int
}

// dotGeneral multiplies in the accumulator's dtype, or a wider one.
func dotGeneral(c *call) error {
	attr := c.attr.(ir.DotGeneral)
	acc := attr.Accumulator
	if acc == dtypes.InvalidDType {
		acc = c.in[0].Shape.DType
	}
	acc = computed(acc)
	r, err := ringOf(acc)
	if err != nil {
		return err
	}
	a, sa := c.operand(0)
	b, sb := c.operand(1)
	at := func(dims, stride, axes []int) []int { return offsets(pick(dims, axes), pick(stride, axes)) }
	aFree := others(len(a), append(attr.LHSBatch[:len(attr.LHSBatch):len(attr.LHSBatch)], attr.LHSContract...))
	bFree := others(len(b), append(attr.RHSBatch[:len(attr.RHSBatch):len(attr.RHSBatch)], attr.RHSContract...))
	n := dotNest{
		aBatch: at(a, sa, attr.LHSBatch), bBatch: at(b, sb, attr.RHSBatch),
		aFree: at(a, sa, aFree), bFree: at(b, sb, bFree),
		aContract: at(a, sa, attr.LHSContract), bContract: at(b, sb, attr.RHSContract),
	}
	out := New(shapes.Make(acc, c.out[0].Shape.Dimensions...))
	r.dot(out.Flat, convert(c.in[0], acc).Flat, convert(c.in[1], acc).Flat, n)
	convertInto(c.out[0], out)
	return nil
}

func (numbers[T]) dot(out, a, b any, n dotNest) {
	o, x, y := out.([]T), a.([]T), b.([]T)
	for i, ab := range n.aBatch {
		for _, af := range n.aFree {
			row := o[:len(n.bFree)]
			o = o[len(n.bFree):]
			for k, ac := range n.aContract {
				v, at := x[ab+af+ac], n.bBatch[i]+n.bContract[k]
				for j, bf := range n.bFree {
					row[j] += v * y[at+bf]
				}
			}
		}
	}
}

// convNest is a convolution's geometry with every tensor's axes in the order batch, channels, spatial (for the kernel:
// output channels, input channels, spatial).
type convNest struct {
	ir.Conv
	x, kernel, out                   []int // dimensions
	xStride, kernelStride, outStride []int
}

// conv computes Σ x·kernel as https://openxla.org/xla/operation_semantics#convwithgeneralpadding_convolution defines it.
func conv(c *call) error {
	a := c.attr.(ir.Conv)
	r, err := ringOf(c.out[0].Shape.DType)
	if err != nil {
		return err
	}
	n := &convNest{Conv: a}
	order := func(first, second int, spatial []int) []int { return append([]int{first, second}, spatial...) }
	arrange := func(t Tensor, order []int) (dims, stride []int) {
		return pick(t.Shape.Dimensions, order), pick(strides(t.Shape.Dimensions), order)
	}
	n.x, n.xStride = arrange(c.in[0], order(a.Axes.InputBatch, a.Axes.InputChannels, a.Axes.InputSpatial))
	n.kernel, n.kernelStride = arrange(c.in[1], order(a.Axes.KernelOutputChannels, a.Axes.KernelInputChannels, a.Axes.KernelSpatial))
	n.out, n.outStride = arrange(c.out[0], order(a.Axes.OutputBatch, a.Axes.OutputChannels, a.Axes.OutputSpatial))
	r.conv(c.out[0].Flat, c.in[0].Flat, c.in[1].Flat, n)
	return nil
}

// taps lists, for each output position along a spatial axis, the pairs of input and kernel offsets that meet there.
func (n *convNest) taps(axis int) [][][2]int {
	all := make([][][2]int, n.out[2+axis])
	for o := range all {
		for k := range n.kernel[2+axis] {
			at := o*n.Strides[axis] + k*n.KernelDilations[axis] - n.Paddings[axis][0]
			if i := at / n.InputDilations[axis]; at >= 0 && at%n.InputDilations[axis] == 0 && i < n.x[2+axis] {
				all[o] = append(all[o], [2]int{i * n.xStride[2+axis], k * n.kernelStride[2+axis]})
			}
		}
	}
	return all
}

// positions visits every output position with its offset and the pairs of input and kernel offsets that meet there.
func (n *convNest) positions(visit func(at int, taps [][2]int)) {
	spatial := n.out[2:]
	axes := make([][][][2]int, len(spatial))
	for axis := range axes {
		axes[axis] = n.taps(axis)
	}
	index := strides(spatial)
	for p, at := range offsets(spatial, n.outStride[2:]) {
		taps := [][2]int{{}}
		for axis := range axes {
			var next [][2]int
			for _, t := range taps {
				for _, u := range axes[axis][p/index[axis]%spatial[axis]] {
					next = append(next, [2]int{t[0] + u[0], t[1] + u[1]})
				}
			}
			taps = next
		}
		visit(at, taps)
	}
}

// conv walks output positions outermost, so that the kernel's elements are read in order for each; an output channel belongs
// to one group of the input's channels and to one of its batches.
func (numbers[T]) conv(out, x, kernel any, n *convNest) {
	o, in, w := out.([]T), x.([]T), kernel.([]T)
	clear(o)
	channels, perChannelGroup, perBatchGroup := n.kernel[0], n.kernel[0]/n.ChannelGroups, n.kernel[0]/n.BatchGroups
	n.positions(func(at int, taps [][2]int) {
		for b := range n.out[0] {
			for first := 0; first < channels; { // a run of output channels of the same groups
				end := min((first/perChannelGroup+1)*perChannelGroup, (first/perBatchGroup+1)*perBatchGroup)
				from := (b+first/perBatchGroup*n.out[0])*n.xStride[0] + first/perChannelGroup*n.kernel[1]*n.xStride[1]
				to := at + b*n.outStride[0]
				for _, t := range taps {
					for ci := range n.kernel[1] {
						v, k := in[from+t[0]+ci*n.xStride[1]], t[1]+ci*n.kernelStride[1]
						for co := first; co < end; co++ {
							o[to+co*n.outStride[1]] += v * w[k+co*n.kernelStride[0]]
						}
					}
				}
				first = end
			}
		}
	})
}
