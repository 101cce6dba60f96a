package ir

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// Attributes of the primitive operations. Axes are never negative, lists are never nil where a length is implied by the
// operand's rank: capture fills in the defaults. Operations not named here have none: element-wise ones (implicit
// broadcasting of scalars and of size-1 axes is made explicit by capture with BroadcastInDim, except that a scalar operand
// stays a scalar), Reshape, ConvertDType, Bitcast, Where, Identity, the barriers, RNGBitGenerator (state → state, bits).

// Constant is the attribute of OpTypeConstant: a flat Go slice of the value's dtype; never modified.
type Constant struct{ Flat any }

// Axes is the attribute of Reduce* (axes reduced, ascending) and of Reverse.
type Axes struct{ Axes []int }

// Axis is the attribute of Iota and Concatenate.
type Axis struct{ Axis int }

// ArgMinMax is the attribute of OpTypeArgMinMax.
type ArgMinMax struct {
	Axis  int
	IsMin bool
}

// Transpose is the attribute of OpTypeTranspose: output axis i is operand axis Perm[i].
type Transpose struct{ Perm []int }

// Broadcast is the attribute of OpTypeBroadcastInDim: operand axis i is output axis Axes[i].
type Broadcast struct{ Axes []int }

// Slice is the attribute of OpTypeSlice.
type Slice struct{ Starts, Limits, Strides []int }

// Pad is the attribute of OpTypePad; inputs: operand, fill scalar. Negative Start and End crop.
type Pad struct{ Axes []compute.PadAxis }

// Gather is the attribute of OpTypeGather; inputs: operand, start indices.
type Gather struct {
	IndexVectorAxis                                     int
	OffsetOutputAxes, CollapsedSliceAxes, StartIndexMap []int
	SliceSizes                                          []int
	IndicesAreSorted                                    bool
}

// Scatter is the attribute of OpTypeScatterSum, Max and Min; inputs: operand, indices, updates.
type Scatter struct {
	IndexVectorAxis                                                int
	UpdateWindowAxes, InsertedWindowAxes, ScatterAxesToOperandAxes []int
	IndicesAreSorted, UniqueIndices                                bool
}

// Conv is the attribute of OpTypeConvGeneral; inputs: input, kernel. Paddings may be negative.
type Conv struct {
	Axes                            compute.ConvolveAxesConfig
	Strides                         []int
	Paddings                        [][2]int
	InputDilations, KernelDilations []int
	ChannelGroups, BatchGroups      int
}

// DotGeneral is the attribute of OpTypeDotGeneral (and of Dot, which capture turns into DotGeneral); inputs: lhs, rhs.
// The output has the batch axes, then lhs's remaining axes, then rhs's.
type DotGeneral struct {
	LHSContract, LHSBatch, RHSContract, RHSBatch []int
	Accumulator                                  dtypes.DType
}

// ReduceWindow is the attribute of OpTypeReduceWindow.
type ReduceWindow struct {
	Kind                                            compute.ReduceOpType
	Window, Strides, BaseDilations, WindowDilations []int
	Paddings                                        [][2]int
}

// SelectAndScatter is the attribute of OpTypeSelectAndScatterMax, Min and Sum; inputs: operand, source.
type SelectAndScatter struct {
	Window, Strides []int
	Paddings        [][2]int
}

// DynamicSlice is the attribute of OpTypeDynamicSlice; inputs: operand, then one scalar start per axis.
// OpTypeDynamicUpdateSlice has none; inputs: operand, update, then the starts. Starts are clamped into range.
type DynamicSlice struct{ Sizes []int }

// BatchNorm is the attribute of the three BatchNorm operations; inputs in the order of the compute interface.
type BatchNorm struct {
	Epsilon float32
	Axis    int
}

// FFT is the attribute of OpTypeFFT.
type FFT struct {
	Kind    compute.FFTType
	Lengths []int
}

// Call is the attribute of OpTypeCall.
type Call struct{ Body *Graph }

// Sort is the attribute of OpTypeSort; inputs: the tensors, then the comparator's captured values. The comparator's parameters
// are the left and the right element of each tensor in turn, then the captured values.
type Sort struct {
	Comparator *Graph
	Axis       int
	Stable     bool
	Operands   int // how many of the inputs are sorted
}

// While is the attribute of OpTypeWhile; inputs: the state, then the condition's captured values, then the body's.
type While struct {
	Cond, Body   *Graph
	State        int // how many of the inputs are state
	CondCaptures int // how many of the inputs after the state belong to Cond
}

// If is the attribute of OpTypeIf; inputs: predicate, then the true branch's captured values, then the false branch's.
type If struct {
	True, False  *Graph
	TrueCaptures int
}

// Attention is the attribute of OpTypeFusedScaledDotProductAttention (inputs: query, key, value and a boolean or float32
// mask [B,H,S,T], each axis of which may be 1 instead, or None; outputs: output, log-sum-exp [B,H,S] float32) and of its VJP (inputs: query, key, value, mask or None, output,
// log-sum-exp, output gradient; outputs: gradients of query, key, value).
type Attention struct {
	Layout compute.AttentionAxesLayout
	Scale  float64 // never 0
	Causal bool
}
