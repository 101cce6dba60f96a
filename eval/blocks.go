package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Sides of a block of products: large enough that copying its rows to the engine costs a few percent of multiplying them, small enough
// that the block (16 MB) is read while it is in the cache or nearly so.
const (
	blockRows    = 2048
	blockColumns = 2048
)

// products multiplies every row of x with every row of y on the engine and gives the results to visit in blocks: value i*columns+j of
// a block is row (first+i) of x times row (firstY+j) of y. visit is called from one goroutine; the block is used again afterwards.
func products(ctx context.Context, b compute.Backend, x, y Matrix, visit func(block productBlock) error) error {
	if x.D != y.D {
		return fmt.Errorf("eval: feature vectors of %d and of %d numbers cannot be compared: they come from different feature spaces", x.D, y.D)
	}
	exec, err := graph.NewExec(b, func(p, q *graph.Node) *graph.Node { return graph.Einsum("ik,jk->ij", p, q) })
	if err != nil {
		return err
	}
	defer exec.Finalize()
	for j := 0; j < y.N; j += blockColumns {
		right := y.Rows(j, min(j+blockColumns, y.N))
		q := tensors.FromFlatDataAndDimensions(right.Data, right.N, right.D)
		for i := 0; i < x.N && err == nil; i += blockRows {
			if err = context.Cause(ctx); err == nil {
				err = oneProduct(exec, x.Rows(i, min(i+blockRows, x.N)), q, productBlock{first: i, firstY: j, columns: right.N}, visit)
			}
		}
		if err = errors.Join(err, q.FinalizeAll()); err != nil {
			return err
		}
	}
	return nil
}

// productBlock is a block of a matrix of products.
type productBlock struct {
	first, firstY int // rows of x and of y that its first value belongs to
	rows, columns int
	values        []float32
}

// oneProduct computes one block and hands it on.
func oneProduct(exec *graph.Exec, left Matrix, q *tensors.Tensor, block productBlock, visit func(block productBlock) error) error {
	p := tensors.FromFlatDataAndDimensions(left.Data, left.N, left.D)
	out, err := exec.Call(p, q)
	if err != nil {
		return errors.Join(fmt.Errorf("eval: a product of %d x %d feature vectors failed: %w", left.N, block.columns, err), p.FinalizeAll())
	}
	block.rows = left.N
	var failed error
	err = tensors.ConstFlatData(out[0], func(values []float32) {
		block.values = values
		failed = visit(block)
	})
	return errors.Join(err, failed, p.FinalizeAll(), out[0].FinalizeAll())
}

// eachRow calls f for the rows 0 … n-1 on all cores. Rows must not depend on each other.
func eachRow(n int, f func(row int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for row := n * w / workers; row < n*(w+1)/workers; row++ {
				f(row)
			}
		})
	}
	all.Wait()
}

// squaredNorms are the squared lengths of the rows.
func squaredNorms(m Matrix) []float32 {
	out := make([]float32, m.N)
	eachRow(m.N, func(i int) {
		sum := 0.0
		for _, v := range m.Row(i) {
			sum += float64(v) * float64(v)
		}
		out[i] = float32(sum)
	})
	return out
}
