package kernel

import (
	"math"
	"math/bits"
	"sync"
)

// trees is the number of sizes of small rows, 2 to 16, that have kernels of their own; index i is 2^i floats.
const trees = 5

// reduction is one reduction's kernels in a tier.
type reduction struct {
	lanes    int
	row      func(dst, x []float32, n int)
	tree     [trees]func(dst, x []float32)
	column   func(acc, x []float32, rows int)
	block    func(x []float32) float32
	identity float32
	join     func(a, b float64) float64
}

func plus64(a, b float64) float64 { return a + b }
func max64(a, b float64) float64  { return max(a, b) }
func min64(a, b float64) float64  { return min(a, b) }

func reductionsAVX512() Reductions {
	inf := float32(math.Inf(1))
	sum := reduction{16, rowSumAVX512, [trees]func(dst, x []float32){
		nil, treeSum2AVX512, treeSum4AVX512, treeSum8AVX512, treeSum16AVX512}, columnSumAVX512, blockSumAVX512, 0, plus64}
	most := reduction{16, rowMaxAVX512, [trees]func(dst, x []float32){
		nil, treeMax2AVX512, treeMax4AVX512, treeMax8AVX512, treeMax16AVX512}, columnMaxAVX512, blockMaxAVX512, -inf, max64}
	least := reduction{16, rowMinAVX512, [trees]func(dst, x []float32){
		nil, treeMin2AVX512, treeMin4AVX512, treeMin8AVX512, treeMin16AVX512}, columnMinAVX512, blockMinAVX512, inf, min64}
	squares := reduction{block: blockSumSquaresAVX512, join: plus64}
	product := productReduction{16, rowSumProductAVX512, [trees]func(dst, a, b []float32){
		nil, treeSumProduct2AVX512, treeSumProduct4AVX512, treeSumProduct8AVX512, treeSumProduct16AVX512}, columnSumProductAVX512, columnSumAVX512}
	return assemble(sum, most, least, squares, product)
}

func reductionsAVX2() Reductions {
	inf := float32(math.Inf(1))
	sum := reduction{8, rowSumAVX2, [trees]func(dst, x []float32){
		nil, treeSum2AVX2, treeSum4AVX2, treeSum8AVX2, nil}, columnSumAVX2, blockSumAVX2, 0, plus64}
	most := reduction{8, rowMaxAVX2, [trees]func(dst, x []float32){
		nil, treeMax2AVX2, treeMax4AVX2, treeMax8AVX2, nil}, columnMaxAVX2, blockMaxAVX2, -inf, max64}
	least := reduction{8, rowMinAVX2, [trees]func(dst, x []float32){
		nil, treeMin2AVX2, treeMin4AVX2, treeMin8AVX2, nil}, columnMinAVX2, blockMinAVX2, inf, min64}
	squares := reduction{block: blockSumSquaresAVX2, join: plus64}
	product := productReduction{8, rowSumProductAVX2, [trees]func(dst, a, b []float32){
		nil, treeSumProduct2AVX2, treeSumProduct4AVX2, treeSumProduct8AVX2, nil}, columnSumProductAVX2, columnSumAVX2}
	return assemble(sum, most, least, squares, product)
}

func assemble(sum, most, least, squares reduction, product productReduction) Reductions {
	maxWhole, minWhole := most.whole(), least.whole()
	return Reductions{
		RowSum: sum.rows, RowMax: most.rows, RowMin: least.rows, RowSumProduct: product.rows,
		ColumnSum: sum.columns(), ColumnMax: most.columns(), ColumnMin: least.columns(), ColumnSumProduct: product.columns(),
		Sum: sum.whole(), SumSquares: squares.whole(),
		Max: func(x []float32) float32 { return float32(maxWhole(x)) },
		Min: func(x []float32) float32 { return float32(minWhole(x)) },
	}
}

// treeOf returns the index of the kernel for rows of n floats, 0 if there is none.
func treeOf(n int) int {
	if n < 2 || n&(n-1) != 0 || n >= 1<<trees {
		return 0
	}
	return bits.TrailingZeros(uint(n))
}

