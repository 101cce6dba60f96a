package kernel

// How a product is cut up. Nothing here depends on the number of workers.
const (
	chunkTerms  = 512      // most terms of K between two visits of C: a strip of A stays in the first-level cache
	chunkTermsA = 256      // the same for a transposed A, of whose cache lines a strip uses a half
	blockCols   = 256      // columns worked on at a time: their panels of one chunk, 512 KiB, stay in the second-level cache
	blockRows   = 64       // rows of a task
	taskCount   = 16       // tasks wanted at least, where there is work for so many
	taskFlops   = 1 << 20  // work that makes a task worth its start
	matrixFlops = 64 << 20 // work of a matrix from which on all workers share it, however many matrices there are
	copyPanels  = 32       // panels from which on copying a transposed A pays
	copyStride  = 1024     // or the leading dimension whose multiples make it pay
	stripMargin = 16       // floats between copied strips, so that they do not evict each other
	inPlaceRows = 64       // rows up to which B is not worth packing
	inPlaceCols = 256      // or leading dimension of B up to which a chunk of it stays in the second-level cache as it is
	groupFloats = 2 << 20  // packed floats of B at a time, 8 MiB
	groupCols   = 4096     // columns of B at a time
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
	terms  int // of a chunk of K; the last may have fewer
	chunks int
	strips int // of at most MR rows
	panels int // of NR columns

	rowTasks, colTasks int // of splitMatrix
	groupPanels        int // panels and chunks of B that are packed at a time
	groupChunks        int
	parts              int // of splitTerms

	inPlace bool // B is read where it lies

	tile, copied    int // floats of a tile, and of the copied strips of a block of a transposed A
	shared, private int // floats of scratch of all, and of each worker
}

func newGemmPlan(s *GemmSpec, m *Micro) gemmPlan {
	p := gemmPlan{strips: ceilDiv(s.M, m.MR), panels: ceilDiv(s.N, m.NR)}
	if s.M == 0 || s.N == 0 || s.K == 0 {
		return p
	}
	p.terms = ceilDiv(s.K, ceilDiv(s.K, pick(s.TransA, chunkTermsA, chunkTerms)))
	p.chunks = ceilDiv(s.K, p.terms)
	flops := 2 * float64(s.M) * float64(s.N) * float64(s.K)
	p.tile = m.MR * m.NR
	p.inPlace = !s.TransB && s.N%m.NR == 0 && (s.M <= inPlaceRows || s.LDB <= inPlaceCols)
	if s.TransA && m.packStrip != nil && (p.panels >= copyPanels || s.LDA%copyStride == 0) {
		p.copied = p.stripsPerBlock(m) * p.stripFloats()
	}
	p.private = p.tile + p.copied
	width := p.panels * m.NR // columns with the last panel filled up
	switch {
	case flops < 2*taskFlops || s.Batch >= taskCount/2 && flops < matrixFlops:
		p.mode = wholeMatrices
		p.private += width * p.terms
	case p.splitsTerms(s, width):
		p.mode = splitTerms
		p.private += width * p.terms
		p.shared = p.parts * s.M * width
	default:
		p.mode = splitMatrix
		p.splitTasks(flops, m)
		p.groupPanels = min(p.panels, groupCols/m.NR)
		p.groupChunks = min(p.chunks, max(1, groupFloats/(p.groupPanels*m.NR*p.terms)))
		p.shared = p.groupPanels * m.NR * p.groupChunks * p.terms
	}
	return p
}

// stripsPerBlock returns the strips in blockRows rows.
func (p *gemmPlan) stripsPerBlock(m *Micro) int { return max(1, blockRows/m.MR) }

func (p *gemmPlan) stripFloats() int { return stripRows*p.terms + stripMargin }

// splitsTerms decides for a small C with a long K, such as the gradient of a narrow layer's weights: cut by rows and
// columns, every task would read much of A and B for little work.
func (p *gemmPlan) splitsTerms(s *GemmSpec, width int) bool {
	p.parts = taskCount
	for p.parts > 1 && (s.K/p.parts < partTerms || p.parts*s.M*width > partFloats) {
		p.parts /= 2
	}
	return p.parts >= taskCount/2
}

// splitTasks cuts C into blocks of rows and, if these are too few, of columns, then into smaller blocks of rows.
func (p *gemmPlan) splitTasks(flops float64, m *Micro) {
	wanted := int(min(taskCount, max(1, flops/taskFlops)))
	p.rowTasks = ceilDiv(p.strips, p.stripsPerBlock(m))
	p.colTasks = min(p.panels, ceilDiv(wanted, p.rowTasks))
	p.rowTasks = min(p.strips, max(p.rowTasks, ceilDiv(wanted, p.colTasks)))
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
