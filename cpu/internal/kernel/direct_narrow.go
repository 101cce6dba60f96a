package kernel

// directNarrow computes filter gradients where one side, x or dy, has few channels. All of a pixel's operands on that side,
// taps·inC floats, are copied into a row of windows; the other side is multiplied where it lies:
//
//	dw[tap, c, k] = Σ over pixels of windows[pixel, (tap, c)] · wide[pixel, k]
//
// If dy is the narrow side, pixels are those of x, their windows those of the input gradient, and the product is dw with
// c and k exchanged. The names of [gather] serve both: "in" is the narrow operand, "out" has the wide operand's pixels.
type directNarrow struct {
	*gather
	set    *Set
	height int // rows of the product: taps·inC
	lda    int
	panels int  // of the wide operand's channels
	width  int  // of the product, filled up to whole panels
	parts  int  // tasks, each with its own sums
	plain  bool // all columns see all taps of a row, and next to each other
	sums   int  // floats of a part's sums
	own    int  // floats of scratch of each worker
}

const (
	narrowChannels = 8   // most channels of the narrow side
	narrowRows     = 512 // most rows of the product
	narrowPixels   = 128 // pixels of a block, the inner dimension of its product
)

// narrowFilter tells whether the filter gradient is one for directNarrow.
func narrowFilter(s *ConvSpec) bool {
	low, high := min(s.InC, s.OutC), max(s.InC, s.OutC)
	return s.Groups == 1 && low <= narrowChannels && high >= 2*low && s.KernelH*s.KernelW*low <= narrowRows
}

func newDirectNarrow(set *Set, s *ConvSpec) *directNarrow {
	kind := ConvForward
	if s.OutC < s.InC {
		kind = ConvInputGradient
	}
	d := &directNarrow{gather: newGather(s, kind), set: set}
	nr := set.Micro.NR
	d.height = s.KernelH * s.KernelW * d.inC
	d.lda = roundUp(d.height, nr)
	d.panels = ceilDiv(d.outC, nr)
	d.width = d.panels * nr
	d.sums = d.height * d.width
	d.parts = max(1, min(filterTasks, d.pixels()/filterPixelsMin))
	d.plain = len(d.cols) == 1 && len(d.cols[0].taps) == s.KernelW && consecutive(d.cols[0].taps)
	d.own = narrowPixels * (d.lda + nr)
	return d
}

// pixels returns how many pixels the wide operand has.
func (d *directNarrow) pixels() int { return d.batch * d.outH * d.outW }

// consecutive tells that the taps' operands are contiguous.
func consecutive(taps []tap) bool {
	for i := range taps {
		if taps[i].offset != taps[0].offset+i {
			return false
		}
	}
	return true
}

func (d *directNarrow) scratch(workers int) int { return d.parts*d.sums + workers*d.own }

func (d *directNarrow) prepared() int { return 0 }

func (d *directNarrow) prepare(Runner, []float32, []float32) {}

func (d *directNarrow) run(r Runner, x *convRun) {
	narrow, wide := x.a, x.b
	if d.transposed {
		narrow, wide = wide, narrow
	}
	c := carve(x.scratch)
	sums := c.take(d.parts * d.sums)
	r.Run(d.parts, func(worker, part int) {
		own := carve(c[worker*d.own:][:d.own])
		windows, edge := own.take(narrowPixels*d.lda), own
		first, end := share(d.pixels(), d.parts, part)
		for p := first; p < end; p += narrowPixels {
			n := min(narrowPixels, end-p)
			d.copyWindows(narrow, windows, p, p+n)
			d.multiply(windows, wide[p*d.outC:], edge, sums[part*d.sums:], n, p > first)
		}
	})
	for part := 1; part < d.parts; part++ {
		d.set.Micro.add(d.sums, &sums[0], &sums[part*d.sums])
	}
	d.store(x.out, sums)
}

