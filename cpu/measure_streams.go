package cpu

import (
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/ebb-ml/ebb/cpu/internal/kernel"
)

// stream is a graph over arrays beyond cache, compiled as any other, so that what is measured is what a model runs.
type stream struct {
	name   string
	inputs []shapes.Shape
	passes float64      // arrays of streamFloats that are read or written
	donate bool         // all inputs but the last are updated in place
	exp    kernel.Unary // the function computed for each value, which limits the speed where it takes longer than a copy
	goal   float64
	build  func(g *streamGraph, in []compute.Value) []compute.Value
}

// streamGraph builds operations; after the first error it does nothing.
type streamGraph struct {
	compute.Function
	err error
}

func (g *streamGraph) do(v compute.Value, err error) compute.Value {
	if g.err == nil {
		g.err = err
	}
	return v
}

// number is a constant of the shape of like.
func (g *streamGraph) number(x float32, like compute.Value) compute.Value {
	s, err := g.Shape(like)
	if err != nil {
		return g.do(nil, err)
	}
	return g.do(g.BroadcastInDim(g.do(g.Constant([]float32{x})), s, nil))
}

// along broadcasts x to the shape of like, its axes becoming the given ones.
func (g *streamGraph) along(x, like compute.Value, axes ...int) compute.Value {
	s, err := g.Shape(like)
	if err != nil {
		return g.do(nil, err)
	}
	return g.do(g.BroadcastInDim(x, s, axes))
}

// silu is x·σ(x).
func (g *streamGraph) silu(x compute.Value) compute.Value {
	return g.do(g.Mul(x, g.do(g.Logistic(x))))
}

// mean is the mean of each row of a matrix.
func (g *streamGraph) mean(x compute.Value) compute.Value {
	sum := g.do(g.ReduceSum(x, 1))
	s, err := g.Shape(x)
	if err != nil {
		return g.do(nil, err)
	}
	return g.do(g.Div(sum, g.number(float32(s.Dimensions[1]), sum)))
}

// layerNorm is (x-mean)/√(variance+ε) of each row (Ba et al. 2016).
func (g *streamGraph) layerNorm(x compute.Value) compute.Value {
	centred := g.do(g.Sub(x, g.along(g.mean(x), x, 0)))
	variance := g.mean(g.do(g.Mul(centred, centred)))
	deviation := g.do(g.Sqrt(g.do(g.Add(variance, g.number(1e-5, variance)))))
	return g.do(g.Div(centred, g.along(deviation, x, 0)))
}

// softmax is e^(x-max) over its sum along the last axis.
func (g *streamGraph) softmax(x compute.Value) compute.Value {
	e := g.do(g.Exp(g.do(g.Sub(x, g.along(g.do(g.ReduceMax(x, 1)), x, 0)))))
	return g.do(g.Div(e, g.along(g.do(g.ReduceSum(e, 1)), x, 0)))
}

// adamW is the update of weights, both moments and a moving average (Loshchilov & Hutter 2019, algorithm 2) by a gradient.
func (g *streamGraph) adamW(in []compute.Value) []compute.Value {
	w, m, v, average, grad := in[0], in[1], in[2], in[3], in[4]
	blend := func(old, x compute.Value, keep float32) compute.Value {
		return g.do(g.Add(g.do(g.Mul(old, g.number(keep, old))), g.do(g.Mul(x, g.number(1-keep, old)))))
	}
	m, v = blend(m, grad, 0.9), blend(v, g.do(g.Mul(grad, grad)), 0.999)
	step := g.do(g.Div(g.do(g.Mul(m, g.number(1e-4, w))), g.do(g.Add(g.do(g.Sqrt(g.do(g.Abs(v)))), g.number(1e-8, w)))))
	w = g.do(g.Sub(g.do(g.Mul(w, g.number(0.999, w))), step))
	return []compute.Value{w, m, v, blend(average, w, 0.9999)}
}

func one(f func(g *streamGraph, x compute.Value) compute.Value) func(*streamGraph, []compute.Value) []compute.Value {
	return func(g *streamGraph, in []compute.Value) []compute.Value { return []compute.Value{f(g, in[0])} }
}

