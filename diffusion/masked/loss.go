package masked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Network builds a raw network in a graph: x [B, L] int32 tokens with masks, time [B] (t times 1000), class [B] int32 or nil; it
// returns logits [B, L, V].
type Network func(x, time, class *graph.Node) *graph.Node

// Inputs are the graph inputs of a loss.
type Inputs struct {
	Tokens *graph.Node // [B, L] int32, the true text
	Input  *graph.Node // [B, L] int32 Draws.Input
	Weight *graph.Node // [B, L] Draws.Weight
	Time   *graph.Node // [B] Draws.Time, nil for networks that do not read it
	Rate   *graph.Node // [B] Draws.Rate, for UniformObjective and ContinuousObjective only
	Class  *graph.Node // [B] int32, or nil

	// For ContinuousObjective only.
	Noise *graph.Node                        // [B, L, Width] Draws.Noise
	Again *graph.Node                        // [B] Draws.Again
	Table func(like *graph.Node) *graph.Node // the embeddings of all tokens, [V, Width], of like's type
}

// Loss builds the training loss: the mean over the batch, a scalar, and each row's, [B], in nats per token: the weighted sum of the
// cross-entropies of its masked tokens. Logits beyond the vocabulary (a foreign network's mask) are cut off before the softmax, so that
// the mask has probability zero. Everything behind the logits is float32 or wider.
//
// Like all GoMLX graph functions this one panics on wrong shapes, which GoMLX's Exec turns into an error.
func (o *Objective) Loss(network Network, in Inputs) (mean, perRow *graph.Node) {
	in.check(o.Length)
	logits := cutLogits(network(in.Input, in.Time, in.Class), in.Tokens, o.Vocab)
	return weighted(CrossEntropy(logits, in.Tokens), in.Weight)
}

// weighted sums losses [B, L] with weights over each row, and takes the mean over the rows.
func weighted(loss, weight *graph.Node) (mean, perRow *graph.Node) {
	weight = graph.StopGradient(graph.ConvertDType(weight, loss.DType()))
	perRow = graph.ReduceSum(graph.Mul(weight, loss), 1)
	return graph.MulScalar(graph.ReduceAllSum(perRow), 1/float64(perRow.Shape().Dimensions[0])), perRow
}

// CrossEntropy builds -log softmax(logits)[token] for logits [B, L, V] and tokens [B, L] int32: [B, L]. The largest logit is subtracted
// first, so that nothing overflows; it takes no gradient because it cancels.
func CrossEntropy(logits, tokens *graph.Node) *graph.Node {
	vocab := logits.Shape().Dimensions[2]
	shifted := graph.Sub(logits, graph.StopGradient(graph.ReduceAndKeep(logits, graph.ReduceMax, -1)))
	total := graph.Log(graph.ReduceSum(graph.Exp(shifted), -1))
	truth := graph.StopGradient(graph.OneHot(tokens, vocab, logits.DType()))
	return graph.Sub(total, graph.ReduceSum(graph.Mul(truth, shifted), -1))
}

func (in Inputs) check(length int) {
	if in.Tokens == nil || in.Input == nil || in.Weight == nil {
		panic(fmt.Errorf("masked: a loss needs Tokens, Input and Weight"))
	}
	dims := in.Tokens.Shape().Dimensions
	if len(dims) != 2 || dims[1] != length || !slices.Equal(in.Input.Shape().Dimensions, dims) || !slices.Equal(in.Weight.Shape().Dimensions, dims) {
		panic(fmt.Errorf("masked: loss of tokens %s with input %s and weights %s: need [B, %d] each",
			in.Tokens.Shape(), in.Input.Shape(), in.Weight.Shape(), length))
	}
}

// cutLogits brings a network's output to float32 or float64 and to the vocabulary.
func cutLogits(f, tokens *graph.Node, vocab int) *graph.Node {
	dims, want := f.Shape().Dimensions, tokens.Shape().Dimensions
	if len(dims) != 3 || !slices.Equal(dims[:2], want) || dims[2] < vocab {
		panic(fmt.Errorf("masked: the network returns %s: need logits [%d, %d, %d]", f.Shape(), want[0], want[1], vocab))
	}
	if f.DType() != dtypes.Float64 {
		f = graph.ConvertDType(f, dtypes.Float32)
	}
	if dims[2] > vocab {
		f = graph.Slice(f, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, vocab))
	}
	return f
}
