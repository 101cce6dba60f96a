package kernel

//go:generate go -C _gen run ./gemm -out ../micro_amd64.s -stubs ../micro_stubs_amd64.go -pkg kernel

// maxRows bounds the rows of a micro-kernel's tile over all tiers.
const maxRows = 16

// Micro holds a tier's matrix-product micro-kernels: C[m][NR] (+)= A[m][k] · B[k][NR] for m rows, 1 <= m <= MR.
// B is a packed panel: k rows of NR floats, ldb apart. Leading dimensions are counted in floats.
// Entries 1 to MR of both tables are set, the others are nil.
type Micro struct {
	MR, NR int
	// Rows[m] reads A by rows in place: A[i*lda+p].
	Rows [maxRows + 1]MicroFunc
	// next is Rows[MR] that also asks memory for the rows of A that follow; nil for the reference. For the first of many
	// panels: without, an A of 256 columns that is not in cache costs a fifth of the time, with each panel three percent.
	next MicroFunc
	// Cols[m] reads A transposed in place: A[p*lda+i].
	Cols [maxRows + 1]MicroFunc

	// packPanels copies k > 0 rows of panels > 0 times NR floats, ldb apart, into panels that are gap floats apart.
	packPanels func(k, panels int, b, panel *float32, ldb, gap int)
	// packTransposed makes a panel of k rows from NR rows of k floats, ldb apart; k is a multiple of lanes.
	packTransposed func(k int, b, panel *float32, ldb int)
	// A transposed A is copied into strips of stripRows floats a term, in one of two ways.
	//
	// copyStrips copies k rows, lda apart, into two strips, the second's from MR floats further on. colsCopy is Cols[MR] that
	// does the same on the way, one row every four terms: what is needed next comes while there is time to wait for it.
	copyStrips func(k int, a *float32, lda int, strip, next *float32)
	colsCopy   func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool, from *float32, ldFrom int, strip, next, ahead *float32)
	// packStrips copies k > 0 rows into strips > 0 strips at once, gap floats apart. colsAsk is Cols[MR] that meanwhile asks
	// memory for a line of each of k/4 rows, ldFrom apart. Both are nil on a tier that has colsCopy.
	packStrips func(k, strips int, a *float32, lda int, strip *float32, gap int)
	colsAsk    func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool, from *float32, ldFrom int)
	// ask asks memory for some lines, to be used soon. It is nil on tiers that need it not.
	ask func(lines int, from *float32)
	// add computes dst[i] += src[i]; n is a multiple of NR.
	add func(n int, dst, src *float32)
	// peak runs n times 24 independent vector multiply-adds; nil for the reference.
	peak  func(n int)
	lanes int // floats of a vector
	blocking
}

// blocking says how matrix products use a tier's caches. Sums depend on how it cuts K, on nothing else in it.
type blocking struct {
	terms     int // of a chunk of K, between two visits of C: a strip of A and a panel of B stay in the first-level cache
	mostTerms int // of K up to which it is one chunk
	parts     int // of K that are summed apart, fewest that are worth it
	group     int // floats of B packed at a time: as many are in use meanwhile, and both stay in the last-level cache
	block     int // floats of B worked on at a time: they stay in the second-level cache
	cols      int // most columns worked on at a time
	rows      int // rows worked on at a time
	inPlace   int // leading dimension of B up to which a chunk of it stays in the second-level cache as it is
	farRow    int // elements of C whose work equals fetching the rest of a row of A: scattered pieces
	farCol    int // elements of C whose work equals copying a column of a transposed A, fetched as well
	segment   int // most terms of a direct convolution that a tile is computed over at once: what follows visits C again
	tiles     int // of Winograd's method that are worked on at a time, and
	tileCols  int // columns they are multiplied by at a time: both and the products stay in the second-level cache
}

// MicroFunc computes tiles > 0 tiles over k >= 0 terms, each with A, B and C a step further on; accumulate adds to C instead of
// overwriting it. The sum over the terms is one chain in ascending order, and C is added last: a row's bits do not depend on how
// many rows its tile has.
type MicroFunc func(k, tiles int, a, b, c *float32, lda, ldb, ldc, stepA, stepB, stepC int, accumulate bool)

