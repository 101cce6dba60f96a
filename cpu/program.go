package cpu

import (
	"slices"

	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/interp"
	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// allocator provides the blocks of a run's results.
type allocator interface {
	Alloc(size int64) ([]byte, error)
	Free(block []byte)
}

// result is one output of a run: a new block, or the donated input that became it.
type result struct {
	block []byte
	input int // the donated input whose block this is, or -1
}

// program is a compiled graph: the seam between the front end and what runs it. It may run several times at once.
type program interface {
	// Run computes the outputs from the parameters' blocks. A donated block may be overwritten, and returned as one result
	// at most; all other results are new blocks. When an error is returned no block was handed out.
	Run(inputs [][]byte, donated []bool, m allocator) ([]result, error)
	// MemoryEstimate returns how many bytes a run needs beside its inputs.
	MemoryEstimate() int64
}

// interpreted is the program that interprets a graph.
type interpreted struct{ *ir.Graph }

func (p interpreted) Run(inputs [][]byte, donated []bool, m allocator) ([]result, error) {
	in := make([]interp.Tensor, len(inputs))
	for i, block := range inputs {
		in[i] = interp.Of(p.Shape(p.Params[i]), block)
	}
	out, err := interp.Run(p.Graph, in)
	if err != nil {
		return nil, err
	}
	results := make([]result, len(out))
	for i, t := range out {
		block, err := m.Alloc(int64(len(t.Bytes())))
		if err != nil {
			for _, r := range results[:i] {
				m.Free(r.block)
			}
			return nil, err
		}
		copy(block, t.Bytes())
		results[i] = result{block, -1}
	}
	return results, nil
}

// MemoryEstimate adds up values from their definition to their last use.
func (p interpreted) MemoryEstimate() int64 {
	uses := p.Uses()
	var now, peak int64
	size := func(v ir.Value) int64 { return p.Shapes[v].ByteSize() }
	for i := range p.Nodes {
		for _, v := range p.Nodes[i].Outputs {
			now += size(v)
		}
		peak = max(peak, now)
		for _, v := range p.Nodes[i].Inputs {
			if v == ir.None {
				continue
			}
			if uses[v]--; uses[v] == 0 && !slices.Contains(p.Params, v) {
				now -= size(v)
			}
		}
	}
	return peak + sumBytes(p.Shapes, p.Outputs)
}

func sumBytes(all []shapes.Shape, values []ir.Value) int64 {
	var n int64
	for _, v := range values {
		n += all[v].ByteSize()
	}
	return n
}
