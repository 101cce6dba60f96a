package nets

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

const sightVocab = 7

// sightNet is a small network with weights that make everything matter.
func sightNet(t *testing.T, change func(*TextConfig)) (*Text, *model.Scope) {
	t.Helper()
	c := TextConfig{Vocab: sightVocab, Dim: 8, Layers: 2, Heads: 2, SwiGLU: true}
	change(&c)
	net, err := NewText(c)
	if err != nil {
		t.Fatal(err)
	}
	scope := model.NewStore().Scope("/net")
	setFilled(t, scope, net.Params())
	return net, scope
}

// logitsOf runs a network on one row.
func logitsOf(t *testing.T, b compute.Backend, net Network, scope *model.Scope, row []int32) [][]float64 {
	t.Helper()
	out, err := model.CallOnce(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return net.Forward(&block.Ctx{Scope: scope}, in[0], nil, nil)
	}, tensors.FromFlatDataAndDimensions(row, 1, len(row)))
	if err != nil {
		t.Fatal(err)
	}
	flat := tensors.MustCopyFlatData[float64](out)
	var places [][]float64
	for i := 0; i < len(flat); i += sightVocab {
		places = append(places, flat[i:i+sightVocab])
	}
	return places
}

func apart(a, b []float64) (d float64) {
	for i := range a {
		d = math.Max(d, math.Abs(a[i]-b[i]))
	}
	return d
}

// Changing a token changes the logits of exactly the places that may see it.
func TestWhoSeesWhom(t *testing.T) {
	pad := int32(5)
	for name, c := range map[string]struct {
		change func(*TextConfig)
		sees   func(query, key int) bool
	}{
		"both ways":       {func(*TextConfig) {}, func(q, k int) bool { return true }},
		"causal":          {func(c *TextConfig) { c.Causal = true }, func(q, k int) bool { return k < q }},
		"causal with pad": {func(c *TextConfig) { c.Causal, c.Pad = true, &pad }, func(q, k int) bool { return k < q }},
		"blocks of 2":     {func(c *TextConfig) { c.Block = 2 }, func(q, k int) bool { return k/2 <= q/2 }},
		"blocks of 4":     {func(c *TextConfig) { c.Block = 4 }, func(q, k int) bool { return k/4 <= q/4 }},
	} {
		b := testkit.Backend(t)
		net, scope := sightNet(t, c.change)
		row := []int32{1, 2, 0, 4, 3, 1, 6, 2}
		before := logitsOf(t, b, net, scope, row)
		for key := range row {
			changed := append([]int32(nil), row...)
			changed[key] = 7
			for query, logits := range logitsOf(t, b, net, scope, changed) {
				if d := apart(logits, before[query]); c.sees(query, key) != (d > 1e-9) {
					t.Errorf("%s: place %d moves the logits of place %d by %v", name, key, query, d)
				}
			}
		}
	}
}

// The doubled pass predicts every block as a call for each block does: on the clean blocks before it and its own noisy tokens. What
// comes after the block must not matter.
func TestDoubledEqualsBlockByBlock(t *testing.T) {
	const size, length = 2, 6
	b := testkit.Backend(t)
	net, scope := sightNet(t, func(c *TextConfig) { c.Block = size })
	clean, noisy := []int32{1, 2, 0, 4, 3, 5}, []int32{7, 2, 7, 7, 3, 7}
	doubled := logitsOf(t, b, net.Doubled(), scope, append(append([]int32(nil), noisy...), clean...))
	if len(doubled) != length {
		t.Fatalf("%d places, want %d", len(doubled), length)
	}
	for first := 0; first < length; first += size {
		row := append(append([]int32(nil), clean[:first]...), noisy[first:first+size]...)
		want := logitsOf(t, b, net, scope, append(row, 7, 7))
		for i := first; i < first+size; i++ {
			if d := apart(doubled[i], want[i]); d > 1e-12 {
				t.Errorf("place %d differs by %v", i, d)
			}
		}
	}
}

// Going on from keys and values, whole or in parts, gives the logits of whole rows.
func TestContinueEqualsWholeRows(t *testing.T) {
	const length, room = 8, 10
	b := testkit.Backend(t)
	for name, change := range map[string]func(*TextConfig){
		"causal":      func(c *TextConfig) { c.Causal, c.Positions = true, length },
		"blocks of 2": func(c *TextConfig) { c.Block = 2 },
	} {
		net, scope := sightNet(t, change)
		row := []int32{1, 2, 0, 4, 3, 1, 6, 2}
		want := logitsOf(t, b, net, scope, row)
		read := row
		if net.config.Causal {
			read = append([]int32{int32(net.config.Vocab)}, row[:length-1]...)
		}
		c := net.config
		layer := c.Dim * room
		past, hidden := make([]float64, 2*c.Layers*layer), slices.Repeat([]float64{block.Unseen}, room)
		for at := 0; at < length; {
			n := []int{2, 4, 2}[at/3]
			places := make([]int32, n)
			for i := range places {
				places[i] = int32(at + i)
			}
			out, err := model.CallOnceN(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) []*graph.Node {
				keys := graph.Reshape(in[2], c.Layers, 2, 1, room, c.Heads, c.Dim/c.Heads)
				logits, fresh := net.Continue(&block.Ctx{Scope: scope}, in[0], in[1], nil, Past{keys, graph.Reshape(in[3], 1, room)})
				return []*graph.Node{logits, fresh}
			}, [][]int32{read[at : at+n]}, places, past, hidden)
			if err != nil {
				t.Fatal(err)
			}
			logits, fresh := tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
			for i := range n {
				if d := apart(logits[i*c.Vocab:][:c.Vocab], want[at+i]); d > 1e-12 {
					t.Errorf("%s: place %d differs by %v", name, at+i, d)
				}
				hidden[at+i] = 0
			}
			for k := range 2 * c.Layers {
				copy(past[k*layer+at*c.Dim:], fresh[k*n*c.Dim:][:n*c.Dim])
			}
			at += n
		}
	}
}

