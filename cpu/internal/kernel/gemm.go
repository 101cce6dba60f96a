package kernel

import (
	"errors"
	"fmt"
)

// GemmSpec describes a batch of matrix products C[M,N] (+)= A[M,K] · B[K,N]. All matrices are stored by rows.
type GemmSpec struct {
	M, N, K int
	// TransA says that A is stored as K×M, TransB that B is stored as N×K.
	TransA, TransB bool
	// LDA, LDB and LDC are the floats from one stored row to the next; 0 means that rows are contiguous.
	LDA, LDB, LDC int
	// Batch is the number of products; 0 means 1. Matrix i begins at i times its stride; a stride of 0 shares A or B.
	Batch                     int
	StrideA, StrideB, StrideC int
	// Accumulate adds to C instead of overwriting it.
	Accumulate bool
}

// normalized fills in the defaults and checks the rest.
func (s GemmSpec) normalized() (GemmSpec, error) {
	if s.M < 0 || s.N < 0 || s.K < 0 || s.Batch < 0 {
		return s, fmt.Errorf("kernel: matrix product of %d×%d×%d, batch %d: sizes must not be negative", s.M, s.N, s.K, s.Batch)
	}
	s.Batch = max(s.Batch, 1)
	for _, d := range []struct {
		name   string
		ld     *int
		width  int
		stride int
	}{
		{"A", &s.LDA, pick(s.TransA, s.M, s.K), s.StrideA},
		{"B", &s.LDB, pick(s.TransB, s.K, s.N), s.StrideB},
		{"C", &s.LDC, s.N, s.StrideC},
	} {
		if *d.ld == 0 {
			*d.ld = d.width
		}
		if *d.ld < d.width || d.stride < 0 {
			return s, fmt.Errorf("kernel: matrix %s: leading dimension %d, stride %d: rows have %d floats", d.name, *d.ld, d.stride, d.width)
		}
	}
	if s.Batch > 1 && s.M > 0 && s.N > 0 && s.StrideC < (s.M-1)*s.LDC+s.N {
		return s, fmt.Errorf("kernel: matrix C: stride %d: matrices of %d rows, %d apart, would overlap", s.StrideC, s.M, s.LDC)
	}
	for _, x := range [][2]int{{s.M, s.LDC}, {pick(s.TransA, s.K, s.M), s.LDA}, {pick(s.TransB, s.N, s.K), s.LDB}, {s.K, s.N},
		{s.Batch, s.StrideA}, {s.Batch, s.StrideB}, {s.Batch, s.StrideC}} {
		if x[0] > 0 && x[1] > maxFloats/x[0] {
			return s, fmt.Errorf("kernel: matrix product of %d×%d×%d, batch %d: too large", s.M, s.N, s.K, s.Batch)
		}
	}
	return s, nil
}

// maxFloats bounds every operand, so that offsets in bytes cannot overflow.
const maxFloats = 1 << 48

func pick(condition bool, yes, no int) int {
	if condition {
		return yes
	}
	return no
}

// extent returns how many floats an operand of rows×width spans over the batch.
func (s *GemmSpec) extent(rows, width, ld, stride int) int {
	if rows == 0 || width == 0 {
		return 0
	}
	return (s.Batch-1)*stride + (rows-1)*ld + width
}

func (s *GemmSpec) sizes() (a, b, c int) {
	a = s.extent(pick(s.TransA, s.K, s.M), pick(s.TransA, s.M, s.K), s.LDA, s.StrideA)
	b = s.extent(pick(s.TransB, s.N, s.K), pick(s.TransB, s.K, s.N), s.LDB, s.StrideB)
	return a, b, s.extent(s.M, s.N, s.LDC, s.StrideC)
}

// Epilogue is called once for every region of C when it is final and still in cache: rows [row, row+rows) and columns
// [col, col+cols), where row M*i+r stands for row r of the batch's matrix i. A region does not cross matrices. Regions of
// different workers are finished at the same time.
type Epilogue func(worker, row, rows, col, cols int)

