package kernel

// panels is B, or the part of it that a task needs, in panels: for each chunk of K the panels one after the other, each
// with the chunk's terms as rows of NR floats. Columns beyond N are zero.
type panels struct {
	data         []float32
	panel, count int  // first panel and how many
	chunk, depth int  // first chunk and how many
	inPlace      bool // data is the matrix B itself, whose columns fill panels
}

// all describes a wholly packed B.
func (g *Gemm) all(data []float32) panels {
	return panels{data: data, count: g.plan.panels, depth: g.plan.chunks}
}

// chunkRange returns the terms of a chunk.
func (g *Gemm) chunkRange(chunk int) (first, terms int) {
	first = chunk * g.plan.terms
	return first, min(g.plan.terms, g.spec.K-first)
}

// at returns where a panel of a chunk begins.
func (g *Gemm) at(x *panels, chunk, panel int) int {
	if x.inPlace {
		return chunk*g.plan.terms*g.spec.LDB + panel*g.micro.NR
	}
	before := (chunk - x.chunk) * g.plan.terms // only K's last chunk is shorter
	_, terms := g.chunkRange(chunk)
	return (before*x.count + (panel-x.panel)*terms) * g.micro.NR
}

// packParallel fills x from the matrix b.
func (g *Gemm) packParallel(r Runner, b []float32, x *panels) {
	items := g.packItems(x)
	tasks := min(items, 2*taskCount)
	r.Run(tasks, func(_, task int) { g.packShare(b, x, task, tasks) })
}

// packShare fills a task's share of x.
func (g *Gemm) packShare(b []float32, x *panels, task, tasks int) {
	begin, end := share(g.packItems(x), tasks, task)
	for i := begin; i < end; i++ {
		g.packItem(b, x, i)
	}
}

// packItems returns the pieces in which x is packed: panels of a chunk if B is transposed, else some rows of many panels.
func (g *Gemm) packItems(x *panels) int {
	if g.spec.TransB {
		return x.depth * x.count
	}
	return x.depth * ceilDiv(x.count, packCols/g.micro.NR) * ceilDiv(g.plan.terms, packTerms)
}

func (g *Gemm) packItem(b []float32, x *panels, i int) {
	if g.spec.TransB {
		g.packRows(b, x, x.chunk+i/x.count, x.panel+i%x.count, 1, 0, g.plan.terms)
		return
	}
	most := packCols / g.micro.NR
	pieces, groups := ceilDiv(g.plan.terms, packTerms), ceilDiv(x.count, most)
	panel := i / pieces % groups * most
	g.packRows(b, x, x.chunk+i/pieces/groups, x.panel+panel, min(most, x.count-panel), i%pieces*packTerms, packTerms)
}

// packRows fills rows [skip, skip+count) of n neighbouring panels of a chunk, as far as the chunk goes.
func (g *Gemm) packRows(b []float32, x *panels, chunk, panel, n, skip, count int) {
	nr, ld := g.micro.NR, g.spec.LDB
	first, terms := g.chunkRange(chunk)
	count = min(count, terms-skip)
	if count <= 0 {
		return
	}
	at := g.at(x, chunk, panel) + skip*nr
	first += skip
	if !g.spec.TransB {
		if whole := min(n, g.spec.N/nr-panel); whole > 0 {
			g.micro.packPanels(count, whole, &b[first*ld+panel*nr], &x.data[at], ld, terms*nr)
			panel, n, at = panel+whole, n-whole, at+whole*terms*nr
		}
	}
	for end := panel + n; panel < end; panel++ {
		start := pick(g.spec.TransB, panel*nr*ld+first, first*ld+panel*nr)
		g.micro.packPanel(x.data[at:at+count*nr], b[start:], ld, count, min(nr, g.spec.N-panel*nr), g.spec.TransB)
		at += terms * nr
	}
}

// packPanel writes a panel of terms rows, of which the first cols <= NR columns come from b and the others are zero. b
// holds the terms as rows or, transposed, as columns; ld floats lie between its rows.
func (m *Micro) packPanel(panel, b []float32, ld, terms, cols int, transposed bool) {
	switch {
	case cols < m.NR:
		clear(panel)
		if transposed {
			packEdgeTransposed(panel, b, m.NR, cols, terms, ld)
			return
		}
		for p := range terms {
			copy(panel[p*m.NR:p*m.NR+cols], b[p*ld:])
		}
	case transposed:
		whole := terms - terms%m.lanes
		m.packTransposed(whole, &b[0], &panel[0], ld)
		packEdgeTransposed(panel[whole*m.NR:], b[whole:], m.NR, cols, terms-whole, ld)
	default:
		m.pack(terms, &b[0], &panel[0], ld)
	}
}

// packEdgeTransposed writes cols columns of a panel of terms rows.
func packEdgeTransposed(out, b []float32, nr, cols, terms, ld int) {
	if terms == 0 {
		return
	}
	for j := range cols {
		for p, v := range b[j*ld : j*ld+terms] {
			out[p*nr+j] = v
		}
	}
}
