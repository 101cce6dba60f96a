package kernel

// winogradConv computes forward convolutions and input gradients by F(4×4,3×3).
//
// Transformed inputs V[36][tile][inC] are multiplied in place by transformed filters U, which are stored as panels of a
// matrix product: for each group of output channels [36][panel][inC][NR]. Products M[36][tile][outC] are transformed back.
//
// Many tiles are cut into blocks whose V and M stay in the second-level cache, for all output channels at once. Few tiles
// are transformed together, then each group of output channels is a task that transforms its filter, multiplies and
// transforms back, so that U is never stored as a whole.
type winogradConv struct {
	tiling
	micro  *Micro
	kernel *Winograd

	outGroups   int // groups of output channels
	width       int // channels of a group
	group, xiU  int // floats of a group's U, and from one of its 36 matrices to the next
	ldv, ldm    int
	blocks      bool
	tasks, most int // of blocks: tasks, and tiles that are transformed together
	shared, own int // floats of scratch
}

const (
	fewTiles    = 256 // at most so many are transformed together
	blockTiles  = 64
	groupWidth  = 32
	winogradGap = 16 // floats between rows and matrices, against conflicts in the cache
	tileTasks   = 16
)

func newWinogradConv(set *Set, g *gather) *winogradConv {
	w := &winogradConv{tiling: newTiling(g), micro: &set.Micro, kernel: &set.Winograd}
	w.width = max(groupWidth, w.micro.NR)
	w.outGroups = ceilDiv(g.outC, w.width)
	w.xiU = g.inC*w.width + winogradGap
	w.group = grid * w.xiU
	w.ldv = g.inC + winogradGap
	w.blocks = w.tiles > fewTiles
	w.most, w.ldm = w.tiles, w.width
	if w.blocks {
		w.tasks = min(w.lines, 8*ceilDiv(w.tiles, 8*blockTiles))
		perTask := ceilDiv(w.lines, w.tasks) * w.wide
		w.most = ceilDiv(perTask, ceilDiv(perTask, blockTiles))
		w.ldm = w.outGroups*w.width + winogradGap
	}
	w.shared = g.inC
	w.own = tileSize*tileSize*w.outGroups*w.width + w.sizeM() + w.sizeFlipped()
	if w.blocks {
		w.own += w.sizeV()
	} else {
		w.shared += w.sizeV()
		w.own += w.group
	}
	return w
}

func (w *winogradConv) xiV() int   { return w.most*w.ldv + winogradGap }
func (w *winogradConv) xiM() int   { return w.most*w.ldm + winogradGap }
func (w *winogradConv) sizeV() int { return grid * w.xiV() }
func (w *winogradConv) sizeM() int { return grid * w.xiM() }

// sizeFlipped is the room for a group's filter, flipped or filled up to the group's width.
func (w *winogradConv) sizeFlipped() int { return 9 * w.inC * w.width }

func (w *winogradConv) scratch(workers int) int {
	return w.shared + pick(w.blocks, w.prepared(), 0) + workers*w.own
}

func (w *winogradConv) prepared() int { return w.outGroups * w.group }

func (w *winogradConv) prepare(r Runner, filter, prepared []float32) {
	w.prepareWith(r, filter, prepared, func(int) []float32 { return make([]float32, w.sizeFlipped()) })
}

// prepareWith transforms the filter, with room of sizeFlipped floats for each worker.
func (w *winogradConv) prepareWith(r Runner, filter, prepared []float32, room func(worker int) []float32) {
	r.Run(w.outGroups, func(worker, j int) { w.filterGroup(filter, j, room(worker), prepared[j*w.group:]) })
}

// channels returns the output channels of a group.
func (w *winogradConv) channels(j int) (col, n int) {
	return j * w.width, min(w.width, w.outC-j*w.width)
}

// filterGroup transforms the filter of a group of output channels. temp has sizeFlipped floats.
func (w *winogradConv) filterGroup(filter []float32, j int, temp, u []float32) {
	m, inC := w.micro, w.inC
	col, n := w.channels(j)
	if !w.transposed && n == w.width {
		for k := 0; k < w.width; k += w.kernel.lanes {
			w.kernel.filter(inC, &filter[col+k], inC*w.outC, w.outC, &u[k/m.NR*inC*m.NR+k%m.NR], w.xiU, m.NR)
		}
		return
	}
	panels := w.width / m.NR
	for r, row := range w.rows[0].taps {
		for c, tap := range w.cols[0].taps {
			for p := range panels {
				out := temp[((3*r+c)*panels+p)*inC*m.NR:][:inC*m.NR]
				if col+p*m.NR >= w.outC {
					clear(out)
					continue
				}
				w.packTap(m, filter, row.index, tap.index, 0, j*panels+p, out)
			}
		}
	}
	for k := 0; k < w.width; k += w.kernel.lanes {
		at := k/m.NR*inC*m.NR + k%m.NR
		w.kernel.filter(inC, &temp[at], inC*w.width, m.NR, &u[at], w.xiU, m.NR)
	}
}

