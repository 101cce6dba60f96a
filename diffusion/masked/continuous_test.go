package masked

import (
	"math"
	"slices"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// toyTable embeds the toy's tokens as three vectors of length √2, at no even angles.
var toyTable = []float32{math.Sqrt2, 0, -1, 1, 0, -math.Sqrt2}

func toyContinuous() ContinuousObjective { return DefaultContinuous(toyVocab, toyLength, 2) }

// vectorModel is the exact posterior of every token, by enumeration of the 27 rows.
func (t *toy) vectorModel(o ContinuousObjective) VectorModel {
	return func(dst, x []float32, times []float64) error {
		const in = 2*2 + 1
		for row := range times {
			sigma := math.Sqrt2 * o.SigmaMin * math.Exp(times[row]/1000*math.Log(o.SigmaMax/o.SigmaMin))
			var p [toyLength][toyVocab]float64
			for i, q := range t.p {
				full, exponent := toyRow(i), 0.0
				for l, id := range full {
					at, scale, variance := x[(row*toyLength+l)*in:], math.Sqrt(1+sigma*sigma), sigma*sigma
					if at[4] == 1 {
						scale, variance = 1, 1e-6
					}
					for k := range 2 {
						d := float64(at[k])*scale - float64(toyTable[2*int(id)+k])
						exponent -= d * d / 2 / variance
					}
				}
				for l, id := range full {
					p[l][id] += q * math.Exp(exponent)
				}
			}
			for l := range p {
				for k, v := range p[l] {
					dst[(row*toyLength+l)*toyVocab+k] = float32(math.Log(v + 1e-300))
				}
			}
		}
		return nil
	}
}

// With the exact model the flow ends in the true distribution, also given a token, and a row does not depend on its batch.
func TestContinuousSamplerIsExact(t *testing.T) {
	toy, o := newToy(), toyContinuous()
	s := ContinuousSampler{Objective: o, Steps: 60, Seed: 11}
	const rows = 1500
	c := NewCanvas(rows, toyLength, toyVocab)
	calls, err := s.Sample(toy.vectorModel(o), toyTable, c)
	if err != nil || calls != 60 {
		t.Fatal(calls, err)
	}
	counts := make([]float64, 27)
	for i := range rows {
		counts[toyIndex(c.Row(i))]++
	}
	if chi := chiSquare(counts, toy.p[:]); chi > 60 {
		t.Errorf("chi-square %.1f over 26 degrees of freedom", chi)
	}
	one := NewCanvas(1, toyLength, toyVocab)
	one.First = 7
	if _, err := s.Sample(toy.vectorModel(o), toyTable, one); err != nil || !slices.Equal(one.Row(0), c.Row(7)) {
		t.Errorf("sample 7 is %v in a batch and %v alone (%v)", c.Row(7), one.Row(0), err)
	}
	given := NewCanvas(rows, toyLength, toyVocab)
	want := make([]float64, 3)
	for i := range rows {
		given.Row(i)[0], given.Row(i)[2] = 1, 2
	}
	for k, p := range toy.conditional([]int32{1, 3, 2}, 1) {
		want[k] = p
	}
	if _, err := s.Sample(toy.vectorModel(o), toyTable, given); err != nil {
		t.Fatal(err)
	}
	counts = make([]float64, 3)
	for i := range rows {
		if r := given.Row(i); r[0] != 1 || r[2] != 2 {
			t.Fatalf("given tokens became %v", r)
		}
		counts[given.Row(i)[1]]++
	}
	if chi := chiSquare(counts, want); chi > 16 {
		t.Errorf("chi-square given two tokens %.1f over 2 degrees of freedom: %v of %v", chi, counts, want)
	}
}

// The drawn levels cover their range, given places have no weight, and a row does not depend on the split.
func TestContinuousDraws(t *testing.T) {
	o := DefaultContinuous(9, 10, 4)
	tokens := make([]int32, 64*10)
	for i := range tokens {
		tokens[i] = int32(i % 9)
	}
	var all, piece Draws
	if err := o.Draw(&all, tokens, nil, Batch{Seed: 1, Step: 2, Count: 64, Total: 64}); err != nil {
		t.Fatal(err)
	}
	plain, again := 0, 0
	for i := range 64 {
		near(t, "time", float64(all.Time[i]), o.time(float64(all.Rate[i])), 0.1)
		sum, noisy := float32(0), 0
		for j := 10 * i; j < 10*i+10; j++ {
			if sum += all.Weight[j]; all.Input[j] == 9 {
				noisy++
			} else if all.Weight[j] != 0 {
				t.Error("a given place counts")
			}
		}
		if noisy > 0 {
			near(t, "weights", float64(sum), 1, 1e-6)
		}
		if noisy == 10 {
			plain++
		}
		again += int(all.Again[i])
	}
	if plain < 24 || plain > 44 || again < 16 || again > 48 {
		t.Errorf("%d rows of noise alone, %d with self-conditioning, of 64", plain, again)
	}
	low, high := slices.Min(all.Rate), slices.Max(all.Rate)
	if low < 0.06-1e-6 || low > 0.3 || high > 20+1e-4 || high < 4 || o.Sigma(0) > 0.0601 || o.Sigma(1) < 19.99 {
		t.Errorf("noise from %v to %v", low, high)
	}
	if err := o.Draw(&piece, tokens[320:640], nil, Batch{Seed: 1, Step: 2, First: 32, Count: 32, Total: 64}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(piece.Noise, all.Noise[32*40:]) || !slices.Equal(piece.Input, all.Input[320:]) || !slices.Equal(piece.Rate, all.Rate[32:]) {
		t.Error("draws depend on the split")
	}
	for _, bad := range []func(*ContinuousObjective){func(o *ContinuousObjective) { o.Width = 0 }, func(o *ContinuousObjective) { o.SigmaMin = 0 },
		func(o *ContinuousObjective) { o.Given = 2 }, func(o *ContinuousObjective) { o.Center = 99 }} {
		wrong := o
		if bad(&wrong); wrong.Check() == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
}

// The first loss of a network that says nothing is ln V; the gradient reaches the embeddings and is right.
func TestContinuousLoss(t *testing.T) {
	o := DefaultContinuous(5, 3, 2)
	o.SelfCondition = 0 // finite differences would see through the stopped gradient
	tokens := []int32{0, 3, 4, 2, 1, 0}
	var d Draws
	if err := o.Draw(&d, tokens, nil, Batch{Seed: 4, Count: 2, Total: 2}); err != nil {
		t.Fatal(err)
	}
	b, store := testkit.Backend(t), model.NewStore()
	table := store.RootScope().VariableWithValue("table", tensors.FromFlatDataAndDimensions(testkit.Fill("table", 10), 5, 2))
	head := store.RootScope().VariableWithValue("head", tensors.FromFlatDataAndDimensions(testkit.Fill("head", 25), 5, 5))
	loss := func(o ContinuousObjective, zero bool) func(_ *model.Scope, in []*graph.Node) *graph.Node {
		return func(_ *model.Scope, in []*graph.Node) *graph.Node {
			wide := func(n *graph.Node) *graph.Node { return graph.ConvertDType(n, dtypes.Float64) }
			network := func(x, _, _ *graph.Node) *graph.Node {
				y := graph.Reshape(graph.Dot(graph.Reshape(x, 6, 5), head.NodeValue(x)).Product(), 2, 3, 5)
				if zero {
					y = graph.MulScalar(y, 0)
				}
				return y
			}
			mean, _ := o.Loss(network, Inputs{Tokens: in[0], Input: in[1], Weight: wide(in[2]), Time: wide(in[3]), Rate: wide(in[4]),
				Noise: wide(in[5]), Again: wide(in[6]), Table: func(like *graph.Node) *graph.Node { return table.NodeValue(like) }})
			return mean
		}
	}
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(tokens, 2, 3), tensors.FromFlatDataAndDimensions(d.Input, 2, 3),
		tensors.FromFlatDataAndDimensions(d.Weight, 2, 3), tensors.FromFlatDataAndDimensions(d.Time, 2),
		tensors.FromFlatDataAndDimensions(d.Rate, 2), tensors.FromFlatDataAndDimensions(d.Noise, 2, 3, 2), tensors.FromFlatDataAndDimensions(d.Again, 2)}
	testkit.CheckGradients(t, b, store, loss(o, false), in...)
	o.SelfCondition = 0.5
	out, err := model.CallOnce(b, store, loss(o, true), in[0], in[1], in[2], in[3], in[4], in[5], in[6])
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first loss", tensors.ToScalar[float64](out), math.Log(5), 1e-6)
}
