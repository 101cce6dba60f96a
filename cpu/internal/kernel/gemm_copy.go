package kernel

// copies returns how many strips of a transposed A are copied. In place a strip fills half of each cache line that it
// takes, and where rows are a power of two apart, they evict each other before its neighbour needs them. Strips are copied
// by two, the next ones while the last ones are multiplied; those at A's edge stay in place.
func (b *block) copies(x *layer) (n int) {
	if b.plan.copied == 0 {
		return 0
	}
	for x.begin+n < x.end {
		row, rows := b.rowsOf(x.begin + n)
		reach := row + stripRows + pick(n%2 == 0, b.micro.MR, 0) // two strips are read, be the second wanted or not
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
	return copying{from: &b.a[first*b.spec.LDA+row], ld: b.spec.LDA, rows: terms, to: [2]*float32{b.copied(x, i), b.copied(x, i+1)},
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

// with computes a tile of a sweep and copies a part of the rows meanwhile.
func (c *copying) with(x *sweep, bp, col int) {
	rows := x.terms / 4
	ahead := c.then
	if c.rows > rows {
		ahead = offset(c.from, rows*c.ld)
	}
	x.micro.colsCopy(x.terms, x.a, &x.b[bp], &x.c[col], x.lda, x.ldb, x.ldc, x.accumulate, c.from, c.ld, c.to[0], c.to[1], ahead)
	c.advance(rows)
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
