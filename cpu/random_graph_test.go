package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// grower grows a random graph over float32 tensors of few elements. Its operations keep values small and smooth, so that
// results can be compared across roundings.
type grower struct {
	r      *rand.Rand
	f      compute.Function
	values []compute.Value
	shapes []shapes.Shape
	err    error
}

func (g *grower) add(v compute.Value, err error) {
	if err != nil {
		if g.err == nil {
			g.err = err
		}
		return
	}
	s, err := g.f.Shape(v)
	if err != nil {
		g.err = err
		return
	}
	g.values, g.shapes = append(g.values, v), append(g.shapes, s)
}

// pick returns a random value, more often a late one.
func (g *grower) pick() (compute.Value, shapes.Shape) {
	i := max(g.r.IntN(len(g.values)), g.r.IntN(len(g.values)))
	return g.values[i], g.shapes[i]
}

// last drops the newest value and returns it.
func (g *grower) last() compute.Value {
	v := g.values[len(g.values)-1]
	g.values, g.shapes = g.values[:len(g.values)-1], g.shapes[:len(g.shapes)-1]
	return v
}

func (g *grower) number(x float32) compute.Value {
	g.add(g.f.Constant([]float32{x}))
	return g.last()
}

// partner returns a value that x can be combined with: one of the same shape, x itself, a scalar or a broadcast reduction.
func (g *grower) partner(x compute.Value, s shapes.Shape) compute.Value {
	for range 4 {
		if y, t := g.pick(); t.Equal(s) {
			return y
		}
	}
	if s.Rank() == 0 || g.r.IntN(3) == 0 {
		return g.number(float32(g.r.NormFloat64()))
	}
	axis := g.r.IntN(s.Rank())
	dims := slices.Clone(s.Dimensions)
	dims[axis] = 1
	reduced, err := g.f.ReduceMax(x, axis)
	if err != nil {
		g.err = err
		return x
	}
	g.add(g.f.Reshape(reduced, dims...))
	if g.err != nil {
		return x
	}
	return g.last()
}

func (g *grower) grow() {
	x, s := g.pick()
	rank := s.Rank()
	f := g.f
	switch g.r.IntN(14) {
	case 0, 1, 2:
		unary := []func(compute.Value) (compute.Value, error){f.Tanh, f.Logistic, f.Neg, f.Abs, f.Sin, f.Cos, f.Erf}
		g.add(unary[g.r.IntN(len(unary))](x))
	case 3, 4, 5:
		binary := []func(a, b compute.Value) (compute.Value, error){f.Add, f.Sub, f.Max, f.Min}
		g.add(binary[g.r.IntN(len(binary))](x, g.partner(x, s)))
		g.add(f.Tanh(g.last()))
	case 6: // a quotient and a square root away from their poles
		square, err := f.Mul(x, x)
		g.add(square, err)
		g.add(f.Add(g.last(), g.number(1)))
		root, err := f.Sqrt(g.last())
		g.add(root, err)
		g.add(f.Div(x, g.last()))
	case 7:
		if rank > 0 {
			sum, err := f.ReduceSum(x, g.r.IntN(rank))
			g.add(sum, err)
			g.add(f.Mul(g.last(), g.number(0.3)))
		}
	case 8:
		g.add(f.Transpose(x, g.r.Perm(rank)...))
	case 9:
		if rank > 0 {
			g.add(f.Reshape(x, s.Size()))
		}
	case 10:
		g.slicePad(x, s)
	case 11:
		if rank > 0 {
			g.add(f.Concatenate(g.r.IntN(rank), x, x))
		}
	case 12:
		if rank > 0 && rank < 4 && s.Size() < 200 {
			axes := make([]int, rank)
			for i := range axes {
				axes[i] = i + 1
			}
			g.add(f.BroadcastInDim(x, shapes.Make(dtypes.Float32, append([]int{3}, s.Dimensions...)...), axes))
		}
	case 13:
		g.product(x, s)
	}
}

func (g *grower) slicePad(x compute.Value, s shapes.Shape) {
	if s.Rank() == 0 || s.Size() == 0 {
		return
	}
	axis := g.r.IntN(s.Rank())
	if g.r.IntN(2) == 0 {
		axes := make([]compute.PadAxis, s.Rank())
		axes[axis] = compute.PadAxis{Start: g.r.IntN(4) - 1, End: g.r.IntN(3), Interior: g.r.IntN(2)}
		g.add(g.f.Pad(x, g.number(0.5), axes...))
		return
	}
	starts, limits, strides := make([]int, s.Rank()), slices.Clone(s.Dimensions), make([]int, s.Rank())
	for i := range strides {
		strides[i] = 1
	}
	starts[axis] = g.r.IntN(s.Dimensions[axis])
	strides[axis] = 1 + g.r.IntN(2)
	g.add(g.f.Slice(x, starts, limits, strides))
}

// product multiplies x with itself along a random axis and divides by its size.
func (g *grower) product(x compute.Value, s shapes.Shape) {
	if s.Rank() == 0 || s.Size() == 0 || s.Size() > 100 {
		return
	}
	axis := g.r.IntN(s.Rank())
	dot, err := g.f.DotGeneral(x, []int{axis}, nil, x, []int{axis}, nil, compute.DotGeneralConfig{})
	g.add(dot, err)
	if g.err == nil {
		g.add(g.f.Mul(g.last(), g.number(1/float32(s.Dimensions[axis]))))
	}
}

// randomCase returns a graph grown from a seed, with the last few values and a random one as outputs.
func randomCase(seed uint64) graphCase {
	r := rand.New(rand.NewPCG(seed, 0))
	var in []tensor
	for i := range 3 {
		dims := make([]int, 1+r.IntN(3))
		for j := range dims {
			dims[j] = 1 + r.IntN(5)
		}
		in = append(in, of(noise(dims, seed*10+uint64(i)), dims...))
	}
	return graphCase{in, func(f compute.Function, params []compute.Value) ([]compute.Value, error) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := &grower{r: r, f: f}
		for _, p := range params {
			g.add(p, nil)
		}
		for range 30 {
			if g.grow(); g.err != nil {
				return nil, g.err
			}
		}
		n := len(g.values)
		return []compute.Value{g.values[n-1], g.values[n-2], g.values[r.IntN(n)]}, nil
	}}
}

// TestRandomGraphs compares what the passes and kernels make of random graphs with the interpreter.
func TestRandomGraphs(t *testing.T) {
	const graphs = 60
	truth := open(t, "")
	truth.interpret = true
	want := make([][]tensor, graphs)
	for seed := range want {
		var err error
		if want[seed], err = randomCase(uint64(seed)).run(truth); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	forConfigs(t, func(t *testing.T, b *Backend) {
		for seed, w := range want {
			got, err := randomCase(uint64(seed)).run(b)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := compare(got, w, 1e-4); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
	})
}

// compare wants equal shapes and float32 values within a tolerance, absolute below 1 and relative above.
func compare(got, want []tensor, tolerance float64) error {
	for i, w := range want {
		if !got[i].shape.Equal(w.shape) {
			return fmt.Errorf("output %d has shape %s, want %s", i, got[i].shape, w.shape)
		}
		for j, x := range w.flat.([]float32) {
			g := got[i].flat.([]float32)[j]
			if d := math.Abs(float64(g) - float64(x)); !(d <= tolerance*max(1, math.Abs(float64(x)))) && x != g && !(x != x && g != g) {
				return fmt.Errorf("output %d of shape %s, element %d is %v, want %v", i, w.shape, j, g, x)
			}
		}
	}
	return nil
}