// A padded row is the row without its padding.
func TestPaddingIsUnseen(t *testing.T) {
	pad, b := int32(5), testkit.Backend(t)
	net, scope := sightNet(t, func(c *TextConfig) { c.Pad = &pad })
	padded := logitsOf(t, b, net, scope, []int32{1, 2, 7, pad, pad})
	for i, want := range logitsOf(t, b, net, scope, []int32{1, 2, 7}) {
		if d := apart(padded[i], want); d > 1e-12 {
			t.Errorf("place %d differs by %v", i, d)
		}
	}
	for _, logits := range logitsOf(t, b, net, scope, []int32{pad, pad}) {
		if math.IsNaN(logits[0]) {
			t.Error("a row of padding gives NaN")
		}
	}
}

// Gradients of every kind of sight against finite differences.
func TestSightGradients(t *testing.T) {
	pad := int32(5)
	for name, c := range map[string]struct {
		change  func(*TextConfig)
		doubled bool
	}{
		"causal":  {change: func(c *TextConfig) { c.Causal = true }},
		"pad":     {change: func(c *TextConfig) { c.Pad = &pad }},
		"doubled": {change: func(c *TextConfig) { c.Block, c.Pad, c.Positions = 2, &pad, 5 }, doubled: true},
	} {
		t.Run(name, func(t *testing.T) {
			net, scope := sightNet(t, func(k *TextConfig) { k.Dim, k.Layers = 4, 1; c.change(k) })
			var n Network = net
			if c.doubled {
				n = net.Doubled()
			}
			testkit.CheckGradients(t, testkit.Backend(t), scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
				return projected(n.Forward(&block.Ctx{Scope: scope}, in[0], nil, nil))
			}, tensors.FromFlatDataAndDimensions([]int32{7, 2, 7, 5, 1, 2, 0, 5}, 1, 8))
		})
	}
}

// projected is a scalar in which every element of y has its own weight.
func projected(y *graph.Node) *graph.Node {
	return graph.ReduceAllSum(graph.Mul(graph.Reshape(y, -1), graph.Const(y.Graph(), testkit.Fill("r", y.Shape().Size()))))
}

// The embeddings of continuous diffusion have a mean square of 1, and their gradients are right, also through the network.
func TestVectorNetwork(t *testing.T) {
	net, scope := sightNet(t, func(c *TextConfig) { c.Vector, c.Dim, c.Layers, c.Time = 3, 4, 1, true })
	b := testkit.Backend(t)
	ids := tensors.FromFlatDataAndDimensions([]int32{3, 0, 6, 1}, 2, 2)
	exec := model.MustNewExec(b, scope.Store(), func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		e := net.Embed(&block.Ctx{Scope: scope}, in[0])
		return []*graph.Node{graph.ReduceMean(graph.Square(e), -1), graph.Sub(graph.Gather(net.Table(&block.Ctx{Scope: scope}, e),
			graph.InsertAxes(in[0], -1)), e)}
	})
	out, err := exec.Call(ids)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Close(t, "mean squares", tensors.MustCopyFlatData[float64](out[0]), []float64{1, 1, 1, 1}, testkit.Tol{Abs: 1e-12})
	testkit.Close(t, "table and look-up", tensors.MustCopyFlatData[float64](out[1]), make([]float64, 12), testkit.Tol{Abs: 1e-15})
	testkit.CheckGradients(t, b, scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		c := &block.Ctx{Scope: scope}
		x := graph.Concatenate([]*graph.Node{net.Embed(c, in[0]), in[1]}, -1)
		return projected(net.Forward(c, x, graph.Const(x.Graph(), []float64{10, 700}), nil))
	}, ids, tensors.FromFlatDataAndDimensions(testkit.Fill("rest", 16), 2, 2, 4))
}

func TestSightIsChecked(t *testing.T) {
	pad := int32(sightVocab)
	for want, c := range map[string]TextConfig{
		"exclude each other: causal":   {Causal: true, Block: 2},
		"exclude each other: the bloc": {Block: 2, Time: true},
		"goes with none":               {Vector: 4, Causal: true},
		"not among the 7":              {Pad: &pad},
		"must not be negative":         {Block: -1},
	} {
		c.Vocab, c.Dim, c.Layers, c.Heads = sightVocab, 8, 1, 2
		if _, err := NewText(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	net, scope := sightNet(t, func(c *TextConfig) { c.Block = 4 })
	_, err := model.CallOnce(testkit.Backend(t), scope.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return net.Doubled().Forward(&block.Ctx{Scope: scope, DType: dtypes.Float64}, in[0], nil, nil)
	}, tensors.FromFlatDataAndDimensions(make([]int32, 6), 1, 6))
	if err == nil || !strings.Contains(err.Error(), "whole blocks") {
		t.Errorf("half a block: %v", err)
	}
}
