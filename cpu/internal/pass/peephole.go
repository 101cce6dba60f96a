package pass

import (
	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// simplifyProgram merges pairs of instructions that a kernel does in one and drops those without a use.
func simplifyProgram(p *ir.Program) {
	hoistDivisions(p)
	matchSiLUGradients(p)
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

// matchSiLUGradients finds dy·s + (dy·x)·(s·(1-s)) with s = logistic(x), the gradient of x·s.
func matchSiLUGradients(p *ir.Program) {
	for i := range p.Code {
		in := &p.Code[i]
		if in.Op != ir.Primitive(compute.OpTypeAdd) {
			continue
		}
		if x, dy, ok := siluGradient(p, in.Args[0], in.Args[1]); ok {
			in.Op, in.Args = ir.SiLUGrad, []int32{x, dy}
		} else if x, dy, ok := siluGradient(p, in.Args[1], in.Args[0]); ok {
			in.Op, in.Args = ir.SiLUGrad, []int32{x, dy}
		}
	}
}

// siluGradient matches direct = dy·s and other = (dy·x)·(s·(1-s)), whatever the order of factors.
func siluGradient(p *ir.Program, direct, other int32) (x, dy int32, ok bool) {
	for _, o := range factors(p, other) {
		for _, q := range factors(p, o[0]) { // s, 1-s
			if p.Code[q[0]].Op != ir.Primitive(compute.OpTypeLogistic) || !isOneMinus(p, q[1], q[0]) {
				continue
			}
			s := q[0]
			x = p.Code[s].Args[0]
			for _, a := range factors(p, o[1]) { // x, dy
				for _, b := range factors(p, direct) { // s, dy
					if a[0] == x && b[0] == s && a[1] == b[1] {
						return x, a[1], true
					}
				}
			}
		}
	}
	return 0, 0, false
}

// factors returns a product's factors in both orders, nothing for another instruction.
func factors(p *ir.Program, r int32) [][2]int32 {
	if in := p.Code[r]; in.Op == ir.Primitive(compute.OpTypeMul) {
		return [][2]int32{{in.Args[0], in.Args[1]}, {in.Args[1], in.Args[0]}}
	}
	return nil
}

// isOneMinus tells whether a register is 1-s.
func isOneMinus(p *ir.Program, r, s int32) bool {
	in := p.Code[r]
	if in.Op != ir.Primitive(compute.OpTypeSub) || in.Args[1] != s {
		return false
	}
	one := p.Code[in.Args[0]]
	return one.Op == ir.Immediate && one.Imm == 1
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
