package plan

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"pgregory.net/rapid"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// TestOffsetsDoNotOverlap checks the planner's promise on random lifetimes, and that it wastes little: never more than the
// blocks together, never less than the busiest moment.
func TestOffsetsDoNotOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := make([]Block, rapid.IntRange(0, 40).Draw(t, "blocks"))
		var sum int64
		busy := map[int]int64{}
		for i := range blocks {
			first := rapid.IntRange(0, 30).Draw(t, "first")
			blocks[i] = Block{int64(rapid.IntRange(0, 1000).Draw(t, "size")), first, first + rapid.IntRange(0, 10).Draw(t, "life")}
			rounded := (blocks[i].Size + Align - 1) / Align * Align
			sum += rounded
			for m := blocks[i].First; m <= blocks[i].Last; m++ {
				busy[m] += rounded
			}
		}
		offsets, total := Offsets(blocks)
		for i, a := range blocks {
			if offsets[i]%Align != 0 || offsets[i] < 0 || offsets[i]+a.Size > total {
				t.Fatalf("block %d at %d of %d", i, offsets[i], total)
			}
			for j, b := range blocks[:i] {
				alive := a.First <= b.Last && b.First <= a.Last
				if alive && a.Size > 0 && b.Size > 0 && offsets[i] < offsets[j]+b.Size && offsets[j] < offsets[i]+a.Size {
					t.Fatalf("blocks %d %+v at %d and %d %+v at %d overlap", i, a, offsets[i], j, b, offsets[j])
				}
			}
		}
		for m, n := range busy {
			if total < n {
				t.Fatalf("%d bytes, but %d are alive at %d", total, n, m)
			}
		}
		if total > sum {
			t.Fatalf("%d bytes for blocks of %d", total, sum)
		}
	})
}

// TestShare follows a chain of element-wise operations: they take over one another's memory, and the donated parameter's
// buffer becomes the result.
func TestShare(t *testing.T) {
	g := &ir.Graph{Name: "chain"}
	s := shapes.Make(dtypes.Float32, 100)
	unary := func(v ir.Value) ir.Value { return g.Add(ir.Primitive(compute.OpTypeExp), nil, []ir.Value{v}, s)[0] }
	x := g.NewParam(s)
	a := unary(x)
	b := unary(a)
	view := g.Add(ir.Primitive(compute.OpTypeReshape), nil, []ir.Value{b}, shapes.Make(dtypes.Float32, 10, 10))[0]
	c := g.Add(ir.Primitive(compute.OpTypeAdd), nil, []ir.Value{view, x}, s)[0]
	g.Outputs = []ir.Value{c}
	p := New(g, Limits{Scratch: func(int) int64 { return 0 }, InPlace: func(int, int, int) bool { return true }})
	if p.Places[a].Offset != p.Places[b].Offset || p.Arena != 448 {
		t.Errorf("b does not take over a: %+v", p)
	}
	if p.Root[view] != b || p.Places[c].Kind != Output || p.Reuse[0] != 0 {
		t.Errorf("the result does not take over the parameter: %+v", p)
	}
}
