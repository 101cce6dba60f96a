package kernel

import (
	"fmt"
	"math"
)

// Backward computes the gradients of query, key and value. Scores are computed anew from the log-sum-exp: with
// P = softmax(S), D = rowsum(dO∘O): dV = Pᵀ·dO, dS = P∘(dO·Vᵀ - D), dQ = Scale·dS·K, dK = Scale·dSᵀ·Q (Dao et al. 2022,
// algorithm 4). The heads that share a key head are one task, so that sums have one order.
func (a *Attention) Backward(r Runner, t *AttentionTensors, scratch []float32) error {
	if err := a.checkTensors(t, true); err != nil {
		return err
	}
	if need := a.BackwardScratch(r.Workers()); len(scratch) < need {
		return fmt.Errorf("kernel: attention: %d floats of scratch, %d needed for %d workers", len(scratch), need, r.Workers())
	}
	r.Run(a.spec.Batch*a.spec.KVHeads, func(worker, task int) {
		x := attentionBackward{attentionTask: attentionTask{Attention: a, AttentionTensors: t, batch: task / a.spec.KVHeads}}
		x.run(scratch[worker*a.backward:(worker+1)*a.backward], task%a.spec.KVHeads)
	})
	return nil
}

// attentionBackward is a task of the backward pass: the query heads of one key head.
type attentionBackward struct {
	attentionTask
	values                       []float32 // values, transposed, in panels
	keyRows, queryRows, gradRows []float32 // keys, queries and output gradients in panels if they are not read in place
	p, ds                        []float32 // blocks of softmax and of its gradient
	d                            []float32 // rowsum(dO∘O)
}

func (x *attentionBackward) run(scratch []float32, kv int) {
	s, m := &x.spec, &x.set.Micro
	keys, dim := x.width-attentionMargin, ceilDiv(s.Dim, m.NR)*m.NR
	x.edge = cutOff(&scratch, m.MR*m.NR)
	x.keys, x.values = cutOff(&scratch, keys*s.Dim), cutOff(&scratch, keys*s.Dim)
	x.keyRows = cutOff(&scratch, x.packed(keys*dim))
	x.queryRows, x.gradRows = cutOff(&scratch, x.packed(attentionRowsBack*dim)), cutOff(&scratch, x.packed(attentionRowsBack*dim))
	x.p, x.ds = cutOff(&scratch, attentionRowsBack*x.width), cutOff(&scratch, attentionRowsBack*x.width)
	x.d = cutOff(&scratch, s.Queries)
	group := s.Heads / s.KVHeads
	for first := 0; first < s.Keys; first += attentionKeys {
		n := min(attentionKeys, s.Keys-first)
		key := s.K.of(x.K, x.batch, kv, first)
		x.packTransposed(x.keys, key, s.K.Row, n)
		x.packTransposed(x.values, s.V.of(x.V, x.batch, kv, first), s.V.Row, n)
		rows := x.asRows(x.keyRows, key, s.K.Row, n)
		for x.head = kv * group; x.head < (kv+1)*group; x.head++ {
			x.rowSums()
			for row := 0; row < s.Queries; row += attentionRowsBack {
				x.step(rows, row, min(attentionRowsBack, s.Queries-row), first, n, x.head > kv*group || row > 0)
			}
		}
	}
}

// rowSums computes rowsum(dO∘O) of the current head.
func (x *attentionBackward) rowSums() {
	s := &x.spec
	for q := range s.Queries {
		o, do := s.O.of(x.O, x.batch, x.head, q), s.O.of(x.DO, x.batch, x.head, q)
		x.set.Vector.RowSumProduct(x.d[q:q+1], o[:s.Dim], do[:s.Dim], s.Dim)
	}
}

// step handles the scores of queries [row, row+rows) with keys [first, first+keys). accumulate says that gradients of these
// keys have been written before; those of the queries have if first > 0.
func (x *attentionBackward) step(key rowPanels, row, rows, first, keys int, accumulate bool) {
	s := &x.spec
	q, do := s.Q.of(x.Q, x.batch, x.head, row), s.O.of(x.DO, x.batch, x.head, row)
	dq := s.Q.of(x.DQ, x.batch, x.head, row)
	dk, dv := s.K.of(x.DK, x.batch, x.kvHead(), first), s.V.of(x.DV, x.batch, x.kvHead(), first)
	seen := x.seen(row+rows, first, keys)
	x.scores(x.p, q, s.Q.Row, row, rows, x.keys, first, keys)
	x.scores(x.ds, do, s.O.Row, row, rows, x.values, first, keys)
	for i := range rows {
		p, ds := x.p[i*x.width:i*x.width+seen], x.ds[i*x.width:i*x.width+seen]
		x.softmax(p, ds, row+i, first)
	}
	x.byColumns(dv, s.V.Row, x.p, row, rows, first, seen, x.asRows(x.gradRows, do, s.O.Row, rows), accumulate)
	x.byColumns(dk, s.K.Row, x.ds, row, rows, first, seen, x.asRows(x.queryRows, q, s.Q.Row, rows), accumulate)
	x.byRows(dq, s.Q.Row, x.ds, row, rows, key, first, keys, first > 0)
	if !accumulate && seen < keys {
		x.clearRows(dk, s.K.Row, seen, keys)
		x.clearRows(dv, s.V.Row, seen, keys)
	}
}

// clearRows sets gradients of keys that the first queries do not see to zero.
func (x *attentionBackward) clearRows(c []float32, ld, begin, end int) {
	for j := begin; j < end; j++ {
		clear(c[j*ld : j*ld+x.spec.Dim])
	}
}

// softmax turns products q·k into P and products dO·v into Scale·dS.
func (x *attentionBackward) softmax(p, ds []float32, query, first int) {
	n := x.seen(query+1, first, len(p))
	if n > 0 {
		scale := x.masked(p[:n], query, first)
		lse := x.LSE[(x.batch*x.spec.Heads+x.head)*x.spec.Queries+query]
		padded := ceilDiv(n, x.kernels.lanes) * x.kernels.lanes
		x.kernels.gradient(padded, &p[0], &ds[0], scale, lse*math.Log2E, x.spec.Scale, x.spec.Scale*x.d[query])
	}
	clear(p[n:])
	clear(ds[n:])
}
