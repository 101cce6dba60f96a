// Package exec runs planned graphs: each node becomes a step with a kernel chosen once, steps run in order, and the tasks of
// a step run on the workers of a [kernel.Runner].
package exec

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
	"github.com/ebb-ml/ebb/cpu/internal/kernel"
	"github.com/ebb-ml/ebb/cpu/internal/plan"
)

// Options is what a graph is compiled for.
type Options struct {
	Set    *kernel.Set
	Runner kernel.Runner
	Conv   kernel.ConvAlgorithm // how 3×3 convolutions are computed: ConvAuto, or ConvDirect for exactness
}

// Memory provides blocks that are aligned to 64 bytes.
type Memory interface {
	Alloc(size int64) ([]byte, error)
	Free(block []byte)
}

// Executable is a compiled graph. It may run several times at once.
type Executable struct {
	g       *ir.Graph
	def     []int32 // defining node of each value
	p       *plan.Plan
	steps   []step
	kernels *kernels
	runner  kernel.Runner
	fixed   [][]byte // constants' values
	idle    sync.Pool
	profile *Profile

	convAlgorithm kernel.ConvAlgorithm
}

// step is one node, ready to run.
type step struct {
	node    int
	kind    string
	scratch func(workers int) int // floats
	run     func(c *context, in, out [][]byte, scratch []float32) error
	inPlace func(out, in int) bool
	flops   float64
	note    string // why this kernel, for dumps
}

// context is the state of one run.
type context struct {
	*Executable
	mem   [][]byte // of each root value
	tiles []tile
	in    [][]byte
	out   [][]byte
}

func (c *context) tile(worker int) *tile { return &c.tiles[worker] }

// Compile prepares a graph that the passes have emitted.
func Compile(g *ir.Graph, o Options) (*Executable, error) {
	x := &Executable{g: g, def: g.Definitions(), kernels: newKernels(o.Set), runner: o.Runner, fixed: make([][]byte, len(g.Shapes)),
		convAlgorithm: o.Conv}
	byNode := make([]*step, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch compute.OpType(n.Op) {
		case compute.OpTypeReshape:
			continue
		case compute.OpTypeConstant:
			s := g.Shape(n.Outputs[0])
			x.fixed[n.Outputs[0]] = bytesOf(n.Attr.(ir.Constant).Flat, s)
			continue
		}
		s, err := x.newStep(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.NodeString(i), err)
		}
		s.node = i
		byNode[i] = &s
	}
	x.p = plan.New(g, plan.Limits{
		Scratch: func(node int) int64 {
			if s := byNode[node]; s != nil && s.scratch != nil {
				return 4 * int64(s.scratch(o.Runner.Workers()))
			}
			return 0
		},
		InPlace: func(node, out, in int) bool {
			return byNode[node] != nil && byNode[node].inPlace != nil && byNode[node].inPlace(out, in)
		},
	})
	for _, s := range byNode {
		if s != nil {
			x.steps = append(x.steps, *s)
		}
	}
	x.profile = newProfile(x)
	return x, nil
}

// ArenaSize returns how many bytes a run needs beside its inputs and outputs.
func (x *Executable) ArenaSize() int64 { return x.p.Arena }

// OutputSize returns how many bytes a run's results need when inputs that can become results are donated, as the variables
// of a training step are.
func (x *Executable) OutputSize() int64 {
	var n int64
	for i, v := range x.g.Outputs {
		if x.p.Reuse[i] < 0 {
			n += x.p.Places[x.p.Root[v]].Size
		}
	}
	return n
}

