package kernel

// winogradFilter computes filter gradients by the transpose of F(4×4,3×3): dw = G^T [Σ over tiles V ⊗ Z] G with
// V = B^T x B and Z = A dy A^T.
//
// If U is larger than V and Z, all workers transform dy. Then each group of input channels is a task that transforms its part
// of x, multiplies and transforms back, so that neither V nor U is ever stored as a whole or goes from worker to worker.
//
// Otherwise all workers transform a block, then add its 36 products V^T Z to U. A block is large enough that U, which is
// read and written once for each, costs little, and small enough that V and Z stay in the third-level cache. Against
// rounding, sums grow in three steps: terms in registers, sums of a span of tiles in U, spans in the total.
type winogradFilter struct {
	tiling
	micro  *Micro
	kernel *Winograd

	panels        int // of output channels
	groups        int // of input channels; 0 if U is the smaller part
	rows          int // most input channels of a task
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
	w.rows, w.ldu = s.InC, w.panels*nr
	w.spans = ceilDiv(w.tiles, filterSpan)
	span := ceilDiv(w.tiles, w.spans)
	w.blocks = ceilDiv(span, max(2*filterTerms, filterBlockFloats/(grid*(s.InC+s.OutC))))
	if w.tiles*(s.InC+s.OutC) <= s.InC*s.OutC {
		w.blocks = 1
		w.groups, w.rows = ceilDiv(s.InC, groupWidth), 0
		for i := range w.groups {
			first, end := w.group(i)
			w.rows = max(w.rows, end-first)
		}
	}
	w.most = ceilDiv(span, w.blocks)
	w.ldv = w.rows + pick(w.groups > 0, 0, winogradGap)
	w.xiU = w.rows*w.ldu + winogradGap
	w.shared = s.InC + w.sizeZ()
	w.own = tileSize*tileSize*nr + 9*w.kernel.lanes
	if w.groups > 0 {
		w.own += grid * (w.xiU + w.xiV())
	} else {
		w.shared += grid * (min(w.spans, 2)*w.xiU + w.xiV())
	}
	return w
}

// group returns a task's input channels: whole vectors, and the last group what remains.
func (w *winogradFilter) group(i int) (first, end int) {
	first, end = share(w.inC/w.kernel.lanes, w.groups, i)
	return first * w.kernel.lanes, pick(i == w.groups-1, w.inC, end*w.kernel.lanes)
}

func (w *winogradFilter) xiV() int { return w.most*w.ldv + winogradGap }

// panelZ returns the floats of one panel of Z: a matrix of tiles by NR.
func (w *winogradFilter) panelZ() int { return w.most*w.micro.NR + winogradGap }
func (w *winogradFilter) xiZ() int    { return w.panels*w.panelZ() + winogradGap }

func (w *winogradFilter) sizeZ() int { return grid * w.xiZ() }

func (w *winogradFilter) scratch(workers int) int { return w.shared + workers*w.own }

func (w *winogradFilter) prepared() int { return 0 }

func (w *winogradFilter) prepare(Runner, []float32, []float32) {}

func (w *winogradFilter) run(r Runner, x *convRun) {
	c := carve(x.scratch)
	zero := c.take(w.inC)
	clear(zero)
	if w.groups > 0 {
		w.runGroups(r, x, zero, c)
		return
	}
	w.runBlocks(r, x, zero, c)
}

// runGroups transforms dy, then computes one group of input channels a task.
func (w *winogradFilter) runGroups(r Runner, x *convRun, zero []float32, c carve) {
	z, tasks := c.take(w.sizeZ()), min(w.tiles, tileTasks)
	r.Run(tasks, func(worker, task int) {
		edge, _ := w.private(c, worker)
		first, end := share(w.tiles, tasks, task)
		w.gradients(x.b, edge, z[first*w.micro.NR:], first, end)
	})
	r.Run(w.groups, func(worker, i int) {
		first, end := w.group(i)
		_, own := w.private(c, worker)
		u, v := own.take(grid*w.xiU), own.take(grid*w.xiV())
		w.inputs(w.kernel, x.a[first:], zero, end-first, 0, w.tiles, v, w.ldv, w.xiV())
		for xi := range grid {
			w.multiply(v, z, u, end-first, xi, w.tiles, false)
		}
		w.store(x.out[first*w.outC:], u, end-first, own)
	})
}

