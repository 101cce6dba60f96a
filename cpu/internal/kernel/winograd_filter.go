package kernel

// winogradFilter computes filter gradients by the transpose of F(4×4,3×3): dw = G^T [Σ over tiles V ⊗ Z] G with
// V = B^T x B and Z = A dy A^T.
//
// Many tiles are split into a fixed number of chunks, each wholly the work of one core with its own sums, which are added
// in order: what a core transforms it consumes. Few tiles are transformed together; then each group of output channels is
// a task.
type winogradFilter struct {
	tiling
	micro  *Micro
	kernel *Winograd

	panels       int // of all output channels
	ldv, ldu     int
	xiU          int
	chunks, most int // most: tiles that are transformed together
	group        int // panels of a task, where there are few tiles
	outGroups    int // groups of panels
	shared, own  int // floats of scratch of all, and of each worker
	slot         int // floats of V and Z of a chunk at work
}

const (
	filterChunks     = 4
	filterBlockTiles = 128
	filterTerms      = 48
)

func newWinogradFilter(set *Set, s *ConvSpec) *winogradFilter {
	w := &winogradFilter{tiling: newTiling(newGather(s, ConvForward)), micro: &set.Micro, kernel: &set.Winograd}
	nr := w.micro.NR
	w.panels = ceilDiv(s.OutC, nr)
	w.ldv = s.InC + winogradGap
	w.most = w.tiles
	w.shared = s.InC
	w.own = tileSize*tileSize*nr + 9*s.InC*w.kernel.lanes
	if w.tiles <= fewTiles {
		w.group = max(1, groupWidth/nr)
		w.outGroups = ceilDiv(w.panels, w.group)
		w.ldu = w.group * nr
		w.xiU = s.InC*w.ldu + winogradGap
		w.shared += grid * (w.xiV() + w.xiZ())
		w.own += grid * w.xiU
		return w
	}
	w.chunks = filterChunks
	perChunk := ceilDiv(w.tiles, w.chunks)
	w.most = ceilDiv(perChunk, ceilDiv(perChunk, filterBlockTiles))
	w.ldu = w.panels * nr
	w.xiU = s.InC*w.ldu + winogradGap
	w.shared += w.chunks * grid * w.xiU
	w.slot = grid * (w.xiV() + w.xiZ())
	return w
}

func (w *winogradFilter) xiV() int { return w.most*w.ldv + winogradGap }

// panelZ returns the floats of one panel of Z: a matrix of tiles by NR.
func (w *winogradFilter) panelZ() int { return w.most*w.micro.NR + winogradGap }
func (w *winogradFilter) xiZ() int    { return w.panels*w.panelZ() + winogradGap }

func (w *winogradFilter) scratch(workers int) int {
	return w.shared + workers*w.own + min(workers, w.chunks)*w.slot
}

func (w *winogradFilter) prepared() int { return 0 }

func (w *winogradFilter) prepare(Runner, []float32, []float32) {}

func (w *winogradFilter) run(r Runner, x *convRun) {
	c := carve(x.scratch)
	zero := c.take(w.inC)
	clear(zero)
	if w.chunks > 0 {
		w.runChunks(r, x, zero, c)
		return
	}
	w.runGroups(r, x, zero, c)
}

// private splits a worker's scratch into the edge tile, the edge of dw and the rest.
func (w *winogradFilter) private(c carve, worker int) (edge, column []float32, rest carve) {
	own := carve(c[worker*w.own : (worker+1)*w.own])
	return own.take(tileSize * tileSize * w.micro.NR), own.take(9 * w.inC * w.kernel.lanes), own
}

// transform writes V and Z of tiles [first, end) as rows from at on.
func (w *winogradFilter) transform(x *convRun, zero, edge, v, z []float32, first, end, at int) {
	nr := w.micro.NR
	for t := first; t < end; t++ {
		row := at + t - first
		w.input(w.kernel, x.a, zero, t, &v[row*w.ldv], w.xiV())
		for p := range w.panels {
			n := min(nr, w.outC-p*nr)
			w.gradient(w.kernel, x.b, t, p*nr, n, nr, &z[p*w.panelZ()+row*nr], w.xiZ(), edge)
		}
	}
}

