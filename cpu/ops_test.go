package cpu

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/internal/testkit"
)

type build = func(f compute.Function, in []compute.Value) (compute.Value, error)

// TestOperations compares operations that the conformance suite leaves out with values worked out by hand from the
// definitions in https://openxla.org/xla/operation_semantics.
func TestOperations(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := []struct {
		name  string
		in    []tensor
		build build
		want  any
	}{
		{"pad crops and inserts", []tensor{of([]float32{1, 2, 3, 4, 5}, 5), of([]float32{9})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.Pad(in[0], in[1], compute.PadAxis{Start: -1, End: 2})
			}, []float32{2, 3, 4, 5, 9, 9}},
		{"pad crops inserted elements", []tensor{of([]float32{1, 2, 3, 4}, 4), of([]float32{9})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.Pad(in[0], in[1], compute.PadAxis{Start: -1, End: -3, Interior: 2})
			}, []float32{9, 9, 2, 9, 9, 3}},
		{"pad crops everything", []tensor{of([]int32{1, 2, 3}, 3), of([]int32{7})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.Pad(in[0], in[1], compute.PadAxis{Start: -3, End: 2})
			}, []int32{7, 7}},
		{"pad two axes", []tensor{of([]int64{1, 2, 3, 4, 5, 6}, 2, 3), of([]int64{0})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.Pad(in[0], in[1], compute.PadAxis{Start: 1}, compute.PadAxis{Start: -1, End: 1})
			}, []int64{0, 0, 0, 2, 3, 0, 5, 6, 0}},
		{"pad crops rows and adds a column", []tensor{of([]uint16{1, 2, 3, 4, 5, 6}, 3, 2), of([]uint16{0})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.Pad(in[0], in[1], compute.PadAxis{Start: -1}, compute.PadAxis{End: 1})
			}, []uint16{3, 4, 0, 5, 6, 0}},
		{"scatter windows", []tensor{of(make([]float32, 12), 3, 4), of([]int32{0, 1, 1, 0}, 2, 2), of([]float32{1, 2, 3, 4, 10, 20, 30, 40}, 2, 2, 2)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ScatterSum(in[0], in[1], in[2], 1, []int{1, 2}, nil, []int{0, 1}, false, false)
			}, []float32{0, 1, 2, 0, 10, 23, 4, 0, 30, 40, 0, 0}},
		{"scatter leaves out what does not fit", []tensor{of([]float32{1, 1, 1}, 3), of([]int32{-1, 2, 3, 2}, 4, 1), of([]float32{10, 20, 30, 40}, 4)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ScatterSum(in[0], in[1], in[2], 1, nil, []int{0}, []int{0}, false, false)
			}, []float32{1, 1, 61}},
		{"scatter max by implied vector axis", []tensor{of([]float32{1, 5, 1}, 3), of([]int32{1, 0, 1}, 3), of([]float32{2, 3, 7}, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ScatterMax(in[0], in[1], in[2], 1, nil, []int{0}, []int{0}, false, false)
			}, []float32{3, 7, 1}},
		{"gather clamps and keeps windows", []tensor{of([]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 3, 4), of([]int32{-5, 9, 1, 1}, 2, 2)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.Gather(in[0], in[1], 1, []int{1, 2}, nil, []int{0, 1}, []int{2, 2}, false)
			}, []float32{2, 3, 6, 7, 5, 6, 9, 10}},
		{"dynamic slice clamps", []tensor{of([]int8{0, 1, 2, 3, 4, 5}, 2, 3), of([]int32{1}), of([]int64{2})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.DynamicSlice(in[0], in[1:], []int{1, 2})
			}, []int8{4, 5}},
		{"dynamic update", []tensor{of([]int16{0, 1, 2, 3, 4, 5}, 2, 3), of([]int16{7, 8}, 1, 2), of([]uint8{0}), of([]uint8{1})},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.DynamicUpdateSlice(in[0], in[1], in[2:])
			}, []int16{0, 7, 8, 3, 4, 5}},
		{"total order", []tensor{of([]float32{nan, -inf, float32(math.Copysign(0, -1)), inf}, 4), of([]float32{inf, nan, 0, nan}, 4)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.LessThanTotalOrder(in[0], in[1])
			}, []bool{false, true, true, true}},
		{"window of booleans", []tensor{of([]bool{false, true, false, false, true}, 5)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ReduceWindow(in[0], compute.ReduceOpMax, []int{2}, []int{1}, nil, nil, nil)
			}, []bool{true, true, false, true}},
		{"dilated window sum", []tensor{of([]int32{1, 2, 3}, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ReduceWindow(in[0], compute.ReduceOpSum, []int{2}, []int{1}, []int{2}, []int{3}, [][2]int{{1, 0}})
			}, []int32{2, 1, 3}}, // of the padded, dilated 0 1 0 2 0 3: elements i and i+3
		{"integer division by zero", []tensor{of([]int32{7, -7, 7}, 3), of([]int32{0, 2, -2}, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) { return f.Div(in[0], in[1]) }, []int32{-1, -3, -3}},
		{"remainder has the dividend's sign", []tensor{of([]float32{7.5, -7.5, 7}, 3), of([]float32{2, 2, -4}, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) { return f.Rem(in[0], in[1]) }, []float32{1.5, -1.5, 3}},
		{"shift by too much", []tensor{of([]int8{-128, 1, 64}, 3), of([]int8{9, 9, 9}, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ShiftRightArithmetic(in[0], in[1])
			}, []int8{-1, 0, 0}},
		{"float to integer saturates", []tensor{of([]float32{3e9, -3e9, nan, -1.9}, 4)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ConvertDType(in[0], dtypes.Int32)
			},
			[]int32{math.MaxInt32, math.MinInt32, 0, -1}},
		{"argmax prefers the first and NaN", []tensor{of([]float32{1, 3, 3, 2, nan, 9}, 2, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				return f.ArgMinMax(in[0], 1, dtypes.Int32, false)
			}, []int32{1, 1}},
		{"maximum keeps NaN", []tensor{of([]float32{nan, inf, 1}, 3), of([]float32{inf, nan, 2}, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) { return f.Max(in[0], in[1]) }, []float32{nan, nan, 2}},
		{"broadcast both ways", []tensor{of([]float32{1, 2}, 2, 1), of([]float32{10, 20, 30}, 1, 3)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) { return f.Add(in[0], in[1]) }, []float32{11, 21, 31, 12, 22, 32}},
		{"reduction over no elements", []tensor{of([]float32{}, 2, 0)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) { return f.ReduceMax(in[0], 1) }, []float32{-inf, -inf}},
		{"concatenation with nothing", []tensor{of([]float32{1, 2}, 2), of([]float32{}, 0), of([]float32{3}, 1)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) { return f.Concatenate(0, in...) }, []float32{1, 2, 3}},
		{"complex arithmetic", []tensor{of([]float32{3, 0}, 2), of([]float32{4, -1}, 2)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				z, err := f.Complex(in[0], in[1])
				if err != nil {
					return nil, err
				}
				return f.Mul(z, z)
			}, []complex64{-7 + 24i, -1}},
		{"four-bit integers", []tensor{of([]int32{-8, 7, 3, -1, 20}, 5)},
			func(f compute.Function, in []compute.Value) (compute.Value, error) {
				v, err := f.ConvertDType(in[0], dtypes.Int4)
				if err != nil {
					return nil, err
				}
				if v, err = f.Reverse(v, 0); err != nil {
					return nil, err
				}
				return f.ConvertDType(v, dtypes.Int32)
			}, []int32{4, -1, 3, 7, -8}},
	}
	forConfigs(t, func(t *testing.T, b *Backend) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				got := run1(t, b, c.in, c.build)
				if diff := testkit.Diff(c.want, got.flat); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	})
}

// TestImpossibleShapes wants errors, at once and without overflow, for shapes that no machine has.
func TestImpossibleShapes(t *testing.T) {
	b := open(t, "")
	f := b.Builder("shapes").Main()
	huge := shapes.Shape{DType: dtypes.Float32, Dimensions: []int{1 << 32, 1 << 32, 1 << 32}}
	if _, err := f.Parameter("x", huge, nil); err == nil {
		t.Error("a parameter of 2^98 bytes")
	}
	if _, err := b.BufferFromFlatData(0, []float32{}, huge); err == nil {
		t.Error("a buffer of 2^98 bytes")
	}
	if _, _, err := b.NewSharedBuffer(0, shapes.Shape{DType: dtypes.Float32, Dimensions: []int{1 << 44}}); err == nil {
		t.Error("a shared buffer of 2^46 bytes")
	}
	if _, err := f.Parameter("x", shapes.Shape{DType: dtypes.Float32, Dimensions: []int{-3}}, nil); err == nil {
		t.Error("a negative dimension")
	}
	x, err := f.Parameter("x", shapes.Make(dtypes.Float32, 3, 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := f.Constant([]float32{0})
	if err != nil {
		t.Fatal(err)
	}
	for name, build := range map[string]func() (compute.Value, error){
		"broadcast": func() (compute.Value, error) {
			return f.BroadcastInDim(x, shapes.Make(dtypes.Float32, 1<<40, 3, 5, 1<<20), []int{1, 2})
		},
		"reshape": func() (compute.Value, error) { return f.Reshape(x, 1<<62, 4, 15) },
		"pad": func() (compute.Value, error) {
			return f.Pad(x, zero, compute.PadAxis{Start: math.MaxInt, End: math.MaxInt})
		},
		"pad interior": func() (compute.Value, error) { return f.Pad(x, zero, compute.PadAxis{Interior: math.MaxInt}) },
		"iota":         func() (compute.Value, error) { return f.Iota(huge, 0) },
		"window": func() (compute.Value, error) {
			return f.ReduceWindow(x, compute.ReduceOpSum, []int{math.MaxInt, 1}, nil, nil, []int{math.MaxInt, 1}, nil)
		},
		"bitcast of a scalar": func() (compute.Value, error) { return f.Bitcast(zero, dtypes.Float64) },
		"gather": func() (compute.Value, error) {
			return f.Gather(x, zero, 3, []int{9}, nil, nil, []int{math.MaxInt, 1}, false)
		},
		"transpose": func() (compute.Value, error) { return f.Transpose(x, 0, 0) },
		"no value":  func() (compute.Value, error) { return f.Neg(nil) },
		"other's value": func() (compute.Value, error) {
			y, err := b.Builder("other").Main().Parameter("y", shapes.Make(dtypes.Float32), nil)
			if err != nil {
				return nil, nil
			}
			return f.Neg(y)
		},
	} {
		if v, err := build(); err == nil {
			t.Errorf("%s: no error but %v", name, v)
		}
	}
}
