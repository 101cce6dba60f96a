package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// convCase is a convolution of NHWC by HWIO, or the gradient forms that GoMLX makes of it.
type convCase struct {
	name                string
	axes                compute.ConvolveAxesConfig
	x, k                []int // dimensions
	strides, inDil, dil []int
	pads                [][2]int
	groups, batchGroups int
}

var (
	forwardAxes = compute.ConvolveAxesConfig{InputBatch: 0, InputChannels: 3, InputSpatial: []int{1, 2},
		KernelInputChannels: 2, KernelOutputChannels: 3, KernelSpatial: []int{0, 1},
		OutputBatch: 0, OutputChannels: 3, OutputSpatial: []int{1, 2}}
	inputGradientAxes = compute.ConvolveAxesConfig{InputBatch: 0, InputChannels: 3, InputSpatial: []int{1, 2},
		KernelInputChannels: 3, KernelOutputChannels: 2, KernelSpatial: []int{0, 1},
		OutputBatch: 0, OutputChannels: 3, OutputSpatial: []int{1, 2}}
	filterGradientAxes = compute.ConvolveAxesConfig{InputBatch: 3, InputChannels: 0, InputSpatial: []int{1, 2},
		KernelInputChannels: 0, KernelOutputChannels: 3, KernelSpatial: []int{1, 2},
		OutputBatch: 2, OutputChannels: 3, OutputSpatial: []int{0, 1}}
	lineAxes = compute.ConvolveAxesConfig{InputBatch: 1, InputChannels: 0, InputSpatial: []int{2},
		KernelInputChannels: 1, KernelOutputChannels: 0, KernelSpatial: []int{2},
		OutputBatch: 2, OutputChannels: 1, OutputSpatial: []int{0}}
	volumeAxes = compute.ConvolveAxesConfig{InputBatch: 0, InputChannels: 1, InputSpatial: []int{2, 3, 4},
		KernelInputChannels: 1, KernelOutputChannels: 0, KernelSpatial: []int{2, 3, 4},
		OutputBatch: 0, OutputChannels: 1, OutputSpatial: []int{2, 3, 4}}
)

func convCases() []convCase {
	same := func(p int) [][2]int { return [][2]int{{p, p}, {p, p}} }
	return []convCase{
		{name: "3x3", axes: forwardAxes, x: []int{2, 7, 9, 5}, k: []int{3, 3, 5, 11}, pads: same(1)},
		{name: "3x3 large", axes: forwardAxes, x: []int{1, 17, 19, 16}, k: []int{3, 3, 16, 33}, pads: same(1)},
		{name: "3x3 no padding", axes: forwardAxes, x: []int{1, 5, 6, 3}, k: []int{3, 3, 3, 4}},
		{name: "3x3 stride 2", axes: forwardAxes, x: []int{2, 8, 9, 6}, k: []int{3, 3, 6, 16}, strides: []int{2, 2}, pads: same(1)},
		{name: "3x3 stride 3 and 1", axes: forwardAxes, x: []int{1, 10, 7, 4}, k: []int{3, 3, 4, 4}, strides: []int{3, 1}, pads: [][2]int{{0, 1}, {2, 0}}},
		{name: "1x1", axes: forwardAxes, x: []int{2, 5, 7, 9}, k: []int{1, 1, 9, 17}},
		{name: "1x1 stride 2", axes: forwardAxes, x: []int{2, 5, 6, 3}, k: []int{1, 1, 3, 5}, strides: []int{2, 2}},
		{name: "even kernels", axes: forwardAxes, x: []int{2, 6, 7, 3}, k: []int{2, 4, 3, 5}, pads: [][2]int{{1, 0}, {2, 1}}},
		{name: "patchify", axes: forwardAxes, x: []int{2, 8, 8, 3}, k: []int{4, 4, 3, 8}, strides: []int{4, 4}},
		{name: "5x7 asymmetric", axes: forwardAxes, x: []int{1, 9, 9, 2}, k: []int{5, 7, 2, 3}, pads: [][2]int{{2, 1}, {0, 3}}},
		{name: "dilated kernel", axes: forwardAxes, x: []int{1, 9, 11, 3}, k: []int{3, 3, 3, 4}, dil: []int{2, 3}, pads: same(2)},
		{name: "dilated input", axes: forwardAxes, x: []int{1, 4, 5, 3}, k: []int{3, 3, 3, 4}, inDil: []int{2, 3}, pads: [][2]int{{1, 2}, {2, 2}}},
		{name: "all dilations and strides", axes: forwardAxes, x: []int{2, 6, 5, 3}, k: []int{3, 2, 3, 4}, strides: []int{2, 3}, inDil: []int{3, 2}, dil: []int{2, 1}, pads: same(3)},
		{name: "negative paddings", axes: forwardAxes, x: []int{1, 9, 8, 3}, k: []int{3, 3, 3, 4}, pads: [][2]int{{-1, -2}, {2, -3}}},
		{name: "negative paddings of a dilated input", axes: forwardAxes, x: []int{1, 5, 6, 2}, k: []int{2, 2, 2, 3}, inDil: []int{2, 2}, pads: [][2]int{{-2, 1}, {-1, -1}}},
		{name: "dX stride 1", axes: inputGradientAxes, x: []int{2, 6, 7, 8}, k: []int{3, 3, 5, 8}, inDil: []int{1, 1}, pads: same(1)},
		{name: "dX stride 2", axes: inputGradientAxes, x: []int{2, 4, 5, 8}, k: []int{3, 3, 5, 8}, inDil: []int{2, 2}, pads: [][2]int{{1, 2}, {1, 2}}},
		{name: "dX 1x1", axes: inputGradientAxes, x: []int{2, 4, 5, 8}, k: []int{1, 1, 5, 8}, pads: same(0)},
		{name: "dW stride 1", axes: filterGradientAxes, x: []int{3, 6, 7, 5}, k: []int{3, 6, 7, 4}, dil: []int{1, 1}, pads: same(1)},
		{name: "dW stride 2", axes: filterGradientAxes, x: []int{3, 8, 6, 5}, k: []int{3, 4, 3, 4}, dil: []int{2, 2}, pads: [][2]int{{1, 0}, {1, 0}}},
		{name: "dW 1x1 stride 2", axes: filterGradientAxes, x: []int{2, 6, 6, 3}, k: []int{2, 3, 3, 4}, dil: []int{2, 2}, pads: [][2]int{{0, -1}, {0, -1}}},
		{name: "dW 3x3 stride 2 unpadded", axes: filterGradientAxes, x: []int{2, 8, 8, 3}, k: []int{2, 3, 3, 4}, dil: []int{2, 2}, pads: [][2]int{{0, -1}, {0, -1}}},
		{name: "groups", axes: forwardAxes, x: []int{2, 5, 6, 12}, k: []int{3, 3, 4, 9}, pads: same(1), groups: 3},
		{name: "depthwise stride 2", axes: forwardAxes, x: []int{2, 7, 6, 8}, k: []int{3, 3, 1, 16}, strides: []int{2, 2}, pads: same(1), groups: 8},
		{name: "batch groups", axes: forwardAxes, x: []int{6, 4, 5, 3}, k: []int{3, 2, 3, 4}, pads: same(1), batchGroups: 2},
		{name: "one axis, all transposed", axes: lineAxes, x: []int{5, 3, 11}, k: []int{4, 5, 4}, strides: []int{2}, pads: [][2]int{{1, 2}}},
		{name: "three axes", axes: volumeAxes, x: []int{2, 3, 4, 5, 3}, k: []int{4, 3, 2, 3, 3}, strides: []int{1, 2, 1}, pads: [][2]int{{0, 1}, {1, 1}, {1, 1}}},
	}
}

