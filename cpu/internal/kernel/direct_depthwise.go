package kernel

// depthwise computes convolutions whose every channel is a group of its own. There is no sum over channels, so rows of
// pixels times rows of weights are added up element by element.
type depthwise struct {
	*gather
	vector *Vector
	kind   ConvKind
	taps   int
	block  int // pixels that are computed at a time
	parts  int // tasks of the filter gradient, each with its own sums
	own    int // floats of scratch of each worker
}

const (
	depthFloats = 2048 // floats of a row of pixels that is computed at a time: with its weights it stays in the second-level cache
	depthLines  = 4    // rows of output pixels in a task
)

func isDepthwise(s *ConvSpec) bool { return s.Groups > 1 && s.Groups == s.InC && s.Groups == s.OutC }

func newDepthwise(set *Set, s *ConvSpec, kind ConvKind) *depthwise {
	d := &depthwise{gather: newGather(s, kind), vector: &set.Vector, kind: kind, taps: s.KernelH * s.KernelW}
	widest := 0
	for _, p := range d.cols {
		widest = max(widest, p.count)
	}
	d.block = max(1, min(widest, depthFloats/d.outC))
	d.parts = min(d.batch*d.outH, filterTasks)
	d.own = 2 * d.block * d.outC
	return d
}

func (d *depthwise) scratch(workers int) int {
	return pick(d.kind == ConvFilterGradient, d.parts*d.taps*d.outC, d.prepared()) + workers*d.own
}

func (d *depthwise) prepared() int {
	return pick(d.kind == ConvFilterGradient, 0, d.taps*d.block*d.outC)
}

// prepare repeats each tap's weights for as many pixels as are computed at a time.
func (d *depthwise) prepare(_ Runner, w, prepared []float32) {
	size := d.block * d.outC
	for tap := range d.taps {
		d.vector.TileRow(prepared[tap*size:(tap+1)*size], w[tap*d.outC:(tap+1)*d.outC])
	}
}

func (d *depthwise) run(r Runner, x *convRun) {
	c := carve(x.scratch)
	if d.kind == ConvFilterGradient {
		d.filterGradient(r, x, c)
		return
	}
	weights := x.prepared
	if weights == nil {
		weights = c.take(d.prepared())
		d.prepare(r, x.b, weights)
	}
	lines := d.batch * d.outH
	tasks := ceilDiv(lines, depthLines)
	r.Run(tasks, func(worker, task int) {
		own := carve(c[worker*d.own:][:d.own])
		sums, operand := own.take(d.block*d.outC), own
		first, end := share(lines, tasks, task)
		for line := first; line < end; line++ {
			for i := range d.cols {
				d.line(x, line, &d.cols[i], weights, sums, operand)
			}
		}
		x.finish(worker, first*d.outW, (end-first)*d.outW, 0, d.outC)
	})
}

// line computes those pixels of an output row that belong to a phase.
func (d *depthwise) line(x *convRun, line int, p *phase, weights, sums, operand []float32) {
	for first := 0; first < p.count; first += d.block {
		n := min(d.block, p.count-first)
		clear(sums[:n*d.outC])
		d.operands(x.a, line, p, first, n, operand, func(row, col tap, begin, end int, in []float32) {
			to := sums[begin*d.outC : end*d.outC]
			w := weights[(row.index*d.filterW+col.index)*d.block*d.outC:][:len(to)]
			d.vector.Ternary[MulAdd](to, in, w, to)
		})
		at := line*d.outW + p.first + first*p.step
		d.vector.Copy2D(x.out[at*d.outC:], p.step*d.outC, sums, d.outC, n, d.outC)
	}
}

// operands calls do for every tap that n pixels of a phase see, from pixel first on: the pixels [begin, end) that see it
// within the image, and what they see. operand has room for it, where it is not contiguous.
func (d *depthwise) operands(a []float32, line int, p *phase, first, n int, operand []float32, do func(row, col tap, begin, end int, in []float32)) {
	i := line % d.outH
	rows := &d.rows[i%len(d.rows)]
	for _, row := range rows.taps {
		y := i/rows.step*rows.stride + row.offset
		if y < 0 || y >= d.inH {
			continue
		}
		for _, col := range p.taps {
			begin, end := visible(first, n, p.stride, col.offset, 1, d.inW)
			if begin >= end {
				continue
			}
			in := a[((line/d.outH*d.inH+y)*d.inW+(first+begin)*p.stride+col.offset)*d.inC:]
			size := (end - begin) * d.inC
			if p.stride > 1 {
				d.vector.Copy2D(operand, d.inC, in, p.stride*d.inC, end-begin, d.inC)
				in = operand
			}
			do(row, col, begin, end, in[:size])
		}
	}
}

// filterGradient sums up x·dy for each tap. A task adds some rows of dy; the tasks' sums are added in order.
func (d *depthwise) filterGradient(r Runner, x *convRun, c carve) {
	size := d.taps * d.outC
	sums := c.take(d.parts * size)
	clear(sums)
	p := &d.cols[0]
	r.Run(d.parts, func(worker, part int) {
		operand := c[worker*d.own:][:d.own]
		own := sums[part*size : (part+1)*size]
		first, end := share(d.batch*d.outH, d.parts, part)
		for line := first; line < end; line++ {
			for at := 0; at < p.count; at += d.block {
				dy := x.b[(line*d.outW+at)*d.outC:]
				d.operands(x.a, line, p, at, min(d.block, p.count-at), operand, func(row, col tap, begin, end int, in []float32) {
					to := own[(row.index*d.filterW+col.index)*d.outC:][:d.outC]
					d.vector.ColumnSumProduct(to, in, dy[begin*d.outC:end*d.outC])
				})
			}
		}
	})
	copy(x.out, sums[:size])
	for part := 1; part < d.parts; part++ {
		d.vector.Binary[Add](x.out[:size], x.out[:size], sums[part*size:(part+1)*size])
	}
}
