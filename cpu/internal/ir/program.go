package ir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
)

// Program is the attribute of [Fused]: straight-line code over an iteration space, run tile by tile so that its registers
// stay in cache.
//
// Dims is the iteration space, outermost first. A register holds one float32 for each index of the dimensions that it
// keeps: bit d of its Keep mask stands for Dims[d]. A full register keeps all; a scalar none. Element-wise instructions work
// on registers of equal mask, or scalars; Expand and the reductions go from one mask to another.
type Program struct {
	Dims    []int
	Code    []Instr
	Outputs []ProgramOutput // one for each of the node's outputs
}

// Instr is one instruction; it defines the register of its own index.
type Instr struct {
	Op    Op
	Args  []int32 // registers, all defined before
	Keep  uint32  // dimensions that the result keeps
	Input int     // for Load: which of the node's inputs
	Imm   float32 // for Immediate
}

// ProgramOutput is one output: a full register stored as it is, or reduced to the dimensions of Keep.
type ProgramOutput struct {
	Reg    int32
	Reduce compute.ReduceOpType // ReduceOpUndefined: stored as it is
	Keep   uint32
}

// Operations that occur only within a [Program].
const (
	// Load reads the node's input Input, a dense tensor of the kept dimensions.
	Load Op = 1000 + iota
	// Immediate is a constant scalar.
	Immediate
	// Expand repeats its argument along the dimensions that it lacks.
	Expand
	// Square is x·x.
	Square
	// Reciprocal is 1/x.
	Reciprocal
	// SiLU is x·logistic(x).
	SiLU
	// SiLUGrad is the gradient of SiLU at its first argument times its second.
	SiLUGrad
	// GELU is x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.
	GELU
	// GELUGrad is the gradient of GELU at its first argument times its second.
	GELUGrad
	// MulAdd is a·b + c.
	MulAdd
)

var programNames = map[Op]string{Load: "Load", Immediate: "Immediate", Expand: "Expand", Square: "Square",
	Reciprocal: "Reciprocal", SiLU: "SiLU", SiLUGrad: "SiLUGrad", GELU: "GELU", GELUGrad: "GELUGrad", MulAdd: "MulAdd"}

// capturedNames are the operations of the compute interface that an operation of programs stands for.
var capturedNames = map[Op]string{Load: "ConvertDType", Immediate: "Constant", Expand: "BroadcastInDim", Square: "Mul",
	Reciprocal: "Div", SiLU: "Logistic·Mul", SiLUGrad: "gradient of Logistic·Mul",
	GELU: "Tanh·Mul", GELUGrad: "gradient of Tanh·Mul", MulAdd: "Mul·Add"}

// Captured names what the operation was in the graph that the user built.
func (op Op) Captured() string {
	if name, ok := capturedNames[op]; ok {
		return name
	}
	return op.String()
}

// Operations lists what the program computes, each operation once, by the names of the captured graph.
func (p *Program) Operations() string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, in := range p.Code {
		if in.Op != Load && in.Op != Immediate {
			add(in.Op.Captured())
		}
	}
	for _, o := range p.Outputs {
		if o.Reduce != compute.ReduceOpUndefined {
			add(o.Captured())
		}
	}
	return strings.Join(names, ", ")
}

// Captured names the reduction of an output as the compute interface does.
func (o ProgramOutput) Captured() string {
	switch o.Reduce {
	case compute.ReduceOpSum:
		return compute.OpTypeReduceSum.String()
	case compute.ReduceOpMax:
		return compute.OpTypeReduceMax.String()
	case compute.ReduceOpMin:
		return compute.OpTypeReduceMin.String()
	}
	return Fused.String()
}

// Full returns the mask that keeps every dimension.
func (p *Program) Full() uint32 { return 1<<len(p.Dims) - 1 }

// Size returns how many values a register of the mask holds over the whole iteration space.
func (p *Program) Size(keep uint32) int {
	n := 1
	for d, size := range p.Dims {
		if keep>>d&1 == 1 {
			n *= size
		}
	}
	return n
}

// String writes the program as text, one instruction a line.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "over %v", p.Dims)
	for i, in := range p.Code {
		fmt.Fprintf(&b, "\n    r%d%s = %s", i, p.maskString(in.Keep), in.Op)
		switch in.Op {
		case Load:
			fmt.Fprintf(&b, " #%d", in.Input)
		case Immediate:
			fmt.Fprintf(&b, " %g", in.Imm)
		}
		for _, a := range in.Args {
			fmt.Fprintf(&b, " r%d", a)
		}
	}
	for i, o := range p.Outputs {
		fmt.Fprintf(&b, "\n    out %d = r%d", i, o.Reg)
		if o.Reduce != compute.ReduceOpUndefined {
			fmt.Fprintf(&b, " %s to %s", o.Reduce, p.maskString(o.Keep))
		}
	}
	return b.String()
}

func (p *Program) maskString(keep uint32) string {
	if keep == p.Full() {
		return ""
	}
	var kept []string
	for d := range p.Dims {
		if keep>>d&1 == 1 {
			kept = append(kept, fmt.Sprint(d))
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// DropUnused removes the instructions that neither an output nor one of the registers also needs, and returns the new number of each
// register that stays.
func (p *Program) DropUnused(also ...int32) []int32 {
	used := make([]bool, len(p.Code))
	for _, o := range p.Outputs {
		used[o.Reg] = true
	}
	for _, r := range also {
		used[r] = true
	}
	for i := len(p.Code) - 1; i >= 0; i-- {
		if used[i] {
			for _, a := range p.Code[i].Args {
				used[a] = true
			}
		}
	}
	to := make([]int32, len(p.Code))
	code := p.Code[:0] // no instruction moves back
	for i, in := range p.Code {
		if !used[i] {
			continue
		}
		for j, a := range in.Args {
			in.Args[j] = to[a]
		}
		to[i] = int32(len(code))
		code = append(code, in)
	}
	p.Code = code
	for o := range p.Outputs {
		p.Outputs[o].Reg = to[p.Outputs[o].Reg]
	}
	return to
}