// refTiles makes a MicroFunc of a function of one tile.
func refTiles(tile func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool)) MicroFunc {
	return func(k, tiles int, a, b, c *float32, lda, ldb, ldc, stepA, stepB, stepC int, accumulate bool) {
		for i := range tiles {
			tile(k, offset(a, i*stepA), offset(b, i*stepB), offset(c, i*stepC), lda, ldb, ldc, accumulate)
		}
	}
}

// asking returns next for a whole tile of rows, else nil.
func (m *Micro) asking(rows int) MicroFunc {
	if rows < m.MR {
		return nil
	}
	return m.next
}

// pack copies k > 0 rows of NR floats, ldb apart, into a panel.
func (m *Micro) pack(k int, b, panel *float32, ldb int) { m.packPanels(k, 1, b, panel, ldb, 0) }

// stripRows is how many rows of C a copied strip of A serves: the most that MR is on any tier.
const stripRows = 8

const (
	refRows = 4
	refCols = 8
)

// microReference returns the kernels in plain Go. The tile is small, since a compiler without vectors holds eight sums in
// registers at most.
func microReference() Micro {
	m := Micro{
		MR: refRows, NR: refCols, lanes: 1, blocking: wideBlocking(),
		packPanels: refPackPanels, packTransposed: refPackTransposed, copyStrips: refCopyStrips, colsCopy: refColsCopy, add: refAdd,
	}
	for rows := 1; rows <= refRows; rows++ {
		m.Rows[rows] = refTiles(func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool) {
			refTile(rows, k, a, b, c, lda, 1, ldb, ldc, accumulate)
		})
		m.Cols[rows] = refTiles(func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool) {
			refTile(rows, k, a, b, c, 1, lda, ldb, ldc, accumulate)
		})
	}
	return m
}

// wideBlocking is for second-level caches of 1 MiB.
func wideBlocking() blocking {
	return blocking{terms: 512, mostTerms: 512, parts: 8, group: 1 << 20, block: 128 << 10, cols: 256, rows: 64, inPlace: 256, farRow: 6, farCol: 6, segment: 512, tiles: 64, tileCols: 32}
}

// refTile reads A[i*rowStride+p*termStride].
func refTile(rows, k int, a, b, c *float32, rowStride, termStride, ldb, ldc int, accumulate bool) {
	for i := range rows {
		sum := refRow(k, offset(a, i*rowStride), b, termStride, ldb)
		out := view(offset(c, i*ldc), refCols)
		if accumulate {
			for j := range sum {
				out[j] += sum[j]
			}
			continue
		}
		copy(out, sum[:])
	}
}

func refRow(k int, a, b *float32, termStride, ldb int) [refCols]float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for p := range k {
		x := *offset(a, p*termStride)
		y := (*[refCols]float32)(view(offset(b, p*ldb), refCols))
		s0 += x * y[0]
		s1 += x * y[1]
		s2 += x * y[2]
		s3 += x * y[3]
		s4 += x * y[4]
		s5 += x * y[5]
		s6 += x * y[6]
		s7 += x * y[7]
	}
	return [refCols]float32{s0, s1, s2, s3, s4, s5, s6, s7}
}

func refPackPanels(k, panels int, b, panel *float32, ldb, gap int) {
	for j := range panels {
		for p := range k {
			copy(view(offset(panel, j*gap+p*refCols), refCols), view(offset(b, j*refCols+p*ldb), refCols))
		}
	}
}

func refPackTransposed(k int, b, panel *float32, ldb int) {
	to := view(panel, k*refCols)
	for j := range refCols {
		for p, x := range view(offset(b, j*ldb), k) {
			to[p*refCols+j] = x
		}
	}
}

func refCopyStrips(k int, a *float32, lda int, strip, next *float32) {
	for p := range k {
		for i, to := range [2]*float32{strip, next} {
			copy(view(offset(to, p*stripRows), stripRows), view(offset(a, p*lda+i*refRows), stripRows))
		}
	}
}

func refColsCopy(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool, from *float32, ldFrom int, strip, next, _ *float32) {
	refTile(refRows, k, a, b, c, 1, lda, ldb, ldc, accumulate)
	refCopyStrips(k/4, from, ldFrom, strip, next)
}

func refAdd(n int, dst, src *float32) {
	to := view(dst, n)
	for i, x := range view(src, n) {
		to[i] += x
	}
}
