package kernel

// directFilter computes filter gradients as dw[tap, c, k] = Σ over pixels of window[pixel, tap, c] · dy[pixel, k].
//
// A task owns some rows (tap, c) of dw and, where these are few, a part of the pixels. For a block of pixels at a time it
// copies its columns of the windows and packs dy, then adds their product.
type directFilter struct {
	micro      *Micro
	vector     *Vector
	spec       ConvSpec
	outH, outW int
	inG, outG  int
	rows       int // of dw in one group
	panels     int // of output channels in a group
	rowBlocks  int // tasks over rows
	parts      int // tasks over pixels; several write partial sums
	blockRows  int // most rows of a task
	lda        int
	width      int // of partial sums
	own        int // scratch of a worker
}

const (
	filterPixels    = 128 // pixels of a block, the inner dimension of its product
	filterRows      = 384 // rows of dw of a task
	filterTasks     = 16  // at least so many tasks, if there are pixels enough
	filterPixelsMin = 256 // fewest pixels of a part
	filterPadding   = 16  // floats between rows of copied windows, against conflicts in the cache
	filterPartials  = 8e6 // most floats of partial sums
)

func newDirectFilter(set *Set, s *ConvSpec) *directFilter {
	d := &directFilter{micro: &set.Micro, vector: &set.Vector, spec: *s, outH: s.OutH(), outW: s.OutW(), inG: s.InC / s.Groups, outG: s.OutC / s.Groups}
	d.rows = s.KernelH * s.KernelW * d.inG
	d.panels = ceilDiv(d.outG, d.micro.NR)
	d.rowBlocks = ceilDiv(d.rows, filterRows)
	d.blockRows = ceilDiv(d.rows, d.rowBlocks)
	d.width = d.panels * d.micro.NR
	d.lda = d.blockRows + filterPadding
	pixels := s.Batch * d.outH * d.outW
	d.parts = min(ceilDiv(filterTasks, d.rowBlocks*s.Groups), pixels/filterPixelsMin, filterPartials/(s.Groups*d.rows*d.width))
	d.parts = max(1, d.parts)
	d.own = filterPixels*(d.lda+d.width) + d.micro.MR*d.micro.NR
	return d
}

func (d *directFilter) scratch(workers int) int { return d.partials() + workers*d.own }

// partials returns the floats of all partial sums: for each part and group rows of width floats.
func (d *directFilter) partials() int {
	if d.parts == 1 {
		return 0
	}
	return d.parts * d.spec.Groups * d.rows * d.width
}

func (d *directFilter) prepared() int { return 0 }

func (d *directFilter) prepare(Runner, []float32, []float32) {}

func (d *directFilter) run(r Runner, x *convRun) {
	pixels := d.spec.Batch * d.outH * d.outW
	r.Run(d.parts*d.spec.Groups*d.rowBlocks, func(worker, task int) {
		own := x.scratch[d.partials()+worker*d.own:][:d.own]
		t := filterTask{directFilter: d, convRun: x, window: own[:filterPixels*d.lda]}
		own = own[filterPixels*d.lda:]
		t.packed, t.edge = own[:filterPixels*d.width], own[filterPixels*d.width:]
		t.row, t.rowEnd = share(d.rows, d.rowBlocks, task%d.rowBlocks)
		task /= d.rowBlocks
		t.group, t.part = task%d.spec.Groups, task/d.spec.Groups
		first, end := share(pixels, d.parts, t.part)
		for p := first; p < end; p += filterPixels {
			t.add(p, min(p+filterPixels, end), p > first)
		}
	})
	if d.parts > 1 {
		d.sum(r, x)
	}
}

// sum adds the partial sums in order and writes dw.
func (d *directFilter) sum(r Runner, x *convRun) {
	all := d.spec.Groups * d.rows
	tasks := min(all, filterTasks)
	r.Run(tasks, func(_, task int) {
		first, end := share(all, tasks, task)
		total := x.scratch[first*d.width:]
		for part := 1; part < d.parts; part++ {
			d.micro.add((end-first)*d.width, &total[0], &x.scratch[(part*all+first)*d.width])
		}
		for row := first; row < end; row++ {
			group, at := row/d.rows, row%d.rows*d.spec.OutC
			copy(x.out[at+group*d.outG:][:d.outG], total[(row-first)*d.width:])
		}
	})
}

// filterTask computes rows of dw from a part of the pixels.
type filterTask struct {
	*directFilter
	*convRun
	group, part, row, rowEnd int
	window, packed, edge     []float32
}

