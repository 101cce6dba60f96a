package exec

import (
	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// bindCode turns the program's instructions into calls of kernels, by class.
func (f *fused) bindCode(k *kernels) {
	for i, in := range f.p.Code {
		if f.isDirect(i) {
			continue
		}
		class := f.regs[i].class
		f.code[class] = append(f.code[class], instruction{i, f.bind(k, i, in)})
	}
}

// scalar tells whether a register holds one value whatever the tile.
func (f *fused) scalar(r int32) bool { return f.p.Code[r].Keep == 0 }

func (f *fused) bind(k *kernels, d int, in ir.Instr) func(t *tile) {
	switch {
	case in.Op == ir.Load:
		return func(t *tile) { t.convert(d) }
	case in.Op == ir.Immediate:
		return func(t *tile) { t.r[d][0] = in.Imm }
	case in.Op == ir.Expand:
		a := in.Args[0]
		axes := f.layout(in.Keep, f.p.Code[a].Keep)
		return func(t *tile) { k.expand(t.r[d], t.r[a], axes, t.rows) }
	case isReduce(in.Op):
		return f.bindReduce(k, d, in)
	case len(in.Args) == 1:
		a, op := in.Args[0], k.set.Vector.Unary[k.unary[in.Op]]
		return func(t *tile) { op(t.r[d], t.r[a]) }
	case len(in.Args) == 2 && (f.perRow(d, in.Args[0]) || f.perRow(d, in.Args[1])):
		return f.bindRowBinary(k, d, in)
	case len(in.Args) == 2:
		return f.bindBinary(k, d, k.binary[in.Op], in.Args[0], in.Args[1])
	case in.Op == ir.MulAdd && (f.perRow(d, in.Args[1]) || f.perRow(d, in.Args[2])):
		return f.bindRowMulAdd(k, d, in.Args)
	case in.Op == ir.MulAdd:
		return f.bindMulAdd(k, d, in.Args)
	case in.Op == ir.Primitive(compute.OpTypeClamp): // min, x, max
		lower := f.bindBinary(k, d, kernel.Max, in.Args[1], in.Args[0])
		upper := f.bindBinary(k, d, kernel.Min, int32(d), in.Args[2])
		return func(t *tile) { lower(t); upper(t) }
	}
	return f.bindSelect(k, d, in.Args)
}

func (f *fused) bindReduce(k *kernels, d int, in ir.Instr) func(t *tile) {
	a := in.Args[0]
	if len(in.Args) == 2 {
		b, n := in.Args[1], f.rowLength(in.Keep)
		return func(t *tile) { k.set.Vector.RowSumProduct(t.r[d], t.r[a], t.r[b], n) }
	}
	kind := map[compute.OpType]compute.ReduceOpType{compute.OpTypeReduceSum: compute.ReduceOpSum,
		compute.OpTypeReduceMax: compute.ReduceOpMax, compute.OpTypeReduceMin: compute.ReduceOpMin}[compute.OpType(in.Op)]
	axes := f.layout(f.p.Code[a].Keep, in.Keep)
	op, at, n := k.reducers[kind], f.space(f.regs[a].size), f.regs[a].size
	return func(t *tile) { k.reduce(op, t.r[d], t.r[a], axes, t.rows, t.space[at:at+n]) }
}

func (f *fused) bindBinary(k *kernels, d int, op kernel.Binary, a, b int32) func(t *tile) {
	v := &k.set.Vector
	wide := !f.scalar(int32(d))
	switch {
	case wide && f.scalar(b):
		g := v.BinaryScalar[op]
		return func(t *tile) { g(t.r[d], t.r[a], t.r[b][0]) }
	case wide && f.scalar(a):
		g := v.ScalarBinary[op]
		return func(t *tile) { g(t.r[d], t.r[a][0], t.r[b]) }
	}
	g := v.Binary[op]
	return func(t *tile) { g(t.r[d], t.r[a], t.r[b]) }
}

// bindMulAdd picks the form of a·b + c for scalar operands.
func (f *fused) bindMulAdd(k *kernels, d int, args []int32) func(t *tile) {
	v := &k.set.Vector
	a, b, c := args[0], args[1], args[2]
	if f.scalar(a) && !f.scalar(b) {
		a, b = b, a
	}
	switch {
	case f.scalar(int32(d)) || !f.scalar(a) && !f.scalar(b) && !f.scalar(c):
		g := v.Ternary[kernel.MulAdd]
		return func(t *tile) { g(t.r[d], t.r[a], t.r[b], t.r[c]) }
	case !f.scalar(a) && f.scalar(b) && !f.scalar(c):
		return func(t *tile) { v.ScaleAdd(t.r[d], t.r[a], t.r[b][0], t.r[c]) }
	case !f.scalar(a) && f.scalar(b):
		return func(t *tile) { v.Affine(t.r[d], t.r[a], t.r[b][0], t.r[c][0]) }
	case !f.scalar(a):
		first, second := f.bindBinary(k, d, kernel.Mul, a, b), f.bindBinary(k, d, kernel.Add, int32(d), c)
		return func(t *tile) { first(t); second(t) }
	}
	return func(t *tile) { v.Affine(t.r[d], t.r[c], 1, t.r[a][0]*t.r[b][0]) }
}

// bindSelect repeats scalar operands in space of their own.
func (f *fused) bindSelect(k *kernels, d int, args []int32) func(t *tile) {
	g := k.set.Vector.Ternary[kernel.Select]
	var at [3]int
	var repeat [3]bool
	for i, a := range args {
		if f.scalar(a) && !f.scalar(int32(d)) {
			at[i], repeat[i] = f.space(f.regs[d].size), true
		}
	}
	return func(t *tile) {
		var x [3][]float32
		for i, a := range args {
			if x[i] = t.r[a]; repeat[i] {
				x[i] = t.space[at[i] : at[i]+len(t.r[d])]
				k.fill(x[i], t.r[a][0])
			}
		}
		g(t.r[d], x[0], x[1], x[2])
	}
}