// TestConvolution compares every form with the definition in float64.
func TestConvolution(t *testing.T) {
	type expected struct{ want, tolerance []float64 }
	known := map[string]expected{}
	forConfigs(t, func(t *testing.T, b *Backend) {
		for _, c := range convCases() {
			t.Run(c.name, func(t *testing.T) {
				x, k := noise(c.x, 1), noise(c.k, 2)
				got := run1(t, b, []tensor{of(x, c.x...), of(k, c.k...)}, c.build)
				if _, ok := known[c.name]; !ok {
					want, tolerance := c.definition(x, k, got.shape.Dimensions)
					known[c.name] = expected{want, tolerance}
				}
				want, tolerance := known[c.name].want, known[c.name].tolerance
				for i, g := range got.flat.([]float32) {
					if e := math.Abs(float64(g) - want[i]); !(e <= tolerance[i]) {
						t.Fatalf("element %d of %v is %v, want %v within %.1e", i, got.shape.Dimensions, g, want[i], tolerance[i])
					}
				}
			})
		}
	})
}

// TestConvolutionDTypes runs one form in other dtypes.
func TestConvolutionDTypes(t *testing.T) {
	c := convCase{axes: forwardAxes, x: []int{1, 5, 4, 3}, k: []int{3, 3, 3, 4}, pads: [][2]int{{1, 1}, {1, 1}}, strides: []int{2, 1}}
	x, k := noise(c.x, 1), noise(c.k, 2)
	for i := range x { // small integers are exact in all dtypes
		x[i] = float32(math.Round(float64(x[i] * 2)))
	}
	for i := range k {
		k[i] = float32(math.Round(float64(k[i] * 2)))
	}
	forConfigs(t, func(t *testing.T, b *Backend) {
		for _, d := range []dtypes.DType{dtypes.Int8, dtypes.Int32, dtypes.Int64, dtypes.Float16, dtypes.BFloat16, dtypes.Float32, dtypes.Float64, dtypes.Complex64} {
			got := run1(t, b, []tensor{of(x, c.x...), of(k, c.k...)}, func(f compute.Function, in []compute.Value) (compute.Value, error) {
				var converted [2]compute.Value
				for i, v := range in {
					w, err := f.ConvertDType(v, d)
					if err != nil {
						return nil, err
					}
					converted[i] = w
				}
				y, err := c.build(f, converted[:])
				if err != nil {
					return nil, err
				}
				return f.ConvertDType(y, dtypes.Float32)
			})
			want, _ := c.definition(x, k, got.shape.Dimensions)
			for i, g := range got.flat.([]float32) {
				if float64(g) != want[i] {
					t.Fatalf("%s: element %d is %v, want %v", d, i, g, want[i])
				}
			}
		}
	})
}

