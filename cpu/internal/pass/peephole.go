package pass

import (
	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// simplifyProgram merges pairs of instructions that a kernel does in one and drops those without a use.
func simplifyProgram(p *ir.Program) {
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
			switch {
			case a == b:
				in.Op, in.Args = ir.Square, []int32{a}
			case is(b, compute.OpTypeLogistic) && p.Code[b].Args[0] == a:
				in.Op, in.Args = ir.SiLU, []int32{a}
			case is(a, compute.OpTypeLogistic) && p.Code[a].Args[0] == b:
				in.Op, in.Args = ir.SiLU, []int32{b}
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
	dropUnused(p)
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

func dropUnused(p *ir.Program) {
	live := make([]bool, len(p.Code))
	for _, o := range p.Outputs {
		live[o.Reg] = true
	}
	for i := len(p.Code) - 1; i >= 0; i-- {
		if live[i] {
			for _, a := range p.Code[i].Args {
				live[a] = true
			}
		}
	}
	to := make([]int32, len(p.Code))
	var code []ir.Instr
	for i, in := range p.Code {
		if !live[i] {
			continue
		}
		for j, a := range in.Args {
			in.Args[j] = to[a]
		}
		to[i] = int32(len(code))
		code = append(code, in)
	}
	p.Code = code
	for i := range p.Outputs {
		p.Outputs[i].Reg = to[p.Outputs[i].Reg]
	}
}
