package masked

import (
	"math"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// leaveOneOut is p(token at place | the noisy tokens at the others), which makes the bound of uniform noise tight.
func (t *toy) leaveOneOut(z []int32, place int, rate float64) []float64 {
	out, sum := make([]float64, toyVocab), 0.0
	for i, p := range t.p {
		full := toyRow(i)
		for j := range full {
			if j == place {
				continue
			}
			if full[j] == z[j] {
				p *= 1 - rate + rate/toyVocab
			} else {
				p *= rate / toyVocab
			}
		}
		out[full[place]] += p
		sum += p
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

func (t *toy) uniformModel(dst []float32, tokens []int32, rates []float64) error {
	for i := range tokens {
		for k, p := range t.leaveOneOut(tokens[i/toyLength*toyLength:][:toyLength], i%toyLength, rates[i/toyLength]) {
			dst[i*toyVocab+k] = float32(math.Log(p))
		}
	}
	return nil
}

// The bound, integrated over time and summed over all noisy rows, is -log p(x) for the exact model, for every x.
func TestUniformBoundIsTight(t *testing.T) {
	toy := newToy()
	for _, i := range []int{0, 5, 13, 26} {
		x, bound := toyRow(i), 0.0
		const n = 1500
		for k := range n {
			u := (float64(k) + 0.5) / n
			at := u * u * (3 - 2*u) // denser at both ends
			dt := 6 * u * (1 - u) / n
			for j := range toy.p {
				z, q := toyRow(j), 1.0
				for l := range z {
					if z[l] == x[l] {
						q *= 1 - at + at/toyVocab
					} else {
						q *= at / toyVocab
					}
				}
				for l := range z {
					bound += dt * q / (1 - at) * uniformLoss(toy.leaveOneOut(z, l, at), x[l], z[l], at)
				}
			}
		}
		near(t, "bound of uniform noise", bound, -math.Log(toy.p[i]), 2e-4)
	}
}

func TestUniformEstimate(t *testing.T) {
	toy, want := newToy(), 0.0
	for _, p := range toy.p {
		want -= math.Log(p) / toyLength / 27
	}
	for _, s := range []Schedule{{}, {Family: Polynomial, Power: 2}} {
		o := UniformObjective{Vocab: toyVocab, Length: toyLength, LowDiscrepancy: true, Schedule: s}
		var sum, squares float64
		const steps = 300
		for step := range uint64(steps) {
			nats, err := o.Estimate(toy.uniformModel, toy.all(), nil, Batch{Seed: 2, Step: step, Count: 27, Total: 27})
			if err != nil {
				t.Fatal(err)
			}
			mean := 0.0
			for _, x := range nats {
				mean += x / 27
			}
			sum, squares = sum+mean/steps, squares+mean*mean/steps
		}
		se := math.Sqrt((squares - sum*sum) / steps)
		if math.Abs(sum-want) > 4*se+2e-3 || se > 0.1 {
			t.Errorf("%v: %.4f ± %.4f, want %.4f", s, sum, se, want)
		}
	}
}

// The graph against PyTorch, where the sum over y is written out.
func TestUniformLossAgainstTorch(t *testing.T) {
	var g golden
	testkit.ReadJSON(t, "testdata/golden.json", &g)
	row := testkit.Fill("masked.uniform", 4)
	var logits []float64
	var x, z []int32
	for i := range 16 {
		for _, l := range row {
			logits = append(logits, 3*l)
		}
		x, z = append(x, int32(i/4)), append(z, int32(i%4))
	}
	ones := make([]float64, 16)
	for i := range ones {
		ones[i] = 1
	}
	o := UniformObjective{Vocab: 4, Length: 1}
	exec, err := graph.NewExec(testkit.Backend(t), func(in []*graph.Node) []*graph.Node {
		network := func(_, _, _ *graph.Node) *graph.Node { return in[0] }
		_, perRow := o.Loss(network, Inputs{Tokens: in[1], Input: in[2], Weight: in[3], Rate: in[4]})
		return []*graph.Node{perRow}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Uniform {
		rates := make([]float64, 16)
		for i := range rates {
			rates[i] = 1 - c.Alpha
		}
		out, err := exec.Exec(tensors.FromFlatDataAndDimensions(logits, 16, 1, 4), tensors.FromFlatDataAndDimensions(x, 16, 1),
			tensors.FromFlatDataAndDimensions(z, 16, 1), tensors.FromFlatDataAndDimensions(ones, 16, 1), tensors.FromFlatDataAndDimensions(rates, 16))
		if err != nil {
			t.Fatal(err)
		}
		testkit.Close(t, "loss of uniform noise", tensors.MustCopyFlatData[float64](out[0]), c.Loss, testkit.Tol{Abs: 1e-9, Rel: 1e-9})
		p := make([]float64, 4)
		sum := 0.0
		for k := range p {
			p[k] = math.Exp(3 * row[k])
			sum += p[k]
		}
		for k := range p {
			p[k] /= sum
		}
		for i := range 16 {
			near(t, "on the host", uniformLoss(p, x[i], z[i], 1-c.Alpha), c.Loss[i], 1e-9*(1+c.Loss[i]))
		}
	}
}

func TestUniformSampler(t *testing.T) {
	toy := newToy()
	s := UniformSampler{Steps: 150, Seed: 4}
	const rows = 2000
	c := NewCanvas(rows, toyLength, toyVocab)
	if _, err := s.Sample(toy.uniformModel, c); err != nil {
		t.Fatal(err)
	}
	counts := make([]float64, 27)
	for i := range rows {
		counts[toyIndex(c.Row(i))]++
	}
	if chi := chiSquare(counts, toy.p[:]); chi > 60 {
		t.Errorf("chi-square %.1f over 26 degrees of freedom", chi)
	}
	given := NewCanvas(4, toyLength, toyVocab)
	given.Row(2)[1] = 2
	if _, err := s.Sample(toy.uniformModel, given); err != nil || given.Row(2)[1] != 2 {
		t.Errorf("a given token became %d (%v)", given.Row(2)[1], err)
	}
	if _, err := (&UniformSampler{}).Sample(toy.uniformModel, given); err == nil {
		t.Error("no steps were accepted")
	}
}