func (c convCase) build(f compute.Function, in []compute.Value) (compute.Value, error) {
	return f.ConvGeneral(in[0], in[1], c.axes, c.strides, c.pads, c.inDil, c.dil, c.groups, c.batchGroups)
}

// noise returns pseudo-random normal numbers.
func noise(dims []int, seed uint64) []float32 {
	n := 1
	for _, d := range dims {
		n *= d
	}
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

// definition computes each output element as a sum over the kernel's elements of what lies under them in the dilated and
// padded input, and a bound on the rounding error of a float32 computation of any order (Winograd's included).
func (c convCase) definition(x, k []float32, outDims []int) (out, tolerance []float64) {
	n := len(c.axes.InputSpatial)
	groups, batchGroups := max(c.groups, 1), max(c.batchGroups, 1)
	get := func(list []int, i int) int {
		if list == nil {
			return 1
		}
		return list[i]
	}
	at := func(dims []int, index [5]int) int {
		o := 0
		for a, d := range dims {
			o = o*d + index[a]
		}
		return o
	}
	outputs := outDims[c.axes.OutputChannels]
	kDims := slices.Clone(c.k)
	kDims[c.axes.KernelOutputChannels] = 1
	total := 1
	for _, d := range outDims {
		total *= d
	}
	out, tolerance = make([]float64, total), make([]float64, total)
	for o := range out {
		index := unravel(o, outDims)
		co := index[c.axes.OutputChannels]
		batch := index[c.axes.OutputBatch] + co/(outputs/batchGroups)*outDims[c.axes.OutputBatch]
		sum, size := 0.0, 0.0
		for e := range len(k) / outputs {
			ki := unravel(e, kDims)
			ki[c.axes.KernelOutputChannels] = co
			var xi [5]int
			xi[c.axes.InputBatch] = batch
			xi[c.axes.InputChannels] = ki[c.axes.KernelInputChannels] + co/(outputs/groups)*c.k[c.axes.KernelInputChannels]
			inside := true
			for s := range n {
				p := index[c.axes.OutputSpatial[s]]*get(c.strides, s) + ki[c.axes.KernelSpatial[s]]*get(c.dil, s)
				if c.pads != nil {
					p -= c.pads[s][0]
				}
				d := get(c.inDil, s)
				inside = inside && p >= 0 && p%d == 0 && p/d < c.x[c.axes.InputSpatial[s]]
				xi[c.axes.InputSpatial[s]] = p / d
			}
			if inside {
				v := float64(x[at(c.x, xi)]) * float64(k[at(c.k, ki)])
				sum += v
				size += math.Abs(v)
			}
		}
		out[o], tolerance[o] = sum, 2e-6*size+1e-5
	}
	return out, tolerance
}

// unravel turns an element's number into its index by axis.
func unravel(i int, dims []int) (index [5]int) {
	for a := len(dims) - 1; a >= 0; a-- {
		index[a] = i % dims[a]
		i /= dims[a]
	}
	return index
}

func TestConvolutionRefusesNonsense(t *testing.T) {
	b := open(t, "")
	for name, c := range map[string]convCase{
		"kernel larger than input": {axes: forwardAxes, x: []int{1, 2, 2, 1}, k: []int{3, 3, 1, 1}},
		"channels do not fit":      {axes: forwardAxes, x: []int{1, 4, 4, 2}, k: []int{3, 3, 3, 1}},
		"stride 0":                 {axes: forwardAxes, x: []int{1, 4, 4, 2}, k: []int{3, 3, 2, 1}, strides: []int{0, 1}},
		"huge dilation":            {axes: forwardAxes, x: []int{1, 4, 4, 2}, k: []int{3, 3, 2, 1}, dil: []int{math.MaxInt / 2, 1}},
		"huge padding":             {axes: forwardAxes, x: []int{1, 4, 4, 2}, k: []int{3, 3, 2, 1}, pads: [][2]int{{math.MaxInt, math.MaxInt}, {0, 0}}},
		"groups do not divide":     {axes: forwardAxes, x: []int{1, 4, 4, 3}, k: []int{3, 3, 1, 4}, groups: 3},
		"axis out of range":        {axes: compute.ConvolveAxesConfig{InputSpatial: []int{7, 2}, KernelSpatial: []int{0, 1}, OutputSpatial: []int{1, 2}}, x: []int{1, 4, 4, 3}, k: []int{3, 3, 1, 4}},
	} {
		g := b.Builder(name).Main()
		px, err := g.Parameter("x", of(noise(c.x, 1), c.x...).shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		pk, err := g.Parameter("k", of(noise(c.k, 1), c.k...).shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := c.build(g, []compute.Value{px, pk}); err == nil {
			t.Errorf("%s: no error but %v", name, v.(*value).shape())
		}
	}
}
