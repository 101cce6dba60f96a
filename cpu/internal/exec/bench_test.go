package exec

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/cpu/internal/pass"
	"github.com/ebb-ml/ebb/cpu/internal/pool"
)

// BenchmarkNormApply is the second half of a group normalisation with its activation: memory-bound.
func BenchmarkNormApply(b *testing.B) {
	for _, group := range []int{4, 5, 8, 12} {
		dims := []int{16, 1024, 32, group}
		c := 32 * group
		m := maker{&ir.Graph{Name: "apply"}}
		x := m.NewParam(f32(16, 1024, c))
		mean, variance := m.NewParam(f32(16, 32)), m.NewParam(f32(16, 32))
		gain, bias := m.NewParam(f32(c)), m.NewParam(f32(c))
		x4 := m.op(compute.OpTypeReshape, nil, f32(dims...), x)
		d := m.same(compute.OpTypeSub, x4, m.broadcast(mean, dims, 0, 2))
		y4 := m.same(compute.OpTypeDiv, d, m.broadcast(m.same(compute.OpTypeSqrt, m.same(compute.OpTypeAdd, variance, m.scalar(1e-5))), dims, 0, 2))
		y := m.op(compute.OpTypeReshape, nil, f32(16, 1024, c), y4)
		all := []int{16, 1024, c}
		y = m.same(compute.OpTypeAdd, m.same(compute.OpTypeMul, y, m.broadcast(gain, all, 2)), m.broadcast(bias, all, 2))
		m.Outputs = []ir.Value{m.same(compute.OpTypeMul, y, m.same(compute.OpTypeLogistic, y))}
		g, err := pass.Run(m.Graph, pass.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, workers := range []int{1, 2} {
			p, err := pool.New(workers)
			if err != nil {
				b.Fatal(err)
			}
			e, err := Compile(g, Options{Set: kernel.ForTier(kernel.BestTier()), Runner: p})
			if err != nil {
				b.Fatal(err)
			}
			var in [][]byte
			for i, v := range g.Params {
				in = append(in, randomTensor(g.Shape(v), uint64(i)).Bytes())
			}
			out, _ := heap{}.Alloc(int64(16 * 1024 * c * 4))
			b.Run(fmt.Sprintf("channels=%d/workers=%d", c, workers), func(b *testing.B) {
				b.SetBytes(int64(2 * 16 * 1024 * c * 4))
				for range b.N {
					if _, err := e.Run(in, nil, reuse{out}); err != nil {
						b.Fatal(err)
					}
				}
			})
			p.Close()
		}
	}
}

// reuse is a Memory that gives the same block again and again.
type reuse struct{ block []byte }

func (r reuse) Alloc(n int64) ([]byte, error) {
	if n > int64(len(r.block)) {
		return heap{}.Alloc(n)
	}
	if n < int64(len(r.block)) {
		return heap{}.Alloc(n)
	}
	return r.block, nil
}
func (reuse) Free([]byte) {}
