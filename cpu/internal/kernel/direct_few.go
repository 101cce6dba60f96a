package kernel

// directFew computes convolutions with few output channels, such as a network's last. A panel of the matrix product would
// be nearly empty, so the product is taken before the sum over taps: each input pixel times the weights of all taps gives
// taps·outC numbers, which are then summed over the windows.
type directFew struct {
	*direct
	width int // taps·outC, filled up to whole panels
	sums  int // floats of the products of a strip
}

// fewOutputs tells whether the product over all taps wastes less than half of what one for each tap wastes.
func fewOutputs(g *gather, m *Micro) bool {
	if !g.whole() || g.groups != 1 {
		return false
	}
	taps := len(g.rows[0].taps) * len(g.cols[0].taps)
	stride := g.rows[0].stride * g.cols[0].stride
	return roundUp(taps*g.outC, m.NR)*stride*2 <= taps*roundUp(g.outC, m.NR)
}

func newDirectFew(set *Set, g *gather) *directFew {
	d := &directFew{direct: newDirect(set, g)}
	d.colTasks = 1
	d.width = roundUp(d.terms/g.inC*g.outC, d.micro.NR)
	d.sums = d.stripFloats / g.inC * d.width
	d.own = d.stripFloats + d.sums
	return d
}

func (d *directFew) scratch(workers int) int { return d.prepared() + workers*d.own }

func (d *directFew) prepared() int { return d.inC * d.width }

// prepare packs the weights as panels of inC rows, with a column for each tap and output channel.
func (d *directFew) prepare(_ Runner, w, prepared []float32) {
	nr := d.micro.NR
	clear(prepared[:d.prepared()])
	col := 0
	for _, r := range d.rows[0].taps {
		for _, c := range d.cols[0].taps {
			from := w[(r.index*d.filterW+c.index)*d.inC*d.outC:]
			for k := range d.outC {
				to := prepared[col/nr*d.inC*nr+col%nr:]
				for i := range d.inC {
					to[i*nr] = from[pick(d.transposed, k*d.inC+i, i*d.outC+k)]
				}
				col++
			}
		}
	}
}

func (d *directFew) run(r Runner, x *convRun) {
	filter := x.prepared
	if filter == nil {
		filter = x.scratch[:d.prepared()]
		d.prepare(r, x.b, filter)
	}
	r.Run(d.imageBlocks*d.rowBlocks, func(worker, task int) {
		own := x.scratch[d.prepared()+worker*d.own:][:d.own]
		t := directTask{direct: d.direct, convRun: x, worker: worker, strip: own[:d.stripFloats]}
		t.image, t.imageEnd = share(d.batch, d.imageBlocks, task/d.rowBlocks)
		t.row, t.rowEnd = share(d.latticeRows, d.rowBlocks, task%d.rowBlocks)
		t.copyStrip()
		products := own[d.stripFloats:]
		d.multiply(&t, filter, products)
		for image := t.image; image < t.imageEnd; image++ {
			for row := t.row; row < t.rowEnd; row++ {
				d.sum(&t, image, row, products)
			}
		}
		first := t.image*d.outH + t.row
		lines := (t.imageEnd-t.image-1)*d.outH + t.rowEnd - t.row
		x.finish(worker, first*d.outW, lines*d.outW, 0, d.outC)
	})
}

// multiply computes the products of all pixels of the strip.
func (d *directFew) multiply(t *directTask, filter, products []float32) {
	m := d.micro
	pixels := (t.imageEnd - t.image) * t.stripRows(t.rowEnd-t.row) * d.pitch / d.inC
	strips := ceilDiv(pixels, m.MR)
	for i := range strips {
		first, n := strip(pixels, strips, i)
		for col := 0; col < d.width; col += m.NR {
			m.Rows[n](d.inC, &t.strip[first*d.inC], &filter[col*d.inC], &products[first*d.width+col], d.inC, m.NR, d.width, false)
		}
	}
}

// sum adds up one row of output pixels, taps in order.
func (d *directFew) sum(t *directTask, image, row int, products []float32) {
	f := &d.forms[0]
	out := t.out[t.output(f, image, row):][:d.outW*d.outC]
	clear(out)
	col := 0
	step := f.cols.stride * d.width
	for _, r := range f.rows.taps {
		line := t.pixel(image, row) + (r.offset-d.low[0])*d.pitch
		for _, c := range f.cols.taps {
			from := products[(line/d.inC+c.offset-d.low[1])*d.width+col:]
			for i := 0; i < len(out); i += d.outC {
				for k := range d.outC {
					out[i+k] += from[k]
				}
				from = from[min(step, len(from)):]
			}
			col += d.outC
		}
	}
}
