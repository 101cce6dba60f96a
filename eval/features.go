package eval

import (
	"context"
	"fmt"
	"math"

	"github.com/ebb-ml/ebb/data"
)

// Matrix holds N feature vectors of D numbers, one after the other.
type Matrix struct {
	N, D int
	Data []float32 // row-major, N*D long
}

// NewMatrix makes a matrix of zeros.
func NewMatrix(n, d int) Matrix { return Matrix{N: n, D: d, Data: make([]float32, n*d)} }

// Row is vector i; it shares memory with the matrix.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.D : (i+1)*m.D] }

// Rows are the vectors first … last-1; they share memory with the matrix.
func (m Matrix) Rows(first, last int) Matrix {
	return Matrix{N: last - first, D: m.D, Data: m.Data[first*m.D : last*m.D]}
}

// Take copies the vectors with the given indices.
func (m Matrix) Take(index []int) Matrix {
	out := NewMatrix(len(index), m.D)
	for i, j := range index {
		copy(out.Row(i), m.Row(j))
	}
	return out
}

// check says what is wrong with a matrix: its size, or a number that is not finite.
func (m Matrix) check(what string) error {
	if m.D < 1 || m.N < 0 || len(m.Data) != m.N*m.D {
		return fmt.Errorf("eval: %s: %d numbers are not %d vectors of %d", what, len(m.Data), m.N, m.D)
	}
	for i, v := range m.Data {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("eval: %s: feature %d of vector %d is %v; look for broken pictures or a model that diverged", what, i%m.D, i/m.D, v)
		}
	}
	return nil
}

// Features maps pictures to feature vectors, one row for each picture in the order given. All pictures of a call have one size
// and number of channels; a function that needs another size resizes. It must be a pure function of each picture: the same row
// whatever else is in the call. It is called from one goroutine at a time.
type Features func(ctx context.Context, pictures []*data.Picture) (Matrix, error)

// Space is a feature space: a function and what tells it from other ones.
type Space struct {
	// Name says everything that changes the numbers: network, weights, layer, resizing. Vectors of spaces with different names are
	// not compared. It begins the name of measures in it: "inception" becomes FD-inception.
	Name string
	// Batch is how many pictures the function likes at once; 0 means 64. The last call of a set has fewer.
	Batch    int
	Features Features
	// Cheap vectors cost about as much to read from a file as to compute anew: they are not worth keeping.
	Cheap bool
}
