package exec

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/cpu/internal/pass"
)

// softmaxWithMax is the softmax of each row, and the row's largest value.
func softmaxWithMax(rows, n int) *ir.Graph {
	m := maker{&ir.Graph{Name: "softmax"}}
	x := m.NewParam(f32(rows, n))
	top := m.reduce(compute.OpTypeReduceMax, x, 1)
	e := m.same(compute.OpTypeExp, m.same(compute.OpTypeSub, x, m.broadcast(top, []int{rows, n}, 0)))
	sum := m.reduce(compute.OpTypeReduceSum, e, 1)
	m.Outputs = []ir.Value{m.same(compute.OpTypeDiv, e, m.broadcast(sum, []int{rows, n}, 0)), top}
	return m.Graph
}

// TestStreamedResults wants results that are written past the caches to have the bits of small ones, for tiles that are whole
// lines and for others, and for results in their input's memory.
func TestStreamedResults(t *testing.T) {
	const few = 16
	for _, n := range []int{512, 250} {
		rows := (streamFrom/4/n + few) / few * few
		small := randoms(few*n, 7)
		want := runGraph(t, softmaxWithMax(few, n), kernel.BestTier(), small)
		big := make([]float32, 0, rows*n)
		for range rows / few {
			big = append(big, small...)
		}
		g, err := pass.Run(softmaxWithMax(rows, n), pass.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x, err := Compile(g, Options{Set: kernel.ForTier(kernel.BestTier()), Runner: kernel.Serial{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, donated := range []bool{false, true} {
			results, err := x.Run([][]byte{bytesOf(big, f32(len(big)))}, []bool{donated}, heap{})
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range results {
				got := view[float32](r.Block, len(r.Block)/4)
				for part := range slices.Chunk(got, len(want[i])) {
					if !slices.Equal(part, want[i]) {
						t.Fatalf("rows of %d, donated %v: result %d differs from that of few rows", n, donated, i)
					}
				}
			}
		}
	}
}
