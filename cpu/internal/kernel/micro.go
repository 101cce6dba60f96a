package kernel

// Micro holds a tier's matrix-product micro-kernels: C[m][NR] (+)= A[m][k] · B[k][NR] for m rows, 1 <= m <= MR.
// B is a packed panel: k rows of NR floats, ldb apart. Leading dimensions are counted in floats.
type Micro struct {
	MR, NR int
	// Rows[m] reads A by rows in place: A[i*lda+p].
	Rows [17]MicroFunc
	// Cols[m] reads A transposed in place: A[p*lda+i].
	Cols [17]MicroFunc
}

// MicroFunc computes one tile over k terms; accumulate adds to C instead of overwriting it.
type MicroFunc func(k int, a, b, c *float32, lda, ldb, ldc int, accumulate bool)

func microFor(Tier) Micro { return Micro{} }
