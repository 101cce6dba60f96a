package kernel

func (d *direct) run(r Runner, x *convRun) {
	filter := x.prepared
	if filter == nil {
		filter = x.scratch[:d.prepared()]
		d.prepare(r, x.b, filter)
	}
	blocks := d.imageBlocks * d.rowBlocks
	r.Run(d.groups*blocks*d.colTasks, func(worker, task int) {
		own := carve(x.scratch[d.prepared()+worker*d.own:][:d.own])
		t := directTask{direct: d, convRun: x, worker: worker, filter: filter,
			edge: own.take(d.edgeFloats), strip: own.take(d.stripFloats), window: own.take(d.windowFloats), stage: own}
		t.panel, t.panelEnd = share(d.panels, d.colTasks, task%d.colTasks)
		task /= d.colTasks
		t.group, task = task/blocks, task%blocks
		t.image, t.imageEnd = share(d.batch, d.imageBlocks, task/d.rowBlocks)
		t.row, t.rowEnd = share(d.latticeRows, d.rowBlocks, task%d.rowBlocks)
		t.run()
	})
}

// directTask computes a block of output pixels: rows of the phases' lattices in some images, and some channels of a group.
type directTask struct {
	*direct
	*convRun
	worker, group                      int
	image, imageEnd                    int
	row, rowEnd                        int
	panel, panelEnd                    int
	filter, edge, strip, window, stage []float32
}

func (t *directTask) run() {
	t.copyStrip()
	for i := range t.forms {
		f := &t.forms[i]
		if f.terms == 0 {
			t.clear(f)
			continue
		}
		if t.windows {
			t.copyWindows(f)
		}
		for panel := t.panel; panel < t.panelEnd; panel++ {
			t.multiply(f, panel)
		}
	}
	step := t.rows[0].step
	first, end := t.row*step, min(t.rowEnd*step, t.outH)
	pixels := (end - first + (t.imageEnd-t.image-1)*t.outH) * t.outW
	col := t.panel * t.micro.NR
	cols := min(t.panelEnd*t.micro.NR, t.outG) - col
	t.finish(t.worker, (t.image*t.outH+first)*t.outW, pixels, t.group*t.outG+col, cols)
}

// copyStrip fills the strip with the group's channels of the input rows that the task sees.
func (t *directTask) copyStrip() {
	rows := t.stripRows(t.rowEnd - t.row)
	first := t.row*t.rows[0].stride + t.low[0]
	to := t.strip
	for image := t.image; image < t.imageEnd; image++ {
		for y := first; y < first+rows; y++ {
			t.copyRow(to[:t.pitch], image, y)
			to = to[t.pitch:]
		}
	}
}

func (t *directTask) copyRow(to []float32, image, y int) {
	length := t.pitch / t.inG
	first, end := max(-t.low[1], 0), min(t.inW-t.low[1], length)
	if y < 0 || y >= t.inH || first >= end {
		clear(to)
		return
	}
	clear(to[:first*t.inG])
	clear(to[end*t.inG:])
	from := t.a[((image*t.inH+y)*t.inW+first+t.low[1])*t.inC+t.group*t.inG:]
	if t.groups == 1 {
		copy(to[first*t.inG:end*t.inG], from)
		return
	}
	for x := range end - first {
		copy(to[(first+x)*t.inG:(first+x+1)*t.inG], from[x*t.inC:])
	}
}

// pixel returns where the operands of a row's first pixel begin in the strip.
func (t *directTask) pixel(image, row int) int {
	return ((image-t.image)*t.stripRows(t.rowEnd-t.row) + (row-t.row)*t.rows[0].stride) * t.pitch
}

// copyWindows writes each pixel's operands as one row.
func (t *directTask) copyWindows(f *form) {
	to := t.window
	for image := t.image; image < t.imageEnd; image++ {
		for row := t.row; row < min(t.rowEnd, f.rows.count); row++ {
			from, at := t.strip[t.pixel(image, row):], 0
			for i := range f.segments {
				s := &f.segments[i]
				t.vector.Copy2D(to[at:], f.terms, from[s.offset:], f.cols.stride*t.inG, f.cols.count, s.terms)
				at += s.terms
			}
			to = to[f.cols.count*f.terms:]
		}
	}
}

// output returns where an output pixel begins.
func (t *directTask) output(f *form, image, row int) int {
	return ((image*t.outH+f.rows.first+row*f.rows.step)*t.outW + f.cols.first) * t.outC
}

func (t *directTask) clear(f *form) {
	col := t.panel * t.micro.NR
	cols := min(t.panelEnd*t.micro.NR, t.outG) - col
	for image := t.image; image < t.imageEnd; image++ {
		for row := t.row; row < min(t.rowEnd, f.rows.count); row++ {
			at := t.output(f, image, row) + t.group*t.outG + col
			for range f.cols.count {
				clear(t.out[at : at+cols])
				at += f.cols.step * t.outC
			}
		}
	}
}

// operand is a matrix of a run of pixels and where its products go.
type operand struct {
	a, c     []float32
	pixels   int
	lda, ldc int
}

