package exec

import (
	"slices"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// shortRow is the fewest values of a row for which an operation is called once for each row.
const shortRow = 32

// absorb rewrites the program so that its tiles are passed over less often. A value for each row of the tile (a mean, a
// scale) is used as a scalar, row by row, and not repeated into a register before. A product that is only summed is not
// stored: its factors become the sum's two arguments.
func (f *fused) absorb(k *kernels) {
	p := &ir.Program{Dims: f.p.Dims, Code: slices.Clone(f.p.Code), Outputs: slices.Clone(f.p.Outputs)}
	f.p = p
	f.factors = make([]int32, len(p.Outputs))
	for i := range p.Code {
		p.Code[i].Args = slices.Clone(p.Code[i].Args)
		f.absorbRows(k, &p.Code[i])
	}
	uses := f.countUses()
	for i := range p.Code {
		in := &p.Code[i]
		if a, b, ok := f.product(in.Op, in.Args, uses); ok && f.rowLength(in.Keep) > 0 {
			in.Args = []int32{a, b}
		}
	}
	for o := range p.Outputs {
		out := &p.Outputs[o]
		f.factors[o] = -1
		if out.Reduce != compute.ReduceOpSum {
			continue
		}
		a, b, ok := f.product(ir.Primitive(compute.OpTypeReduceSum), []int32{out.Reg}, uses)
		if ok && (out.Keep&f.bit(f.j) == 0 || f.rowLength(out.Keep) > 0) {
			out.Reg, f.factors[o] = a, b
		}
	}
	f.dropUnused()
}

// rowLength returns how many neighbouring values of a tile a register of a mask has one value for, or 0 if it is laid out in
// another way.
func (f *fused) rowLength(keep uint32) int {
	if axes := f.layout(f.p.Full(), keep); len(axes) == 2 && axes[0].keep {
		return axes[1].size
	}
	return 0
}

// absorbRows replaces the repeated values among an instruction's arguments.
func (f *fused) absorbRows(k *kernels, in *ir.Instr) {
	if in.Keep != f.p.Full() {
		return
	}
	row := make([]bool, len(in.Args)) // which arguments can be a value for each row; all for the same rows
	length := 0
	for i, a := range in.Args {
		x := f.p.Code[a]
		if x.Op != ir.Expand {
			continue
		}
		n := f.rowLength(f.p.Code[x.Args[0]].Keep)
		row[i] = n >= shortRow && (length == 0 || n == length)
		if row[i] {
			length = n
		}
	}
	full := func(i int) bool { return !row[i] && f.p.Code[in.Args[i]].Keep == f.p.Full() }
	switch _, binary := k.binary[in.Op]; {
	case binary:
		if !(row[0] && full(1) || full(0) && row[1]) {
			return
		}
	case in.Op == ir.MulAdd:
		if full(1) && !full(0) {
			in.Args[0], in.Args[1] = in.Args[1], in.Args[0]
			row[0], row[1] = row[1], row[0]
		}
		if !full(0) || full(1) || !row[1] && !f.scalar(in.Args[1]) || !row[1] && !row[2] {
			return
		}
	default:
		return
	}
	for i, a := range in.Args {
		if row[i] {
			in.Args[i] = f.p.Code[a].Args[0]
		}
	}
}

func (f *fused) countUses() []int {
	uses := make([]int, len(f.p.Code))
	for _, in := range f.p.Code {
		for _, a := range in.Args {
			uses[a]++
		}
	}
	for _, o := range f.p.Outputs {
		uses[o.Reg]++
	}
	return uses
}

// product returns the factors of what is summed, if that is a product of full registers which nothing else needs.
func (f *fused) product(op ir.Op, args []int32, uses []int) (a, b int32, ok bool) {
	if op != ir.Primitive(compute.OpTypeReduceSum) || uses[args[0]] != 1 {
		return 0, 0, false
	}
	switch x := f.p.Code[args[0]]; x.Op {
	case ir.Square:
		a, b = x.Args[0], x.Args[0]
	case ir.Primitive(compute.OpTypeMul):
		a, b = x.Args[0], x.Args[1]
	default:
		return 0, 0, false
	}
	full := f.p.Full()
	return a, b, f.p.Code[args[0]].Keep == full && f.p.Code[a].Keep == full && f.p.Code[b].Keep == full
}

// dropUnused removes instructions that nothing needs any more.
func (f *fused) dropUnused() {
	var needed []int32
	for o := range f.p.Outputs {
		if b := f.factors[o]; b >= 0 {
			needed = append(needed, b)
		}
	}
	to := f.p.DropUnused(needed...)
	for o := range f.p.Outputs {
		if f.factors[o] >= 0 {
			f.factors[o] = to[f.factors[o]]
		}
	}
}

// perRow tells whether an argument of a full register holds one value for each row of the tile.
func (f *fused) perRow(d int, a int32) bool {
	return f.p.Code[d].Keep == f.p.Full() && f.p.Code[a].Keep != f.p.Full() && !f.scalar(a)
}

// eachRow calls do for each n values of registers d and a.
func (t *tile) eachRow(d int, a int32, n int, do func(dst, x []float32, row int)) {
	dst, x := t.r[d], t.r[a]
	for i := range len(dst) / n {
		do(dst[i*n:(i+1)*n], x[i*n:(i+1)*n], i)
	}
}

// bindRowBinary binds an operation between a full register and a value for each row.
func (f *fused) bindRowBinary(k *kernels, d int, in ir.Instr) func(t *tile) {
	v, op := &k.set.Vector, k.binary[in.Op]
	a, b := in.Args[0], in.Args[1]
	if f.perRow(d, b) {
		n := f.rowLength(f.p.Code[b].Keep)
		g := v.BinaryScalar[op]
		return func(t *tile) {
			s := t.r[b]
			t.eachRow(d, a, n, func(dst, x []float32, row int) { g(dst, x, s[row]) })
		}
	}
	n := f.rowLength(f.p.Code[a].Keep)
	g := v.ScalarBinary[op]
	return func(t *tile) {
		s := t.r[a]
		t.eachRow(d, b, n, func(dst, x []float32, row int) { g(dst, s[row], x) })
	}
}

// bindRowMulAdd binds a·b + c with a full, b a scalar or a value for each row, and c either of them or full.
func (f *fused) bindRowMulAdd(k *kernels, d int, args []int32) func(t *tile) {
	v := &k.set.Vector
	a, b, c := args[0], args[1], args[2]
	step := func(r int32) int { // from a row's value to the next row's
		if f.perRow(d, r) {
			return 1
		}
		return 0
	}
	stepB, stepC := step(b), step(c)
	n := max(f.rowLength(f.p.Code[b].Keep)*stepB, f.rowLength(f.p.Code[c].Keep)*stepC)
	if f.p.Code[c].Keep == f.p.Full() {
		return func(t *tile) {
			s, y := t.r[b], t.r[c]
			t.eachRow(d, a, n, func(dst, x []float32, row int) { v.ScaleAdd(dst, x, s[row*stepB], y[row*len(x):(row+1)*len(x)]) })
		}
	}
	return func(t *tile) {
		s, y := t.r[b], t.r[c]
		t.eachRow(d, a, n, func(dst, x []float32, row int) { v.Affine(dst, x, s[row*stepB], y[row*stepC]) })
	}
}
