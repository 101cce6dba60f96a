package cpu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebb-ml/ebb/cpu/internal/exec"
	"github.com/ebb-ml/ebb/cpu/internal/interp"
	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/pass"
)

// compiled is the program that the passes and the executor make of a graph.
type compiled struct{ *exec.Executable }

// compile makes a program of the captured graph of a computation.
func compile(b *Backend, name string, g *ir.Graph) (program, error) {
	var d dump
	if b.config.Dump != "" {
		var err error
		if d, err = newDump(b.config.Dump, b.dumps.Add(1), name, g); err != nil {
			return nil, err
		}
	}
	g, err := pass.Run(g, pass.Options{Evaluate: evaluate, After: d.write})
	if err != nil {
		return nil, err
	}
	x, err := exec.Compile(g, exec.Options{Set: b.kernels, Runner: b.pool, Conv: b.config.Conv})
	if err != nil {
		return nil, err
	}
	b.profiles.add(x)
	return compiled{x}, d.close(x)
}

// Run implements program.
func (p compiled) Run(inputs [][]byte, donated []bool, m allocator) ([]result, error) {
	out, err := p.Executable.Run(inputs, donated, m)
	if err != nil {
		return nil, err
	}
	results := make([]result, len(out))
	for i, r := range out {
		results[i] = result{r.Block, r.Input}
	}
	return results, nil
}

// MemoryEstimate implements program.
func (p compiled) MemoryEstimate() int64 { return p.ArenaSize() + p.OutputSize() }

// evaluate computes a node on constants, for the passes.
func evaluate(g *ir.Graph, n *ir.Node, flats []any) ([]any, error) {
	in := make([]interp.Tensor, len(flats))
	for i, v := range n.Inputs {
		in[i] = interp.Tensor{Shape: g.Shapes[v], Flat: flats[i]}
	}
	out := make([]interp.Tensor, len(n.Outputs))
	results := make([]any, len(out))
	for i, v := range n.Outputs {
		out[i] = interp.New(g.Shapes[v])
		results[i] = out[i].Flat
	}
	return results, interp.Eval(n, in, out)
}

// dump writes a computation's graphs into a folder of its own: after each pass, and the plan. The zero dump writes nothing.
type dump struct {
	dir   string
	count *int
	err   *error
}

// newDump makes the folder of the backend's n-th computation.
func newDump(dir string, n int64, name string, g *ir.Graph) (dump, error) {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("/\\:*?\"<>| ", r) {
			return '_'
		}
		return r
	}, name)
	d := dump{filepath.Join(dir, fmt.Sprintf("%03d-%.40s", n, name)), new(int), new(error)}
	if err := os.MkdirAll(d.dir, 0o777); err != nil {
		return d, fmt.Errorf("cpu: dump: %w", err)
	}
	d.write("captured", g)
	return d, nil
}

func (d dump) write(pass string, g *ir.Graph) {
	if d.dir == "" {
		return
	}
	name := fmt.Sprintf("%02d-%s.txt", *d.count, strings.ReplaceAll(pass, " ", "-"))
	*d.count++
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(g.String()), 0o666); err != nil && *d.err == nil {
		*d.err = fmt.Errorf("cpu: dump: %w", err)
	}
}

// close writes the plan and returns the first error of all writes.
func (d dump) close(x *exec.Executable) error {
	if d.dir == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(d.dir, "plan.txt"), []byte(x.Plan()), 0o666); err != nil {
		return fmt.Errorf("cpu: dump: %w", err)
	}
	return *d.err
}
