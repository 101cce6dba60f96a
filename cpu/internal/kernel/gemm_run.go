package kernel

// gemmRun is one call of Gemm.Run.
type gemmRun struct {
	*Gemm
	a, b, packed, c, scratch []float32
	epilogue                 Epilogue
}

// target is where tiles are written.
type target struct {
	c          []float32
	ld         int
	cols       int  // columns there are; a panel that reaches beyond goes through the edge tile
	accumulate bool // in the first chunk too
}

// output describes matrix i of the batch.
func (x *gemmRun) output(i int) target {
	return target{c: x.c[i*x.spec.StrideC:], ld: x.spec.LDC, cols: x.spec.N, accumulate: x.spec.Accumulate}
}

// privateScratch returns a worker's own scratch.
func (x *gemmRun) privateScratch(worker int) []float32 {
	start := x.plan.shared + worker*x.plan.private
	return x.scratch[start : start+x.plan.private]
}

// packedMatrix returns B of matrix i, packed before.
func (x *gemmRun) packedMatrix(i int) panels {
	size := x.plan.packed(&x.spec, x.micro)
	if x.spec.StrideB == 0 {
		i = 0
	}
	return x.all(x.packed[i*size : (i+1)*size])
}

// empty is a product without terms.
func (x *gemmRun) empty() {
	s := &x.spec
	for i := range s.Batch {
		for row := 0; row < s.M && !s.Accumulate; row++ {
			start := i*s.StrideC + row*s.LDC
			clear(x.c[start : start+s.N])
		}
		x.finish(0, i, 0, s.M, 0, s.N)
	}
}

func (x *gemmRun) finish(worker, matrix, row, rows, col, cols int) {
	if x.epilogue != nil && rows > 0 && cols > 0 {
		x.epilogue(worker, matrix*x.spec.M+row, rows, col, cols)
	}
}

// ready returns B of a matrix if it needs no packing now: it was packed before, or is read in place.
func (x *gemmRun) ready(matrix int) (p panels, ok bool) {
	if x.packed != nil {
		return x.packedMatrix(matrix), true
	}
	if x.plan.inPlace {
		p = x.all(x.b[matrix*x.spec.StrideB:])
		p.inPlace = true
		return p, true
	}
	return p, false
}

// wholeMatrices computes one matrix a task: what a core packs it consumes.
func (x *gemmRun) wholeMatrices(r Runner) {
	r.Run(x.spec.Batch, func(worker, matrix int) {
		b := block{gemmRun: x, matrix: matrix, a: x.a[matrix*x.spec.StrideA:], to: x.output(matrix), worker: worker,
			own: x.privateScratch(worker), strips: [2]int{0, x.plan.strips}, panels: [2]int{0, x.plan.panels}}
		if p, ok := x.ready(matrix); ok {
			b.multiply(&p, 0, x.plan.chunks, true)
			return
		}
		for chunk := range x.plan.chunks {
			p := b.pack(chunk)
			b.multiply(&p, chunk, chunk+1, chunk == x.plan.chunks-1)
		}
	})
}

// pack packs a chunk of B into the worker's scratch.
func (b *block) pack(chunk int) panels {
	p := panels{data: b.own[b.plan.tile+b.plan.copied:], count: b.plan.panels, chunk: chunk, depth: 1}
	b.packShare(b.b[b.matrix*b.spec.StrideB:], &p, 0, 1)
	return p
}

// splitMatrix computes the matrices one after the other, each by all workers. While they multiply by a group of panels they
// pack the next one.
func (x *gemmRun) splitMatrix(r Runner) {
	if p, ok := x.ready(0); ok {
		for matrix := range x.spec.Batch {
			x.blocks(r, matrix, &p, nil)
			p, _ = x.ready(min(matrix+1, x.spec.Batch-1))
		}
		return
	}
	g := x.group(0)
	x.packParallel(r, x.b, &g.panels)
	for i := 1; g != nil; i++ {
		next := x.group(i)
		x.blocks(r, g.matrix, &g.panels, next)
		g = next
	}
}

// group is the part of B that is packed at a time.
type group struct {
	panels
	matrix int
}

