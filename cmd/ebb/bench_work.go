package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/diffusion"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/optim"
	"github.com/ebb-ml/ebb/recipe"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// work is one of the fixed works, the very ones of torch_bench.py: a network, what it learns, and a way to make its input.
type work struct {
	net     nets.Network
	classes bool // takes class 0
	text    bool // masked language model instead of eps-prediction
}

const (
	benchSide   = 32
	benchLength = 256 // tokens of text
	benchVocab  = 27  // a-z and space; the mask is one more
)

// newWork makes the network of a work.
func newWork(name string) (w work, err error) {
	switch name {
	case "unet-cifar":
		w.net, err = nets.NewUNet(nets.DDPMCifar10())
	case "unet-small":
		w.net, err = nets.NewUNet(nets.UNetSmall())
	case "dit-s":
		w.classes = true
		w.net, err = nets.NewDiT(nets.DiTSmall())
	case "text-base":
		w.text = true
		w.net, err = nets.NewText(nets.TextBase())
	default:
		err = fmt.Errorf("no work %q", name)
	}
	return w, err
}

// stepConfig is AdamW of rate 2e-4, clipping to norm 1 and an average of all weights.
func benchStepConfig() train.StepConfig {
	adam := optim.DefaultAdamW()
	adam.DecayAll = true
	return train.StepConfig{AdamW: adam, Clip: 1, Averages: []optim.EMA{{Decay: 0.9999}}, Parts: 1}
}

const benchRate = 2e-4

// runner does one piece of work and returns the loss, or any number of its result.
type runner func() (float64, error)

// training prepares training steps of the given batch size: draw t and noise, add noise, forward, loss, backward, clip, AdamW, EMA.
func (w work) training(b compute.Backend, batch int) (runner, error) {
	store := model.NewStore()
	if w.text {
		return w.textTraining(b, store, batch)
	}
	schedule, err := diffusion.ScheduleConfig{Family: diffusion.Linear}.Build()
	if err != nil {
		return nil, err
	}
	size := benchSide * benchSide * 3
	images := make([]float32, batch*size)
	task := &train.Denoising{Network: recipe.Wrap(w.net, false), Shape: []int{benchSide, benchSide, 3}, Classes: w.classes, Data: same{images, batch},
		Objective: &diffusion.Objective{Precond: diffusion.Precond{Schedule: schedule, Prediction: diffusion.PredictEps}, Size: size, Channels: 3}}
	step, err := train.NewTaskStep(b, store, task, 0, nil, benchStepConfig())
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(0, 0))
	for i := range images {
		images[i] = random.Float32()*2 - 1
	}
	k := int64(0)
	return func() (float64, error) {
		k++
		b, err := task.Batch(train.Config{Batch: batch}, k)
		if err != nil {
			return 0, err
		}
		o, err := step.RunBatch(b, batch, benchRate, []float64{0.9999})
		return o.Loss, err
	}, nil
}

// same is a source that yields the same images in each step, of class 0. It is a train.Source.
type same struct {
	images []float32
	count  int
}

// Batch implements train.Source.
func (s same) Batch(int64) (*data.Batch, error) {
	return &data.Batch{Images: s.images, Labels: make([]int32, s.count)}, nil
}

// textTraining is masked diffusion with a uniform rate of masking t and the weight 1/t.
func (w work) textTraining(b compute.Backend, store *model.Store, batch int) (runner, error) {
	network := recipe.Wrap(w.net, false)
	weights := train.Weights(store)
	if err := network.Init(weights, 0); err != nil {
		return nil, err
	}
	vars, err := network.Trainable(weights)
	if err != nil {
		return nil, err
	}
	step, err := train.NewStep(b, store, vars, benchStepConfig(), func(weights *model.Scope, in []*graph.Node) (mean, perSample *graph.Node) {
		logits := network.Forward(weights, train.NetworkInputs{X: in[0]})
		hot := graph.OneHot(in[1], benchVocab, logits.DType())
		cross := graph.Neg(graph.ReduceSum(graph.Mul(hot, graph.LogSoftmax(logits, -1)), -1))
		perSample = graph.MulScalar(graph.ReduceSum(graph.Mul(cross, in[2]), -1), 1./benchLength)
		return graph.ReduceAllMean(perSample), perSample
	})
	if err != nil {
		return nil, err
	}
	inputs := maskedText(batch)
	return func() (float64, error) {
		o, err := step.Run(benchRate, []float64{0.9999}, func(int) ([]any, error) { return inputs(), nil })
		return o.Loss, err
	}, nil
}

// maskedText makes pieces of random text: masked tokens, targets, and weights mask/t, each [batch, benchLength].
func maskedText(batch int) func() []any {
	random := rand.New(rand.NewPCG(0, 0))
	n := batch * benchLength
	target, masked, weight := make([]int32, n), make([]int32, n), make([]float32, n)
	for i := range target {
		target[i] = random.Int32N(benchVocab)
	}
	return func() []any {
		for s := range batch {
			t := max(random.Float32(), 1e-3)
			for i := s * benchLength; i < (s+1)*benchLength; i++ {
				masked[i], weight[i] = target[i], 0
				if random.Float32() < t {
					masked[i], weight[i] = benchVocab, 1/t
				}
			}
		}
		return []any{tensors.FromFlatDataAndDimensions(masked, batch, benchLength),
			tensors.FromFlatDataAndDimensions(target, batch, benchLength), tensors.FromFlatDataAndDimensions(weight, batch, benchLength)}
	}
}

// sampling prepares forward passes, the cost of one sampler step.
func (w work) sampling(b compute.Backend, batch int) (runner, error) {
	weights := train.Weights(model.NewStore())
	network := recipe.Freeze(recipe.Wrap(w.net, false))
	if err := network.Init(weights, 0); err != nil {
		return nil, err
	}
	exec, err := model.NewExec(b, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		switch {
		case w.text:
			return network.Forward(weights, train.NetworkInputs{X: in[0]})
		case w.classes:
			return network.Forward(weights, train.NetworkInputs{X: in[0], CNoise: in[1], Class: in[2]})
		default:
			return network.Forward(weights, train.NetworkInputs{X: in[0], CNoise: in[1]})
		}
	})
	if err != nil {
		return nil, err
	}
	inputs := w.samplingInputs(batch)
	return func() (float64, error) {
		out, err := exec.Call1(inputs...)
		if err != nil {
			return 0, err
		}
		y := math.NaN()
		err = out.ConstFlatData(func(flat any) { y = float64(flat.([]float32)[0]) })
		return y, errors.Join(err, out.FinalizeAll())
	}, nil
}

func (w work) samplingInputs(batch int) []any {
	random := rand.New(rand.NewPCG(0, 0))
	if w.text {
		tokens := make([]int32, batch*benchLength)
		for i := range tokens {
			tokens[i] = random.Int32N(benchVocab + 1)
		}
		return []any{tensors.FromFlatDataAndDimensions(tokens, batch, benchLength)}
	}
	x, t := make([]float32, batch*benchSide*benchSide*3), make([]float32, batch)
	for i := range x {
		x[i] = random.Float32()*2 - 1
	}
	for i := range t {
		t[i] = 500
	}
	in := []any{tensors.FromFlatDataAndDimensions(x, batch, benchSide, benchSide, 3), tensors.FromFlatDataAndDimensions(t, batch)}
	if w.classes {
		in = append(in, tensors.FromFlatDataAndDimensions(make([]int32, batch), batch))
	}
	return in
}