// multiply adds the products of n pixels. Only a panel that reaches beyond the last channel is copied.
func (d *directNarrow) multiply(windows, wide, edge, sums []float32, n int, accumulate bool) {
	m := &d.set.Micro
	for col := 0; col < d.outC; col += m.NR {
		b, ldb := wide[col:], d.outC
		if col+m.NR > d.outC {
			m.packPanel(edge[:n*m.NR], b, ldb, n, d.outC-col, false)
			b, ldb = edge, m.NR
		}
		for r := range m.runs(d.height) {
			m.Cols[r.rows](n, r.strips, &windows[r.first], &b[0], &sums[r.first*d.width+col], d.lda, ldb, d.width,
				r.rows, 0, r.rows*d.width, accumulate)
		}
	}
}

// store writes dw from the sums.
func (d *directNarrow) store(dw, sums []float32) {
	v, taps := &d.set.Vector, d.height/d.inC
	for position := range taps {
		index := position
		if d.transposed { // whose taps have descending indices
			index = taps - 1 - position
		}
		to, from := dw[index*d.inC*d.outC:][:d.inC*d.outC], sums[position*d.inC*d.width:]
		if d.transposed {
			v.Transpose(to, d.inC, from, d.width, d.inC, d.outC)
		} else {
			v.Copy2D(to, d.outC, from, d.width, d.inC, d.outC)
		}
	}
}

// copyWindows writes the windows of pixels [first, end): for each tap, those of a row from left to right, its channels;
// zeros beyond the narrow operand's edges.
func (d *directNarrow) copyWindows(narrow, to []float32, first, end int) {
	clear(to[:(end-first)*d.lda])
	for p := first; p < end; {
		line, col := p/d.outW, p%d.outW
		n := min(d.outW-col, end-p)
		row := &d.rows[line%d.outH%len(d.rows)]
		for _, t := range row.taps {
			y := line%d.outH/row.step*row.stride + t.offset
			if y < 0 || y >= d.inH {
				continue
			}
			from := narrow[(line/d.outH*d.inH+y)*d.inW*d.inC:][:d.inW*d.inC]
			at := d.position(t.index, d.height/d.inC/d.filterW) * d.filterW * d.inC
			if d.plain {
				d.copyRuns(from, to[at:], col, n)
			} else {
				d.copyTaps(from, to[at:], col, n)
			}
		}
		to = to[n*d.lda:]
		p += n
	}
}

// position returns where a tap stands in a window, given its index among n in the filter.
func (d *directNarrow) position(index, n int) int { return pick(d.transposed, n-1-index, index) }

// copyRuns copies the operands of n pixels from col on for one row of the filter. They are contiguous.
func (d *directNarrow) copyRuns(from, to []float32, col, n int) {
	p := &d.cols[0]
	run, low := len(p.taps), p.taps[0].offset
	begin, end := visible(col, n, p.stride, low, run, d.inW)
	if end > begin {
		x := (col+begin)*p.stride + low
		d.set.Vector.Copy2D(to[begin*d.lda:], d.lda, from[x*d.inC:], p.stride*d.inC, end-begin, run*d.inC)
	}
	for i := range n {
		if i >= begin && i < end {
			continue
		}
		x := (col+i)*p.stride + low
		first, last := max(0, -x), min(run, d.inW-x)
		if first < last {
			copy(to[i*d.lda+first*d.inC:], from[(x+first)*d.inC:(x+last)*d.inC])
		}
	}
}

// copyTaps is copyRuns for any phases.
func (d *directNarrow) copyTaps(from, to []float32, col, n int) {
	for i := range n {
		p := &d.cols[(col+i)%len(d.cols)]
		for _, t := range p.taps {
			x := (col+i)/p.step*p.stride + t.offset
			if x >= 0 && x < d.inW {
				copy(to[i*d.lda+d.position(t.index, d.filterW)*d.inC:][:d.inC], from[x*d.inC:])
			}
		}
	}
}
