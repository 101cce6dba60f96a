package cpu

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// FusedDense captures activation(x·weight + bias) as the operations that it consists of; the passes fuse them again. The
// last axis of x is contracted with the first of weight, or the last, as the layout says. bias may be nil.
func (f *Function) FusedDense(x, weight, bias compute.Value, options compute.DenseConfig) (compute.Value, error) {
	r, err := f.record(compute.OpTypeFusedDense, x, weight)
	if err != nil {
		return nil, err
	}
	axis := 0
	if options.WeightLayout == compute.DenseLayoutOutputsInput {
		axis = r.shapes[1].Rank() - 1
	}
	if r.shapes[0].Rank() < 1 || r.shapes[1].Rank() < 2 {
		return nil, fmt.Errorf("cpu: FusedDense of %v", r.shapes)
	}
	y, err := f.DotGeneral(x, []int{r.shapes[0].Rank() - 1}, nil, weight, []int{axis}, nil, compute.DotGeneralConfig{})
	if err != nil {
		return nil, err
	}
	if bias != nil {
		if y, err = f.addBias(y, bias); err != nil {
			return nil, err
		}
	}
	return f.activation(y, options.Activation)
}

// addBias adds a bias that has the last axes of y.
func (f *Function) addBias(y, bias compute.Value) (compute.Value, error) {
	b, err := f.record(compute.OpTypeFusedDense, bias)
	if err != nil {
		return nil, err
	}
	s := y.(*value).shape()
	axes := iota0(s.Rank())[max(s.Rank()-b.shapes[0].Rank(), 0):]
	full, err := f.BroadcastInDim(bias, s, axes)
	if err != nil {
		return nil, err
	}
	return f.Add(y, full)
}

// expression builds operations one after the other and remembers the first error.
type expression struct {
	f     *Function
	dtype dtypes.DType
	err   error
}

func (e *expression) number(x float64) compute.Value {
	v, err := e.f.Constant([]float64{x})
	if err != nil {
		e.err = err
		return nil
	}
	return e.one(func(x compute.Value) (compute.Value, error) { return e.f.ConvertDType(x, e.dtype) }, v)
}

func (e *expression) one(op func(x compute.Value) (compute.Value, error), x compute.Value) compute.Value {
	if e.err != nil {
		return nil
	}
	y, err := op(x)
	e.err = err
	return y
}

func (e *expression) two(op func(x, y compute.Value) (compute.Value, error), x, y compute.Value) compute.Value {
	return e.one(func(x compute.Value) (compute.Value, error) { return op(x, y) }, x)
}

// activation applies one of the activation functions of FusedDense.
func (f *Function) activation(x compute.Value, kind compute.ActivationType) (compute.Value, error) {
	e := &expression{f: f, dtype: x.(*value).shape().DType}
	var y compute.Value
	switch kind {
	case compute.ActivationNone:
		y = x
	case compute.ActivationRelu:
		y = e.two(f.Max, x, e.number(0))
	case compute.ActivationTanh:
		y = e.one(f.Tanh, x)
	case compute.ActivationSilu:
		y = e.two(f.Mul, x, e.one(f.Logistic, x))
	case compute.ActivationGelu: // x·(1 + erf(x/√2))/2 (Hendrycks and Gimpel 2016)
		erf := e.one(f.Erf, e.two(f.Mul, x, e.number(1/math.Sqrt2)))
		y = e.two(f.Mul, e.two(f.Mul, x, e.number(0.5)), e.two(f.Add, erf, e.number(1)))
	case compute.ActivationHardSwish: // x·clip(x/6 + 1/2, 0, 1) (Howard et al. 2019, MobileNetV3)
		slope := e.two(f.Add, e.two(f.Mul, x, e.number(1.0/6)), e.number(0.5))
		y = e.two(f.Mul, x, e.two(f.Min, e.two(f.Max, slope, e.number(0)), e.number(1)))
	default:
		return nil, fmt.Errorf("cpu: FusedDense: activation %s: %w", kind, compute.ErrNotImplemented)
	}
	return y, e.err
}

// FusedScaledDotProductAttention captures softmax(query·keyᵀ·scale + mask)·value in float32. The state for the gradient is
// the log-sum-exp of the scores, [batch, heads, positions]. Of a bias or sequence lengths it says ErrNotImplemented, and GoMLX takes the
// attention apart into operations that the engine has.
func (f *Function) FusedScaledDotProductAttention(query, key, val compute.Value, layout compute.AttentionAxesLayout,
	options *compute.ScaledDotProductAttentionConfig) (output compute.Value, states []compute.Value, err error) {
	r, attr, err := f.attention(compute.OpTypeFusedScaledDotProductAttention, layout, options, query, key, val)
	if err != nil {
		return nil, nil, err
	}
	q := r.shapes[0].Dimensions
	lse := shapes.Make(dtypes.Float32, q[0], q[layout.HeadsAxis()], q[layout.SeqAxis()])
	out := r.emit(attr, r.shapes[0], lse)
	return out[0], out[1:], nil
}

