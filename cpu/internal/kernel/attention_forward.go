package kernel

import (
	"fmt"
	"math"
)

// Forward computes the attention. A query that sees no key gets zeros, and +Inf as log-sum-exp.
func (a *Attention) Forward(r Runner, t *AttentionTensors, scratch []float32) error {
	if err := a.checkTensors(t, false); err != nil {
		return err
	}
	if need := a.ForwardScratch(r.Workers()); len(scratch) < need {
		return fmt.Errorf("kernel: attention: %d floats of scratch, %d needed for %d workers", len(scratch), need, r.Workers())
	}
	r.Run(a.spec.Batch*a.spec.Heads*a.parts, func(worker, task int) {
		head := task / a.parts
		begin, end := share(a.spec.Queries, a.parts, task%a.parts)
		x := attentionForward{attentionTask: attentionTask{Attention: a, AttentionTensors: t, batch: head / a.spec.Heads, head: head % a.spec.Heads}}
		x.run(scratch[worker*a.forward:(worker+1)*a.forward], begin, end)
	})
	return nil
}

// attentionForward is a task of the forward pass. The softmax is taken block by block of keys with a running maximum and
// sum (Milakov & Gimelshein 2018, algorithm 3).
type attentionForward struct {
	attentionTask
	valueRows rowPanels
	block     []float32
	high, sum []float32 // of each row: maximum and sum of exponentials so far
}

func (x *attentionForward) run(scratch []float32, begin, end int) {
	s, m := &x.spec, &x.set.Micro
	kv, dim := x.kvHead(), ceilDiv(s.Dim, m.NR)*m.NR
	x.edge = cutOff(&scratch, m.MR*m.NR)
	x.keys = cutOff(&scratch, ceilDiv(s.Keys, m.NR)*m.NR*s.Dim)
	x.block = cutOff(&scratch, attentionRows*x.width)
	x.high, x.sum = cutOff(&scratch, attentionRows), cutOff(&scratch, attentionRows)
	keys := x.seen(end, 0, s.Keys)
	x.packTransposed(x.keys, s.K.of(x.K, x.batch, kv, 0), s.K.Row, keys)
	x.valueRows = x.asRows(cutOff(&scratch, x.packed(s.Keys*dim)), s.V.of(x.V, x.batch, kv, 0), s.V.Row, keys)
	for row := begin; row < end; row += attentionRows {
		rows := min(attentionRows, end-row)
		for first := 0; first < x.seen(row+rows, 0, s.Keys); first += attentionKeys {
			x.step(row, rows, first, min(attentionKeys, s.Keys-first))
		}
		x.normalize(row, rows)
	}
}

// step adds the keys [first, first+keys) to the output of some queries.
func (x *attentionForward) step(row, rows, first, keys int) {
	s := &x.spec
	x.scores(x.block, s.Q.of(x.Q, x.batch, x.head, row), s.Q.Row, row, rows, x.keys[first*s.Dim:], first, keys)
	o := s.O.of(x.O, x.batch, x.head, row)
	strips := ceilDiv(rows, x.set.Micro.MR)
	for i := range strips {
		begin, n := strip(rows, strips, i)
		widest := x.seen(row+begin+n, first, keys)
		for q := begin; q < begin+n; q++ {
			line := x.block[q*x.width : q*x.width+widest]
			x.exponentials(line, row+q, q, first, o[q*s.O.Row:q*s.O.Row+s.Dim])
		}
	}
	x.byRows(o, s.O.Row, x.block, row, rows, x.valueRows.from(first), first, keys, first > 0)
}

// exponentials turns a row of products into exp(score - maximum) and updates the maximum, the sum and, if the maximum has
// grown, the output so far. Keys that the query does not see get 0. Maxima are in powers of two, not of e.
func (x *attentionForward) exponentials(line []float32, query, slot, first int, out []float32) {
	n := x.seen(query+1, first, len(line))
	if n == 0 {
		clear(line)
		return // not the first block: the first key is always seen
	}
	scale := x.masked(line[:n], query, first)
	padded := ceilDiv(n, x.kernels.lanes) * x.kernels.lanes
	for j := n; j < padded; j++ {
		x.block[slot*x.width+j] = lowestScore(scale)
	}
	before := float32(-math.MaxFloat32)
	if first > 0 {
		before = x.high[slot]
	}
	high, sum := x.kernels.softmax(padded, &line[0], scale, before)
	clear(line[n:])
	if first > 0 {
		keep := float32(math.Exp2(float64(before - high)))
		sum += x.sum[slot] * keep
		if keep != 1 {
			x.set.Vector.Affine(out, out, keep, 0)
		}
	}
	x.high[slot], x.sum[slot] = high, sum
}

// lowestScore is a product that becomes -Inf when scaled.
func lowestScore(scale float32) float32 { return float32(math.Inf(pick(scale > 0, -1, 1))) }

// normalize divides finished rows by their sums and stores the log-sum-exp.
func (x *attentionForward) normalize(row, rows int) {
	s, v := &x.spec, &x.set.Vector
	for q := range rows {
		out := s.O.of(x.O, x.batch, x.head, row+q)[:s.Dim]
		if x.sum[q] == 0 {
			clear(out)
		} else {
			v.BinaryScalar[Div](out, out, x.sum[q])
		}
	}
	if x.LSE == nil {
		return
	}
	lse := x.LSE[(x.batch*s.Heads+x.head)*s.Queries+row:][:rows]
	v.Unary[Log](lse, x.sum[:rows])
	for q, sum := range x.sum[:rows] {
		lse[q] += math.Ln2 * x.high[q]
		if sum == 0 {
			lse[q] = float32(math.Inf(1))
		}
	}
}
