package cpu_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/ebb-ml/ebb/cpu"
	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/optim"
)

// task is a network with the shape of what it learns from.
type task struct {
	name  string
	net   nets.Network
	batch int
	side  int // of pictures, with three channels
	words int // of texts, of textVocab letters
}

const textVocab = 27

// tinyTasks are a U-Net, a transformer of pictures and one of text that train in milliseconds, yet take every kernel of their
// large relatives: channels fill vectors and panels, lengths are odd where they may be.
func tinyTasks(t testing.TB) []task {
	t.Helper()
	c := nets.DefaultUNet(32, 32)
	c.Layers, c.Groups, c.HeadDim = 1, 8, 32
	unet, err := nets.NewUNet(c)
	if err != nil {
		t.Fatal(err)
	}
	dit, err := nets.NewDiT(nets.DiTConfig{InChannels: 3, OutChannels: 3, Size: 16, Patch: 2, Layers: 2, Heads: 2, Dim: 20, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	text, err := nets.NewText(nets.TextConfig{Vocab: textVocab, Dim: 48, Layers: 2, Heads: 3})
	if err != nil {
		t.Fatal(err)
	}
	return []task{{"unet", unet, 2, 8, 0}, {"dit", dit, 3, 16, 0}, {"text", text, 3, 0, 37}}
}

// trainer is a training step of a task with its state.
type trainer struct {
	task
	t     testing.TB
	store *model.Store
	exec  *model.Exec
	steps int
}

const (
	testRate  = 1e-3
	testDecay = 0.9
)

// newTrainer builds the step: loss, gradients, clipping, AdamW and a moving average, as package train does.
func newTrainer(t testing.TB, b compute.Backend, k task) *trainer {
	t.Helper()
	store := model.NewStore()
	net, state, average := store.Scope("/net"), store.Scope("/optimizer"), store.Scope("/average")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(k.net.Params().Init(net, dtypes.Float32, 7))
	vars, err := k.net.Params().Variables(net)
	must(err)
	adam := optim.DefaultAdamW()
	must(adam.Init(state, vars))
	must(optim.InitAverage(average, net))
	exec, err := model.NewExec(b, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		loss := k.loss(net, in)
		values := make([]*graph.Node, len(vars))
		for i, v := range vars {
			values[i] = v.NodeValue(loss)
		}
		grads, norm := optim.Clip(graph.Gradient(loss, values...), 1)
		adam.Update(state, vars, grads, graph.Scalar(loss.Graph(), dtypes.Float32, testRate))
		optim.Average(average, net, vars, graph.Scalar(loss.Graph(), dtypes.Float32, testDecay))
		return []*graph.Node{loss, norm}
	})
	must(err)
	return &trainer{task: k, t: t, store: store, exec: exec}
}

// loss is the mean squared error against the second input, or the cross-entropy of letters.
func (k task) loss(net *model.Scope, in []*graph.Node) *graph.Node {
	c := &block.Ctx{Scope: net}
	if k.words > 0 {
		p := graph.LogSoftmax(k.net.Forward(c, in[0], nil, nil), -1)
		return graph.Neg(graph.ReduceAllMean(graph.Mul(graph.OneHot(in[1], textVocab, p.DType()), p)))
	}
	class := in[3]
	if _, ok := k.net.(*nets.UNet); ok {
		class = nil
	}
	return graph.ReduceAllMean(graph.Square(graph.Sub(k.net.Forward(c, in[0], in[2], class), in[1])))
}

// batchOf returns the inputs of a step: four batches take turns.
func (k task) batchOf(step int) []any {
	name := fmt.Sprint(k.name, step%4)
	if k.words > 0 {
		letters := func(name string) *tensors.Tensor {
			ids := make([]int32, k.batch*k.words)
			for i, x := range testkit.Fill(name, len(ids)) {
				ids[i] = int32((x + 1) / 2 * textVocab)
			}
			return tensors.FromFlatDataAndDimensions(ids, k.batch, k.words)
		}
		return []any{letters(name), letters(name + "target")}
	}
	picture := func(name string) *tensors.Tensor {
		x := testkit.Floats32(testkit.Fill(name, k.batch*k.side*k.side*3))
		return tensors.FromFlatDataAndDimensions(x, k.batch, k.side, k.side, 3)
	}
	times, classes := make([]float32, k.batch), make([]int32, k.batch)
	for i := range times {
		times[i], classes[i] = float32(100*i+step%4), int32(i)
	}
	return []any{picture(name), picture(name + "target"), times, classes}
}

// run does one step and returns loss and norm of the gradients.
func (r *trainer) run() (loss, norm float64) {
	r.t.Helper()
	in := r.batchOf(r.steps)
	r.steps++
	out, err := r.exec.Call(in...)
	if err != nil {
		r.t.Fatal(err)
	}
	loss, norm = float64(tensors.ToScalar[float32](out[0])), float64(tensors.ToScalar[float32](out[1]))
	for _, o := range out {
		if err := o.FinalizeAll(); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, x := range in {
		if tensor, ok := x.(*tensors.Tensor); ok {
			if err := tensor.FinalizeAll(); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	return loss, norm
}

// state copies all float32 variables: weights, moments, averages.
func (r *trainer) state() map[string][]float32 {
	r.t.Helper()
	all := map[string][]float32{}
	for v := range r.store.IterVariables() {
		value, err := v.Value()
		if err != nil {
			r.t.Fatal(err)
		}
		if err := value.ConstFlatData(func(flat any) {
			if x, ok := flat.([]float32); ok {
				all[v.Path()] = append([]float32(nil), x...)
			}
		}); err != nil {
			r.t.Fatal(err)
		}
	}
	return all
}

// openBackend opens a backend and closes it at the end of the test.
func openBackend(t testing.TB, config string) *cpu.Backend {
	t.Helper()
	b, err := cpu.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}