// group returns group i, or nil after the last one.
func (x *gemmRun) group(i int) *group {
	p := &x.plan
	if i >= p.groups(&x.spec) {
		return nil
	}
	deep, wide := ceilDiv(p.chunks, p.groupChunks), ceilDiv(p.panels, p.groupPanels)
	g := &group{matrix: i / deep / wide, panels: panels{panel: i / deep % wide * p.groupPanels, chunk: i % deep * p.groupChunks,
		data: x.scratch[i%2*p.group:][:p.group]}}
	g.count, g.depth = min(p.groupPanels, p.panels-g.panel), min(p.groupChunks, p.chunks-g.chunk)
	return g
}

// blocks multiplies A by panels of B, a task for each block of C, and packs the next group.
func (x *gemmRun) blocks(r Runner, matrix int, p *panels, next *group) {
	rowTasks, colTasks := x.grid(r.Workers(), p.count)
	tasks := rowTasks * colTasks
	r.Run(tasks, func(worker, task int) {
		b := block{gemmRun: x, matrix: matrix, a: x.a[matrix*x.spec.StrideA:], to: x.output(matrix),
			own: x.privateScratch(worker), worker: worker}
		b.strips[0], b.strips[1] = share(x.plan.strips, rowTasks, task/colTasks)
		begin, end := share(p.count, colTasks, task%colTasks)
		b.panels = [2]int{p.panel + begin, p.panel + end}
		b.multiply(p, p.chunk, p.chunk+p.depth, p.chunk+p.depth == x.plan.chunks)
		if next != nil {
			x.packShare(x.b[next.matrix*x.spec.StrideB:], &next.panels, task, tasks)
		}
	})
}

// splitTerms computes partial products over ranges of K, wholly on one core each, and adds them in order.
func (x *gemmRun) splitTerms(r Runner) {
	cuts := max(1, r.Workers()/x.plan.parts) // of a part by rows
	for matrix := range x.spec.Batch {
		r.Run(x.plan.parts*cuts, func(worker, task int) { x.part(worker, matrix, task/cuts, task%cuts, cuts) })
		tasks := min(x.spec.M, taskCount)
		r.Run(tasks, func(worker, task int) {
			begin, end := share(x.spec.M, tasks, task)
			x.sumParts(matrix, begin, end)
			x.finish(worker, matrix, begin, end-begin, 0, x.spec.N)
		})
	}
}

// part computes one partial product, or one of some cuts of it by rows.
func (x *gemmRun) part(worker, matrix, part, cut, cuts int) {
	width := x.plan.panels * x.micro.NR
	size := x.spec.M * width
	b := block{gemmRun: x, matrix: matrix, a: x.a[matrix*x.spec.StrideA:], worker: worker, partial: true,
		own: x.privateScratch(worker), panels: [2]int{0, x.plan.panels}}
	b.strips[0], b.strips[1] = share(x.plan.strips, cuts, cut)
	b.to = target{c: x.scratch[part*size : (part+1)*size], ld: width, cols: width}
	p, ok := x.ready(matrix)
	first, end := share(x.plan.chunks, x.plan.parts, part)
	if x.micro.packStrips != nil {
		b.until = end
	}
	for chunk := first; chunk < end; chunk++ {
		if !ok {
			p = b.pack(chunk)
			b.asks[1] = request{}
			if chunk+1 < end {
				b.asks[1] = b.chunkRequest(chunk + 1)
			}
		}
		b.multiply(&p, chunk, chunk+1, false)
		b.to.accumulate = true
	}
}

// chunkRequest asks for a chunk of B.
func (b *block) chunkRequest(chunk int) request {
	first, terms := b.chunkRange(chunk)
	data := b.b[b.matrix*b.spec.StrideB:]
	if b.spec.TransB {
		return newRequest(data[first:], b.spec.N, terms, b.spec.LDB)
	}
	return newRequest(data[first*b.spec.LDB:], terms, b.spec.N, b.spec.LDB)
}

// sumParts adds rows of the partial products and brings them into C.
func (x *gemmRun) sumParts(matrix, begin, end int) {
	width := x.plan.panels * x.micro.NR
	for part := 1; part < x.plan.parts; part++ {
		at := begin * width
		x.micro.add((end-begin)*width, &x.scratch[at], &x.scratch[part*x.spec.M*width+at])
	}
	to := x.output(matrix)
	for row := begin; row < end; row++ {
		put(to.c[row*to.ld:row*to.ld+to.cols], x.scratch[row*width:], to.accumulate)
	}
}

// put copies or adds len(dst) floats.
func put(dst, src []float32, accumulate bool) {
	if !accumulate {
		copy(dst, src)
		return
	}
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += src[i]
	}
}
