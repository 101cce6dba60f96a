package interp

import (
	"encoding/binary"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// eval computes one node with outputs of given shapes.
func eval(t *testing.T, op compute.OpType, attr any, in []Tensor, out ...shapes.Shape) []Tensor {
	t.Helper()
	results := make([]Tensor, len(out))
	for i, s := range out {
		results[i] = New(s)
		for j := range results[i].Bytes() {
			results[i].Bytes()[j] = 0x5a // outputs come with anything in them
		}
	}
	if err := Eval(&ir.Node{Op: ir.Primitive(op), Attr: attr}, in, results); err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return results
}

func doubles(seed uint64, dims ...int) Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	t := New(shapes.Make(dtypes.Float64, dims...))
	for i := range t.Flat.([]float64) {
		t.Flat.([]float64)[i] = r.NormFloat64()
	}
	return t
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

// TestPhilox holds the generator against the known answers that its authors publish (Random123, kat_vectors).
func TestPhilox(t *testing.T) {
	for _, c := range []struct {
		counter [2]uint64
		key     uint64
		want    [4]uint32
	}{
		{[2]uint64{}, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[2]uint64{math.MaxUint64, math.MaxUint64}, math.MaxUint64, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[2]uint64{0x85a308d3243f6a88, 0x0370734413198a2e}, 0x299f31d0a4093822, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		var block [16]byte
		philox(&block, c.counter, c.key)
		for i, want := range c.want {
			if got := binary.LittleEndian.Uint32(block[4*i:]); got != want {
				t.Errorf("counter %x, word %d: got %08x, want %08x", c.counter, i, got, want)
			}
		}
	}
}

// TestRandomBits checks how blocks become values: what XLA gives for this state is checked live under the tag xla.
func TestRandomBits(t *testing.T) {
	state := Tensor{compute.RNGStateShape, []uint64{7, math.MaxUint64, 41}}
	draw := func(d dtypes.DType, n int) (bits []byte, next []uint64) {
		out := eval(t, compute.OpTypeRNGBitGenerator, nil, []Tensor{state}, compute.RNGStateShape, shapes.Make(d, n))
		return out[1].Bytes(), out[0].Flat.([]uint64)
	}
	words, next := draw(dtypes.Uint32, 9)
	if next[0] != 7 || next[1] != 2 || next[2] != 42 { // three blocks, with a carry
		t.Errorf("the state becomes %v", next)
	}
	if pairs, _ := draw(dtypes.Uint64, 4); string(pairs) != string(words[:32]) {
		t.Error("64-bit values are not pairs of words")
	}
	small, next := draw(dtypes.Uint8, 5)
	if next[1] != 1 {
		t.Errorf("5 bytes take two blocks, the counter is %v", next)
	}
	for i, b := range small {
		if b != words[4*i] {
			t.Error("a byte is not the lowest of its word")
		}
	}
}

// TestHalf compares rounding to 16 bits with a search for the nearest value, ties to even.
func TestHalf(t *testing.T) {
	for bits := range 0x7c00 {
		low, high := float16.FromBits(uint16(bits)).Float32(), float16.FromBits(uint16(bits+1)).Float32()
		if bits == 0x7bff {
			high = 65536
		}
		middle := low + (high-low)/2
		even := uint16(bits + bits&1)
		for x, want := range map[float32]uint16{low: uint16(bits), middle: even,
			math.Nextafter32(middle, 0): uint16(bits), math.Nextafter32(middle, 1e9): uint16(bits + 1)} {
			if got := half(x).Bits(); got != want {
				t.Fatalf("half(%g) is %04x, want %04x", x, got, want)
			}
			if got := half(-x).Bits(); got != want|0x8000 {
				t.Fatalf("half(%g) is %04x, want %04x", -x, got, want|0x8000)
			}
		}
	}
	if !math.IsNaN(half(float32(math.NaN())).Float64()) {
		t.Error("NaN is lost")
	}
	double := 1 + 0x1p-8 + 0x1p-40 // rounding to float32 first would make a tie of it
	if got := bfloat16.FromFloat32(rounded(double)).Float64(); got != 1+0x1p-7 {
		t.Errorf("%v becomes %v", double, got)
	}
}

func TestConvertRoundTrips(t *testing.T) {
	all := []dtypes.DType{dtypes.Bool, dtypes.Int2, dtypes.Int4, dtypes.Uint2, dtypes.Uint4, dtypes.Int8, dtypes.Int16, dtypes.Int32, dtypes.Int64,
		dtypes.Uint8, dtypes.Uint16, dtypes.Uint32, dtypes.Uint64, dtypes.Float16, dtypes.BFloat16, dtypes.Float32, dtypes.Float64, dtypes.Complex64, dtypes.Complex128}
	in := Tensor{shapes.Make(dtypes.Int64, 5), []int64{0, 1, 1, 0, 1}}
	for _, a := range all {
		for _, b := range all {
			got := convert(convert(convert(in, a), b), dtypes.Int64).Flat.([]int64)
			for i, want := range in.Flat.([]int64) {
				signed := want == 1 && got[i] == -1 // no 2-bit signed dtype is in the list that lacks 1
				if got[i] != want && !signed {
					t.Errorf("%s, %s: %v", a, b, got)
				}
			}
		}
	}
	extremes := Tensor{shapes.Make(dtypes.Float64, 4), []float64{1e300, -1e300, math.Inf(1), math.NaN()}}
	if got := convert(extremes, dtypes.Uint64).Flat.([]uint64); got[0] != math.MaxUint64 || got[1] != 0 || got[2] != math.MaxUint64 || got[3] != 0 {
		t.Errorf("to uint64: %v", got)
	}
	if got := convert(extremes, dtypes.Int64).Flat.([]int64); got[0] != math.MaxInt64 || got[1] != math.MinInt64 || got[3] != 0 {
		t.Errorf("to int64: %v", got)
	}
}

// TestSumsAreAccurate adds what float32 sums lose.
func TestSumsAreAccurate(t *testing.T) {
	x := New(shapes.Make(dtypes.Float32, 1<<20))
	for i := range x.Flat.([]float32) {
		x.Flat.([]float32)[i] = 0.1
	}
	got := eval(t, compute.OpTypeReduceSum, ir.Axes{Axes: []int{0}}, []Tensor{x}, shapes.Make(dtypes.Float32))
	if want := float32(float64(float32(0.1)) * (1 << 20)); got[0].Flat.([]float32)[0] != want {
		t.Errorf("got %v, want %v", got[0].Flat, want)
	}
}

// TestFFT compares transforms of one and two axes with the definition, for prime and composite lengths.
func TestFFT(t *testing.T) {
	for _, dims := range [][]int{{1}, {2}, {7}, {12}, {30}, {3, 8}, {2, 4, 9}} {
		rank := len(dims)
		k := min(rank, 2)
		lengths := dims[rank-k:]
		x := convert(doubles(3, dims...), dtypes.Complex128)
		im := doubles(4, dims...).Flat.([]float64)
		for i := range im {
			x.Flat.([]complex128)[i] += complex(0, im[i])
		}
		forward := eval(t, compute.OpTypeFFT, ir.FFT{Kind: compute.FFTForward, Lengths: lengths}, []Tensor{x}, x.Shape)[0]
		last := lengths[k-1]
		rows := 1
		if k == 2 {
			rows = lengths[0]
		}
		for at, got := range forward.Flat.([]complex128) {
			plane := at / (rows * last) * rows * last
			var want complex128
			for r := range rows {
				for c := range last {
					angle := -2 * math.Pi * (float64(at/last%rows*r)/float64(rows) + float64(at%last*c)/float64(last))
					want += x.Flat.([]complex128)[plane+r*last+c] * cmplx.Rect(1, angle)
				}
			}
			if cmplx.Abs(got-want) > 1e-9 {
				t.Fatalf("%v: bin %d is %v, want %v", dims, at, got, want)
			}
		}
		back := eval(t, compute.OpTypeFFT, ir.FFT{Kind: compute.FFTInverse, Lengths: lengths}, []Tensor{forward}, x.Shape)[0]
		for i, got := range back.Flat.([]complex128) {
			if cmplx.Abs(got-x.Flat.([]complex128)[i]) > 1e-9 {
				t.Fatalf("%v: inverse differs at %d", dims, i)
			}
		}
		signal := doubles(5, dims...)
		half := append([]int{}, dims...)
		half[rank-1] = half[rank-1]/2 + 1
		spectrum := eval(t, compute.OpTypeFFT, ir.FFT{Kind: compute.FFTForwardReal, Lengths: lengths}, []Tensor{signal}, shapes.Make(dtypes.Complex128, half...))[0]
		again := eval(t, compute.OpTypeFFT, ir.FFT{Kind: compute.FFTInverseReal, Lengths: lengths}, []Tensor{spectrum}, signal.Shape)[0]
		for i, got := range again.Flat.([]float64) {
			if !near(got, signal.Flat.([]float64)[i]) {
				t.Fatalf("%v: real inverse differs at %d", dims, i)
			}
		}
	}
}

// gradient is the derivative of f by an element of x, by central differences.
func gradient(x *float64, f func() float64) float64 {
	const h = 1e-5
	old := *x
	*x = old + h
	up := f()
	*x = old - h
	down := f()
	*x = old
	return (up - down) / (2 * h)
}

func inner(a, b any) (sum float64) {
	for i, x := range a.([]float64) {
		sum += x * b.([]float64)[i]
	}
	return sum
}

func close2(a, b float64) bool { return math.Abs(a-b) <= 1e-6*(1+math.Abs(a)+math.Abs(b)) }

func TestBatchNormGradient(t *testing.T) {
	x, scale, offset, dy := doubles(1, 4, 3, 2), doubles(2, 3), doubles(3, 3), doubles(4, 4, 3, 2)
	attr := ir.BatchNorm{Epsilon: 1e-3, Axis: 1}
	train := func() []Tensor {
		return eval(t, compute.OpTypeBatchNormForTraining, attr, []Tensor{x, scale, offset}, x.Shape, scale.Shape, scale.Shape)
	}
	out := train()
	same := eval(t, compute.OpTypeBatchNormForInference, attr, []Tensor{x, scale, offset, out[1], out[2]}, x.Shape)
	if inner(same[0].Flat, dy.Flat) != inner(out[0].Flat, dy.Flat) {
		t.Error("inference with the training statistics differs")
	}
	grads := eval(t, compute.OpTypeBatchNormGradient, attr, []Tensor{x, scale, out[1], out[2], dy}, x.Shape, scale.Shape, scale.Shape)
	for k, v := range []Tensor{x, scale, offset} {
		for i := range v.Flat.([]float64) {
			want := gradient(&v.Flat.([]float64)[i], func() float64 { return inner(train()[0].Flat, dy.Flat) })
			if got := grads[k].Flat.([]float64)[i]; !close2(got, want) {
				t.Errorf("gradient %d, element %d is %v, want %v", k, i, got, want)
			}
		}
	}
}

// TestAttention compares both layouts with the definition, and the gradients with differences, with grouped heads and masks.
func TestAttention(t *testing.T) {
	const b, h, g, s, n, d = 2, 4, 2, 3, 5, 2
	mask := Tensor{shapes.Make(dtypes.Bool, 1, h, 1, n), make([]bool, h*n)}
	for i := range mask.Flat.([]bool) {
		mask.Flat.([]bool)[i] = i%4 != 1
	}
	bias := doubles(9, b, 1, s, n)
	for _, c := range []struct {
		name   string
		layout compute.AttentionAxesLayout
		causal bool
		mask   Tensor
	}{
		{"BHSD", compute.AttentionAxesLayoutBHSD, false, Tensor{}},
		{"BSHD causal", compute.AttentionAxesLayoutBSHD, true, Tensor{}},
		{"BSHD mask", compute.AttentionAxesLayoutBSHD, false, mask},
		{"BHSD bias causal", compute.AttentionAxesLayoutBHSD, true, bias},
	} {
		q, k, v := doubles(1, b, h, s, d), doubles(2, b, g, n, d), doubles(3, b, g, n, d)
		if c.layout == compute.AttentionAxesLayoutBSHD {
			q, k, v = doubles(1, b, s, h, d), doubles(2, b, n, g, d), doubles(3, b, n, g, d)
		}
		dOut := doubles(4, q.Shape.Dimensions...)
		attr := ir.Attention{Layout: c.layout, Scale: 0.7, Causal: c.causal}
		lse := shapes.Make(dtypes.Float64, b, h, s)
		run := func() []Tensor {
			return eval(t, compute.OpTypeFusedScaledDotProductAttention, attr, []Tensor{q, k, v, c.mask}, q.Shape, lse)
		}
		out := run()
		at := func(x Tensor, b, head, pos, d int) float64 {
			if c.layout == compute.AttentionAxesLayoutBSHD {
				head, pos = pos, head
			}
			dims := x.Shape.Dimensions
			return x.Flat.([]float64)[((b*dims[1]+head)*dims[2]+pos)*dims[3]+d]
		}
		for i := range b * h * s {
			bi, hi, si := i/(h*s), i/s%h, i%s
			var num [d]float64
			den := 0.0
			for ti := range n {
				score := 0.0
				for di := range d {
					score += at(q, bi, hi, si, di) * at(k, bi, hi/(h/g), ti, di)
				}
				score *= 0.7
				if c.causal && ti > si {
					continue
				}
				switch m := c.mask.Flat.(type) {
				case []bool:
					if !m[hi*n+ti] {
						continue
					}
				case []float64:
					score += m[(bi*s+si)*n+ti]
				}
				den += math.Exp(score)
				for di := range d {
					num[di] += math.Exp(score) * at(v, bi, hi/(h/g), ti, di)
				}
			}
			for di := range d {
				if got := at(out[0], bi, hi, si, di); !near(got, num[di]/den) {
					t.Errorf("%s: output %d is %v, want %v", c.name, i, got, num[di]/den)
				}
			}
			if got := out[1].Flat.([]float64)[i]; !near(got, math.Log(den)) {
				t.Errorf("%s: log-sum-exp %d is %v, want %v", c.name, i, got, math.Log(den))
			}
		}
		grads := eval(t, compute.OpTypeFusedScaledDotProductAttentionVJP, attr, []Tensor{q, k, v, c.mask, out[0], out[1], dOut}, q.Shape, k.Shape, v.Shape)
		for j, x := range []Tensor{q, k, v} {
			for i := range x.Flat.([]float64) {
				want := gradient(&x.Flat.([]float64)[i], func() float64 { return inner(run()[0].Flat, dOut.Flat) })
				if got := grads[j].Flat.([]float64)[i]; !close2(got, want) {
					t.Errorf("%s: gradient %d, element %d is %v, want %v", c.name, j, i, got, want)
				}
			}
		}
	}
}

// TestErrorsNameTheNode runs a graph with an operation that its dtype lacks.
func TestErrorsNameTheNode(t *testing.T) {
	g := &ir.Graph{Name: "main"}
	x := g.NewParam(shapes.Make(dtypes.Bool, 2))
	g.Outputs = g.Add(ir.Primitive(compute.OpTypeSin), nil, []ir.Value{x}, g.Shape(x))
	_, err := Run(g, []Tensor{New(g.Shape(x))})
	if err == nil || !strings.Contains(err.Error(), "Sin (node 0") {
		t.Errorf("got error %v", err)
	}
	if _, err := Run(g, nil); err == nil {
		t.Error("no error for a missing input")
	}
	if err := Eval(&ir.Node{Op: ir.MatMul}, nil, nil); err == nil {
		t.Error("no error for an operation of the passes")
	}
}

// TestEveryOperationIsKnown goes through the operations of the interface.
func TestEveryOperationIsKnown(t *testing.T) {
	absent := map[compute.OpType]bool{compute.OpTypeInvalid: true, compute.OpTypeParameter: true, compute.OpTypeDot: true,
		compute.OpTypeDynamicDimensionSize: true, compute.OpTypeDynamicShape: true, compute.OpTypeDynamicReshape: true,
		compute.OpTypeCapturedValue: true, compute.OpTypeAllReduce: true, compute.OpTypeCollectiveBroadcast: true,
		compute.OpTypeAllGather: true, compute.OpTypeBlockForDotGeneral: true, compute.OpTypeFusedSoftmax: true,
		compute.OpTypeFusedLayerNorm: true, compute.OpTypeFusedGelu: true, compute.OpTypeFusedDense: true,
		compute.OpTypeFusedAttentionQKVProjection: true, compute.OpTypeFusedQuantizedDense: true, compute.OpTypeQuantizedEmbeddingLookup: true}
	for op := range compute.OpTypeLast {
		known := operations[op] != nil || computations[op] != nil || controls(op) != nil
		if known == absent[op] {
			t.Errorf("%s: known is %v", op, known)
		}
	}
}
