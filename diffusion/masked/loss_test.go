package masked

import (
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// golden holds testdata/golden.json, made by testdata/golden.py with PyTorch.
type golden struct {
	Row, Grad []float64
	Schedules map[string]struct{ Rate, Weight []float64 }
	Uniform   []struct {
		Alpha float64
		Loss  []float64
	}
}

func TestSchedules(t *testing.T) {
	var g golden
	testkit.ReadJSON(t, "testdata/golden.json", &g)
	for name, want := range g.Schedules {
		family, err := ParseFamily(name)
		if err != nil {
			t.Fatal(err)
		}
		s := Schedule{Family: family}
		if family == Polynomial {
			s.Power = 3
		}
		for i, at := range []float64{0.01, 0.3, 0.5, 0.9} {
			near(t, name+" rate", s.Rate(at), want.Rate[i], 1e-12)
			near(t, name+" weight", s.Slope(at)/s.Rate(at), want.Weight[i], 1e-9*want.Weight[i])
			near(t, name+" time", s.Time(s.Rate(at)), at, 1e-12)
		}
		near(t, name+" start", s.Rate(0), 0, 0)
		near(t, name+" end", s.Rate(1), 1, 0)
	}
}

// The graph's loss and gradient against PyTorch; the network's eighth logit is the mask's and must not count.
func TestLossAgainstTorch(t *testing.T) {
	var g golden
	testkit.ReadJSON(t, "testdata/golden.json", &g)
	const rows, length, vocab = 3, 5, 7
	o := Objective{Vocab: vocab, Length: length}
	logits, weight := testkit.Fill("masked.logits", rows*length*(vocab+1)), testkit.Fill("masked.weight", rows*length)
	for i := range logits {
		logits[i] *= 6
	}
	tokens := make([]int32, rows*length)
	for i := range tokens {
		tokens[i], weight[i] = int32(i*3%vocab), math.Abs(weight[i])
	}
	exec, err := graph.NewExec(testkit.Backend(t), func(in []*graph.Node) []*graph.Node {
		network := func(_, _, _ *graph.Node) *graph.Node { return in[0] }
		mean, perRow := o.Loss(network, Inputs{Tokens: in[1], Input: in[1], Weight: in[2]})
		return []*graph.Node{mean, perRow, graph.Gradient(mean, in[0])[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Exec(tensors.FromFlatDataAndDimensions(logits, rows, length, vocab+1),
		tensors.FromFlatDataAndDimensions(tokens, rows, length), tensors.FromFlatDataAndDimensions(weight, rows, length))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Close(t, "loss per row", tensors.MustCopyFlatData[float64](out[1]), g.Row, testkit.Tol{Abs: 1e-10})
	var grad []float64
	for i, v := range tensors.MustCopyFlatData[float64](out[2]) {
		if i%(vocab+1) < vocab {
			grad = append(grad, v)
		} else if v != 0 {
			t.Errorf("the mask's logit has gradient %v", v)
		}
	}
	testkit.Close(t, "gradient", grad, g.Grad, testkit.Tol{Abs: 1e-10})
}

// An untrained network with a zero head must start at ln V, and logits of 1e4 must not overflow.
func TestLossOfNothing(t *testing.T) {
	o := DefaultObjective(27, 16)
	tokens := make([]int32, 4*16)
	for i := range tokens {
		tokens[i] = int32(i % 27)
	}
	var d Draws
	if err := o.Draw(&d, tokens, nil, Batch{Count: 4, Total: 4}); err != nil {
		t.Fatal(err)
	}
	exec, err := graph.NewExec(testkit.Backend(t), func(in []*graph.Node) []*graph.Node {
		var out []*graph.Node
		for _, v := range []float64{0, 1e4} {
			network := func(x, _, _ *graph.Node) *graph.Node {
				z := graph.Zeros(x.Graph(), graph.ConvertDType(x, dtypes.Float32).Shape())
				return graph.AddScalar(graph.BroadcastToDims(graph.InsertAxes(z, -1), 4, 16, 27), v)
			}
			mean, _ := o.Loss(network, Inputs{Tokens: in[0], Input: in[1], Weight: in[2]})
			out = append(out, mean)
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Exec(tensors.FromFlatDataAndDimensions(tokens, 4, 16), tensors.FromFlatDataAndDimensions(d.Input, 4, 16),
		tensors.FromFlatDataAndDimensions(d.Weight, 4, 16))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out {
		near(t, "first loss", float64(tensors.MustCopyFlatData[float32](x)[0]), math.Log(27), 1e-5)
	}
}

func TestCrossEntropyGradient(t *testing.T) {
	ids := []int32{1, 0, 3, 2}
	testkit.CheckGradients(t, testkit.Backend(t), model.NewStore(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		tokens := graph.Const(in[0].Graph(), [][]int32{ids[:2], ids[2:]})
		return graph.ReduceAllSum(graph.Mul(CrossEntropy(in[0], tokens), in[1]))
	}, tensors.FromFlatDataAndDimensions(testkit.Fill("ce.logits", 16), 2, 2, 4), tensors.FromFlatDataAndDimensions(testkit.Fill("ce.weight", 4), 2, 2))
}

// A batch may be cut into pieces; frozen places are never masked and do not count; a row without free places counts nothing.
func TestDraw(t *testing.T) {
	const rows, length = 12, 10
	tokens, free := make([]int32, rows*length), make([]bool, rows*length)
	for i := range tokens {
		tokens[i], free[i] = int32(i%5), i%length < 7 && i >= length
	}
	for _, o := range []Objective{DefaultObjective(5, length), {Form: ByTime, Vocab: 5, Length: length}, {Form: ByTime, LowDiscrepancy: true, Vocab: 5, Length: length, Schedule: Schedule{Family: Cosine}}} {
		var whole, part Draws
		if err := o.Draw(&whole, tokens, free, Batch{Seed: 8, Step: 3, Count: rows, Total: rows}); err != nil {
			t.Fatal(err)
		}
		for first := 0; first < rows; first += 3 {
			err := o.Draw(&part, tokens[first*length:][:3*length], free[first*length:][:3*length], Batch{Seed: 8, Step: 3, First: first, Count: 3, Total: rows})
			if err != nil {
				t.Fatal(err)
			}
			testkit.Close(t, "weights of a piece", part.Weight, whole.Weight[first*length:][:3*length], testkit.Tol{})
		}
		for i, id := range whole.Input {
			isMask := id == 5
			if isMask != (whole.Weight[i] > 0) || isMask && !free[i] || !isMask && id != tokens[i] {
				t.Fatalf("%v: place %d: token %d became %d with weight %v, free %v", o.Form, i, tokens[i], id, whole.Weight[i], free[i])
			}
		}
	}
	o := DefaultObjective(5, length)
	var d Draws
	if err := o.Draw(&d, tokens, free, Batch{Count: rows, Total: rows}); err != nil {
		t.Fatal(err)
	}
	for row := 1; row < rows; row++ {
		sum := 0.0
		for _, w := range d.Weight[row*length:][:length] {
			sum += float64(w)
		}
		near(t, "sum of a row's weights by count", sum, 1, 1e-6)
	}
}

// Low discrepancy: with as many rows as tokens every count is drawn exactly once.
func TestCountsAreSpread(t *testing.T) {
	const n = 16
	o := DefaultObjective(4, n)
	var d Draws
	if err := o.Draw(&d, make([]int32, n*n), nil, Batch{Seed: 5, Count: n, Total: n}); err != nil {
		t.Fatal(err)
	}
	seen := map[float32]bool{}
	for _, r := range d.Rate {
		seen[r] = true
	}
	if len(seen) != n {
		t.Errorf("%d different counts in a batch of %d: %v", len(seen), n, d.Rate)
	}
}

func TestDrawRefuses(t *testing.T) {
	var d Draws
	for _, c := range []struct {
		o      Objective
		tokens []int32
		b      Batch
		want   string
	}{
		{DefaultObjective(3, 2), []int32{0, 3}, Batch{Count: 1, Total: 1}, "token 3"},
		{DefaultObjective(3, 2), []int32{0, -1}, Batch{Count: 1, Total: 1}, "token -1"},
		{DefaultObjective(3, 2), []int32{0}, Batch{Count: 1, Total: 1}, "one for each place"},
		{DefaultObjective(1, 2), []int32{0, 0}, Batch{Count: 1, Total: 1}, "vocabulary"},
		{DefaultObjective(3, 2), []int32{0, 0}, Batch{Count: 2, Total: 1}, "rows 0 to 2"},
		{Objective{Vocab: 3, Length: 2, MinRate: -1}, []int32{0, 0}, Batch{Count: 1, Total: 1}, "min_rate"},
		{Objective{Vocab: 3, Length: 2, Schedule: Schedule{Family: Polynomial}}, []int32{0, 0}, Batch{Count: 1, Total: 1}, "power"},
		{Objective{Vocab: 3, Length: 2, Schedule: Schedule{Power: 2}}, []int32{0, 0}, Batch{Count: 1, Total: 1}, "no power"},
	} {
		if err := c.o.Draw(&d, c.tokens, nil, c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one about %q", c.o, err, c.want)
		}
	}
}