// multiply computes one panel of output channels.
func (t *directTask) multiply(f *form, panel int) {
	nr := t.micro.NR
	filter := t.filter[((t.group*t.panels+panel)*t.terms+f.before)*nr:]
	cols := min(nr, t.outG-panel*nr)
	channel := t.group*t.outG + panel*nr
	segments, eachRun := f.segments, t.eachRow
	if t.windows {
		segments, eachRun = f.windows, t.windowRun
	}
	if cols < nr && !t.staged {
		eachRun(f, channel, func(x operand) { t.tiles(x, segments, filter, cols) })
		return
	}
	// The panel's part for one segment stays in the first-level cache over all rows.
	for i := range segments {
		s := &segments[i]
		then := t.comes(f, filter[s.terms*nr:], s.terms*nr)
		eachRun(f, channel, func(x operand) { t.segmentTiles(x, s, filter, i > 0, &then) })
		filter = filter[s.terms*nr:]
	}
	if t.staged {
		t.unstage(f, channel, cols)
	}
}

// coming is what will be needed soon: memory is asked for some lines of it with every tile, or every few of them.
type coming struct {
	data  []float32
	lines int // with a tile
}

// comes spreads asking for the next n floats of the filter over the tiles of a form.
func (t *directTask) comes(f *form, filter []float32, n int) coming {
	if t.micro.ask == nil {
		return coming{}
	}
	tiles := (t.imageEnd - t.image) * (t.rowEnd - t.row) * ceilDiv(f.cols.count, t.micro.MR)
	return coming{data: filter[:min(n, len(filter))], lines: ceilDiv(n, tiles*lineFloats)}
}

// askedTiles is how many tiles are computed at a time: what memory is asked for with each is asked for together.
const askedTiles = 4

// next asks for as much as belongs to some tiles.
func (c *coming) next(m *Micro, tiles int) {
	if n := min(tiles*c.lines, len(c.data)/lineFloats); n > 0 {
		m.ask(n, &c.data[0])
		c.data = c.data[n*lineFloats:]
	}
}

// eachRow goes through the form's rows of pixels in the strip.
func (t *directTask) eachRow(f *form, channel int, do func(x operand)) {
	x := operand{pixels: f.cols.count, lda: f.cols.stride * t.inG, ldc: f.cols.step * t.outC}
	for image := t.image; image < t.imageEnd; image++ {
		for row := t.row; row < min(t.rowEnd, f.rows.count); row++ {
			x.a, x.c = t.strip[t.pixel(image, row):], t.out[t.output(f, image, row)+channel:]
			do(x)
		}
	}
}

// windowRun hands over all windows of the form at once: output pixels that follow each other in memory (several images are
// whole ones), or the stage.
func (t *directTask) windowRun(f *form, channel int, do func(x operand)) {
	rows := min(t.rowEnd, f.rows.count) - t.row
	if rows <= 0 {
		return
	}
	x := operand{a: t.window, pixels: (t.imageEnd - t.image) * rows * f.cols.count, lda: f.terms, c: t.stage, ldc: t.micro.NR}
	if !t.staged {
		x.c, x.ldc = t.out[t.output(f, t.image, t.row)+channel:], t.outC
	}
	do(x)
}

// unstage writes a panel's products to the output pixels, which do not follow each other.
func (t *directTask) unstage(f *form, channel, cols int) {
	from, nr := t.stage, t.micro.NR
	for image := t.image; image < t.imageEnd; image++ {
		for row := t.row; row < min(t.rowEnd, f.rows.count); row++ {
			t.vector.Copy2D(t.out[t.output(f, image, row)+channel:], f.cols.step*t.outC, from, nr, f.cols.count, cols)
			from = from[f.cols.count*nr:]
		}
	}
}

// segmentTiles multiplies one segment of a run of pixels by a whole panel.
func (t *directTask) segmentTiles(x operand, s *segment, filter []float32, accumulate bool, then *coming) {
	m := t.micro
	for r := range m.runs(x.pixels) {
		for i := 0; i < r.strips; i += askedTiles {
			first, tiles := r.first+i*r.rows, min(askedTiles, r.strips-i)
			then.next(m, tiles)
			m.Rows[r.rows](s.terms, tiles, &x.a[s.offset+first*x.lda], &filter[0], &x.c[first*x.ldc], x.lda, m.NR, x.ldc,
				r.rows*x.lda, 0, r.rows*x.ldc, accumulate)
		}
	}
}

// tiles multiplies all segments of a run of pixels by a panel of which only cols channels exist.
func (t *directTask) tiles(x operand, segments []segment, filter []float32, cols int) {
	m := t.micro
	strips := ceilDiv(x.pixels, m.MR)
	for i := range strips {
		first, n := strip(x.pixels, strips, i)
		at := 0
		for j := range segments {
			s := &segments[j]
			m.Rows[n](s.terms, 1, &x.a[s.offset+first*x.lda], &filter[at], &t.edge[0], x.lda, m.NR, m.NR, 0, 0, 0, j > 0)
			at += s.terms * m.NR
		}
		t.vector.Copy2D(x.c[first*x.ldc:], x.ldc, t.edge, m.NR, n, cols)
	}
}
