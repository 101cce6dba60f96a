package pass

import (
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// activation is an activation function that a kernel computes in one, and so its gradient. Both are polynomials in x and
// f = function(inner(x)), whatever the order in which a graph, or the chain rule, multiplies and adds.
type activation struct {
	function         compute.OpType
	slope            polynomial // of the function, in its value f
	inner            polynomial // in x
	value            polynomial
	forward, reverse ir.Op // of x; of x and the gradient of the value
}

// activations lists x·logistic(x) (SiLU) and x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2 (GELU's approximation; Hendrycks and Gimpel
// 2016, §2).
func activations() []activation {
	const root = 0.7978845608028653558798921198687 // √(2/π)
	return []activation{
		{function: compute.OpTypeLogistic, slope: polynomial{{f: 1}: 1, {f: 2}: -1}, inner: polynomial{{x: 1}: 1},
			value: polynomial{{x: 1, f: 1}: 1}, forward: ir.SiLU, reverse: ir.SiLUGrad},
		{function: compute.OpTypeTanh, slope: polynomial{{}: 1, {f: 2}: -1}, inner: polynomial{{x: 1}: root, {x: 3}: root * 0.044715},
			value: polynomial{{x: 1}: 0.5, {x: 1, f: 1}: 0.5}, forward: ir.GELU, reverse: ir.GELUGrad},
	}
}

// gradient is dy times the derivative of the value by x.
func (a *activation) gradient() polynomial {
	byF := a.value.derive(term{f: 1}).times(a.slope).times(a.inner.derive(term{x: 1}))
	return a.value.derive(term{x: 1}).plus(byF, 1).times(polynomial{{dy: 1}: 1})
}

// matchActivations finds activations and their gradients.
func matchActivations(p *ir.Program) {
	known := activations()
	for f := range p.Code {
		for i := range known {
			if a := &known[i]; p.Code[f].Op == ir.Primitive(a.function) {
				if x, ok := a.argument(p, p.Code[f].Args[0]); ok {
					a.match(p, x, int32(f))
				}
			}
		}
	}
}

// argument returns the register x of which register r is the inner polynomial.
func (a *activation) argument(p *ir.Program, r int32) (x int32, ok bool) {
	below := make([]bool, r+1) // what r is computed from
	below[r] = true
	for x := r; x >= 0; x-- {
		if !below[x] {
			continue
		}
		if polynomials(p, map[int32]term{x: {x: 1}}, int(r)+1)[r].close(a.inner) {
			return x, true
		}
		for _, y := range p.Code[x].Args {
			below[y] = true
		}
	}
	return 0, false
}

// match replaces the registers that are the activation of x, or its gradient; f is the function's value.
func (a *activation) match(p *ir.Program, x, f int32) {
	atoms := map[int32]term{x: {x: 1}, f: {f: 1}}
	all := polynomials(p, atoms, len(p.Code))
	a.replace(p, all, a.value, a.forward, x)
	for _, dy := range multipliers(p, all) {
		atoms[dy] = term{dy: 1}
		a.replace(p, polynomials(p, atoms, len(p.Code)), a.gradient(), a.reverse, x, dy)
		delete(atoms, dy)
	}
}

// replace lets the registers that are a polynomial be computed by an operation.
func (a *activation) replace(p *ir.Program, all []polynomial, want polynomial, op ir.Op, args ...int32) {
	for r := range p.Code {
		in := &p.Code[r]
		same := !slices.ContainsFunc(args, func(x int32) bool { return p.Code[x].Keep != in.Keep })
		if same && all[r].close(want) {
			in.Op, in.Args = op, slices.Clone(args)
		}
	}
}

// multipliers returns the registers that are no polynomials and by which one that depends on f is multiplied: the gradient of
// the activation is among them.
func multipliers(p *ir.Program, all []polynomial) []int32 {
	var found []int32
	for _, in := range p.Code {
		if in.Op != ir.Primitive(compute.OpTypeMul) {
			continue
		}
		for i, r := range in.Args {
			if all[r] == nil && all[in.Args[1-i]].dependsOnF() && !slices.Contains(found, r) {
				found = append(found, r)
			}
		}
	}
	return found
}

// polynomials returns what the first n registers are in terms of some of them, the atoms, nil where that is no polynomial.
func polynomials(p *ir.Program, atoms map[int32]term, n int) []polynomial {
	all := make([]polynomial, n)
	for r, in := range p.Code[:n] {
		if t, ok := atoms[int32(r)]; ok {
			all[r] = polynomial{t: 1}
			continue
		}
		if in.Op == ir.Immediate {
			all[r] = polynomial{{}: float64(in.Imm)}
			continue
		}
		if len(in.Args) == 0 || slices.ContainsFunc(in.Args, func(a int32) bool { return all[a] == nil }) {
			continue
		}
		x, y := all[in.Args[0]], all[in.Args[len(in.Args)-1]]
		switch in.Op {
		case ir.Primitive(compute.OpTypeAdd):
			all[r] = x.plus(y, 1)
		case ir.Primitive(compute.OpTypeSub):
			all[r] = x.plus(y, -1)
		case ir.Primitive(compute.OpTypeNeg):
			all[r] = polynomial{}.plus(x, -1)
		case ir.Primitive(compute.OpTypeMul):
			all[r] = x.times(y)
		}
	}
	return all
}
