package kernel

// block is a part of C that one worker computes.
type block struct {
	*gemmRun
	worker, matrix int
	a              []float32 // the matrix A
	to             target
	own            []float32 // the worker's scratch: a tile for panels that reach beyond C, then packed panels
	strips, panels [2]int    // begin and end
	partial        bool      // the first chunk overwrites, whichever it is
	until          int       // end of the chunks of which A may be asked for, or 0: those multiplied now
	ahead          copying
	asks           [2]request // of the next layer's A and the next chunk's B
}

// multiply adds the products of chunks [first, end), which p holds. After the last of all the block is final.
//
// For each chunk and block of rows, B passes by in groups of panels that stay in the second-level cache; within a group
// strips of rows run outside, panels inside, so that the strip's part of A stays in the first-level cache.
func (b *block) multiply(p *panels, first, end int, last bool) {
	perBlock := max(1, b.micro.blockCols(b.plan.terms)/b.micro.NR)
	for x, more := b.layer(first, b.strips[0], 0), true; more; {
		var next layer
		if next, more = b.after(&x, end); !more && x.chunk+1 < b.until {
			next = b.layer(x.chunk+1, b.strips[0], 0)
		}
		for panel := b.panels[0]; panel < b.panels[1]; panel += perBlock {
			stop := min(panel+perBlock, b.panels[1])
			for i := x.begin; i < x.end; i++ {
				if panel == b.panels[0] {
					b.prepare(&x, &next, i-x.begin)
				}
				b.strip(p, &x, i, panel, stop)
			}
			b.ahead.finish(b.micro)
			if last && x.chunk == end-1 {
				b.final(&x, panel*b.micro.NR, min(stop*b.micro.NR, b.spec.N))
			}
		}
		x = next
	}
}

// layer is a range of a block's strips with a chunk of K.
type layer struct {
	chunk      int
	begin, end int  // of the strips
	accumulate bool // adds to C
	copied     int  // how many strips are copied
	slot       int  // of the first copied strip, of those that are copied by two
	ready      bool // the first two have been copied, or will be by the end of the layer before
}

func (b *block) layer(chunk, begin, slot int) layer {
	x := layer{chunk: chunk, begin: begin, end: min(begin+b.plan.stripsPerBlock(b.micro), b.strips[1]), slot: slot,
		accumulate: b.to.accumulate || (chunk > 0 && !b.partial)}
	x.copied = b.copies(&x)
	return x
}

// after returns the layer after x, if there is one.
func (b *block) after(x *layer, end int) (next layer, ok bool) {
	slot := 0
	if b.micro.packStrips == nil {
		slot = x.slot + x.copied + x.copied%2
	}
	switch {
	case x.end < b.strips[1]:
		return b.layer(x.chunk, x.end, slot), true
	case x.chunk+1 < end:
		return b.layer(x.chunk+1, b.strips[0], slot), true
	}
	return next, false
}

func (b *block) final(x *layer, col, end int) {
	begin, _ := b.rowsOf(x.begin)
	row, rows := b.rowsOf(x.end - 1)
	b.finish(b.worker, b.matrix, begin, row+rows-begin, col, end-col)
}

// strip multiplies a few rows of A by panels [panel, stop) of a chunk.
func (b *block) strip(p *panels, x *layer, i, panel, stop int) {
	row, rows := b.rowsOf(i)
	first, terms := b.chunkRange(x.chunk)
	nr := b.micro.NR
	s := sweep{kernel: b.micro.Rows[rows], rows: rows, terms: terms, lda: b.spec.LDA,
		b: p.data[b.at(p, x.chunk, panel):], ldb: nr, step: nr * terms,
		c: b.to.c[row*b.to.ld+panel*nr:], ldc: b.to.ld, cols: min(stop*nr, b.to.cols) - panel*nr,
		edge: b.own, accumulate: x.accumulate}
	if p.inPlace {
		s.ldb, s.step = b.spec.LDB, nr
	}
	switch {
	case !b.spec.TransA:
		s.a, s.next = &b.a[row*b.spec.LDA+first], b.micro.asking(rows)
	case i-x.begin < x.copied:
		s.kernel, s.a, s.lda = b.micro.Cols[rows], b.copied(x, i-x.begin), stripRows
		s.micro, s.block = b.micro, b
	default:
		s.kernel, s.a = b.micro.Cols[rows], &b.a[first*b.spec.LDA+row]
	}
	s.run(nr)
}

// sweep is the product of a strip of A with neighbouring panels of B.
type sweep struct {
	kernel      MicroFunc
	rows, terms int
	a           *float32
	lda         int
	b           []float32 // from the first panel on
	ldb, step   int       // from row to row, from panel to panel
	c           []float32 // from the first panel's column on
	ldc, cols   int
	edge        []float32 // a tile of scratch
	accumulate  bool
	next        MicroFunc // for the first panel if A is read by rows where it lies, or nil
	micro       *Micro
	block       *block // of a copied strip: it has things to do on the way
}

func (x *sweep) run(nr int) {
	whole := x.cols / nr
	for i := 0; i < whole; {
		if x.block != nil && x.block.onTheWay(x, i*x.step, i*nr) {
			i++
			continue
		}
		kernel, n := x.kernel, whole-i
		if i == 0 && x.next != nil {
			kernel, n = x.next, 1
		}
		kernel(x.terms, n, x.a, &x.b[i*x.step], &x.c[i*nr], x.lda, x.ldb, x.ldc, 0, x.step, nr, x.accumulate)
		i += n
	}
	if col := whole * nr; col < x.cols {
		x.kernel(x.terms, 1, x.a, &x.b[whole*x.step], &x.edge[0], x.lda, x.ldb, nr, 0, 0, 0, false)
		for r := range x.rows {
			put(x.c[r*x.ldc+col:][:x.cols-col], x.edge[r*nr:], x.accumulate)
		}
	}
}