// runBlocks transforms a block of tiles, then adds its products, a task for each of the 36.
func (w *winogradFilter) runBlocks(r Runner, x *convRun, zero []float32, c carve) {
	total := c.take(grid * w.xiU)
	u := total
	if w.spans > 1 {
		u = c.take(grid * w.xiU)
	}
	v, z := c.take(grid*w.xiV()), c.take(w.sizeZ())
	for span := range w.spans {
		begin, end := share(w.tiles, w.spans, span)
		to := u
		if span == 0 {
			to = total
		}
		for block := range w.blocks {
			first, last := share(end-begin, w.blocks, block)
			w.transform(r, x, zero, v, z, c, begin+first, begin+last)
			r.Run(grid, func(_, xi int) { w.multiply(v, z, to, w.inC, xi, last-first, block > 0) })
		}
		if span > 0 {
			r.Run(grid, func(_, xi int) { w.micro.add(w.inC*w.ldu, &total[xi*w.xiU], &u[xi*w.xiU]) })
		}
	}
	tasks := min(w.inC, tileTasks)
	r.Run(tasks, func(worker, task int) {
		_, column := w.private(c, worker)
		first, end := share(w.inC, tasks, task)
		w.store(x.out[first*w.outC:], total[first*w.ldu:], end-first, column)
	})
}

// transform writes V and Z of tiles [begin, end).
func (w *winogradFilter) transform(r Runner, x *convRun, zero, v, z []float32, c carve, begin, end int) {
	tasks := min(end-begin, tileTasks)
	r.Run(tasks, func(worker, task int) {
		edge, _ := w.private(c, worker)
		first, last := share(end-begin, tasks, task)
		w.inputs(w.kernel, x.a, zero, w.inC, begin+first, begin+last, v[first*w.ldv:], w.ldv, w.xiV())
		w.gradients(x.b, edge, z[first*w.micro.NR:], begin+first, begin+last)
	})
}

// private returns a worker's scratch: the edge tile, and the rest.
func (w *winogradFilter) private(c carve, worker int) (edge []float32, rest carve) {
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

// multiply adds one of the 36 products of a block's tiles to U, which has the given rows.
func (w *winogradFilter) multiply(v, z, u []float32, rows, xi, tiles int, accumulate bool) {
	m, nr := w.micro, w.micro.NR
	sums := ceilDiv(tiles, filterTerms)
	for p := range w.panels {
		for sum := range sums {
			t, next := share(tiles, sums, sum)
			a, b := v[xi*w.xiV()+t*w.ldv:], &z[xi*w.xiZ()+p*w.panelZ()+t*nr]
			to := u[xi*w.xiU+p*nr:]
			for r := range m.runs(rows) {
				m.Cols[r.rows](next-t, r.strips, &a[r.first], b, &to[r.first*w.ldu], w.ldv, nr, w.ldu,
					r.rows, 0, r.rows*w.ldu, accumulate || sum > 0)
			}
		}
	}
}

// store transforms rows of U back into dw, one after the other: their lines are read and written whole. Channels that do not
// fill a vector take the way over column, which holds nine taps of a vector.
func (w *winogradFilter) store(dw, u []float32, rows int, column []float32) {
	lanes, tap := w.kernel.lanes, w.inC*w.outC
	whole := w.outC - w.outC%lanes
	for row := range rows {
		from, to := u[row*w.ldu:], dw[row*w.outC:]
		w.kernel.filterGradient(whole/lanes, &from[0], w.xiU, lanes, &to[0], tap, lanes)
		if whole == w.outC {
			continue
		}
		w.kernel.filterGradient(1, &from[whole], w.xiU, lanes, &column[0], lanes, lanes)
		for i := range 9 {
			copy(to[i*tap+whole:][:w.outC-whole], column[i*lanes:])
		}
	}
}
