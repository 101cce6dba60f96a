package sample

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Writer writes text with a network on weights. Use it from one goroutine at a time.
type Writer struct {
	model TextModel
	exec  *model.Exec
	table []float32 // the embeddings, for continuous diffusion
	cache *cache    // nil: the network sees whole rows
}

// NewWriter prepares a writer. forward builds the network on the weights of a scope; cNoise and class are nil where it takes none. table,
// for continuous diffusion only, builds the embeddings of all tokens, [Vocab, Width].
func NewWriter(b compute.Backend, weights *model.Scope, forward Network, m TextModel, table func(weights *model.Scope, g *graph.Graph) *graph.Node) (*Writer, error) {
	w := &Writer{model: m}
	if m.Process == masked.ProcessContinuous {
		if table == nil {
			return nil, fmt.Errorf("sample: continuous diffusion of text needs the embeddings of its tokens")
		}
		out, err := model.CallOnce(b, weights.Store(), func(_ *model.Scope, g *graph.Graph) *graph.Node { return table(weights, g) })
		if err != nil {
			return nil, fmt.Errorf("sample: the embeddings cannot be read: %w", err)
		}
		w.table = tensors.MustCopyFlatData[float32](out)
	}
	var err error
	w.exec, err = model.NewExec(b, weights.Store(), func(_ *model.Scope, in []*graph.Node) *graph.Node {
		var class *graph.Node
		if m.Classed {
			class = in[2]
		}
		return graph.ConvertDType(forward(weights, in[0], in[1], class), dtypes.Float32)
	})
	return w, err
}

// Finalize frees the compiled graphs.
func (w *Writer) Finalize() {
	w.exec.Finalize()
	if w.cache != nil {
		w.cache.exec.Finalize()
	}
}

// call runs the network on an input of rows of width tokens, and copies the first vocabulary of each place's logits to dst, which may
// have more places a row.
func (w *Writer) call(dst []float32, x *tensors.Tensor, times []float32, class []int32, places int) error {
	args := []any{x, tensors.FromFlatDataAndDimensions(times, len(times))}
	if w.model.Classed {
		args = append(args, tensors.FromFlatDataAndDimensions(class, len(class)))
	}
	out, err := w.exec.Call1(args...)
	for _, a := range args {
		if free := a.(*tensors.Tensor).FinalizeAll(); err == nil {
			err = free
		}
	}
	if err != nil {
		return fmt.Errorf("sample: the network failed: %w", err)
	}
	dims := out.Shape().Dimensions
	if len(dims) != 3 || dims[0] != len(times) || dims[2] < w.model.Vocab {
		return fmt.Errorf("sample: the network returns %s for %d rows: need logits of %d tokens", out.Shape(), len(times), w.model.Vocab)
	}
	v := w.model.Vocab
	err = out.ConstFlatData(func(flat any) {
		logits := flat.([]float32)
		for row := range dims[0] {
			for i := range dims[1] {
				copy(dst[(row*places+i)*v:][:v], logits[(row*dims[1]+i)*dims[2]:])
			}
		}
	})
	if free := out.FinalizeAll(); err == nil {
		err = free
	}
	return err
}

// tokens returns the network as a model of whole rows, of some classes, until ctx ends.
func (w *Writer) tokens(ctx context.Context, class []int32) masked.Model {
	if w.cache != nil {
		return w.remembering(ctx, class)
	}
	return func(dst []float32, tokens []int32, rates []float64) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		rows := len(rates)
		length := len(tokens) / rows
		seen := w.seen(tokens, length)
		x := make([]int32, 0, rows*seen)
		for first := 0; first < len(tokens); first += length {
			x = append(x, tokens[first:first+seen]...)
		}
		times := make([]float32, rows)
		for i, r := range rates {
			times[i] = float32(1000 * w.model.Schedule.Time(r))
		}
		return w.call(dst, tensors.FromFlatDataAndDimensions(x, rows, seen), times, class, length)
	}
}

// seen is how many places of rows the network must be shown: all, unless it does not see what comes after a place. Then those up to
// the block of the last row's first mask are enough, rounded up so that few lengths have to be compiled.
func (w *Writer) seen(tokens []int32, length int) int {
	unit := w.model.Block
	switch w.model.Process {
	case masked.ProcessAutoregressive:
		unit = 1
	case masked.ProcessBlock:
	default:
		return length
	}
	need := 0
	for first := 0; first < len(tokens); first += length {
		for i, id := range tokens[first : first+length] {
			if int(id) == w.model.Vocab {
				need = max(need, i+1)
				break
			}
		}
	}
	step := ((length+7)/8 + unit - 1) / unit * unit
	return min((need+step-1)/step*step, length)
}

// vectors is tokens for continuous diffusion.
func (w *Writer) vectors(ctx context.Context, class []int32, places int) masked.VectorModel {
	return func(dst, x []float32, times []float64) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		t := make([]float32, len(times))
		for i, v := range times {
			t[i] = float32(v)
		}
		width := len(x) / len(times) / places
		return w.call(dst, tensors.FromFlatDataAndDimensions(x, len(times), places, width), t, class, places)
	}
}
