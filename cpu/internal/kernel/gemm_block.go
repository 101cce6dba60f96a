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
}

// multiply adds the products of chunks [first, end), which p holds. After the last of all the block is final.
//
// For each chunk and block of rows, B passes by in groups of panels that stay in the second-level cache; within a group
// strips of rows run outside, panels inside, so that the strip's part of A stays in the first-level cache.
func (b *block) multiply(p *panels, first, end int, last bool) {
	perBlock := max(1, blockCols/b.micro.NR)
	perRows := b.plan.stripsPerBlock(b.micro)
	for chunk := first; chunk < end; chunk++ {
		accumulate := b.to.accumulate || (chunk > 0 && !b.partial)
		for begin := b.strips[0]; begin < b.strips[1]; begin += perRows {
			strips := [2]int{begin, min(begin+perRows, b.strips[1])}
			b.copyStrips(strips, chunk)
			for panel := b.panels[0]; panel < b.panels[1]; panel += perBlock {
				stop := min(panel+perBlock, b.panels[1])
				for i := strips[0]; i < strips[1]; i++ {
					b.strip(p, i, i-begin, chunk, [2]int{panel, stop}, accumulate)
				}
				if last && chunk == end-1 {
					b.final(strips, panel*b.micro.NR, min(stop*b.micro.NR, b.spec.N))
				}
			}
		}
	}
}

func (b *block) final(strips [2]int, col, end int) {
	begin, _ := strip(b.spec.M, b.plan.strips, strips[0])
	row, rows := strip(b.spec.M, b.plan.strips, strips[1]-1)
	b.finish(b.worker, b.matrix, begin, row+rows-begin, col, end-col)
}

// copyStrips copies the strips' part of a transposed A, if that pays: where rows are a power of two apart, they evict each
// other from the caches before the next panel (1024³: 76 % of the peak in place, 90 % copied); where many panels follow,
// it costs little. Strips at A's edge stay in place.
func (b *block) copyStrips(strips [2]int, chunk int) {
	if b.plan.copied == 0 {
		return
	}
	first, terms := b.chunkRange(chunk)
	for i := strips[0]; i < strips[1]; i++ {
		if row, _ := strip(b.spec.M, b.plan.strips, i); row+stripRows <= b.spec.M {
			b.micro.packStrip(terms, &b.a[first*b.spec.LDA+row], &b.own[b.stripAt(i-strips[0])], b.spec.LDA)
		}
	}
}

// stripAt returns where a copied strip begins in the worker's scratch.
func (b *block) stripAt(slot int) int { return b.plan.tile + slot*b.plan.stripFloats() }

// operandA returns the kernel for a strip, where its part of A begins, and A's leading dimension there. slot is the
// strip's number among the copied ones.
func (b *block) operandA(row, rows, first, slot int) (kernel MicroFunc, a *float32, lda int) {
	switch {
	case !b.spec.TransA:
		return b.micro.Rows[rows], &b.a[row*b.spec.LDA+first], b.spec.LDA
	case b.plan.copied > 0 && row+stripRows <= b.spec.M:
		return b.micro.Cols[rows], &b.own[b.stripAt(slot)], stripRows
	}
	return b.micro.Cols[rows], &b.a[first*b.spec.LDA+row], b.spec.LDA
}

// strip multiplies a few rows of A by a range of panels of a chunk.
func (b *block) strip(p *panels, i, slot, chunk int, columns [2]int, accumulate bool) {
	row, rows := strip(b.spec.M, b.plan.strips, i)
	first, terms := b.chunkRange(chunk)
	kernel, ap, lda := b.operandA(row, rows, first, slot)
	nr := b.micro.NR
	x := sweep{kernel: kernel, rows: rows, terms: terms, a: ap, lda: lda, b: p.data[b.at(p, chunk, columns[0]):], ldb: nr, step: nr * terms,
		c: b.to.c[row*b.to.ld+columns[0]*nr:], ldc: b.to.ld, cols: min(columns[1]*nr, b.to.cols) - columns[0]*nr,
		edge: b.own, accumulate: accumulate}
	if p.inPlace {
		x.ldb, x.step = b.spec.LDB, nr
	}
	x.run(nr)
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
}

func (x *sweep) run(nr int) {
	for col, bp := 0, 0; col < x.cols; col, bp = col+nr, bp+x.step {
		if cols := x.cols - col; cols < nr {
			x.kernel(x.terms, x.a, &x.b[bp], &x.edge[0], x.lda, x.ldb, nr, false)
			for r := range x.rows {
				put(x.c[r*x.ldc+col:][:cols], x.edge[r*nr:], x.accumulate)
			}
			return
		}
		x.kernel(x.terms, x.a, &x.b[bp], &x.c[col], x.lda, x.ldb, x.ldc, x.accumulate)
	}
}
