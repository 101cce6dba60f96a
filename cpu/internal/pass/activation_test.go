package pass

import (
	"math"
	"testing"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// TestActivationGradients compares the polynomials of gradients with finite differences.
func TestActivationGradients(t *testing.T) {
	functions := map[compute.OpType]func(float64) float64{
		compute.OpTypeTanh:     math.Tanh,
		compute.OpTypeLogistic: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	}
	at := func(p polynomial, x, f, dy float64) (sum float64) {
		for t, c := range p {
			sum += c * math.Pow(x, float64(t.x)) * math.Pow(f, float64(t.f)) * math.Pow(dy, float64(t.dy))
		}
		return sum
	}
	for _, a := range activations() {
		value := func(x float64) float64 { return at(a.value, x, functions[a.function](at(a.inner, x, 0, 0)), 0) }
		for x := -3.0; x < 3; x += 0.37 {
			const h, dy = 1e-5, 1.7
			want := dy * (value(x+h) - value(x-h)) / (2 * h)
			if got := at(a.gradient(), x, functions[a.function](at(a.inner, x, 0, 0)), dy); math.Abs(got-want) > 1e-8 {
				t.Errorf("%s at %g: gradient %v, want %v", a.forward, x, got, want)
			}
		}
	}
}

// TestMatchActivations writes GELU as GoMLX does, and its gradient as the chain rule does; a function that is not quite GELU
// stays as it is.
func TestMatchActivations(t *testing.T) {
	for _, cubic := range []float32{0.044715, 0.05} {
		m := newMaker()
		s := f32(8)
		x, dy := m.NewParam(s), m.NewParam(s)
		mul := func(a, b ir.Value) ir.Value { return m.op(compute.OpTypeMul, nil, s, a, b) }
		add := func(a, b ir.Value) ir.Value { return m.op(compute.OpTypeAdd, nil, s, a, b) }
		half, one, root, k := m.scalar(0.5), m.scalar(1), m.scalar(0.7978846), m.scalar(cubic)
		square := mul(x, x)
		f := m.op(compute.OpTypeTanh, nil, s, mul(add(mul(mul(square, x), k), x), root))
		h := mul(x, half)
		y := mul(h, add(one, f))
		inner := mul(mul(mul(dy, h), m.op(compute.OpTypeSub, nil, s, one, mul(f, f))), root) // gradient of what root multiplies
		cube := mul(inner, k)
		twice := mul(mul(cube, x), x)
		dx := add(add(add(mul(cube, square), add(mul(mul(dy, add(one, f)), half), inner)), twice), twice)
		m.Outputs = []ir.Value{y, dx}
		g, err := fuse(m.Graph, &Options{})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[ir.Op]int{}
		for _, n := range g.Nodes {
			if p, ok := n.Attr.(*ir.Program); ok {
				for _, in := range p.Code {
					counts[in.Op]++
				}
			}
		}
		is := map[bool]int{true: 1}[cubic == 0.044715]
		if counts[ir.GELU] != is || counts[ir.GELUGrad] != is || (counts[ir.Primitive(compute.OpTypeTanh)] == 0) != (is == 1) {
			t.Errorf("cubic term %g: %v", cubic, counts)
		}
	}
}
