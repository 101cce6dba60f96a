package kernel

// directFew computes convolutions with few output channels, such as a network's last. A panel of the matrix product would
// be nearly empty, so the product is taken before the sum over taps: the weights of all taps, taps·outC rows, times the
// pixels of a strip as columns. Each output channel is then the sum of some of these rows, shifted against each other by
// the distances of their taps.
type directFew struct {
	*direct
	height int // rows of products: taps·outC
	width  int // floats of one: pixels of a strip, filled up to whole panels
	pixels int // of a strip
}

// fewPixels are the output pixels of a task; rows of pixels beyond its edges are multiplied in vain.
const fewPixels = 512

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
	d.plan(fewPixels)
	d.colTasks = 1
	nr := d.micro.NR
	d.height = d.terms / g.inC * g.outC
	d.pixels = d.stripFloats / g.inC
	d.width = roundUp(d.pixels, nr)
	d.stripFloats = d.width * g.inC
	d.own = d.stripFloats + g.inC*nr + (d.height+g.outC)*d.width
	return d
}

func (d *directFew) scratch(workers int) int { return d.prepared() + workers*d.own }

func (d *directFew) prepared() int { return d.height * d.inC }

// prepare brings the weights into rows of inC floats, one for each tap and output channel.
func (d *directFew) prepare(_ Runner, w, prepared []float32) {
	to := prepared
	for _, r := range d.rows[0].taps {
		for _, c := range d.cols[0].taps {
			from := w[(r.index*d.filterW+c.index)*d.inC*d.outC:][:d.inC*d.outC]
			if d.transposed {
				copy(to, from)
			} else {
				d.vector.Transpose(to, d.inC, from, d.outC, d.inC, d.outC)
			}
			to = to[d.inC*d.outC:]
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
		own := carve(x.scratch[d.prepared()+worker*d.own:][:d.own])
		t := directTask{direct: d.direct, convRun: x, worker: worker, strip: own.take(d.stripFloats)}
		t.image, t.imageEnd = share(d.batch, d.imageBlocks, task/d.rowBlocks)
		t.row, t.rowEnd = share(d.latticeRows, d.rowBlocks, task%d.rowBlocks)
		t.copyStrip()
		products := d.multiply(t.strip, filter, &own)
		sums := own.take(d.outC * d.width)
		d.sum(products, sums)
		for image := t.image; image < t.imageEnd; image++ {
			for row := t.row; row < t.rowEnd; row++ {
				d.store(t.out[t.output(&d.forms[0], image, row):], sums[t.pixel(image, row)/d.inC:])
			}
		}
		first := t.image*d.outH + t.row
		lines := (t.imageEnd-t.image-1)*d.outH + t.rowEnd - t.row
		x.finish(worker, first*d.outW, lines*d.outW, 0, d.outC)
	})
}

// multiply computes the products of all pixels of the strip. What lies beyond the last gives columns that nobody reads.
func (d *directFew) multiply(strip, filter []float32, own *carve) (products []float32) {
	m := d.micro
	panel := own.take(d.inC * m.NR)
	products = own.take(d.height * d.width)
	for p := 0; p < d.width; p += m.NR {
		m.packPanel(panel, strip[p*d.inC:], d.inC, d.inC, m.NR, true)
		for r := range m.runs(d.height) {
			m.Rows[r.rows](d.inC, r.strips, &filter[r.first*d.inC], &panel[0], &products[r.first*d.width+p], d.inC, m.NR, d.width,
				r.rows*d.inC, 0, r.rows*d.width, false)
		}
	}
	return products
}

// sum adds up the rows of each output channel, taps in order, as if the whole strip were one row of pixels: where a tap
// reaches over the end of a row, and between the pixels that a stride selects, there are sums that nobody reads.
func (d *directFew) sum(products, sums []float32) {
	high := (d.high[0]-d.low[0])*d.pitch/d.inC + d.high[1] - d.low[1]
	n := d.pixels - high
	row := 0
	for i, r := range d.rows[0].taps {
		for j, c := range d.cols[0].taps {
			shift := (r.offset-d.low[0])*d.pitch/d.inC + c.offset - d.low[1]
			for k := range d.outC {
				sum, term := sums[k*d.width:][:n], products[row*d.width+shift:][:n]
				if i+j == 0 {
					copy(sum, term)
				} else {
					d.vector.Binary[Add](sum, sum, term)
				}
				row++
			}
		}
	}
}

// store writes a row of output pixels from the sums of all channels.
func (d *directFew) store(out, sums []float32) {
	stride := d.cols[0].stride
	if stride == 1 {
		d.vector.Transpose(out, d.outC, sums, d.width, d.outC, d.outW)
		return
	}
	for i := range d.outW {
		for k := range d.outC {
			out[i*d.outC+k] = sums[k*d.width+i*stride]
		}
	}
}
