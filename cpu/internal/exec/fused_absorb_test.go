package exec

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// TestRowValues joins a matrix with values for each of its rows, on either side and in multiply-adds, and sums products
// along and across the rows. The row values are computed in the program, since only then do they change with the tile.
func TestRowValues(t *testing.T) {
	for _, n := range []int{31, 32, 300, 3000} { // the first has rows too short to be taken one by one
		const rows = 21
		dims := []int{rows, n}
		m := maker{&ir.Graph{Name: "rows"}}
		x, y := m.NewParam(f32(dims...)), m.NewParam(f32(dims...))
		s := m.same(compute.OpTypeMul, m.reduce(compute.OpTypeReduceSum, m.same(compute.OpTypeMul, x, y), 1), m.scalar(1/float32(n)))
		wide := m.broadcast(s, dims, 0)
		scaled := m.same(compute.OpTypeMul, x, wide)
		m.Outputs = []ir.Value{
			m.same(compute.OpTypeSub, wide, x),
			m.same(compute.OpTypeAdd, m.same(compute.OpTypeMul, wide, x), y),
			m.same(compute.OpTypeAdd, scaled, wide),
			m.same(compute.OpTypeAdd, m.same(compute.OpTypeMul, x, m.broadcast(m.scalar(2), dims)), wide),
			m.reduce(compute.OpTypeReduceSum, m.same(compute.OpTypeMul, scaled, y), 0),
			m.reduce(compute.OpTypeReduceSum, m.same(compute.OpTypeMul, scaled, scaled), 0, 1),
		}
		a, b := randoms(rows*n, 1), randoms(rows*n, 2)
		want := make([][]float64, len(m.Outputs))
		want[4], want[5] = make([]float64, n), make([]float64, 1)
		for r := range rows {
			s := 0.0
			for i := range n {
				s += float64(a[r*n+i]) * float64(b[r*n+i]) / float64(n)
			}
			for i := range n {
				x, y := float64(a[r*n+i]), float64(b[r*n+i])
				for o, v := range []float64{s - x, s*x + y, x*s + s, 2*x + s} {
					want[o] = append(want[o], v)
				}
				want[4][i] += x * s * y
				want[5][0] += x * s * x * s
			}
		}
		for _, tier := range []kernel.Tier{kernel.Reference, kernel.BestTier()} {
			for o, got := range runGraph(t, m.Graph, tier, a, b) {
				near(t, string(rune(48+o)), got, want[o], 1e-4)
			}
		}
	}
}
