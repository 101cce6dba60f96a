package kernel

// A transposed A is copied into strips: in place a strip fills part of each cache line that it takes, and where rows are a
// power of two apart, they evict each other before its neighbour needs them. Strips at A's edge stay in place.

// copies returns how many strips of a layer are copied.
func (b *block) copies(x *layer) (n int) {
	if b.plan.copied == 0 {
		return 0
	}
	for x.begin+n < x.end {
		row, rows := b.rowsOf(x.begin + n)
		reach := row + stripRows
		if b.micro.packStrips == nil && n%2 == 0 {
			reach += b.micro.MR // two strips are read, be the second wanted or not
		}
		if rows < b.micro.MR || reach > b.spec.M {
			break
		}
		n++
	}
	return n
}

// copied returns where a copied strip of a layer begins.
func (b *block) copied(x *layer, i int) *float32 {
	return &b.own[b.plan.tile+(x.slot+i)%b.plan.copySlots(b.micro)*b.plan.stripFloats()]
}

// transposed returns a transposed A from the first term of a chunk and the first row of a strip on.
func (b *block) transposed(chunk, strip int) []float32 {
	row, _ := b.rowsOf(strip)
	first, _ := b.chunkRange(chunk)
	return b.a[first*b.spec.LDA+row:]
}

// prepare copies, before strip i of a layer is multiplied, what the tier copies at this time.
func (b *block) prepare(x, next *layer, i int) {
	if b.micro.packStrips == nil {
		b.copyAhead(x, next, i)
	} else if i == 0 {
		b.packLayer(x, next)
	}
}

// onTheWay computes a tile of a sweep if there is something to do meanwhile.
func (b *block) onTheWay(x *sweep, bp, col int) bool {
	if b.micro.packStrips == nil {
		return b.ahead.with(x, bp, col)
	}
	for i := range b.asks {
		if b.asks[i].lines > 0 && x.rows == b.micro.MR && x.terms >= 4 {
			b.asks[i].with(x, bp, col)
			return true
		}
	}
	return false
}

// packLayer copies the strips of a layer and begins to ask memory for the next one's.
func (b *block) packLayer(x, next *layer) {
	if x.copied > 0 {
		_, terms := b.chunkRange(x.chunk)
		b.micro.packStrips(terms, x.copied, &b.transposed(x.chunk, x.begin)[0], b.spec.LDA, b.copied(x, 0), b.plan.stripFloats())
	}
	b.asks[0] = request{}
	if next.copied > 0 {
		_, terms := b.chunkRange(next.chunk)
		b.asks[0] = newRequest(b.transposed(next.chunk, next.begin), terms, next.copied*b.micro.MR, b.spec.LDA)
	}
}

// request is a part of a matrix that will be needed soon: some lines of memory of each of its rows.
type request struct {
	data        []float32
	ld          int
	rows, lines int
	row         int // rows of the first line that memory has been asked for
}

const lineFloats = 16 // of a cache line

func newRequest(data []float32, rows, cols, ld int) request {
	return request{data: data, ld: ld, rows: rows, lines: ceilDiv(cols, lineFloats)}
}

// with computes a tile of a sweep and asks for a line of some rows meanwhile.
func (r *request) with(x *sweep, bp, col int) {
	from := &r.data[min(r.row*r.ld, len(r.data)-1)]
	x.micro.colsAsk(x.terms, x.a, &x.b[bp], &x.c[col], x.lda, x.ldb, x.ldc, x.accumulate, from, r.ld)
	r.row += x.terms / 4
	if r.row < r.rows {
		return
	}
	r.row = 0
	r.lines--
	r.data = r.data[min(lineFloats, len(r.data)-1):]
}

// copying is what is left to copy of two strips.
type copying struct {
	from     *float32
	ld, rows int
	to       [2]*float32
	then     *float32 // what is copied after these rows
}

// pair describes the copying of strips i and i+1 of a layer.
func (b *block) pair(x *layer, i int) copying {
	row, _ := b.rowsOf(x.begin + i)
	first, terms := b.chunkRange(x.chunk)
	return copying{from: &b.transposed(x.chunk, x.begin+i)[0], ld: b.spec.LDA, rows: terms, to: [2]*float32{b.copied(x, i), b.copied(x, i+1)},
		then: &b.a[min(first*b.spec.LDA+row+2*b.micro.MR, len(b.a)-1)]}
}

// copyAhead begins, with strip i of a layer, to copy the next two strips, or the first two of the next layer. The strip
// itself must have been copied by then.
func (b *block) copyAhead(x, next *layer, i int) {
	if i >= x.copied || i%2 > 0 {
		return
	}
	b.ahead.finish(b.micro)
	if i == 0 && !x.ready {
		now := b.pair(x, 0)
		now.finish(b.micro)
	}
	switch {
	case i+2 < x.copied:
		b.ahead = b.pair(x, i+2)
	case next.copied > 0:
		b.ahead = b.pair(next, 0)
		next.ready = true
	}
}

// with computes a tile of a sweep and copies a part of the rows meanwhile, if there are as many left.
func (c *copying) with(x *sweep, bp, col int) bool {
	rows := x.terms / 4
	if c.rows < rows || c.rows == 0 {
		return false
	}
	ahead := c.then
	if c.rows > rows {
		ahead = offset(c.from, rows*c.ld)
	}
	x.micro.colsCopy(x.terms, x.a, &x.b[bp], &x.c[col], x.lda, x.ldb, x.ldc, x.accumulate, c.from, c.ld, c.to[0], c.to[1], ahead)
	c.advance(rows)
	return true
}

// finish copies what is left.
func (c *copying) finish(m *Micro) {
	if c.rows > 0 {
		m.copyStrips(c.rows, c.from, c.ld, c.to[0], c.to[1])
		c.rows = 0
	}
}

func (c *copying) advance(rows int) {
	c.rows -= rows
	if c.rows == 0 {
		return
	}
	c.from = offset(c.from, rows*c.ld)
	for i := range c.to {
		c.to[i] = offset(c.to[i], rows*stripRows)
	}
}
