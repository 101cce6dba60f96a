package masked_test

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/optim"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

const (
	trainVocab, trainLength, trainRows = 5, 6, 32
	trainSteps                         = 150
)

// counting is a batch of rows that count up from any number.
func counting(step int) []int32 {
	tokens := make([]int32, trainRows*trainLength)
	for i := range tokens {
		tokens[i] = int32((i%trainLength + i/trainLength*3 + step) % trainVocab)
	}
	return tokens
}

// A real network: its first loss is ln V, it learns to count, and samples from it count.
func TestNetworkLearnsToCount(t *testing.T) {
	net, err := nets.NewText(nets.TextConfig{Vocab: trainVocab, Dim: 32, Layers: 1, Heads: 2, Init: nets.InitZero})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	weights, state := store.Scope("/net"), store.Scope("/optim")
	if err := net.Params().Init(weights, dtypes.Float32, 1); err != nil {
		t.Fatal(err)
	}
	vars, err := net.Params().Variables(weights)
	if err != nil {
		t.Fatal(err)
	}
	adam := optim.DefaultAdamW()
	if err := adam.Init(state, vars); err != nil {
		t.Fatal(err)
	}
	backend := testkit.Backend(t)
	forward := func(x, time, class *graph.Node) *graph.Node {
		return net.Forward(&block.Ctx{Scope: weights}, x, time, class)
	}
	o := masked.DefaultObjective(trainVocab, trainLength)
	step := model.MustNewExec(backend, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		loss, _ := o.Loss(forward, masked.Inputs{Tokens: in[0], Input: in[1], Weight: in[2]})
		wrt := make([]*graph.Node, len(vars))
		for i, v := range vars {
			wrt[i] = v.NodeValue(loss)
		}
		grads, _ := optim.Clip(graph.Gradient(loss, wrt...), 1)
		adam.Update(state, vars, grads, in[3])
		return []*graph.Node{loss}
	})
	var d masked.Draws
	loss := 0.0
	for k := range trainSteps {
		tokens := counting(k)
		if err := o.Draw(&d, tokens, nil, masked.Batch{Seed: 1, Step: uint64(k), Count: trainRows, Total: trainRows}); err != nil {
			t.Fatal(err)
		}
		matrix := func(v any) *tensors.Tensor {
			if ids, ok := v.([]int32); ok {
				return tensors.FromFlatDataAndDimensions(ids, trainRows, trainLength)
			}
			return tensors.FromFlatDataAndDimensions(v.([]float32), trainRows, trainLength)
		}
		out, err := step.Call(matrix(tokens), matrix(d.Input), matrix(d.Weight), float32(1e-2))
		if err != nil {
			t.Fatal(err)
		}
		if loss = float64(tensors.ToScalar[float32](out[0])); k == 0 && math.Abs(loss-math.Log(trainVocab)) > 1e-5 {
			t.Errorf("first loss %v, want ln %d = %v", loss, trainVocab, math.Log(trainVocab))
		}
	}
	// One token of a row tells all others: the least possible is ln 5 / 6 = 0.27.
	if !(loss < 0.6) {
		t.Errorf("loss %v after %d steps", loss, trainSteps)
	}
	logits := model.MustNewExec(backend, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		return []*graph.Node{forward(in[0], nil, nil)}
	})
	network := func(dst []float32, tokens []int32, _ []float64) error {
		out, err := logits.Call(tensors.FromFlatDataAndDimensions(append([]int32(nil), tokens...), len(tokens)/trainLength, trainLength))
		if err == nil {
			copy(dst, tensors.MustCopyFlatData[float32](out[0]))
		}
		return err
	}
	c := masked.NewCanvas(20, trainLength, trainVocab)
	if _, err := (&masked.Sampler{Method: masked.FirstHitting}).Sample(network, c); err != nil {
		t.Fatal(err)
	}
	good, pairs := 0, c.Rows()*(trainLength-1)
	for i := range c.Tokens {
		if i%trainLength > 0 && c.Tokens[i] == (c.Tokens[i-1]+1)%trainVocab {
			good++
		}
	}
	if good < pairs*6/10 { // by chance a fifth
		t.Errorf("%d of %d neighbours count: %v", good, pairs, c.Tokens)
	}
}