// Plan returns the steps and places as text.
func (x *Executable) Plan() string {
	var b strings.Builder
	fmt.Fprintf(&b, "arena %d bytes, %d steps\n", x.p.Arena, len(x.steps))
	for i := range x.steps {
		s := &x.steps[i]
		fmt.Fprintf(&b, "%s %s", s.kind, s.note)
		for _, v := range x.g.Nodes[s.node].Outputs {
			at := x.p.Places[x.p.Root[v]]
			fmt.Fprintf(&b, " v%d:%s@%d+%d", v, [...]string{"unused", "param", "output", "arena", "fixed"}[at.Kind], at.Offset, at.Size)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Result is one output of a run: a new block, or the input that became it.
type Result struct {
	Block []byte
	Input int // the donated input whose block this is, or -1
}

// Run executes the graph. inputs are the parameters' blocks; a donated one may be overwritten and come back as a result.
// When an error is returned nothing was handed out.
func (x *Executable) Run(inputs [][]byte, donated []bool, m Memory) (results []Result, err error) {
	c := x.open(inputs)
	defer x.idle.Put(c)
	arena, err := m.Alloc(x.p.Arena)
	if err != nil {
		return nil, err
	}
	defer m.Free(arena)
	results, err = c.place(arena, inputs, donated, m)
	if err == nil {
		err = c.runSteps(arena)
	}
	if err != nil {
		c.release(results, m)
		return nil, err
	}
	return results, c.copyOut(results, inputs, donated, m)
}

func (c *context) release(results []Result, m Memory) {
	for _, r := range results {
		if r.Input < 0 && r.Block != nil {
			m.Free(r.Block)
		}
	}
}

// open returns an idle context or a new one.
func (x *Executable) open(inputs [][]byte) *context {
	if c, ok := x.idle.Get().(*context); ok {
		return c
	}
	return &context{Executable: x, mem: make([][]byte, len(x.g.Shapes)), tiles: make([]tile, x.runner.Workers())}
}

// place points every value at its memory and makes the results' blocks.
func (c *context) place(arena []byte, inputs [][]byte, donated []bool, m Memory) ([]Result, error) {
	results := make([]Result, len(c.g.Outputs))
	for i := range results {
		results[i].Input = -1
	}
	for v := range c.g.Shapes {
		at := &c.p.Places[v]
		switch {
		case c.p.Root[v] != ir.Value(v):
		case at.Kind == plan.Arena:
			c.mem[v] = arena[at.Offset : at.Offset+at.Size : at.Offset+at.Size]
		case at.Kind == plan.Param:
			c.mem[v] = inputs[at.Index]
		case at.Kind == plan.Fixed:
			c.mem[v] = c.fixed[v]
		case at.Kind == plan.Output:
			r := &results[at.Index]
			if p := c.p.Reuse[at.Index]; p >= 0 && p < len(donated) && donated[p] {
				*r = Result{inputs[p], p}
			} else {
				block, err := m.Alloc(at.Size)
				if err != nil {
					c.release(results, m)
					return nil, err
				}
				r.Block = block
			}
			c.mem[v] = r.Block
		}
	}
	return results, nil
}

// copyOut completes the results that are not written by a step: parameters and constants returned as they are, and values
// returned twice.
func (c *context) copyOut(results []Result, inputs [][]byte, donated []bool, m Memory) error {
	taken := make([]bool, len(inputs))
	for _, r := range results {
		if r.Input >= 0 {
			taken[r.Input] = true
		}
	}
	for i, v := range c.g.Outputs {
		root := c.p.Root[v]
		at := c.p.Places[root]
		if at.Kind == plan.Output && at.Index == i {
			continue
		}
		if at.Kind == plan.Param && at.Index < len(donated) && donated[at.Index] && !taken[at.Index] {
			taken[at.Index] = true
			results[i] = Result{inputs[at.Index], at.Index}
			continue
		}
		block, err := m.Alloc(at.Size)
		if err != nil {
			c.release(results, m)
			return err
		}
		copy(block, c.mem[root])
		results[i].Block = block
	}
	return nil
}

func (c *context) runSteps(arena []byte) error {
	for i := range c.steps {
		s := &c.steps[i]
		n := &c.g.Nodes[s.node]
		c.in, c.out = c.in[:0], c.out[:0]
		for _, v := range n.Inputs {
			if v == ir.None {
				c.in = append(c.in, nil)
				continue
			}
			c.in = append(c.in, c.mem[c.p.Root[v]])
		}
		for _, v := range n.Outputs {
			c.out = append(c.out, c.mem[c.p.Root[v]])
		}
		var scratch []float32
		if s.scratch != nil {
			if floats := s.scratch(c.runner.Workers()); floats > 0 {
				scratch = view[float32](arena[c.p.Scratch[s.node]:], floats)
			}
		}
		start := time.Now()
		if err := c.runStep(s, scratch); err != nil {
			return fmt.Errorf("cpu: %s: %w", operation(n), err)
		}
		c.profile.add(i, time.Since(start))
	}
	return nil
}

// operation names a node, a program by what it computes.
func operation(n *ir.Node) string {
	if p, ok := n.Attr.(*ir.Program); ok {
		return fmt.Sprintf("%s(%s)", n.Op, p.Operations())
	}
	return n.Op.String()
}

// runStep turns a kernel's panic into an error.
func (c *context) runStep(s *step, scratch []float32) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %v", s.kind, r)
		}
	}()
	return s.run(c, c.in, c.out, scratch)
}

// types returns the dtypes of values.
func (x *Executable) types(values []ir.Value) []dtypes.DType {
	out := make([]dtypes.DType, len(values))
	for i, v := range values {
		if v != ir.None {
			out[i] = x.g.Shapes[v].DType
		}
	}
	return out
}
