package exec

import (
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// kernels is a tier's kernels under the names of the operations that programs consist of.
type kernels struct {
	set           *kernel.Set
	unary         map[ir.Op]kernel.Unary
	binary        map[ir.Op]kernel.Binary
	reducers      map[compute.ReduceOpType]*reducer
	broadcastRows func(dst, s []float32, n int)
	tileRow       func(dst, row []float32)
}

// reducer is one kind of reduction. columns and combine accumulate; the others overwrite.
type reducer struct {
	initial float32
	whole   func(x []float32) float32
	rows    func(dst, x []float32, n int)
	columns func(acc, x []float32)
	combine func(dst, a, b []float32)
}

func newKernels(set *kernel.Set) *kernels {
	v := &set.Vector
	return &kernels{
		set: set, broadcastRows: v.BroadcastRows, tileRow: v.TileRow,
		unary: unaryOps(), binary: binaryOps(),
		reducers: map[compute.ReduceOpType]*reducer{
			compute.ReduceOpSum: {0, func(x []float32) float32 { return float32(v.Sum(x)) }, v.RowSum, v.ColumnSum, v.Binary[kernel.Add]},
			compute.ReduceOpMax: {float32(math.Inf(-1)), v.Max, v.RowMax, v.ColumnMax, v.Binary[kernel.Max]},
			compute.ReduceOpMin: {float32(math.Inf(1)), v.Min, v.RowMin, v.ColumnMin, v.Binary[kernel.Min]},
		},
	}
}

func (k *kernels) fill(dst []float32, x float32) {
	if x == 0 {
		clear(dst)
		return
	}
	if len(dst) > 0 {
		dst[0] = x
		k.tileRow(dst[1:], dst[:1])
	}
}

func unaryOps() map[ir.Op]kernel.Unary {
	m := map[ir.Op]kernel.Unary{ir.Square: kernel.Square, ir.Reciprocal: kernel.Reciprocal, ir.SiLU: kernel.SiLU, ir.GELU: kernel.GeluTanh}
	for t, op := range map[compute.OpType]kernel.Unary{
		compute.OpTypeNeg: kernel.Neg, compute.OpTypeAbs: kernel.Abs, compute.OpTypeSign: kernel.Sign,
		compute.OpTypeSqrt: kernel.Sqrt, compute.OpTypeRsqrt: kernel.Rsqrt, compute.OpTypeExp: kernel.Exp,
		compute.OpTypeExpm1: kernel.Expm1, compute.OpTypeLog: kernel.Log, compute.OpTypeLog1p: kernel.Log1p,
		compute.OpTypeTanh: kernel.Tanh, compute.OpTypeLogistic: kernel.Logistic, compute.OpTypeErf: kernel.Erf,
		compute.OpTypeSin: kernel.Sin, compute.OpTypeCos: kernel.Cos, compute.OpTypeFloor: kernel.Floor,
		compute.OpTypeCeil: kernel.Ceil, compute.OpTypeRound: kernel.Round, compute.OpTypeIsNaN: kernel.IsNaN,
		compute.OpTypeIsFinite: kernel.IsFinite, compute.OpTypeLogicalNot: kernel.Not,
	} {
		m[ir.Primitive(t)] = op
	}
	return m
}

func binaryOps() map[ir.Op]kernel.Binary {
	m := map[ir.Op]kernel.Binary{ir.SiLUGrad: kernel.SiLUGrad, ir.GELUGrad: kernel.GeluTanhGrad}
	for t, op := range map[compute.OpType]kernel.Binary{
		compute.OpTypeAdd: kernel.Add, compute.OpTypeSub: kernel.Sub, compute.OpTypeMul: kernel.Mul,
		compute.OpTypeDiv: kernel.Div, compute.OpTypeMax: kernel.Max, compute.OpTypeMin: kernel.Min,
		compute.OpTypePow: kernel.Pow, compute.OpTypeEqual: kernel.Equal, compute.OpTypeNotEqual: kernel.NotEqual,
		compute.OpTypeLessThan: kernel.Less, compute.OpTypeLessOrEqual: kernel.LessEqual,
		compute.OpTypeGreaterThan: kernel.Greater, compute.OpTypeGreaterOrEqual: kernel.GreaterEqual,
		compute.OpTypeLogicalAnd: kernel.And, compute.OpTypeLogicalOr: kernel.Or, compute.OpTypeLogicalXor: kernel.Xor,
	} {
		m[ir.Primitive(t)] = op
	}
	return m
}

// convertIn reads len(dst) values of another type from index at on.
func (k *kernels) convertIn(dst []float32, block []byte, d dtypes.DType, at int) {
	end := at + len(dst)
	switch d {
	case dtypes.Bool, dtypes.Uint8:
		k.set.Vector.U8ToF32(dst, block[at:end])
	case dtypes.Int32:
		k.set.Vector.I32ToF32(dst, view[int32](block, end)[at:])
	case dtypes.Uint32:
		kernel.Convert(dst, view[uint32](block, end)[at:])
	case dtypes.Float64:
		kernel.Convert(dst, view[float64](block, end)[at:])
	case dtypes.Int64:
		kernel.Convert(dst, view[int64](block, end)[at:])
	}
}