// streamCases are the memory-bound programs of a training step.
func streamCases() []stream {
	shape := func(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
	flat, rows, image := shape(streamFloats), shape(streamFloats/512, 512), shape(128, 32*32, 32, 4) // groups of 4 channels
	perChannel := shape(128, 32, 4)
	const goal, none = 0.8, kernel.Neg
	return []stream{
		{"a + b", []shapes.Shape{flat, flat}, 3, false, none, goal, func(g *streamGraph, in []compute.Value) []compute.Value {
			return []compute.Value{g.do(g.Add(in[0], in[1]))}
		}},
		{"a·2 + 1", []shapes.Shape{flat}, 2, false, none, goal, one(func(g *streamGraph, x compute.Value) compute.Value {
			return g.do(g.Add(g.do(g.Mul(x, g.number(2, x))), g.number(1, x)))
		})},
		{"SiLU (exp)", []shapes.Shape{flat}, 2, false, kernel.SiLU, goal, one((*streamGraph).silu)},
		{"tanh (exp)", []shapes.Shape{flat}, 2, false, kernel.Tanh, goal, one(func(g *streamGraph, x compute.Value) compute.Value { return g.do(g.Tanh(x)) })},
		{"sum of all", []shapes.Shape{flat}, 1, false, none, goal, one(func(g *streamGraph, x compute.Value) compute.Value { return g.do(g.ReduceSum(x)) })},
		{"sum of columns", []shapes.Shape{rows}, 1, false, none, goal, one(func(g *streamGraph, x compute.Value) compute.Value { return g.do(g.ReduceSum(x, 0)) })},
		{"group norm, statistics", []shapes.Shape{image}, 1, false, none, goal, func(g *streamGraph, in []compute.Value) []compute.Value {
			x := in[0]
			return []compute.Value{g.do(g.ReduceSum(x, 1, 3)), g.do(g.ReduceSum(g.do(g.Mul(x, x)), 1, 3))}
		}},
		{"group norm, scale and shift, SiLU (exp)", []shapes.Shape{image, perChannel, perChannel}, 2, false, kernel.SiLU, goal,
			func(g *streamGraph, in []compute.Value) []compute.Value {
				x := in[0]
				y := g.do(g.Add(g.do(g.Mul(x, g.along(in[1], x, 0, 2, 3))), g.along(in[2], x, 0, 2, 3)))
				return []compute.Value{g.silu(y)}
			}},
		{"layer norm of 512", []shapes.Shape{rows}, 2, false, none, goal, one((*streamGraph).layerNorm)},
		{"softmax of 512 (exp)", []shapes.Shape{rows}, 2, false, kernel.Exp, goal, one((*streamGraph).softmax)},
		{"AdamW and average, in place", []shapes.Shape{flat, flat, flat, flat, flat}, 9, true, none, goal, (*streamGraph).adamW},
	}
}

// streams measures programs of element-wise operations and reductions against an ordinary copy.
func (m *meter) streams() error {
	for _, s := range streamCases() {
		if err := m.stream(s); err != nil {
			return err
		}
		m.freeAll()
	}
	return nil
}

func (m *meter) stream(s stream) error {
	copies, err := m.copies()
	if err != nil {
		return err
	}
	program, err := s.compile(m.Backend)
	if err != nil {
		return err
	}
	in := make([]compute.Buffer, len(s.inputs))
	donate := make([]bool, len(in))
	for i, shape := range s.inputs {
		buffer, flat, err := m.NewSharedBuffer(0, shape)
		if err != nil {
			return err
		}
		m.fill(flat)
		in[i] = buffer
		donate[i] = s.donate && i < len(in)-1
	}
	defer finalize(&in)
	k := KernelMeasurement{Family: "program beyond cache", Name: s.name, Unit: "GB/s", Goal: s.goal}
	limit := copies[0]
	if s.exp != kernel.Neg {
		inCache := m.inCache(s.exp)
		limit = func() float64 { return min(copies[0](), inCache()) }
	}
	return m.best(k, 4*streamFloats*s.passes, limit, func() error {
		out, err := program.Execute(in, donate, 0)
		if err != nil {
			return err
		}
		if s.donate {
			out = out[copy(in, out):]
		}
		finalize(&out)
		return nil
	})
}

// inCache returns a measurement of a function of blocks in the first-level caches of all workers, in GB/s read and written.
func (m *meter) inCache(op kernel.Unary) func() float64 {
	f, workers := m.kernels.Vector.Unary[op], m.pool.Workers()
	blocks := make([][2][streamBlock]float32, workers)
	for i := range blocks {
		m.fill(blocks[i][0][:])
	}
	const calls = 400
	return func() float64 {
		start := time.Now()
		m.pool.Run(workers, func(_, task int) {
			b := &blocks[task]
			for range calls {
				f(b[1][:], b[0][:])
			}
		})
		return float64(8*streamBlock*calls*workers) / float64(time.Since(start).Nanoseconds())
	}
}

// finalize frees buffers. Finalize of this engine's own buffers does not fail.
func finalize(buffers *[]compute.Buffer) {
	for _, b := range *buffers {
		_ = b.Finalize()
	}
}

func (s stream) compile(b *Backend) (compute.Executable, error) {
	builder := b.Builder(s.name)
	g := &streamGraph{Function: builder.Main()}
	var in []compute.Value
	for _, shape := range s.inputs {
		in = append(in, g.do(g.Parameter("x", shape, nil)))
	}
	out := s.build(g, in)
	if g.err != nil {
		return nil, g.err
	}
	if err := g.Return(out, nil); err != nil {
		return nil, err
	}
	return builder.Compile()
}
