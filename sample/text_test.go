package sample_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/backend"
	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/ebb-ml/ebb/sample"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

const (
	words    = 6 // tokens, the last of which is the end of text
	rowWords = 12
)

// textNet is a small random network of a process, and what is known of it.
type textNet struct {
	net    *nets.Text
	scope  *model.Scope
	model  sample.TextModel
	widths map[int]bool // of the rows that the network was built for
}

func newTextNet(t *testing.T, process masked.Process, change func(*nets.TextConfig)) *textNet {
	t.Helper()
	c := nets.TextConfig{Vocab: words, Dim: 16, Layers: 1, Heads: 2, Causal: process == masked.ProcessAutoregressive}
	m := sample.TextModel{Process: process, Vocab: words, Length: rowWords, EOS: words - 1}
	switch process {
	case masked.ProcessUniform:
		c.Time = true
	case masked.ProcessBlock:
		c.Block, m.Block = 4, 4
	case masked.ProcessContinuous:
		c.Time, c.Vector = true, 4
		m.Continuous = masked.DefaultContinuous(words, rowWords, 4)
	}
	change(&c)
	m.Classed, m.Null = c.Classes > 0, int32(c.Classes-1)
	net, err := nets.NewText(c)
	if err != nil {
		t.Fatal(err)
	}
	scope := model.NewStore().Scope("/net")
	if err := net.Params().Init(scope, dtypes.Float32, 7); err != nil {
		t.Fatal(err)
	}
	return &textNet{net, scope, m, map[int]bool{}}
}

func (n *textNet) writer(t *testing.T, b compute.Backend) *sample.Writer {
	t.Helper()
	forward := func(weights *model.Scope, x, cNoise, class *graph.Node) *graph.Node {
		n.widths[x.Shape().Dimensions[1]] = true
		return n.net.Forward(&block.Ctx{Scope: weights}, x, cNoise, class)
	}
	table := func(weights *model.Scope, g *graph.Graph) *graph.Node {
		return n.net.Table(&block.Ctx{Scope: weights}, graph.Const(g, float32(0)))
	}
	w, err := sample.NewWriter(b, n.scope, forward, n.model, table)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Finalize)
	return w
}