func (w *winogradConv) run(r Runner, x *convRun) {
	c := carve(x.scratch)
	zero := c.take(w.inC)
	clear(zero)
	if w.blocks {
		w.runBlocks(r, x, zero, c)
		return
	}
	w.runGroups(r, x, zero, c)
}

// runBlocks computes blocks of rows of tiles, all channels.
func (w *winogradConv) runBlocks(r Runner, x *convRun, zero []float32, c carve) {
	u := x.prepared
	all := c.take(w.prepared())
	private := func(worker int) carve { return carve(c[worker*w.own : (worker+1)*w.own]) }
	if u == nil {
		u = all
		w.prepareWith(r, x.b, u, func(worker int) []float32 { return private(worker)[:w.sizeFlipped()] })
	}
	r.Run(w.tasks, func(worker, task int) {
		own := private(worker)
		v, m, edge := own.take(w.sizeV()), own.take(w.sizeM()), own.take(tileSize*tileSize*w.outGroups*w.width)
		line, end := share(w.lines, w.tasks, task)
		tiles := (end - line) * w.wide
		pieces := ceilDiv(tiles, w.most)
		for i := range pieces {
			first, last := share(tiles, pieces, i)
			first, last = first+line*w.wide, last+line*w.wide
			w.inputs(w.kernel, x.a, zero, first, last, v, w.ldv, w.xiV())
			for j := range w.outGroups {
				w.multiply(u[j*w.group:], v, m[j*w.width:], last-first)
			}
			for t := first; t < last; t++ {
				w.output(w.kernel, &m[(t-first)*w.ldm], w.xiM(), x.out, t, 0, w.outC, edge)
			}
		}
		w.finishLines(x, worker, line, end, 0, w.outC)
	})
}

// runGroups transforms all tiles, then computes one group of output channels a task.
func (w *winogradConv) runGroups(r Runner, x *convRun, zero []float32, c carve) {
	v := c.take(w.sizeV())
	tasks := min(w.tiles, tileTasks)
	r.Run(tasks, func(_, task int) {
		first, end := share(w.tiles, tasks, task)
		w.inputs(w.kernel, x.a, zero, first, end, v[first*w.ldv:], w.ldv, w.xiV())
	})
	r.Run(w.outGroups, func(worker, j int) {
		own := carve(c[worker*w.own : (worker+1)*w.own])
		m, edge, u := own.take(w.sizeM()), own.take(tileSize*tileSize*w.width), own.take(w.group)
		if x.prepared != nil {
			u = x.prepared[j*w.group : (j+1)*w.group]
		} else {
			w.filterGroup(x.b, j, own, u)
		}
		w.multiply(u, v, m, w.tiles)
		col, n := w.channels(j)
		for line := range w.lines {
			for t := line * w.wide; t < (line+1)*w.wide; t++ {
				w.output(w.kernel, &m[t*w.ldm], w.xiM(), x.out, t, col, n, edge)
			}
			w.finishLines(x, worker, line, line+1, col, n)
		}
	})
}

// multiply computes the 36 products of a group for some tiles. The panels of U stay in the first-level cache or near it; a
// group of several takes each strip of V at once, and memory is asked for the next.
func (w *winogradConv) multiply(u, v, m []float32, tiles int) {
	k, nr, inC := w.micro, w.micro.NR, w.inC
	strips := ceilDiv(tiles, k.MR)
	for xi := range grid {
		for i := range strips {
			first, n := strip(tiles, strips, i)
			x := sweep{kernel: k.Rows[n], rows: n, terms: inC, a: &v[xi*w.xiV()+first*w.ldv], lda: w.ldv,
				b: u[xi*w.xiU:], ldb: nr, step: inC * nr, c: m[xi*w.xiM()+first*w.ldm:], ldc: w.ldm, cols: w.width}
			if w.width > nr {
				x.next = k.asking(n)
			}
			x.run(nr)
		}
	}
}
