package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Sides of a block of products: large enough that copying its rows to the engine costs a few percent of multiplying them, small enough
// that the block (16 MB) is read while it is in the cache or nearly so.
const (
	blockRows    = 2048
	blockColumns = 2048
)

// keepBytes is how much of the left side stays on the engine while the right side passes by, so that it is not copied there for each block.
const keepBytes = 512 << 20

// finish is what is computed of products in the graph, where it costs little: xy are the products of rows, xx [rows, 1] and yy [1, columns]
// their squared lengths.
type finish func(xy, xx, yy *graph.Node) *graph.Node

// squaredDistances is |x|² + |y|² - 2·x·y, at least 0.
func squaredDistances(xy, xx, yy *graph.Node) *graph.Node {
	d := graph.Sub(graph.Add(xx, yy), graph.MulScalar(xy, 2))
	return graph.Max(d, graph.ScalarZero(d.Graph(), d.DType()))
}

// products multiplies every row of x with every row of y on the engine and gives the results to visit in blocks: value i*columns+j of
// a block is row (first+i) of x times row (firstY+j) of y. visit is called from one goroutine; the block is used again afterwards.
func products(ctx context.Context, b compute.Backend, x, y Matrix, visit func(block productBlock) error) error {
	return finished(ctx, b, x, y, func(xy, _, _ *graph.Node) *graph.Node { return xy }, visit)
}

// finished is products with a function of them in their place.
func finished(ctx context.Context, b compute.Backend, x, y Matrix, f finish, visit func(block productBlock) error) (err error) {
	if x.D != y.D {
		return fmt.Errorf("eval: feature vectors of %d and of %d numbers cannot be compared: they come from different feature spaces", x.D, y.D)
	}
	exec, err := graph.NewExec(b, func(in []*graph.Node) *graph.Node {
		return f(graph.Einsum("ik,jk->ij", in[0], in[1]), graph.ExpandDims(in[2], 1), graph.ExpandDims(in[3], 0))
	})
	if err != nil {
		return err
	}
	defer exec.Finalize()
	left, right := operand{m: x, norms: squaredNorms(x)}, operand{m: y, norms: squaredNorms(y)}
	defer func() { err = errors.Join(err, left.free(), right.free()) }()
	for j := 0; j < y.N; j += blockColumns {
		for i := 0; i < x.N; i += blockRows {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			block := productBlock{first: i, firstY: j, rows: min(blockRows, x.N-i), columns: min(blockColumns, y.N-j)}
			if err := oneProduct(exec, left.at(b, i, block.rows), right.at(b, j, block.columns), block, visit); err != nil {
				return err
			}
			if x.N*x.D*4 > keepBytes {
				err = left.free()
			}
		}
		if err = errors.Join(err, right.free()); err != nil {
			return err
		}
	}
	return nil
}

// operand is a matrix of which parts lie on the engine.
type operand struct {
	m     Matrix
	norms []float32
	parts map[int][2]*tensors.Tensor // by first row: rows, squared lengths
}

// at are the n rows from first on, and their squared lengths.
func (s *operand) at(b compute.Backend, first, n int) [2]*tensors.Tensor {
	p, ok := s.parts[first]
	if !ok {
		rows := s.m.Rows(first, first+n)
		p = [2]*tensors.Tensor{onEngine(b, rows), tensors.FromFlatDataAndDimensions(s.norms[first:first+n], n)}
		if s.parts == nil {
			s.parts = map[int][2]*tensors.Tensor{}
		}
		s.parts[first] = p
	}
	return p
}

// onEngine copies a matrix to the engine, on all cores where the engine shares its memory.
func onEngine(b compute.Backend, m Matrix) *tensors.Tensor {
	t, err := tensors.FromShapeForBackend(b, 0, shapes.Make(dtypes.Float32, m.N, m.D))
	if err == nil {
		err = tensors.MutableFlatData(t, func(flat []float32) {
			eachRow(m.N, func(i int) { copy(flat[i*m.D:][:m.D], m.Row(i)) })
		})
	}
	if err != nil {
		return tensors.FromFlatDataAndDimensions(m.Data, m.N, m.D)
	}
	return t
}

// free takes what lies there away.
func (s *operand) free() error {
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, p[0].FinalizeAll(), p[1].FinalizeAll())
	}
	s.parts = nil
	return errors.Join(errs...)
}

// productBlock is a block of a matrix of products.
type productBlock struct {
	first, firstY int // rows of x and of y that its first value belongs to
	rows, columns int
	values        []float32
}

// oneProduct computes one block and hands it on.
func oneProduct(exec *graph.Exec, left, right [2]*tensors.Tensor, block productBlock, visit func(block productBlock) error) error {
	out, err := exec.Call(left[0], right[0], left[1], right[1])
	if err != nil {
		return fmt.Errorf("eval: a product of %d x %d feature vectors failed: %w", block.rows, block.columns, err)
	}
	var failed error
	err = tensors.ConstFlatData(out[0], func(values []float32) {
		block.values = values
		failed = visit(block)
	})
	return errors.Join(err, failed, out[0].FinalizeAll())
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
