package kernel

// winogradFilter computes filter gradients by the transpose of F(4×4,3×3): dw = G^T [Σ over tiles V ⊗ Z] G with
// V = B^T x B and Z = A dy A^T.
//
// All workers transform a block of tiles, then add its 36 products V^T Z to U. A block is large enough that U, which is
// read and written once for each, costs little, and small enough that V and Z stay in the third-level cache. Against
// rounding, sums grow in three steps: terms in registers, sums of a span of tiles in U, spans in the total.
type winogradFilter struct {
	tiling
	micro  *Micro
	kernel *Winograd

	panels        int // of output channels
	ldv, ldu      int
	xiU           int
	spans, blocks int // spans of all tiles, blocks of a span
	most          int // tiles of the largest block
	shared, own   int // floats of scratch of all, and of each worker
}

const (
	filterBlockFloats = 36 << 15 // of V and Z of a block
	filterTerms       = 64       // of a sum before it is added to U
	filterSpan        = 1024     // tiles of a span
)

func newWinogradFilter(set *Set, s *ConvSpec) *winogradFilter {
	w := &winogradFilter{tiling: newTiling(newGather(s, ConvForward)), micro: &set.Micro, kernel: &set.Winograd}
	nr := w.micro.NR
	w.panels = ceilDiv(s.OutC, nr)
	w.ldv, w.ldu = s.InC+winogradGap, w.panels*nr
	w.xiU = s.InC*w.ldu + winogradGap
	w.spans = ceilDiv(w.tiles, filterSpan)
	span := ceilDiv(w.tiles, w.spans)
	w.blocks = ceilDiv(span, max(2*filterTerms, filterBlockFloats/(grid*(s.InC+s.OutC))))
	w.most = ceilDiv(span, w.blocks)
	w.shared = s.InC + grid*(min(w.spans, 2)*w.xiU+w.xiV()+w.xiZ())
	w.own = tileSize*tileSize*nr + 9*s.InC*w.kernel.lanes
	return w
}

func (w *winogradFilter) xiV() int { return w.most*w.ldv + winogradGap }

// panelZ returns the floats of one panel of Z: a matrix of tiles by NR.
func (w *winogradFilter) panelZ() int { return w.most*w.micro.NR + winogradGap }
func (w *winogradFilter) xiZ() int    { return w.panels*w.panelZ() + winogradGap }

func (w *winogradFilter) scratch(workers int) int { return w.shared + workers*w.own }

func (w *winogradFilter) prepared() int { return 0 }

func (w *winogradFilter) prepare(Runner, []float32, []float32) {}

func (w *winogradFilter) run(r Runner, x *convRun) {
	c := carve(x.scratch)
	zero, total := c.take(w.inC), c.take(grid*w.xiU)
	u := total
	if w.spans > 1 {
		u = c.take(grid * w.xiU)
	}
	v, z := c.take(grid*w.xiV()), c.take(grid*w.xiZ())
	clear(zero)
	for span := range w.spans {
		begin, end := share(w.tiles, w.spans, span)
		to := u
		if span == 0 {
			to = total
		}
		for block := range w.blocks {
			first, last := share(end-begin, w.blocks, block)
			w.transform(r, x, zero, v, z, c, begin+first, begin+last)
			r.Run(grid, func(_, xi int) { w.multiply(v, z, to, xi, last-first, block > 0) })
		}
		if span > 0 {
			r.Run(grid, func(_, xi int) { w.micro.add(w.inC*w.ldu, &total[xi*w.xiU], &u[xi*w.xiU]) })
		}
	}
	tasks := min(w.inC, tileTasks)
	r.Run(tasks, func(worker, task int) {
		_, column := w.private(c, worker)
		first, end := share(w.inC, tasks, task)
		w.store(x.out, total, first, end, column)
	})
}

// transform writes V and Z of tiles [begin, end).
func (w *winogradFilter) transform(r Runner, x *convRun, zero, v, z []float32, c carve, begin, end int) {
	tasks := min(end-begin, tileTasks)
	r.Run(tasks, func(worker, task int) {
		edge, _ := w.private(c, worker)
		first, last := share(end-begin, tasks, task)
		w.inputs(w.kernel, x.a, zero, begin+first, begin+last, v[first*w.ldv:], w.ldv, w.xiV())
		w.gradients(x.b, edge, z[first*w.micro.NR:], begin+first, begin+last)
	})
}

// private returns a worker's scratch: the edge tile and the edge of dw.
func (w *winogradFilter) private(c carve, worker int) (edge, column []float32) {
	own := carve(c[worker*w.own : (worker+1)*w.own])
	return own.take(tileSize * tileSize * w.micro.NR), own
}

// gradients writes Z of tiles [first, end).
func (w *winogradFilter) gradients(dy, edge, z []float32, first, end int) {
	nr := w.micro.NR
	for t := first; t < end; t++ {
		for p := range w.panels {
			w.gradient(w.kernel, dy, t, p*nr, min(nr, w.outC-p*nr), nr, &z[p*w.panelZ()+(t-first)*nr], w.xiZ(), edge)
		}
	}
}

// multiply adds one of the 36 products of a block's tiles to U.
func (w *winogradFilter) multiply(v, z, u []float32, xi, tiles int, accumulate bool) {
	m, nr := w.micro, w.micro.NR
	strips, sums := ceilDiv(w.inC, m.MR), ceilDiv(tiles, filterTerms)
	for p := range w.panels {
		for sum := range sums {
			t, next := share(tiles, sums, sum)
			a, b := v[xi*w.xiV()+t*w.ldv:], &z[xi*w.xiZ()+p*w.panelZ()+t*nr]
			to := u[xi*w.xiU+p*nr:]
			for row, i := 0, strips; i > 0; i-- {
				n := ceilDiv(w.inC-row, i)
				m.Cols[n](next-t, &a[row], b, &to[row*w.ldu], w.ldv, nr, w.ldu, accumulate || sum > 0)
				row += n
			}
		}
	}
}

// store transforms rows [first, end) of U back into dw. Channels that do not fill a vector take the way over column, which
// holds nine taps of a vector each.
func (w *winogradFilter) store(dw, u []float32, first, end int, column []float32) {
	lanes, tap, rows := w.kernel.lanes, w.inC*w.outC, end-first
	for k := 0; k < w.outC; k += lanes {
		from, at := &u[first*w.ldu+k], first*w.outC+k
		if k+lanes <= w.outC {
			w.kernel.filterGradient(rows, from, w.xiU, w.ldu, &dw[at], tap, w.outC)
			continue
		}
		w.kernel.filterGradient(rows, from, w.xiU, w.ldu, &column[0], rows*lanes, lanes)
		for i := range 9 * rows {
			to := i/rows*tap + at + i%rows*w.outC
			copy(dw[to:to+w.outC-k], column[i*lanes:])
		}
	}
}