// add adds the products of a block of pixels; the first block overwrites.
func (t *filterTask) add(first, end int, accumulate bool) {
	pixels := end - first
	t.copyWindows(first, end)
	for panel := range t.panels {
		t.packPanel(first, pixels, panel)
		t.multiply(pixels, panel, accumulate)
	}
}

// packPanel packs dy's channels of a panel, zeros beyond the last.
func (t *filterTask) packPanel(first, pixels, panel int) {
	nr := t.micro.NR
	cols := min(nr, t.outG-panel*nr)
	from := t.b[first*t.spec.OutC+t.group*t.outG+panel*nr:]
	to := t.packed[panel*filterPixels*nr:][:pixels*nr]
	if cols == nr {
		t.micro.pack(pixels, &from[0], &to[0], t.spec.OutC)
		return
	}
	clear(to)
	for p := range pixels {
		copy(to[p*nr:p*nr+cols], from[p*t.spec.OutC:])
	}
}

func (t *filterTask) multiply(pixels, panel int, accumulate bool) {
	m := t.micro
	b := &t.packed[panel*filterPixels*m.NR]
	cols := min(m.NR, t.outG-panel*m.NR)
	rows := t.rowEnd - t.row
	for r := range m.runs(rows) {
		n, a, row := r.rows, t.window[r.first:], t.row+r.first
		if t.parts > 1 {
			at := ((t.part*t.spec.Groups+t.group)*t.rows+row)*t.width + panel*m.NR
			m.Cols[n](pixels, r.strips, &a[0], b, &t.convRun.scratch[at], t.lda, m.NR, t.width, n, 0, n*t.width, accumulate)
			continue
		}
		at := row*t.spec.OutC + t.group*t.outG + panel*m.NR
		if cols == m.NR {
			m.Cols[n](pixels, r.strips, &a[0], b, &t.out[at], t.lda, m.NR, t.spec.OutC, n, 0, n*t.spec.OutC, accumulate)
			continue
		}
		for i := range r.strips {
			m.Cols[n](pixels, 1, &a[i*n], b, &t.edge[0], t.lda, m.NR, m.NR, 0, 0, 0, false)
			for j := range n {
				put(t.out[at+(i*n+j)*t.spec.OutC:][:cols], t.edge[j*m.NR:], accumulate)
			}
		}
	}
}

// copyWindows copies the task's columns of the windows of pixels [first, end).
func (t *filterTask) copyWindows(first, end int) {
	for row := t.row; row < t.rowEnd; {
		tap, c := row/t.inG, row%t.inG
		n := min(t.inG-c, t.rowEnd-row)
		t.copyTap(first, end, tap, c, n, t.window[row-t.row:])
		row += n
	}
}

// copyTap copies n channels from c on of the input pixels that a tap sees, zeros beyond the image.
func (t *filterTask) copyTap(first, end, tap, c, n int, to []float32) {
	s := &t.spec
	dy := tap/s.KernelW*s.DilationH - s.PadTop
	dx := tap%s.KernelW*s.DilationW - s.PadLeft
	for p := first; p < end; {
		line, i := p/t.outW, p%t.outW
		pixels := min(t.outW-i, end-p)
		y := line%t.outH*s.StrideH + dy
		from := (line/t.outH*s.InH+y)*s.InW*s.InC + t.group*t.inG + c
		low, high := visible(i, pixels, s.StrideW, dx, 1, s.InW)
		if y < 0 || y >= s.InH {
			low, high = pixels, pixels
		}
		for k := range pixels {
			if k < low || k >= high {
				clear(to[k*t.lda:][:n])
			}
		}
		if low < high {
			t.vector.Copy2D(to[low*t.lda:], t.lda, t.a[from+((i+low)*s.StrideW+dx)*s.InC:], s.StrideW*s.InC, high-low, n)
		}
		to = to[min(pixels*t.lda, len(to)):]
		p += pixels
	}
}

// visible returns which of n output pixels from col on, counted from 0, see run input columns from col·stride+offset on
// that all exist.
func visible(col, n, stride, offset, run, in int) (begin, end int) {
	room := in - run - offset // the last pixel is room/stride, rounded down
	if room < 0 {
		return n, n
	}
	begin = min(n, max(0, ceilDiv(max(0, -offset), stride)-col))
	return begin, max(begin, min(n, room/stride+1-col))
}
