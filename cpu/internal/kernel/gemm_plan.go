package kernel

import (
	"iter"
	"math"
)

// How a product is cut up. How many workers there are has an influence on the blocks of C alone, not on any sum.
const (
	blockTasks  = 16       // most tasks of a worker
	farCol      = 2        // the same for a column of B: neighbouring panels
	lateness    = 0.5      // of a task, by which a worker may come late
	taskCount   = 16       // tasks wanted at least of those that do not depend on the workers, where there is work for so many
	taskFlops   = 1 << 20  // work that makes a task worth its start
	matrixFlops = 64 << 20 // work of a matrix from which on all workers share it, however many matrices there are
	copyPanels  = 4        // panels from which on copying a transposed A pays
	stripMargin = 16       // floats between copied strips, so that they do not evict each other
	inPlaceRows = 64       // rows up to which B is not worth packing
	packCols    = 1024     // columns of B that are packed side by side: memory likes long rows
	packTerms   = 16       // rows of B that are packed at a time
	partTerms   = 1024     // least terms of a part when K is split
	partFloats  = 4 << 20  // most floats in all partial sums
)

// gemmMode says what a task is.
type gemmMode uint8

const (
	splitMatrix   gemmMode = iota + 1 // a block of C; B is packed by all workers before
	wholeMatrices                     // one matrix of the batch
	splitTerms                        // a range of K; the partial sums are added at the end, in order
)

type gemmPlan struct {
	mode   gemmMode
	flops  float64
	terms  int // of a chunk of K; the last may have fewer
	chunks int
	strips int // of at most MR rows
	panels int // of NR columns

	groupPanels int // panels and chunks of B that are packed at a time
	groupChunks int
	group       int // floats of those
	parts       int // of splitTerms

	inPlace bool // B is read where it lies

	tile, copied    int // floats of a tile, and of the copied strips of a block of a transposed A
	shared, private int // floats of scratch of all, and of each worker
}

func newGemmPlan(s *GemmSpec, m *Micro) gemmPlan {
	p := gemmPlan{strips: ceilDiv(s.M, m.MR), panels: ceilDiv(s.N, m.NR)}
	if s.M == 0 || s.N == 0 || s.K == 0 {
		return p
	}
	p.terms = m.chunkTerms(s.K)
	p.chunks = ceilDiv(s.K, p.terms)
	p.flops = 2 * float64(s.M) * float64(s.N) * float64(s.K)
	p.tile = m.MR * m.NR
	p.inPlace = !s.TransB && s.N%m.NR == 0 && (s.M <= inPlaceRows || s.LDB <= m.inPlace)
	if s.TransA && p.panels >= copyPanels {
		p.copied = p.copySlots(m) * p.stripFloats()
	}
	p.private = p.tile + p.copied
	width := p.panels * m.NR // columns with the last panel filled up
	switch {
	case p.flops < 2*taskFlops || s.Batch >= taskCount/2 && p.flops < matrixFlops:
		p.mode = wholeMatrices
		p.private += width * p.terms
	case p.splitsTerms(s, m, width):
		p.mode = splitTerms
		p.private += width * p.terms
		p.shared = p.parts * s.M * width
	default:
		p.mode = splitMatrix
		p.groupPanels = evenly(p.panels, m.group/(p.terms*m.NR))
		p.groupChunks = evenly(p.chunks, m.group/(p.groupPanels*m.NR*p.terms))
		p.group = p.groupPanels * m.NR * p.groupChunks * p.terms
		p.shared = p.group * min(2, p.groups(s))
	}
	return p
}

// chunkTerms cuts K.
func (b *blocking) chunkTerms(k int) int {
	if k <= b.mostTerms {
		return k
	}
	return ceilDiv(k, ceilDiv(k, b.terms))
}

// blockCols returns the columns worked on at a time.
func (b *blocking) blockCols(terms int) int { return min(b.cols, b.block/terms) }

// groups returns how many groups of panels are packed in all.
func (p *gemmPlan) groups(s *GemmSpec) int {
	return s.Batch * ceilDiv(p.panels, p.groupPanels) * ceilDiv(p.chunks, p.groupChunks)
}

