package eval

import (
	"context"
	"errors"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// product64 multiplies matrices in double precision on the engine: x·yᵀ, or xᵀ·y.
type product64 struct{ exec *graph.Exec }

func newProduct64(b compute.Backend, transposeFirst bool) (*product64, error) {
	equation := "ik,jk->ij"
	if transposeFirst {
		equation = "ki,kj->ij"
	}
	exec, err := graph.NewExec(b, func(x, y *graph.Node) *graph.Node { return graph.Einsum(equation, x, y) })
	return &product64{exec}, err
}

func (p *product64) close() { p.exec.Finalize() }

// run adds the product of x, rows x columns, and y to sum.
func (p *product64) run(ctx context.Context, x, y []float64, rowsX, columnsX, rowsY, columnsY int, sum []float64) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	a, b := tensors.FromFlatDataAndDimensions(x, rowsX, columnsX), tensors.FromFlatDataAndDimensions(y, rowsY, columnsY)
	out, err := p.exec.Call(a, b)
	if err == nil {
		err = tensors.ConstFlatData(out[0], func(v []float64) {
			for i := range v {
				sum[i] += v[i]
			}
		})
	}
	return finalize(err, append(out, a, b)...)
}

// finalize frees tensors and adds what fails to err.
func finalize(err error, all ...*tensors.Tensor) error {
	for _, t := range all {
		err = errors.Join(err, t.FinalizeAll())
	}
	return err
}