// Gemm is a prepared matrix product in float32. It is immutable; Run may be called by several goroutines at once.
//
// B is packed into panels of NR columns. A is read where it lies, but for parts of a transposed A that are copied on the way.
// Sums over K are cut into chunks that depend on the spec and the tier alone; within a chunk they are one chain of
// multiply-adds in ascending order.
type Gemm struct {
	spec  GemmSpec
	micro *Micro
	plan  gemmPlan
}

// NewGemm prepares a matrix product. It returns an error for impossible sizes.
func NewGemm(set *Set, spec GemmSpec) (*Gemm, error) {
	spec, err := spec.normalized()
	if err != nil {
		return nil, err
	}
	return &Gemm{spec: spec, micro: &set.Micro, plan: newGemmPlan(&spec, &set.Micro)}, nil
}

// Scratch returns how many floats of scratch memory Run and RunPacked need.
func (g *Gemm) Scratch(workers int) int { return g.plan.shared + workers*g.plan.private }

// PackSize returns how many floats Pack writes.
func (g *Gemm) PackSize() int { return g.packedMatrices() * g.plan.packed(&g.spec, g.micro) }

func (g *Gemm) packedMatrices() int { return pick(g.spec.StrideB == 0, 1, g.spec.Batch) }

// Pack brings B, if it stays the same over many products, into the form that RunPacked wants.
func (g *Gemm) Pack(r Runner, b, packed []float32) error {
	if _, size, _ := g.spec.sizes(); len(b) < size || len(packed) < g.PackSize() {
		return fmt.Errorf("kernel: packing B: %d floats into %d: need %d and %d", len(b), len(packed), size, g.PackSize())
	}
	size := g.plan.packed(&g.spec, g.micro)
	for i := range g.packedMatrices() {
		x := g.all(packed[i*size : (i+1)*size])
		g.packParallel(r, b[min(i*g.spec.StrideB, len(b)):], &x)
	}
	return nil
}

// Run computes C. Operands must not overlap C. The epilogue may be nil.
func (g *Gemm) Run(r Runner, a, b, c, scratch []float32, epilogue Epilogue) error {
	if _, size, _ := g.spec.sizes(); len(b) < size {
		return fmt.Errorf("kernel: matrix B has %d floats, %d needed", len(b), size)
	}
	return g.run(r, &gemmRun{Gemm: g, a: a, b: b, c: c, scratch: scratch, epilogue: epilogue})
}

// RunPacked is Run for a B that Pack has packed.
func (g *Gemm) RunPacked(r Runner, a, packed, c, scratch []float32, epilogue Epilogue) error {
	if len(packed) < g.PackSize() {
		return fmt.Errorf("kernel: packed matrix B has %d floats, %d needed", len(packed), g.PackSize())
	}
	return g.run(r, &gemmRun{Gemm: g, a: a, packed: packed, c: c, scratch: scratch, epilogue: epilogue})
}

func (g *Gemm) run(r Runner, x *gemmRun) error {
	sizeA, _, sizeC := g.spec.sizes()
	if len(x.a) < sizeA || len(x.c) < sizeC {
		return fmt.Errorf("kernel: matrices A, C have %d, %d floats, %d, %d needed", len(x.a), len(x.c), sizeA, sizeC)
	}
	if need := g.Scratch(r.Workers()); len(x.scratch) < need {
		return fmt.Errorf("kernel: matrix product: %d floats of scratch, %d needed for %d workers", len(x.scratch), need, r.Workers())
	}
	switch {
	case sizeC == 0:
	case g.spec.K == 0:
		x.empty()
	case g.plan.mode == splitTerms:
		x.splitTerms(r)
	case g.plan.mode == wholeMatrices:
		x.wholeMatrices(r)
	case g.plan.mode == splitMatrix:
		x.splitMatrix(r)
	default:
		return errors.New("kernel: matrix product was not made by NewGemm")
	}
	return nil
}