// evenly returns the size of the parts into which n items are cut if a part may have most of them, or one.
func evenly(n, most int) int { return ceilDiv(n, ceilDiv(n, max(1, most))) }

// stripsPerBlock returns the strips of a layer.
func (p *gemmPlan) stripsPerBlock(m *Micro) int { return max(1, m.rows/m.MR) }

// copySlots returns the places for copied strips: those of a layer; if they are copied by two, an even number, and the next
// layer's first two.
func (p *gemmPlan) copySlots(m *Micro) int {
	n := p.stripsPerBlock(m)
	if m.packStrips != nil {
		return n
	}
	return ceilDiv(n, 2)*2 + 2
}

func (p *gemmPlan) stripFloats() int { return stripRows*p.terms + stripMargin }

// splitsTerms decides for a small C with a long K, such as the gradient of a narrow layer's weights: cut by rows and
// columns, every task would read much of A and B for little work.
func (p *gemmPlan) splitsTerms(s *GemmSpec, m *Micro, width int) bool {
	p.parts = taskCount
	for p.parts > 1 && (s.K/p.parts < partTerms || p.parts*s.M*width > partFloats) {
		p.parts /= 2
	}
	return p.parts >= m.parts
}

// grid cuts C into blocks for the tasks of splitMatrix; which element is in which block has no influence on its bits. Of
// some candidates it takes the one for which the busiest worker is done first. An element of C costs one unit; A comes from
// far away once a block, B too, or, if the block is too wide for the second-level cache, once a layer.
func (g *Gemm) grid(workers, panels int) (rowTasks, colTasks int) {
	most := int(min(blockTasks*float64(workers), max(1, g.plan.flops/taskFlops)))
	best := math.Inf(1)
	far := pick(g.plan.copied > 0, g.micro.farCol, g.micro.farRow)
	for cols := 1; cols <= min(panels, most); cols++ {
		for wanted := min(workers, most); wanted <= most; wanted += workers {
			rows := min(g.plan.strips, ceilDiv(wanted, cols))
			height, width := ceilDiv(g.plan.strips, rows)*g.micro.MR, ceilDiv(panels, cols)*g.micro.NR
			layers := 1
			if width > g.micro.blockCols(g.plan.terms) {
				layers = ceilDiv(height, g.micro.rows)
			}
			work := float64(height*width + far*height + farCol*width*layers)
			if cost := work * (float64(ceilDiv(rows*cols, workers)) + lateness); cost < best {
				best, rowTasks, colTasks = cost, rows, cols
			}
		}
	}
	return rowTasks, colTasks
}

// packed returns the floats of one matrix B in panels.
func (p *gemmPlan) packed(s *GemmSpec, m *Micro) int { return p.panels * m.NR * s.K }

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// share returns part i of n items cut into parts as even as possible.
func share(n, parts, i int) (begin, end int) { return n * i / parts, n * (i + 1) / parts }

// strip returns the rows of strip i: all strips have MR rows or one less, or fewer for a small M.
func strip(rows, strips, i int) (begin, count int) {
	begin, end := share(rows, strips, i)
	return begin, end - begin
}

// run is some strips of as many rows each.
type run struct{ first, strips, rows int }

// runs cuts rows into strips as even as possible, those with one row more first.
func (m *Micro) runs(rows int) iter.Seq[run] {
	return func(yield func(run) bool) {
		if rows == 0 {
			return
		}
		strips := ceilDiv(rows, m.MR)
		most := ceilDiv(rows, strips)
		n := rows - strips*(most-1)
		if yield(run{0, n, most}) && n < strips {
			yield(run{n * most, strips - n, most - 1})
		}
	}
}

// rowsOf returns the rows of strip i: MR, but for the last two, which share what is left.
func (g *Gemm) rowsOf(i int) (begin, count int) {
	whole := max(0, g.plan.strips-2)
	if i < whole {
		return i * g.micro.MR, g.micro.MR
	}
	begin, count = strip(g.spec.M-whole*g.micro.MR, g.plan.strips-whole, i-whole)
	return begin + whole*g.micro.MR, count
}
