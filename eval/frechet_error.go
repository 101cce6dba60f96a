package eval

import (
	"context"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// frechetVariance is the variance of the Fréchet distance that comes from the sample x with moments m; the other side has moments o.
// cross is F1·F2ᵀ, transposed for the second side.
//
// The influence of a vector is 2(m1-m2)·r + |r|² - rᵀ·M·r less its mean, with r = x - m1 and M the optimal map between the two normal
// distributions (Olkin and Pukelsheim 1982). With r = F1ᵀ·z that form is zᵀ·(C·Cᵀ)^½·z; where F1 is the vectors themselves, z is a multiple
// of a unit vector and the form is an element of the diagonal.
func frechetVariance(ctx context.Context, b compute.Backend, m, o *Moments, x Matrix, cross []float64, second bool) (float64, error) {
	forms := make([]float64, x.N)
	if len(cross) > 0 {
		gram := make([]float64, m.rows*m.rows)
		rows, columns := m.rows, o.rows
		if second {
			rows, columns = columns, rows
		}
		p, err := newProduct64(b, second)
		if err != nil {
			return 0, err
		}
		defer p.close()
		if err := p.run(ctx, cross, cross, rows, columns, rows, columns, gram); err != nil {
			return 0, err
		}
		if forms, err = m.forms(ctx, b, x, gram); err != nil {
			return 0, err
		}
	}
	influence := make([]float64, x.N)
	eachRow(x.N, func(i int) {
		sum := 0.0
		for j, v := range x.Row(i) {
			r := float64(v) - m.mean[j]
			sum += 2*(m.mean[j]-o.mean[j])*r + r*r
		}
		influence[i] = sum - forms[i]
	})
	_, v := meanAndVariance(influence)
	return v / float64(x.N), nil
}

// forms returns zᵀ·√gram·z for each vector. An error of a percent in them does not matter, so that single precision is enough.
func (m *Moments) forms(ctx context.Context, b compute.Backend, x Matrix, gram []float64) ([]float64, error) {
	root, err := matrixRoot(ctx, b, gram, m.rows)
	if err != nil {
		return nil, err
	}
	out := make([]float64, x.N)
	if m.pivots == nil {
		for i := range out {
			out[i] = float64(m.N-1) * float64(root.Row(i)[i])
		}
		return out, nil
	}
	z := m.coordinates(x)
	err = products(ctx, b, z, root, func(block productBlock) error {
		eachRow(block.rows, func(i int) {
			part := z.Row(block.first + i)[block.firstY:][:block.columns]
			for j, v := range block.values[i*block.columns:][:block.columns] {
				out[block.first+i] += float64(v) * float64(part[j])
			}
		})
		return nil
	})
	return out, err
}

// coordinates solves F1ᵀ·z = r for every vector by forward substitution on the pivots.
func (m *Moments) coordinates(x Matrix) Matrix {
	z := NewMatrix(x.N, m.rows)
	eachRow(x.N, func(i int) {
		r := make([]float64, m.D)
		for j, v := range x.Row(i) {
			r[j] = float64(v) - m.mean[j]
		}
		for k, p := range m.pivots {
			row := m.f[k*m.D:][:m.D]
			w := r[p] / row[p]
			z.Row(i)[k] = float32(w)
			for j, v := range row {
				r[j] -= w * v
			}
		}
	})
	return z
}

// matrixRoot is the square root of a positive semi-definite matrix by the coupled Newton-Schulz iteration (Higham 2008, "Functions of
// matrices", equation 6.35) in single precision: eigenvalues below some millionth of the largest one come out too small.
func matrixRoot(ctx context.Context, b compute.Backend, a []float64, n int) (Matrix, error) {
	norm := 0.0
	for _, v := range a {
		norm += v * v
	}
	norm = math.Sqrt(norm)
	y, z := NewMatrix(n, n), NewMatrix(n, n)
	if norm == 0 {
		return y, nil
	}
	for i, v := range a {
		y.Data[i] = float32(v / norm)
	}
	for i := range n {
		z.Row(i)[i] = 1
	}
	exec, err := graph.NewExec(b, func(y, z *graph.Node) (*graph.Node, *graph.Node) {
		t := graph.MulScalar(graph.Sub(graph.MulScalar(graph.ConvertDType(graph.Diagonal(y.Graph(), n), y.DType()), 3), graph.MatMul(z, y)), 0.5)
		return graph.MatMul(y, t), graph.MatMul(t, z)
	})
	if err != nil {
		return y, err
	}
	defer exec.Finalize()
	const steps = 18 // each multiplies small eigenvalues of the root by 1.5: 1500 in all
	state := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y.Data, n, n), tensors.FromFlatDataAndDimensions(z.Data, n, n)}
	for range steps {
		if state, err = iterate(ctx, exec, state); err != nil {
			return y, err
		}
	}
	err = tensors.ConstFlatData(state[0], func(v []float32) {
		for i := range v {
			y.Data[i] = v[i] * float32(math.Sqrt(norm))
		}
	})
	return y, finalize(err, state...)
}

// iterate runs a step and frees the state before it.
func iterate(ctx context.Context, exec *graph.Exec, state []*tensors.Tensor) ([]*tensors.Tensor, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, finalize(err, state...)
	}
	out, err := exec.Call(state[0], state[1])
	return out, finalize(err, state...)
}
