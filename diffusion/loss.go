package diffusion

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Network builds a raw network F in a graph: x [B, …, C] noisy input, cNoise [B] time input, class [B] int32 or nil; it returns [B, …]
// of the shape of the data. With self-conditioning x has 2·C channels (input, then previous clean estimate) and the function is called
// twice in one graph, with shared weights.
type Network func(x, cNoise, class *graph.Node) *graph.Node

// Inputs are the graph inputs of a loss.
type Inputs struct {
	X0         *graph.Node // [B, …, C] clean data
	Class      *graph.Node // [B] int32, or nil
	Noise      *graph.Node // [B, …, C] Draws.Noise
	InputNoise *graph.Node // [B, …, C] Draws.InputNoise, or nil: Noise
	Terms      *graph.Node // [B, NumTerms] Draws.Terms
}

// Loss builds the training loss: the mean over the batch, a scalar, and the loss of each image, [B], with weights. Per image it is
// mean over the image of weight·rho(F(in) - target), where the network's input and target are combinations of data and noise whose
// factors are in Terms. Nothing but arithmetic on those happens here, so no formula exists twice. Gradients flow to the network (and
// into X0, where that is an embedding), not into the draws.
//
// Check the objective first. Like all GoMLX graph functions this one panics on wrong shapes, which GoMLX's Exec turns into an error.
func (o *Objective) Loss(network Network, in Inputs) (mean, perImage *graph.Node) {
	in.check()
	t := newTermColumns(in)
	x0, noise := graph.ConvertDType(in.X0, t.wide), graph.StopGradient(graph.ConvertDType(in.Noise, t.wide))
	inputNoise := noise
	if in.InputNoise != nil {
		inputNoise = graph.StopGradient(graph.ConvertDType(in.InputNoise, t.wide))
	}
	x := graph.Add(graph.Mul(t.column(termInX0), x0), graph.Mul(t.column(termInNoise), inputNoise))
	f := o.callNetwork(network, x, t, in)
	target := graph.Add(graph.Mul(t.column(termTargetX0), x0), graph.Mul(t.column(termTargetNoise), noise))
	loss := meanOverImage(o.penalty(graph.Sub(f, target)))
	perImage = graph.Mul(loss, t.flat(termWeight))
	return graph.MulScalar(graph.ReduceAllSum(perImage), 1/float64(perImage.Shape().Dimensions[0])), perImage
}

// check panics with all shapes when they do not fit, before a broadcast makes something of them.
func (in Inputs) check() {
	if in.X0 == nil || in.Noise == nil || in.Terms == nil {
		panic(fmt.Errorf("diffusion: a loss needs X0, Noise and Terms"))
	}
	dims := in.X0.Shape().Dimensions
	fits := len(dims) >= 2 && slices.Equal(in.Noise.Shape().Dimensions, dims) &&
		slices.Equal(in.Terms.Shape().Dimensions, []int{dims[0], NumTerms}) &&
		(in.InputNoise == nil || slices.Equal(in.InputNoise.Shape().Dimensions, dims))
	if !fits {
		panic(fmt.Errorf("diffusion: loss of data %s with noise %s and terms %s: need [B, …], the same, and [B, %d]",
			in.X0.Shape(), in.Noise.Shape(), in.Terms.Shape(), NumTerms))
	}
}

// callNetwork runs F, and with self-conditioning runs it once more on its own clean estimate, which takes no gradient.
func (o *Objective) callNetwork(network Network, x *graph.Node, t termColumns, in Inputs) *graph.Node {
	if o.SelfCondition == 0 {
		return t.call(network, x, in)
	}
	first := t.call(network, graph.Concatenate([]*graph.Node{x, graph.ZerosLike(x)}, -1), in)
	estimate := graph.Add(graph.Mul(t.column(termSelfSkip), x), graph.Mul(t.column(termSelfOut), first))
	estimate = graph.MaxScalar(graph.MinScalar(estimate, selfLimit), -selfLimit)
	return t.call(network, graph.Concatenate([]*graph.Node{x, graph.StopGradient(estimate)}, -1), in)
}