func engine(t *testing.T) compute.Backend {
	t.Helper()
	b, err := backend.Open(backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// texts draws a request, as rows by number.
func texts(t *testing.T, w *sample.Writer, r sample.TextRequest) (rows map[int][]int32, calls int) {
	t.Helper()
	rows = map[int][]int32{}
	if err := w.Draw(t.Context(), r, func(x sample.Texts) error {
		for i, row := range x.Rows {
			rows[x.First+i] = row
		}
		calls += x.Calls
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rows, calls
}

func processes() []masked.Process {
	return []masked.Process{masked.ProcessAbsorbing, masked.ProcessUniform, masked.ProcessAutoregressive, masked.ProcessBlock, masked.ProcessContinuous}
}

func same(int) int32 { return 1 }

// For every process and sampler: sample i of a seed is the same text alone and among others, given tokens stay, no mask is left, other
// seeds write other texts, and a text three times as long as those of training is written too.
func TestTextsDoNotDependOnTheBatch(t *testing.T) {
	b := engine(t)
	for _, process := range processes() {
		n := newTextNet(t, process, func(c *nets.TextConfig) { c.Classes = 3 })
		w := n.writer(t, b)
		for _, sampler := range n.model.Samplers() {
			name := process.String() + " " + sampler.String()
			for _, length := range []int{rowWords, 3*rowWords - 2} {
				r := sample.TextRequest{Seed: 3, Count: 5, Batch: 5, Sampler: sampler, Steps: 8, Length: length, Given: []int32{2, 0, 1}, Guidance: 1.5, Class: same}
				all, _ := texts(t, w, r)
				r.First, r.Count, r.Batch = 2, 3, 2
				some, _ := texts(t, w, r)
				if len(some) != 3 || len(all) != 5 {
					t.Fatalf("%s: %d and %d texts", name, len(all), len(some))
				}
				for i, row := range some {
					if !slices.Equal(row, all[i]) {
						t.Errorf("%s: text %d is %v, among others %v", name, i, row, all[i])
					}
				}
				if row := all[0]; len(row) != length || slices.Contains(row, words) || !slices.Equal(row[:3], r.Given) {
					t.Errorf("%s: text %v", name, row)
				}
				if r.Seed++; length == rowWords {
					if other, _ := texts(t, w, r); slices.Equal(other[2], all[2]) {
						t.Errorf("%s: another seed writes the same text", name)
					}
				}
			}
		}
	}
}

// Networks that see nothing behind a place are shown rows cut there, with the same result.
func TestShortRowsSaveWork(t *testing.T) {
	b := engine(t)
	for process, widths := range map[masked.Process]int{masked.ProcessAutoregressive: 6, masked.ProcessBlock: 3, masked.ProcessAbsorbing: 1} {
		n := newTextNet(t, process, func(*nets.TextConfig) {})
		w := n.writer(t, b)
		r := sample.TextRequest{Seed: 3, Count: 2, Batch: 2, Sampler: n.model.Samplers()[0], Steps: rowWords, Length: rowWords}
		texts(t, w, r)
		if len(n.widths) != widths {
			t.Errorf("%v: the network was built for rows of %v", process, n.widths)
		}
	}
	// The logits of a cut row, against a model that always sees the whole row.
	n := newTextNet(t, masked.ProcessAutoregressive, func(*nets.TextConfig) {})
	r := sample.TextRequest{Seed: 9, Count: 3, Batch: 3, Sampler: sample.TextLeftToRight, Length: rowWords}
	cut, calls := texts(t, n.writer(t, b), r)
	n.model.Process = masked.ProcessAbsorbing // sampled in the same way, but with whole rows
	whole, _ := texts(t, n.writer(t, b), r)
	for i := range cut {
		if !slices.Equal(cut[i], whole[i]) {
			t.Errorf("text %d is %v from cut rows, %v from whole ones", i, cut[i], whole[i])
		}
	}
	if calls != rowWords {
		t.Errorf("%d calls for %d tokens", calls, rowWords)
	}
}

// Texts are the same whether keys and values are kept or not, and each call works on little.
func TestRememberingChangesNothing(t *testing.T) {
	b := engine(t)
	for _, process := range []masked.Process{masked.ProcessAutoregressive, masked.ProcessBlock} {
		n := newTextNet(t, process, func(c *nets.TextConfig) { c.Classes, c.Layers = 3, 2 })
		plain, keeping := n.writer(t, b), n.writer(t, b)
		most := 0
		next := func(weights *model.Scope, tokens, places, class, past, hidden *graph.Node) (logits, fresh *graph.Node) {
			most = max(most, tokens.Shape().Dimensions[1])
			return n.net.Continue(&block.Ctx{Scope: weights}, tokens, places, class, nets.Past{KeysValues: past, Hidden: hidden})
		}
		if err := keeping.Remember(b, n.scope, next, sample.CacheConfig{Layers: 2, Heads: 2, Width: 16, Unseen: block.Unseen}); err != nil {
			t.Fatal(err)
		}
		for _, sampler := range n.model.Samplers() {
			for _, length := range []int{rowWords, 3*rowWords - 2} {
				r := sample.TextRequest{Seed: 3, Count: 5, Batch: 3, Sampler: sampler, Steps: 8, Length: length, Given: []int32{2, 0, 1, 3, 1}, Guidance: 1.5, Class: same}
				want, _ := texts(t, plain, r)
				got, _ := texts(t, keeping, r)
				for i := range want {
					if !slices.Equal(got[i], want[i]) {
						t.Errorf("%v, %v, %d tokens: text %d is %v, without memory %v", process, sampler, length, i, got[i], want[i])
					}
				}
			}
		}
		if most > 8 {
			t.Errorf("%v: a call works on %d places", process, most)
		}
	}
	n := newTextNet(t, masked.ProcessAbsorbing, func(*nets.TextConfig) {})
	if err := n.writer(t, b).Remember(b, n.scope, nil, sample.CacheConfig{}); err == nil || !strings.Contains(err.Error(), "keeps no keys and values") {
		t.Errorf("%v", err)
	}
}

// With Stop a text ends before its end of text, and no call is made for what comes after.
func TestStop(t *testing.T) {
	n := newTextNet(t, masked.ProcessAutoregressive, func(*nets.TextConfig) {})
	w := n.writer(t, engine(t))
	r := sample.TextRequest{Seed: 1, Count: 4, Batch: 2, Sampler: sample.TextLeftToRight, Length: 4 * rowWords}
	free, most := texts(t, w, r)
	r.Stop = true
	stopped, calls := texts(t, w, r)
	ended := 0
	for i, row := range stopped {
		end := slices.Index(free[i], words-1)
		if end < 0 {
			end = len(free[i])
		} else {
			ended++
		}
		if !slices.Equal(row, free[i][:end]) {
			t.Errorf("text %d is %v, want the beginning of %v", i, row, free[i])
		}
	}
	if ended == 0 || calls >= most {
		t.Errorf("%d texts ended, in %d of %d calls", ended, calls, most)
	}
}

// Behind a text with holes nothing is written, but the network sees rows as long as in training.
func TestFill(t *testing.T) {
	n := newTextNet(t, masked.ProcessAbsorbing, func(*nets.TextConfig) {})
	w := n.writer(t, engine(t))
	r := sample.TextRequest{Seed: 1, Count: 3, Batch: 3, Sampler: sample.TextConfidence, Steps: rowWords, Length: rowWords, Fill: 5,
		Given: []int32{4, words, 3, words, 2}}
	seen := 0
	r.Watch = func(_ int, tokens []int32) {
		if seen++; len(tokens) != 3*rowWords || tokens[5] != words {
			t.Errorf("shown %v", tokens)
		}
	}
	rows, calls := texts(t, w, r)
	for _, row := range rows {
		if len(row) != 5 || row[0] != 4 || row[2] != 3 || row[4] != 2 || slices.Contains(row, words) {
			t.Errorf("filled in: %v", row)
		}
	}
	if calls > 2 || seen != calls+1 || !n.widths[rowWords] || len(n.widths) != 1 {
		t.Errorf("%d calls for two holes, shown %d times, rows of %v", calls, seen, n.widths)
	}
}

func TestTextRequestIsChecked(t *testing.T) {
	plain := newTextNet(t, masked.ProcessAbsorbing, func(*nets.TextConfig) {}).model
	plain.EOS = -1
	good := sample.TextRequest{Count: 1, Batch: 1, Steps: 4, Length: 8}
	if err := good.Check(plain); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*sample.TextRequest, *sample.TextModel){
		"not sampled by left-to-right": func(r *sample.TextRequest, m *sample.TextModel) {
			r.Sampler, m.Process = sample.TextLeftToRight, masked.ProcessUniform
		},
		"without classes":     func(r *sample.TextRequest, _ *sample.TextModel) { r.Guidance = 2 },
		"say which to write":  func(_ *sample.TextRequest, m *sample.TextModel) { m.Classed = true },
		"no end of text":      func(r *sample.TextRequest, _ *sample.TextModel) { r.Stop = true },
		"no more than the":    func(r *sample.TextRequest, _ *sample.TextModel) { r.Given = make([]int32, 9) },
		"with 0 steps":        func(r *sample.TextRequest, _ *sample.TextModel) { r.Steps = 0 },
		"0 texts":             func(r *sample.TextRequest, _ *sample.TextModel) { r.Count = 0 },
		"drawn from all toke": func(r *sample.TextRequest, m *sample.TextModel) { r.TopP, m.Process = 0.5, masked.ProcessUniform },
	} {
		r, m := good, plain
		change(&r, &m)
		if err := r.Check(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A cancelled context ends a draw with its cause.
func TestTextsAreCancelled(t *testing.T) {
	n := newTextNet(t, masked.ProcessAbsorbing, func(*nets.TextConfig) {})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	r := sample.TextRequest{Count: 1, Batch: 1, Steps: 8, Length: 8, Watch: func(int, []int32) { cancel(cause) }}
	err := n.writer(t, engine(t)).Draw(ctx, r, func(sample.Texts) error { return nil })
	if !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}