// FusedScaledDotProductAttentionVJP captures the gradients of query, key and value.
func (f *Function) FusedScaledDotProductAttentionVJP(query, key, val compute.Value, layout compute.AttentionAxesLayout,
	options *compute.ScaledDotProductAttentionConfig, output compute.Value, states []compute.Value, dOutput compute.Value) (
	dQuery, dKey, dValue compute.Value, err error) {
	const op = compute.OpTypeFusedScaledDotProductAttentionVJP
	r, attr, err := f.attention(op, layout, options, query, key, val)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(states) != 1 {
		return nil, nil, nil, fmt.Errorf("cpu: %s: %d states, want the one of the forward operation", op, len(states))
	}
	back, err := f.record(op, output, states[0], dOutput)
	if err != nil {
		return nil, nil, nil, err
	}
	q := r.shapes[0].Dimensions
	lse := shapes.Make(dtypes.Float32, q[0], q[layout.HeadsAxis()], q[layout.SeqAxis()])
	if !back.shapes[0].Equal(r.shapes[0]) || !back.shapes[1].Equal(lse) || !back.shapes[2].Equal(r.shapes[0]) {
		return nil, nil, nil, fmt.Errorf("cpu: %s: output, state and gradient are %v", op, back.shapes)
	}
	r.in = append(r.in, back.in...)
	out := r.emit(attr, r.shapes[0], r.shapes[1], r.shapes[2])
	return out[0], out[1], out[2], nil
}

// attention checks the operands of the pair and records query, key, value and mask, None if there is none.
func (f *Function) attention(op compute.OpType, layout compute.AttentionAxesLayout, options *compute.ScaledDotProductAttentionConfig,
	query, key, val compute.Value) (*recording, ir.Attention, error) {
	attr := ir.Attention{Layout: layout}
	r, err := f.record(op, query, key, val)
	if err != nil {
		return nil, attr, err
	}
	if options == nil {
		options = &compute.ScaledDotProductAttentionConfig{}
	}
	q, k, v := r.shapes[0], r.shapes[1], r.shapes[2]
	if q.Rank() != 4 || k.Rank() != 4 || v.Rank() != 4 {
		return nil, attr, fmt.Errorf("cpu: %s: query, key and value are %v, want rank 4", op, r.shapes)
	}
	if q.DType != dtypes.Float32 || !v.Equal(k) || options.Bias != nil || options.QuerySeqLen != nil || options.KeyValueSeqLen != nil {
		return nil, attr, fmt.Errorf("cpu: %s of %v with bias or lengths, or not of equal float32: %w", op, r.shapes, compute.ErrNotImplemented)
	}
	heads, groups := q.Dimensions[layout.HeadsAxis()], k.Dimensions[layout.HeadsAxis()]
	if k.DType != q.DType || k.Dimensions[0] != q.Dimensions[0] || k.Dimensions[3] != q.Dimensions[3] || groups == 0 || heads%groups != 0 {
		return nil, attr, fmt.Errorf("cpu: %s: query, key and value %v do not fit", op, r.shapes)
	}
	attr.Causal = options.Causal
	if attr.Scale = options.Scale; attr.Scale == 0 {
		attr.Scale = 1 / math.Sqrt(float64(q.Dimensions[3]))
	}
	mask := ir.None
	if options.Mask != nil {
		if mask, err = f.attentionMask(options.Mask, layout, q.Dimensions[0], heads, q.Dimensions[layout.SeqAxis()], k.Dimensions[layout.SeqAxis()]); err != nil {
			return nil, attr, err
		}
	}
	r.in = append(r.in, mask)
	return r, attr, nil
}

// attentionMask brings a mask into the order [batch, heads, queries, keys], each of which is 1 if it is broadcast. A mask of
// rank 2 has the last two, one of rank 3 lacks the heads, one of rank 4 has the order of the layout.
func (f *Function) attentionMask(mask compute.Value, layout compute.AttentionAxesLayout, full ...int) (ir.Value, error) {
	const op = compute.OpTypeFusedScaledDotProductAttention
	r, err := f.record(op, mask)
	if err != nil {
		return ir.None, err
	}
	s := r.shapes[0]
	if s.DType != dtypes.Bool && s.DType != dtypes.Float32 {
		return ir.None, fmt.Errorf("cpu: %s: mask %s: %w", op, s, compute.ErrNotImplemented)
	}
	d := s.Dimensions
	switch s.Rank() {
	case 2:
		mask, err = f.Reshape(mask, 1, 1, d[0], d[1])
	case 3:
		mask, err = f.Reshape(mask, d[0], 1, d[1], d[2])
	case 4:
		if layout == compute.AttentionAxesLayoutBSHD {
			mask, err = f.Transpose(mask, 0, 2, 1, 3)
		}
	default:
		return ir.None, fmt.Errorf("cpu: %s: mask %s, want rank 2 to 4", op, s)
	}
	if err != nil {
		return ir.None, err
	}
	ids, err := f.resolve(op.String(), mask)
	if err != nil {
		return ir.None, err
	}
	for i, got := range f.graph.Shape(ids[0]).Dimensions {
		if got != 1 && got != full[i] {
			return ir.None, fmt.Errorf("cpu: %s: mask %s does not fit scores %v", op, s, full)
		}
	}
	return ids[0], nil
}