// penalty applies rho to every difference.
func (o *Objective) penalty(r *graph.Node) *graph.Node {
	delta := o.Delta
	setDefault(&delta, 1)
	switch o.LossKind {
	case L1:
		return graph.Abs(r)
	case Huber:
		a := graph.Abs(r)
		q := graph.MinScalar(a, delta)
		return graph.Add(graph.MulScalar(graph.Mul(q, q), 0.5), graph.MulScalar(graph.Sub(a, q), delta))
	case PseudoHuber:
		s := graph.MulScalar(r, 1/delta)
		return graph.MulScalar(graph.AddScalar(graph.Sqrt(graph.AddScalar(graph.Mul(s, s), 1)), -1), delta*delta)
	default:
		return graph.Mul(r, r)
	}
}

// meanOverImage reduces all axes but the first.
func meanOverImage(x *graph.Node) *graph.Node {
	axes, size := make([]int, x.Rank()-1), 1
	for i := range axes {
		axes[i] = i + 1
		size *= x.Shape().Dimensions[i+1]
	}
	return graph.MulScalar(graph.ReduceSum(x, axes...), 1/float64(size))
}

// termColumns reads columns of the terms table. Everything outside the network is computed in at least float32, whatever the data's type:
// bfloat16 could not even hold the index 999.
type termColumns struct {
	terms *graph.Node
	wide  dtypes.DType
	rank  int // of the data
}

func newTermColumns(in Inputs) termColumns {
	wide := dtypes.Float32
	if in.X0.DType() == dtypes.Float64 {
		wide = dtypes.Float64
	}
	return termColumns{terms: graph.StopGradient(graph.ConvertDType(in.Terms, wide)), wide: wide, rank: in.X0.Rank()}
}

// call runs the network on x in the data's type and returns its output in the wide one.
func (t termColumns) call(network Network, x *graph.Node, in Inputs) *graph.Node {
	f := network(graph.ConvertDType(x, in.X0.DType()), t.flat(termCNoise), in.Class)
	if !slices.Equal(f.Shape().Dimensions, in.X0.Shape().Dimensions) {
		panic(fmt.Errorf("diffusion: the network returns %s for data of %s: shapes must be equal", f.Shape(), in.X0.Shape()))
	}
	return graph.ConvertDType(f, t.wide)
}

// flat returns a column as [B].
func (t termColumns) flat(column int) *graph.Node {
	return graph.Reshape(graph.Slice(t.terms, graph.AxisRange(), graph.AxisElem(column)), t.terms.Shape().Dimensions[0])
}

// column returns a column as [B, 1, …], to multiply data by.
func (t termColumns) column(column int) *graph.Node {
	dims := make([]int, t.rank)
	for i := range dims {
		dims[i] = 1
	}
	dims[0] = t.terms.Shape().Dimensions[0]
	return graph.Reshape(graph.Slice(t.terms, graph.AxisRange(), graph.AxisElem(column)), dims...)
}

// Table returns the terms of n evenly spread noise levels, [n, NumTerms], for [Objective.DrawInGraph]: one row per level of a discrete
// schedule with uniform t is exact, 4096 rows are ample for the rest.
func (o *Objective) Table(n int) ([]float32, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Resampler != nil || n < 1 || n > 1<<20 {
		return nil, fmt.Errorf("diffusion: table of %d noise levels for draws in the graph: need 1 to %d, and no Resampler "+
			"(loss-aware draws are made on the host)", n, 1<<20)
	}
	out := make([]float32, n*NumTerms)
	for i := range n {
		sigma := o.Time.Quantile((float64(i)+0.5)/float64(n), o.Precond.Schedule)
		o.terms(out[i*NumTerms:][:NumTerms], sigma, 1, true)
	}
	return out, nil
}

