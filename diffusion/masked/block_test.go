package masked

import (
	"math"
	"slices"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// coins is a distribution over rows of four bits, and the exact model of it that sees no further than a place's block.
type coins struct {
	p     [16]float64
	block int
}

func newCoins(block int) *coins {
	c, sum := &coins{block: block}, 0.0
	for i := range c.p {
		c.p[i] = 0.1 + math.Pow(math.Cos(float64(5*i+2)), 2)
		sum += c.p[i]
	}
	for i := range c.p {
		c.p[i] /= sum
	}
	return c
}

func coinsRow(i int) []int32 {
	return []int32{int32(i >> 3), int32(i >> 2 & 1), int32(i >> 1 & 1), int32(i & 1)}
}

func (c *coins) model(dst []float32, tokens []int32, _ []float64) error {
	for i := range tokens {
		row, end := tokens[i/4*4:][:4], (i%4/c.block+1)*c.block
		var p [2]float64
		for j, q := range c.p {
			full, fits := coinsRow(j), true
			for k, id := range row[:end] {
				fits = fits && (k == i%4 || id == 2 || id == full[k])
			}
			if fits {
				p[full[i%4]] += q
			}
		}
		dst[2*i], dst[2*i+1] = float32(math.Log(p[0])), float32(math.Log(p[1]))
	}
	return nil
}

// For exact conditionals the bound is the likelihood, for every size of block and both forms; in blocks of one by count every draw is.
func TestBlockBoundIsExact(t *testing.T) {
	var tokens []int32
	want := 0.0
	c := newCoins(1)
	for i := range 16 {
		tokens = append(tokens, coinsRow(i)...)
		want -= math.Log(c.p[i]) / 4 / 16
	}
	for _, size := range []int{1, 2, 4} {
		for _, form := range []Form{ByCount, ByTime} {
			o := BlockObjective{Objective: Objective{Form: form, LowDiscrepancy: true, Vocab: 2, Length: 4}, Block: size}
			var sum, squares float64
			const steps = 400
			for step := range uint64(steps) {
				nats, err := o.Estimate(newCoins(size).model, tokens, nil, Batch{Seed: 5, Step: step, Count: 16, Total: 16})
				if err != nil {
					t.Fatal(err)
				}
				mean := 0.0
				for i, n := range nats {
					if size == 1 && form == ByCount {
						near(t, "blocks of one", n, -math.Log(c.p[i])/4, 1e-7)
					}
					mean += n / 16
				}
				sum, squares = sum+mean/steps, squares+mean*mean/steps
			}
			se := math.Sqrt(max(squares-sum*sum, 0) / steps)
			if math.Abs(sum-want) > 4*se+2e-3 || se > 0.05 {
				t.Errorf("blocks of %d %v: %.4f ± %.4f, want %.4f", size, form, sum, se, want)
			}
		}
	}
}

// One block is masked diffusion, draw by draw, and four pieces of a batch are drawn as one.
func TestBlockDraws(t *testing.T) {
	tokens := make([]int32, 8*12)
	free := make([]bool, len(tokens))
	for i := range tokens {
		tokens[i], free[i] = int32(i%5), i%12 != 3
	}
	b := Batch{Seed: 3, Step: 9, Count: 8, Total: 8}
	plain := DefaultObjective(5, 12)
	var one, want, all, piece Draws
	if err := plain.Draw(&want, tokens, free, b); err != nil {
		t.Fatal(err)
	}
	if err := (&BlockObjective{Objective: plain, Block: 12}).Draw(&one, tokens, free, b); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Input, want.Input) || !slices.Equal(one.Weight, want.Weight) {
		t.Error("one block is drawn otherwise than masked diffusion")
	}
	o := BlockObjective{Objective: plain, Block: 4}
	if err := o.Draw(&all, tokens, free, b); err != nil {
		t.Fatal(err)
	}
	for k := range 24 { // by count each block holds a mask, and the weights of a row are 1 together
		if in := all.Input[4*k : 4*k+4]; !slices.Contains(in, 5) {
			t.Errorf("block %d has no mask: %v", k, in)
		}
	}
	for i := range 8 {
		sum := float32(0)
		for _, w := range all.Weight[12*i : 12*i+12] {
			sum += w
		}
		near(t, "sum of weights", float64(sum), 1, 1e-6)
	}
	if all.Input[3] == 5 || len(all.Rate) != 8 {
		t.Errorf("padding was masked, or %d rates for 8 rows", len(all.Rate))
	}
	for first := 0; first < 8; first += 2 {
		b.First, b.Count = first, 2
		if err := o.Draw(&piece, tokens[12*first:12*first+24], free[12*first:12*first+24], b); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(piece.Input, all.Input[12*first:12*first+24]) || !slices.Equal(piece.Rate, all.Rate[first:first+2]) {
			t.Errorf("rows from %d on depend on the split", first)
		}
	}
	if err := (&BlockObjective{Objective: plain, Block: 5}).Check(); err == nil {
		t.Error("blocks of 5 in rows of 12 were accepted")
	}
}

// The graph's losses of causal and block training with the exact model are the likelihoods of the toy.
func TestExactLossesInTheGraph(t *testing.T) {
	c, length := newCoins(1), 4
	var tokens []int32
	var want []float64
	for i, p := range c.p {
		tokens, want = append(tokens, coinsRow(i)...), append(want, -math.Log(p)/4)
	}
	masked := make([]int32, len(tokens)) // nothing of a place's own block is known
	logits := make([]float32, 2*len(tokens))
	for place := range length {
		for i := range masked {
			if masked[i] = tokens[i]; i%length >= place {
				masked[i] = 2
			}
		}
		all := make([]float32, len(logits))
		if err := c.model(all, masked, nil); err != nil {
			t.Fatal(err)
		}
		for i := place; i < len(tokens); i += length {
			copy(logits[2*i:2*i+2], all[2*i:])
		}
	}
	for name, o := range map[string]Training{
		"causal": &CausalObjective{Vocab: 2, Length: length},
		"block":  &BlockObjective{Objective: DefaultObjective(2, length), Block: 1},
	} {
		var d Draws
		if err := o.Draw(&d, tokens, nil, Batch{Count: 16, Total: 16}); err != nil {
			t.Fatal(err)
		}
		exec, err := graph.NewExec(testkit.Backend(t), func(in []*graph.Node) *graph.Node {
			_, perRow := o.Loss(func(x, _, _ *graph.Node) *graph.Node {
				if width := x.Shape().Dimensions[1]; (name == "block") != (width == 2*length) {
					t.Errorf("%s: the network is fed %s", name, x.Shape())
				}
				return in[3]
			}, Inputs{Tokens: in[0], Input: in[1], Weight: in[2]})
			return perRow
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Exec(tensors.FromFlatDataAndDimensions(tokens, 16, length), tensors.FromFlatDataAndDimensions(d.Input, 16, length),
			tensors.FromFlatDataAndDimensions(d.Weight, 16, length), tensors.FromFlatDataAndDimensions(logits, 16, length, 2))
		if err != nil {
			t.Fatal(err)
		}
		testkit.Close(t, name, tensors.MustCopyFlatData[float32](out[0]), want, testkit.Tol{Abs: 1e-6})
	}
}