func (r reduction) rows(dst, x []float32, n int) {
	if n > rowBlock {
		for i := range dst {
			dst[i] = r.longRow(dst[i:i+1], x[i*n:i*n+n])
		}
		return
	}
	if f := r.tree[treeOf(n)]; f != nil {
		whole := len(dst) &^ (r.lanes - 1)
		f(dst[:whole], x)
		dst, x = dst[whole:], x[whole*n:]
	}
	r.row(dst, x, n)
}

// longRow joins the results of blocks in float64; part holds one of them at a time.
func (r reduction) longRow(part, x []float32) float32 {
	total := float64(r.identity)
	for len(x) > 0 {
		n := min(len(x), rowBlock)
		r.row(part, x[:n], n)
		total = r.join(total, float64(part[0]))
		x = x[n:]
	}
	return float32(total)
}

func (r reduction) whole() func(x []float32) float64 {
	return func(x []float32) float64 {
		total := float64(r.identity)
		for len(x) > rowBlock {
			total = r.join(total, float64(r.block(x[:rowBlock])))
			x = x[rowBlock:]
		}
		return r.join(total, float64(r.block(x)))
	}
}

// narrowest is the number of columns from which on rows are reduced as they are. Narrower ones are taken several at a
// time, as many as fill whole vectors, and folded at the end.
const narrowest = 16

// merged returns how many rows of c floats are taken as one.
func merged(c, rows int) int {
	if c == 0 || c >= narrowest {
		return 1
	}
	k := narrowest >> min(bits.TrailingZeros(uint(c)), 4)
	if rows < 4*k {
		return 1
	}
	return k
}

// wideRow is room for the longest merged row.
type wideRow [narrowest * narrowest]float32

// wideRows lends such rooms: a kernel is called through a table, so a room on the stack would move to the heap.
func wideRows() *sync.Pool {
	return &sync.Pool{New: func() any { return new(wideRow) }}
}

func (r reduction) columns() func(acc, x []float32) {
	pool := wideRows()
	return func(acc, x []float32) {
		if len(acc) == 0 {
			return
		}
		rows := len(x) / len(acc)
		if k := merged(len(acc), rows); k > 1 {
			room := pool.Get().(*wideRow)
			wide := room[:k*len(acc)]
			for i := range wide {
				wide[i] = r.identity
			}
			r.column(wide, x, rows/k)
			r.column(acc, wide, k)
			pool.Put(room)
			x, rows = x[rows/k*len(wide):], rows%k
		}
		r.column(acc, x, rows)
	}
}

// productReduction is the reduction of products of two inputs.
type productReduction struct {
	lanes  int
	row    func(dst, a, b []float32, n int)
	tree   [trees]func(dst, a, b []float32)
	column func(acc, a, b []float32, rows int)
	fold   func(acc, x []float32, rows int) // sums of columns
}

func (r productReduction) rows(dst, a, b []float32, n int) {
	if n > rowBlock {
		for i := range dst {
			dst[i] = r.longRow(dst[i:i+1], a[i*n:i*n+n], b[i*n:i*n+n])
		}
		return
	}
	if f := r.tree[treeOf(n)]; f != nil {
		whole := len(dst) &^ (r.lanes - 1)
		f(dst[:whole], a, b)
		dst, a, b = dst[whole:], a[whole*n:], b[whole*n:]
	}
	r.row(dst, a, b, n)
}

func (r productReduction) longRow(part, a, b []float32) float32 {
	var total float64
	for len(a) > 0 {
		n := min(len(a), rowBlock)
		r.row(part, a[:n], b[:n], n)
		total += float64(part[0])
		a, b = a[n:], b[n:]
	}
	return float32(total)
}

func (r productReduction) columns() func(acc, a, b []float32) {
	pool := wideRows()
	return func(acc, a, b []float32) {
		if len(acc) == 0 {
			return
		}
		rows := len(a) / len(acc)
		if k := merged(len(acc), rows); k > 1 {
			room := pool.Get().(*wideRow)
			wide := room[:k*len(acc)]
			clear(wide)
			r.column(wide, a, b, rows/k)
			r.fold(acc, wide, k)
			pool.Put(room)
			done := rows / k * len(wide)
			a, b, rows = a[done:], b[done:], rows%k
		}
		r.column(acc, a, b, rows)
	}
}