// multiply adds the products of tiles to U for panels [first, end).
func (w *winogradFilter) multiply(v, z, u []float32, tiles, first, end int, accumulate bool) {
	m, nr := w.micro, w.micro.NR
	strips := ceilDiv(w.inC, m.MR)
	for i := range grid * (end - first) {
		xi, p := i/(end-first), i%(end-first)
		for t := 0; t < tiles; t += filterTerms {
			terms := min(filterTerms, tiles-t)
			a, b := v[xi*w.xiV()+t*w.ldv:], &z[xi*w.xiZ()+(first+p)*w.panelZ()+t*nr]
			for i := range strips {
				row, n := strip(w.inC, strips, i)
				m.Cols[n](terms, &a[row], b, &u[xi*w.xiU+row*w.ldu+p*nr], w.ldv, nr, w.ldu, accumulate || t > 0)
			}
		}
	}
}

func (w *winogradFilter) runChunks(r Runner, x *convRun, zero []float32, c carve) {
	sums := c.take(w.chunks * grid * w.xiU)
	slots := carve(c[r.Workers()*w.own:])
	r.Run(w.chunks, func(worker, chunk int) {
		edge, _, _ := w.private(c, worker)
		own := carve(slots[pick(r.Workers() > w.chunks, chunk, worker)*w.slot:])
		v, z := own.take(grid*w.xiV()), own.take(grid*w.xiZ())
		u := sums[chunk*grid*w.xiU : (chunk+1)*grid*w.xiU]
		begin, end := share(w.tiles, w.chunks, chunk)
		pieces := ceilDiv(end-begin, w.most)
		for i := range pieces {
			first, last := share(end-begin, pieces, i)
			w.transform(x, zero, edge, v, z, begin+first, begin+last, 0)
			w.multiply(v, z, u, last-first, 0, w.panels, i > 0)
		}
	})
	tasks := min(w.inC, tileTasks)
	r.Run(tasks, func(worker, task int) {
		_, column, _ := w.private(c, worker)
		first, end := share(w.inC, tasks, task)
		for xi := range grid {
			at := xi*w.xiU + first*w.ldu
			for chunk := 1; chunk < w.chunks; chunk++ {
				w.micro.add((end-first)*w.ldu, &sums[at], &sums[chunk*grid*w.xiU+at])
			}
		}
		w.store(x.out, sums, first, end, 0, w.outC, column)
	})
}

// runGroups transforms all tiles, then computes one group of output channels a task.
func (w *winogradFilter) runGroups(r Runner, x *convRun, zero []float32, c carve) {
	v, z := c.take(grid*w.xiV()), c.take(grid*w.xiZ())
	tasks := min(w.tiles, tileTasks)
	r.Run(tasks, func(worker, task int) {
		edge, _, _ := w.private(c, worker)
		first, end := share(w.tiles, tasks, task)
		w.transform(x, zero, edge, v, z, first, end, first)
	})
	r.Run(w.outGroups, func(worker, j int) {
		_, column, own := w.private(c, worker)
		u := own.take(grid * w.xiU)
		first := j * w.group
		end := min(first+w.group, w.panels)
		w.multiply(v, z, u, w.tiles, first, end, false)
		col := first * w.micro.NR
		w.store(x.out, u, 0, w.inC, col, min(end*w.micro.NR, w.outC)-col, column)
	})
}

// store transforms rows [first, end) of U back and writes n columns of dw from col on. Columns that do not fill a vector
// take the way over column, which holds nine taps of a vector each.
func (w *winogradFilter) store(dw, u []float32, first, end, col, n int, column []float32) {
	lanes, tap, rows := w.kernel.lanes, w.inC*w.outC, end-first
	for k := 0; k < n; k += lanes {
		from, at := &u[first*w.ldu+k], first*w.outC+col+k
		if k+lanes <= n {
			w.kernel.filterGradient(rows, from, w.xiU, w.ldu, &dw[at], tap, w.outC)
			continue
		}
		w.kernel.filterGradient(rows, from, w.xiU, w.ldu, &column[0], rows*lanes, lanes)
		for i := range 9 * rows {
			to := i/rows*tap + at + i%rows*w.outC
			copy(dw[to:to+n-k], column[i*lanes:])
		}
	}
}
