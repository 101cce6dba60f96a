package pass

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// matchMatMuls turns float32 DotGeneral into MatMul, which reads either operand transposed and writes its result transposed,
// so that most transpositions around it vanish. Operands whose axes cannot be read with two strides are transposed first.
func matchMatMuls(g *ir.Graph, _ *Options) (*ir.Graph, error) {
	e := ir.NewEmitter(g)
	uses := g.Uses()
	follower := transposeFollowers(g, uses)
	done := make([]bool, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if done[i] {
			continue
		}
		attr, ok := n.Attr.(ir.DotGeneral)
		float := func(v ir.Value) bool { return g.Shape(v).DType == dtypes.Float32 }
		if !ok || !float(n.Inputs[0]) || !float(n.Inputs[1]) || !float(n.Outputs[0]) {
			e.Copy(n)
			continue
		}
		result := n.Outputs[0]
		perm := identity(g.Shape(result).Rank())
		if f := follower[i]; f >= 0 { // the only use is a transposition: write its result
			done[f] = true
			result = g.Nodes[f].Outputs[0]
			perm = g.Nodes[f].Attr.(ir.Transpose).Perm
		}
		e.Replace(result, emitMatMul(e, attr, e.To(n.Inputs[0]), e.To(n.Inputs[1]), perm, g.Shape(result)))
	}
	return e.Finish(), nil
}

// transposeFollowers returns for each DotGeneral the transposition that is its result's only use, or -1.
func transposeFollowers(g *ir.Graph, uses []int32) []int {
	def := g.Definitions()
	follower := make([]int, len(g.Nodes))
	for i := range follower {
		follower[i] = -1
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if compute.OpType(n.Op) != compute.OpTypeTranspose || uses[n.Inputs[0]] != 1 {
			continue
		}
		if d := def[n.Inputs[0]]; d >= 0 && g.Nodes[d].Op == ir.Primitive(compute.OpTypeDotGeneral) {
			follower[d] = i
		}
	}
	return follower
}

