package kernel

// winogradConv computes forward convolutions and input gradients by F(4×4,3×3).
//
// Transformed inputs V[36][tile][inC] are multiplied in place by transformed filters U, which are stored as panels of a
// matrix product: for each group of output channels [36][panel][inC][NR]. Products M[36][tile][outC] are transformed back.
//
// Many tiles are cut into blocks whose V and M stay in the second-level cache (if U is small: a large one had to be read too
// often), for all output channels at once. Few tiles are transformed together, or by each worker for itself; then each group
// of output channels is a task that transforms its filter, multiplies and transforms back, so that U is never stored as a whole.
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
	blockTiles  = 64  // transformed together, where they are many and U is large
	taskTiles   = 32  // of a task, at least
	groupWidth  = 32
	smallFilter = 40 << 10 // channel pairs up to which U, read anew for each block, stays in the last-level cache
	winogradGap = 16       // floats between rows and matrices, against conflicts in the cache
	tileTasks   = 16
	aloneShare  = 20       // how many times as much, at least, a worker multiplies as transforming all tiles adds
	aloneFloats = 36 << 15 // of V, at most, for each worker
)

func newWinogradConv(set *Set, g *gather) *winogradConv {
	w := &winogradConv{tiling: newTiling(g), micro: &set.Micro, kernel: &set.Winograd}
	w.blocks = w.tiles > fewTiles
	w.width = max(groupWidth, w.micro.NR)
	tiles := blockTiles
	if w.blocks && g.inC*g.outC <= smallFilter {
		tiles = w.micro.tiles
		w.width = w.micro.NR * evenGroups(ceilDiv(g.outC, w.micro.NR), max(1, w.micro.tileCols/w.micro.NR))
	}
	w.outGroups = ceilDiv(g.outC, w.width)
	w.xiU = g.inC*w.width + winogradGap
	w.group = grid * w.xiU
	w.ldv = g.inC + winogradGap
	w.most, w.ldm = w.tiles, w.width
	if w.blocks {
		w.tasks = min(w.lines, 8*ceilDiv(w.tiles, 8*max(taskTiles, tiles)))
		perTask := ceilDiv(w.lines, w.tasks) * w.wide
		w.most = ceilDiv(perTask, ceilDiv(perTask, tiles))
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

// evenGroups returns how many of n panels, at most most, make a group, so that the last has as few too many as can be.
func evenGroups(n, most int) int {
	best := 1
	for size := 2; size <= most; size++ {
		if roundUp(n, size) <= roundUp(n, best) {
			best = size
		}
	}
	return best
}

func (w *winogradConv) xiV() int   { return w.most*w.ldv + winogradGap }
func (w *winogradConv) xiM() int   { return w.most*w.ldm + winogradGap }
func (w *winogradConv) sizeV() int { return grid * w.xiV() }
func (w *winogradConv) sizeM() int { return grid * w.xiM() }

// sizeFlipped is the room for a group's filter, flipped, filled up to the group's width or packed.
func (w *winogradConv) sizeFlipped() int { return 9 * w.tap() }

// tap returns the floats from one of its nine taps to the next.
func (w *winogradConv) tap() int { return w.inC*w.width + winogradGap }

func (w *winogradConv) scratch(workers int) int {
	if w.alone(workers) {
		return w.shared - w.sizeV() + workers*(w.own+w.sizeV())
	}
	return w.shared + pick(w.blocks, w.prepared(), 0) + workers*w.own
}

// alone says whether each worker transforms few tiles for itself: where that costs it at most a twentieth of its
// multiplications, and the results are few. Lines that another worker has written are slow to read, and slow to write again.
func (w *winogradConv) alone(workers int) bool {
	return !w.blocks && workers > 1 && w.sizeV() <= aloneFloats && (workers-1)*costTileInput*aloneShare <= grid*w.outC
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

// filterGroup transforms the filter of a group of output channels. temp has sizeFlipped floats. Vectors shorter than a cache
// line are not read where they lie: each would fetch the line anew.
func (w *winogradConv) filterGroup(filter []float32, j int, temp, u []float32) {
	m, inC := w.micro, w.inC
	col, n := w.channels(j)
	if !w.transposed && n == w.width && w.kernel.lanes >= lineFloats {
		for k := 0; k < w.width; k += w.kernel.lanes {
			w.kernel.filter(inC, &filter[col+k], inC*w.outC, w.outC, &u[k/m.NR*inC*m.NR+k%m.NR], w.xiU, m.NR)
		}
		return
	}
	panels := w.width / m.NR
	for r, row := range w.rows[0].taps {
		for c, tap := range w.cols[0].taps {
			for p := range panels {
				out := temp[(3*r+c)*w.tap()+p*inC*m.NR:][:inC*m.NR]
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
		w.kernel.filter(inC, &temp[at], w.tap(), m.NR, &u[at], w.xiU, m.NR)
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
			w.inputs(w.kernel, x.a, zero, w.inC, first, last, v, w.ldv, w.xiV())
			asks := w.comes(x, first, last)
			for j := range w.outGroups {
				w.multiply(u[j*w.group:], v, m[j*w.width:], last-first, &asks)
			}
			for t := first; t < last; t++ {
				w.output(w.kernel, &m[(t-first)*w.ldm], w.xiM(), x.out, t, 0, w.outC, edge)
			}
		}
		w.finishLines(x, worker, line, end, 0, w.outC)
	})
}

// comes spreads asking for the output of tiles [first, last) and for the input of as many that follow over the products of
// those tiles: both lie in memory, which has nothing to do meanwhile, unless U comes from there.
func (w *winogradConv) comes(x *convRun, first, last int) [2]coming {
	if w.micro.ask == nil || w.inC*w.outC > smallFilter {
		return [2]coming{}
	}
	sweeps := w.outGroups * grid * ceilDiv(last-first, w.micro.MR)
	come := func(data []float32, first, last, height, row int) coming {
		at := func(tile int) int {
			line := tile / w.wide
			return min((line/w.high*height+min(line%w.high*tileSize, height))*row, len(data))
		}
		data = data[at(first):at(last)]
		return coming{data: data, lines: ceilDiv(len(data), sweeps*lineFloats)}
	}
	return [2]coming{come(x.out, first, last, w.outH, w.outW*w.outC),
		come(x.a, min(last, w.tiles), min(2*last-first, w.tiles), w.inH, w.inW*w.inC)}
}

// runGroups transforms all tiles, then computes one group of output channels a task.
func (w *winogradConv) runGroups(r Runner, x *convRun, zero []float32, c carve) {
	alone := w.alone(r.Workers())
	size := w.own + pick(alone, w.sizeV(), 0)
	transform := func(v []float32, first, end int) {
		w.inputs(w.kernel, x.a, zero, w.inC, first, end, v[first*w.ldv:], w.ldv, w.xiV())
	}
	var all []float32
	if !alone {
		all = c.take(w.sizeV())
		tasks := min(w.tiles, tileTasks)
		r.Run(tasks, func(_, task int) {
			first, end := share(w.tiles, tasks, task)
			transform(all, first, end)
		})
	}
	done := make([]bool, r.Workers()) // whose V is there
	r.Run(w.outGroups, func(worker, j int) {
		own := carve(c[worker*size : (worker+1)*size])
		v := all
		if alone {
			v = own.take(w.sizeV())
			if !done[worker] {
				transform(v, 0, w.tiles)
				done[worker] = true
			}
		}
		m, edge, u := own.take(w.sizeM()), own.take(tileSize*tileSize*w.width), own.take(w.group)
		if x.prepared != nil {
			u = x.prepared[j*w.group : (j+1)*w.group]
		} else {
			w.filterGroup(x.b, j, own, u)
		}
		w.multiply(u, v, m, w.tiles, &[2]coming{})
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
// group of several takes each strip of V at once, and memory is asked for the next, and for some lines of what asks has.
func (w *winogradConv) multiply(u, v, m []float32, tiles int, asks *[2]coming) {
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
			asks[0].next(k, 1)
			asks[1].next(k, 1)
			x.run(nr)
		}
	}
}
