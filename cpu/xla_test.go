//go:build xla && cgo

package cpu

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
)

// openXLA opens XLA's CPU compiler from the Python environment that .ci/peers makes, or where EBB_XLA_PLUGIN says.
func openXLA(t *testing.T) compute.Backend {
	plugin := os.Getenv("EBB_XLA_PLUGIN")
	if cache, err := os.UserCacheDir(); plugin == "" && err == nil {
		found, _ := filepath.Glob(filepath.Join(cache, "ebb-peers", "lib", "*", "site-packages", "xla_plugins", "xla_cpu_pjrt", "*.so"))
		if len(found) == 0 {
			t.Skip("no XLA plugin: .ci/peers makes an environment with one, EBB_XLA_PLUGIN names one")
		}
		plugin = found[0]
	}
	xla.EnableAutoInstall(false)
	b, err := xla.New(plugin)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// random builds a graph that draws random bits and returns them as unsigned integers of the same width.
func randomGraph(d dtypes.DType, n int) graphCase {
	return graphCase{
		inputs: []tensor{{[]uint64{0x0123456789abcdef, 0xfffffffffffffffe, 7}, compute.RNGStateShape}},
		build: func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
			state, bits, err := f.RNGBitGenerator(in[0], shapes.Make(d, n))
			return []compute.Value{state, bits}, err
		},
	}
}

func TestRandomBitsEqualXLA(t *testing.T) {
	peer := openXLA(t)
	ours := open(t, "")
	for _, d := range []dtypes.DType{dtypes.Uint8, dtypes.Int8, dtypes.Uint16, dtypes.Int16, dtypes.Uint32, dtypes.Int32, dtypes.Uint64, dtypes.Int64,
		dtypes.Float16, dtypes.BFloat16, dtypes.Float32, dtypes.Float64} {
		for _, n := range []int{1, 3, 4, 5, 8, 17} {
			c := randomGraph(d, n)
			want, err := c.run(peer)
			if err != nil {
				t.Logf("XLA has no random bits of %s: %.200v", d, err)
				break
			}
			got, err := c.run(ours)
			if err != nil {
				t.Errorf("%s: %v", d, err)
				break
			}
			for i := range want {
				w, g := dtypes.UnsafeByteSliceFromAny(want[i].flat), dtypes.UnsafeByteSliceFromAny(got[i].flat)
				if !reflect.DeepEqual(w, g) {
					t.Errorf("%s, %d values, output %d:\n got %x\nwant %x", d, n, i, g, w)
				}
			}
		}
	}
}

// TestInterpreterEqualsXLA runs operations with definitions that are easily got wrong, and random graphs, on both.
func TestInterpreterEqualsXLA(t *testing.T) {
	peer := openXLA(t)
	ours := open(t, "")
	ours.interpret = true
	for seed := range uint64(20) {
		check(t, peer, ours, "random graph", randomCase(seed))
	}
	for _, c := range convCases() {
		check(t, peer, ours, c.name, graphCase{[]tensor{of(noise(c.x, 1), c.x...), of(noise(c.k, 2), c.k...)},
			func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
				v, err := f.ConvGeneral(in[0], in[1], c.axes, c.strides, c.pads, c.inDil, c.dil, max(c.groups, 1), max(c.batchGroups, 1))
				return []compute.Value{v}, err
			}})
	}
	x, s := of(noise([]int{4, 3, 5}, 1), 4, 3, 5), of(noise([]int{3}, 2), 3)
	dy := of(noise([]int{4, 3, 5}, 3), 4, 3, 5)
	check(t, peer, ours, "batch norm", graphCase{[]tensor{x, s, s, dy}, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
		y, mean, variance, err := f.BatchNormForTraining(in[0], in[1], in[2], 1e-3, 1)
		if err != nil {
			return nil, err
		}
		dx, ds, do, err := f.BatchNormGradient(in[0], in[1], mean, variance, in[3], 1e-3, 1)
		return []compute.Value{y, mean, variance, dx, ds, do}, err
	}})
	image := of(noise([]int{2, 7, 6}, 4), 2, 7, 6)
	check(t, peer, ours, "windows", graphCase{[]tensor{image}, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
		sum, err := f.ReduceWindow(in[0], compute.ReduceOpSum, []int{1, 3, 2}, []int{1, 2, 1}, []int{1, 2, 1}, []int{1, 1, 2}, [][2]int{{0, 0}, {1, 2}, {0, 1}})
		if err != nil {
			return nil, err
		}
		top, err := f.ReduceWindow(in[0], compute.ReduceOpMax, []int{1, 2, 3}, []int{1, 2, 3}, nil, nil, nil)
		if err != nil {
			return nil, err
		}
		back, err := f.SelectAndScatterMax(in[0], top, []int{1, 2, 3}, []int{1, 2, 3}, nil)
		return []compute.Value{sum, top, back}, err
	}})
	check(t, peer, ours, "gather and scatter", graphCase{[]tensor{of(noise([]int{5, 6, 2}, 5), 5, 6, 2), of([]int32{0, 1, 9, -3, 3, 4}, 3, 2), of(noise([]int{3, 2, 2, 2}, 6), 3, 2, 2, 2)},
		func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
			g, err := f.Gather(in[0], in[1], 1, []int{1, 2}, []int{2}, []int{1, 0}, []int{2, 3, 1}, false)
			if err != nil {
				return nil, err
			}
			s, err := f.ScatterSum(in[0], in[1], in[2], 1, []int{1, 2, 3}, nil, []int{1, 0}, false, false)
			return []compute.Value{g, s}, err
		}})
	// no denormals, and no maximum: XLA's CPU compiler flushes the former to zero and loses NaN in the latter
	specials := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 2.5, -2.5, 3.5, 1e-30, 1e30, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	check(t, peer, ours, "special values", graphCase{[]tensor{of(specials, len(specials))}, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
		var out []compute.Value
		for _, op := range []func(compute.Value) (compute.Value, error){f.Sign, f.Round, f.Floor, f.Ceil, f.Abs, f.Neg, f.Exp, f.Expm1, f.Log1p, f.Logistic, f.Tanh, f.Erf, f.Sqrt} {
			v, err := op(in[0])
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		row, err := f.Reshape(in[0], 1, len(specials))
		if err != nil {
			return nil, err
		}
		column, err := f.Reshape(in[0], len(specials), 1)
		if err != nil {
			return nil, err
		}
		for _, op := range []func(a, b compute.Value) (compute.Value, error){f.Rem, f.Pow, f.Atan2, f.LessThan, f.Equal, f.LessThanTotalOrder, f.GreaterOrEqualTotalOrder} {
			v, err := op(row, column)
			if err != nil {
				return nil, err
			}
			if v, err = f.ConvertDType(v, dtypes.Float32); err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}})
}

func check(t *testing.T, peer, ours compute.Backend, name string, c graphCase) {
	t.Helper()
	want, err := c.run(peer)
	if err != nil {
		t.Errorf("%s: XLA: %.300v", name, err)
		return
	}
	got, err := c.run(ours)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := compare(got, want, 2e-4); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
