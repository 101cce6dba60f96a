package pass

import (
	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// simplifyProgram merges pairs of instructions that a kernel does in one and drops those without a use.
func simplifyProgram(p *ir.Program) {
	hoistDivisions(p)
	matchActivations(p)
	p.DropUnused()
	uses := programUses(p)
	is := func(r int32, t compute.OpType) bool { return p.Code[r].Op == ir.Primitive(t) }
	for i := range p.Code {
		in := &p.Code[i]
		if len(in.Args) != 2 {
			continue
		}
		a, b := in.Args[0], in.Args[1]
		switch compute.OpType(in.Op) {
		case compute.OpTypeMul:
			if a == b {
				in.Op, in.Args = ir.Square, []int32{a}
			}
		case compute.OpTypeAdd:
			for _, pair := range [][2]int32{{a, b}, {b, a}} {
				m := &p.Code[pair[0]]
				if is(pair[0], compute.OpTypeMul) && uses[pair[0]] == 1 && m.Keep == in.Keep {
					in.Op, in.Args = ir.MulAdd, []int32{m.Args[0], m.Args[1], pair[1]}
					break
				}
			}
		case compute.OpTypeDiv:
			if p.Code[a].Op == ir.Immediate && p.Code[a].Imm == 1 {
				in.Op, in.Args = ir.Reciprocal, []int32{b}
			}
		}
	}
	p.DropUnused()
}

// hoistDivisions divides by a repeated value by multiplying with its reciprocal, which is computed before it is repeated.
// The code grows at places that arguments refer to, so it is written anew.
func hoistDivisions(p *ir.Program) {
	to := make([]int32, len(p.Code))
	reciprocal := map[int32]int32{} // of registers in the new code
	code := make([]ir.Instr, 0, len(p.Code))
	add := func(in ir.Instr) int32 {
		code = append(code, in)
		return int32(len(code) - 1)
	}
	for i, in := range p.Code {
		for j, a := range in.Args {
			in.Args[j] = to[a]
		}
		if in.Op == ir.Primitive(compute.OpTypeDiv) {
			if by := code[in.Args[1]]; by.Op == ir.Expand {
				r, ok := reciprocal[in.Args[1]]
				if !ok {
					small := add(ir.Instr{Op: ir.Reciprocal, Args: []int32{by.Args[0]}, Keep: code[by.Args[0]].Keep})
					r = add(ir.Instr{Op: ir.Expand, Args: []int32{small}, Keep: by.Keep})
					reciprocal[in.Args[1]] = r
				}
				in.Op, in.Args = ir.Primitive(compute.OpTypeMul), []int32{in.Args[0], r}
			}
		}
		if len(in.Args) == 1 && code[in.Args[0]].Op == ir.Expand && unary(in.Op) && in.Keep == code[in.Args[0]].Keep {
			wide := code[in.Args[0]] // of a repeated value: compute before repeating
			in.Args = []int32{wide.Args[0]}
			small := add(ir.Instr{Op: in.Op, Args: in.Args, Keep: code[wide.Args[0]].Keep})
			in = ir.Instr{Op: ir.Expand, Args: []int32{small}, Keep: wide.Keep}
		}
		to[i] = add(in)
	}
	p.Code = code
	for i := range p.Outputs {
		p.Outputs[i].Reg = to[p.Outputs[i].Reg]
	}
}

func unary(op ir.Op) bool {
	return op == ir.Square || op == ir.Reciprocal || op < ir.Op(compute.OpTypeLast) && elementwise[compute.OpType(op)]
}

func programUses(p *ir.Program) []int {
	uses := make([]int, len(p.Code))
	for _, in := range p.Code {
		for _, a := range in.Args {
			uses[a]++
		}
	}
	for _, o := range p.Outputs {
		uses[o.Reg]++
	}
	return uses
}