func identity(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// emitMatMul emits lhs·rhs written in the order perm of DotGeneral's output axes.
func emitMatMul(e *ir.Emitter, a ir.DotGeneral, lhs, rhs ir.Value, perm []int, out shapes.Shape) ir.Value {
	for try := 0; ; try++ {
		l, r := e.New.Shapes[lhs].Dimensions, e.New.Shapes[rhs].Dimensions
		if mm, swap, ok := planMatMul(l, r, a, perm); ok {
			if swap {
				lhs, rhs = rhs, lhs
			}
			return e.Emit(ir.MatMul, mm, []ir.Value{lhs, rhs}, out)
		}
		switch try {
		case 0: // bring the operands into the order batch, free, contracted
			lhs = transposed(e, lhs, canonicalOrder(len(l), a.LHSBatch, a.LHSContract))
			rhs = transposed(e, rhs, canonicalOrder(len(r), a.RHSBatch, a.RHSContract))
			a = canonicalAxes(a, len(l), len(r))
		case 1: // the output's order is what cannot be written: transpose afterwards
			dims := make([]int, len(perm))
			for i, p := range perm {
				dims[p] = out.Dimensions[i]
			}
			v := emitMatMul(e, a, lhs, rhs, identity(len(perm)), shapes.Make(dtypes.Float32, dims...))
			return transposed(e, v, perm)
		}
	}
}

func freeAxes(rank int, batch, contract []int) []int {
	var free []int
	for a := range rank {
		if !slices.Contains(batch, a) && !slices.Contains(contract, a) {
			free = append(free, a)
		}
	}
	return free
}

func canonicalOrder(rank int, batch, contract []int) []int {
	return slices.Concat(batch, freeAxes(rank, batch, contract), contract)
}

func canonicalAxes(a ir.DotGeneral, lRank, rRank int) ir.DotGeneral {
	last := func(rank, n int) []int { return identity(rank)[rank-n:] }
	a.LHSContract, a.RHSContract = last(lRank, len(a.LHSContract)), last(rRank, len(a.RHSContract))
	a.LHSBatch, a.RHSBatch = identity(len(a.LHSBatch)), identity(len(a.RHSBatch))
	return a
}

// run is a group of axes that can be walked with one stride.
type run struct{ size, stride int }

// strides returns the row-major strides of dims.
func strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// mergeAxes walks axes, outermost first, with one stride if their memory allows it.
func mergeAxes(dims, stride, axes []int) (run, bool) {
	r := run{1, 0}
	for i := len(axes) - 1; i >= 0; i-- {
		size, st := dims[axes[i]], stride[axes[i]]
		switch {
		case size == 1:
		case r.size == 1:
			r = run{size, st}
		case st != r.stride*r.size:
			return r, false
		default:
			r.size *= size
		}
	}
	return r, true
}

// planMatMul finds the strides of a product; swap asks for the operands exchanged (the transposed product).
func planMatMul(l, r []int, a ir.DotGeneral, perm []int) (m ir.MatMulAttr, swap, ok bool) {
	lf, rf := freeAxes(len(l), a.LHSBatch, a.LHSContract), freeAxes(len(r), a.RHSBatch, a.RHSContract)
	nb := len(a.LHSBatch)
	outDims := make([]int, 0, len(perm))
	for _, x := range a.LHSBatch {
		outDims = append(outDims, l[x])
	}
	for _, x := range lf {
		outDims = append(outDims, l[x])
	}
	for _, x := range rf {
		outDims = append(outDims, r[x])
	}
	written := make([]int, len(perm)) // dimensions in the order written
	for i, p := range perm {
		written[i] = outDims[p]
	}
	ls, rs, os := strides(l), strides(r), make([]int, len(perm))
	for i, s := range strides(written) {
		os[perm[i]] = s
	}
	order := identity(len(perm))
	lm, ok1 := mergeAxes(l, ls, lf)
	lk, ok2 := mergeAxes(l, ls, a.LHSContract)
	rn, ok3 := mergeAxes(r, rs, rf)
	rk, ok4 := mergeAxes(r, rs, a.RHSContract)
	om, ok5 := mergeAxes(outDims, os, order[nb:nb+len(lf)])
	on, ok6 := mergeAxes(outDims, os, order[nb+len(lf):])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return m, false, false
	}
	m = ir.MatMulAttr{M: lm.size, N: rn.size, K: lk.size}
	var okA, okB, okC bool
	m.TransA, m.LDA, okA = orient(lm, lk)
	m.TransB, m.LDB, okB = orient(rk, rn)
	swap, m.LDC, okC = orient(om, on)
	if !okA || !okB || !okC || !batches(&m, l, r, outDims, ls, rs, os, a) {
		return m, false, false
	}
	if swap {
		m.M, m.N = m.N, m.M
		m.TransA, m.TransB = !m.TransB, !m.TransA
		m.LDA, m.LDB = m.LDB, m.LDA
		m.StrideA, m.StrideB = m.StrideB, m.StrideA
	}
	return m, swap, true
}

// orient tells how a matrix with the given rows and columns is stored: by rows, or transposed, and its leading dimension.
func orient(rows, cols run) (trans bool, ld int, ok bool) {
	switch {
	case cols.stride == 1 || cols.size == 1:
		if rows.size == 1 {
			return false, max(cols.size, 1), true
		}
		if cols.size == 1 && rows.stride == 1 {
			return false, 1, true
		}
		return false, rows.stride, true
	case rows.stride == 1 || rows.size == 1:
		return true, cols.stride, true
	}
	return false, 0, false
}

// batches fills in the batch sizes and strides, at most two levels.
func batches(m *ir.MatMulAttr, l, r, out, ls, rs, os []int, a ir.DotGeneral) bool {
	type level struct{ size, a, b, c int }
	var levels []level
	for i := range a.LHSBatch {
		n := level{l[a.LHSBatch[i]], ls[a.LHSBatch[i]], rs[a.RHSBatch[i]], os[i]}
		if n.size == 1 {
			continue
		}
		if k := len(levels) - 1; k >= 0 && levels[k].a == n.a*n.size && levels[k].b == n.b*n.size && levels[k].c == n.c*n.size {
			levels[k] = level{levels[k].size * n.size, n.a, n.b, n.c}
			continue
		}
		levels = append(levels, n)
	}
	if len(levels) > 2 {
		return false
	}
	m.Batch = [2]int{1, 1}
	for i, n := range levels {
		m.Batch[i], m.StrideA[i], m.StrideB[i], m.StrideC[i] = n.size, n.a, n.b, n.c
	}
	return true
}
