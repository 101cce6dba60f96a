// Package pass rewrites graphs: from what GoMLX issues to what the executor runs.
//
// [Pipeline] is the visible list of passes in their order. Each pass is a function from graph to graph in a file of its own,
// and the verifier runs between them.
package pass

import (
	"fmt"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

// Evaluate computes a node on constant inputs; flat holds the inputs' values, the result the outputs'.
type Evaluate func(g *ir.Graph, n *ir.Node, flat []any) ([]any, error)

// Options is what passes need to know beyond the graph.
type Options struct {
	Evaluate Evaluate                       // folds constants; nil: nothing is folded
	After    func(pass string, g *ir.Graph) // called after each pass, for dumps; may be nil
}

// Pass is one step of the pipeline.
type Pass struct {
	Name string
	Run  func(g *ir.Graph, o *Options) (*ir.Graph, error)
}

// Pipeline lists the passes in order.
func Pipeline() []Pass {
	return []Pass{
		{"inline", inlineCalls},
		{"clean", clean},
		{"barriers", dropBarriers},
		{"clean again", cleanApart},
		{"convolution", matchConvolutions},
		{"matmul", matchMatMuls},
		{"dead code", removeDead},
		{"fuse", fuse},
		{"dead code again", removeDead},
	}
}

// Run applies the pipeline and verifies the graph after each pass.
func Run(g *ir.Graph, o Options) (*ir.Graph, error) {
	if err := g.Verify(); err != nil {
		return nil, err
	}
	for _, p := range Pipeline() {
		next, err := p.Run(g, &o)
		if err != nil {
			return nil, fmt.Errorf("pass %q: %w", p.Name, err)
		}
		if err := next.Verify(); err != nil {
			return nil, fmt.Errorf("after pass %q: %w", p.Name, err)
		}
		if g = next; o.After != nil {
			o.After(p.Name, g)
		}
	}
	return g, nil
}
