package ir

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

func f32(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

// twice returns x → exp(x) + exp(x).
func twice() *Graph {
	g := &Graph{Name: "twice"}
	x := g.NewParam(f32(2, 3))
	e := g.Add(Primitive(compute.OpTypeExp), nil, []Value{x}, f32(2, 3))[0]
	g.Outputs = append(g.Outputs, g.Add(Primitive(compute.OpTypeAdd), nil, []Value{e, e}, f32(2, 3))...)
	return g
}

func Example() {
	fmt.Print(twice())
	// Output:
	// graph twice
	// v0:float32[2,3] = Parameter(0)
	// v1:float32[2,3] = Exp(v0)
	// v2:float32[2,3] = Add(v1, v1)
	// return v2
}

func TestVerify(t *testing.T) {
	if err := twice().Verify(); err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func(*Graph){
		"before its definition": func(g *Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] },
		"again":                 func(g *Graph) { g.Nodes[1].Outputs[0] = 1 },
		"unknown value":         func(g *Graph) { g.Nodes[1].Outputs[0] = 9 },
		"output v7":             func(g *Graph) { g.Outputs[0] = 7 },
		"defines v0 again":      func(g *Graph) { g.Params = append(g.Params, 0) },
	} {
		g := twice()
		damage(g)
		if err := g.Verify(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error is %v, should say %q", err, what)
		}
	}
}

// TestEmitter rewrites exp(x) to a negation and keeps the rest.
func TestEmitter(t *testing.T) {
	g := twice()
	e := NewEmitter(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == Primitive(compute.OpTypeExp) {
			e.Replace(n.Outputs[0], e.Emit(Primitive(compute.OpTypeNeg), nil, e.Mapped(n.Inputs), f32(2, 3)))
			e.Track(0)
			continue
		}
		if d := e.Def(e.To(n.Inputs[0])); d == nil || d.Op != Primitive(compute.OpTypeNeg) {
			t.Errorf("the operand is defined by %v", d)
		}
		e.Copy(n)
	}
	out := e.Finish()
	if err := out.Verify(); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "v1:float32[2,3] = Neg(v0)") || strings.Contains(s, "Exp") {
		t.Error(s)
	}
	if uses := out.Uses(); uses[1] != 2 || uses[2] != 1 {
		t.Errorf("uses %v", uses)
	}
	if def := out.Definitions(); def[0] != -1 || def[1] != 0 || def[2] != 1 {
		t.Errorf("definitions %v", def)
	}
}

func TestProgramText(t *testing.T) {
	p := &Program{Dims: []int{16, 8}, Code: []Instr{{Op: Load, Keep: 3}, {Op: Load, Input: 1, Keep: 2}, {Op: Expand, Args: []int32{1}, Keep: 3},
		{Op: MulAdd, Args: []int32{0, 2, 0}, Keep: 3}}, Outputs: []ProgramOutput{{Reg: 3}, {Reg: 3, Reduce: compute.ReduceOpSum, Keep: 1}}}
	want := `over [16 8]
    r0 = Load #0
    r1{1} = Load #1
    r2 = Expand r1
    r3 = MulAdd r0 r2 r0
    out 0 = r3
    out 1 = r3 Sum to {0}`
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if p.Size(1) != 16 || p.Size(2) != 8 || p.Size(p.Full()) != 128 || p.Size(0) != 1 {
		t.Error("sizes of masks")
	}
}
