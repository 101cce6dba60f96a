package exec

import (
	"errors"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/interp"
	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// newStep chooses the kernel of a node.
func (x *Executable) newStep(n *ir.Node) (step, error) {
	switch a := n.Attr.(type) {
	case *ir.Program:
		return x.fusedStep(n, a), nil
	case ir.MatMulAttr:
		return x.matMulStep(n, a)
	case ir.Conv2DAttr:
		return x.convStep(n, a)
	case ir.Attention:
		return x.attentionStep(n, a)
	}
	if m, ok := x.newMove(n); ok {
		return step{kind: compute.OpType(n.Op).String(), run: m.run}, nil
	}
	switch n.Attr.(type) {
	case ir.Gather, ir.Scatter:
		if s, ok := x.rowsStep(n); ok {
			return s, nil
		}
	}
	if n.Op >= ir.Op(compute.OpTypeLast) {
		return step{}, errors.New("no kernel for this operation")
	}
	return x.interpreted(n), nil
}

func (x *Executable) fusedStep(n *ir.Node, p *ir.Program) step {
	f := newFused(p, x.types(n.Inputs), x.types(n.Outputs), x.kernels)
	kind := "elementwise"
	if len(f.reduces) > 0 {
		kind = "reduce"
	}
	return step{kind: kind, scratch: f.scratch, inPlace: f.inPlace,
		run: func(c *context, in, out [][]byte, scratch []float32) error {
			f.run(c, in, out, scratch)
			return nil
		}}
}

// interpreted runs a node in plain Go: what is too rare for a kernel.
func (x *Executable) interpreted(n *ir.Node) step {
	return step{kind: "interpreted " + n.Op.String(), run: func(c *context, in, out [][]byte, _ []float32) error {
		return interp.Eval(n, c.tensors(n.Inputs, in), c.tensors(n.Outputs, out))
	}}
}

func (c *context) tensors(values []ir.Value, blocks [][]byte) []interp.Tensor {
	t := make([]interp.Tensor, len(values))
	for i, v := range values {
		if v != ir.None {
			t[i] = interp.Of(c.g.Shapes[v], blocks[i])
		}
	}
	return t
}
