package kernel

import "fmt"

// Gemm64 is a prepared matrix product in float64, in plain Go: for the few graphs in double precision. It is immutable; Run
// may be called by several goroutines at once.
type Gemm64 struct{ spec GemmSpec }

// Blocks of the float64 product. A tile of 2×4 sums stays in the registers of any machine.
const (
	rows64  = 2
	cols64  = 4
	terms64 = 256
	block64 = 32 // rows of a task
)

// NewGemm64 prepares a matrix product. It returns an error for impossible sizes.
func NewGemm64(spec GemmSpec) (*Gemm64, error) {
	spec, err := spec.normalized()
	return &Gemm64{spec: spec}, err
}

// Scratch returns how many float64 of scratch memory Run needs.
func (g *Gemm64) Scratch(workers int) int {
	return workers * (block64 + cols64) * min(terms64, g.spec.K)
}

// Run computes C. Operands must not overlap C.
func (g *Gemm64) Run(r Runner, a, b, c, scratch []float64) error {
	s := &g.spec
	if na, nb, nc := s.sizes(); len(a) < na || len(b) < nb || len(c) < nc {
		return fmt.Errorf("kernel: matrices A, B, C have %d, %d, %d float64, %d, %d, %d needed", len(a), len(b), len(c), na, nb, nc)
	}
	perWorker := g.Scratch(1)
	if len(scratch) < r.Workers()*perWorker {
		return fmt.Errorf("kernel: matrix product: %d float64 of scratch, %d needed for %d workers", len(scratch), r.Workers()*perWorker, r.Workers())
	}
	blocks := ceilDiv(s.M, block64)
	r.Run(s.Batch*blocks, func(worker, task int) {
		matrix, row := task/blocks, task%blocks*block64
		x := product64{GemmSpec: s, row: row, rows: min(block64, s.M-row), c: c[min(matrix*s.StrideC, len(c)):]}
		x.a, x.b = a[min(matrix*s.StrideA, len(a)):], b[min(matrix*s.StrideB, len(b)):]
		x.run(scratch[worker*perWorker : (worker+1)*perWorker])
	})
	return nil
}

// product64 is a block of rows of one product.
type product64 struct {
	*GemmSpec
	row, rows int
	a, b, c   []float64
}

func (x *product64) run(scratch []float64) {
	for i := range x.rows {
		if !x.Accumulate {
			clear(x.c[(x.row+i)*x.LDC:][:x.N])
		}
	}
	for first := 0; first < x.K; first += terms64 {
		terms := min(terms64, x.K-first)
		a, b := scratch[:block64*terms], scratch[block64*terms:][:cols64*terms]
		copy64(a, block64, terms, x.rows, x.a, pick(x.TransA, x.LDA, 1), pick(x.TransA, 1, x.LDA), first, x.row)
		for col := 0; col < x.N; col += cols64 {
			cols := min(cols64, x.N-col)
			copy64(b, cols64, terms, cols, x.b, pick(x.TransB, 1, x.LDB), pick(x.TransB, x.LDB, 1), first, col)
			for i := 0; i < x.rows; i += rows64 {
				x.add(i, col, cols, tile64(a[i:], b))
			}
		}
	}
}

// copy64 brings terms of at most width vectors together: dst[p*width+i] is element first+p of vector begin+i. The vectors
// that there are not are zero.
func copy64(dst []float64, width, terms, count int, src []float64, termStride, stride, first, begin int) {
	if count < width {
		clear(dst)
	}
	for p := range terms {
		at := (first+p)*termStride + begin*stride
		for i := range dst[p*width : p*width+count] {
			dst[p*width+i] = src[at+i*stride]
		}
	}
}

// tile64 multiplies two of a's vectors with the four of b.
func tile64(a, b []float64) (sum [rows64][cols64]float64) {
	var s00, s01, s02, s03, s10, s11, s12, s13 float64
	for ; len(b) >= cols64; b = b[cols64:] {
		y := (*[cols64]float64)(b)
		x0, x1 := a[0], a[1]
		s00 += x0 * y[0]
		s01 += x0 * y[1]
		s02 += x0 * y[2]
		s03 += x0 * y[3]
		s10 += x1 * y[0]
		s11 += x1 * y[1]
		s12 += x1 * y[2]
		s13 += x1 * y[3]
		a = a[min(block64, len(a)):]
	}
	return [rows64][cols64]float64{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
}

// add adds a tile at row i of the block and column col, as much of it as lies in C.
func (x *product64) add(i, col, cols int, sum [rows64][cols64]float64) {
	for r := range min(rows64, x.rows-i) {
		line := x.c[(x.row+i+r)*x.LDC+col:][:cols]
		for j := range line {
			line[j] += sum[r][j]
		}
	}
}