// DrawInGraph draws noise levels and noise for a batch x0 inside the graph, from a GoMLX random state (uint64[3]) and the constant or
// input table [n, NumTerms] of [Objective.Table]. It saves the transfer of noise to an accelerator. Unlike [Objective.Draw] it is
// keyed by the state, not by image, so the result depends on how a batch is split. It returns the new state and what Loss needs but
// for Class.
func (o *Objective) DrawInGraph(rng, table, x0 *graph.Node) (newRNG *graph.Node, in Inputs) {
	g, dims := x0.Graph(), x0.Shape().Dimensions
	batch, rows := dims[0], table.Shape().Dimensions[0]
	var u *graph.Node
	if o.Time.LowDiscrepancy {
		rng, u = uniforms(rng, 1)
		u = graph.Add(u, graph.MulScalar(graph.Iota(g, shapes.Make(dtypes.Float32, batch), 0), 1/float64(batch)))
		u = graph.Sub(u, graph.Floor(u))
	} else {
		rng, u = uniforms(rng, batch)
	}
	index := graph.ConvertDType(graph.MinScalar(graph.Floor(graph.MulScalar(u, float64(rows))), float64(rows-1)), dtypes.Int32)
	terms := graph.Gather(table, graph.Reshape(index, batch, 1))
	if o.SelfCondition > 0 {
		rng, terms = o.flipSelfCoins(rng, terms)
	}
	in = Inputs{X0: x0}
	rng, in.Noise = normals(rng, dims...)
	if o.OffsetNoise > 0 {
		var offset *graph.Node
		perChannel := slices.Clone(dims)
		for axis := 1; axis < len(dims)-1; axis++ {
			perChannel[axis] = 1
		}
		rng, offset = normals(rng, perChannel...)
		in.Noise = graph.Add(in.Noise, graph.MulScalar(offset, o.OffsetNoise))
	}
	if o.InputPerturbation > 0 {
		var extra *graph.Node
		rng, extra = normals(rng, dims...)
		in.InputNoise = graph.ConvertDType(graph.Add(in.Noise, graph.MulScalar(extra, o.InputPerturbation)), x0.DType())
	}
	in.Noise, in.Terms = graph.ConvertDType(in.Noise, x0.DType()), graph.StopGradient(terms)
	return rng, in
}

// flipSelfCoins clears the self-conditioning columns of samples whose coin says no.
func (o *Objective) flipSelfCoins(rng, terms *graph.Node) (*graph.Node, *graph.Node) {
	batch := terms.Shape().Dimensions[0]
	rng, u := uniforms(rng, batch)
	keep := graph.ConvertDType(graph.LessThan(u, graph.Const(terms.Graph(), float32(o.SelfCondition))), terms.DType())
	fixed := graph.Slice(terms, graph.AxisRange(), graph.AxisRange(0, termSelfSkip))
	self := graph.Slice(terms, graph.AxisRange(), graph.AxisRange(termSelfSkip, NumTerms))
	return rng, graph.Concatenate([]*graph.Node{fixed, graph.Mul(self, graph.Reshape(keep, batch, 1))}, 1)
}

// uniforms returns float32 numbers in [0, 1). They take no gradient: GoMLX would send it into the integer arithmetic of the generator.
func uniforms(rng *graph.Node, dims ...int) (newRNG, u *graph.Node) {
	newRNG, u = graph.RandomUniform(rng, shapes.Make(dtypes.Float32, dims...))
	return newRNG, graph.StopGradient(u)
}

// normals returns float32 N(0, 1) numbers by Box & Muller with both halves used and u kept from 0, where GoMLX's own RandomNormal
// may return an infinity.
func normals(rng *graph.Node, dims ...int) (newRNG, z *graph.Node) {
	size := 1
	for _, d := range dims {
		size *= d
	}
	half := (size + 1) / 2
	rng, u := uniforms(rng, half)
	rng, angle := uniforms(rng, half)
	r := graph.Sqrt(graph.MulScalar(graph.Log(graph.MaxScalar(u, 0x1p-33)), -2))
	angle = graph.MulScalar(angle, 2*math.Pi)
	z = graph.Concatenate([]*graph.Node{graph.Mul(r, graph.Cos(angle)), graph.Mul(r, graph.Sin(angle))}, 0)
	return rng, graph.StopGradient(graph.Reshape(graph.Slice(z, graph.AxisRange(0, size)), dims...))
}
