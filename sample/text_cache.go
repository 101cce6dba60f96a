package sample

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ebb-ml/ebb/diffusion/masked"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Continue builds a network for n places [n] of rows that read tokens [B, n], on what it kept of the earlier ones: keys and values [Layers, 2, B,
// P, Heads, Width/Heads], and hidden [B, P], 0 for those and a number far below for room that is not used. It returns logits [B, n, Vocab] and
// what is to be kept of these places. class is nil where the network takes none.
type Continue func(weights *model.Scope, tokens, places, class, past, hidden *graph.Node) (logits, fresh *graph.Node)

// CacheConfig is the size of what a network keeps of a place.
type CacheConfig struct {
	Layers, Heads, Width int
	Unseen               float32 // hides a key
}

// cache is a network that keeps the keys and values of finished places.
type cache struct {
	CacheConfig
	backend compute.Backend
	exec    *model.Exec
	open    []*kept // since forget
}

// Remember lets a writer of an autoregressive or block model keep the keys and values of what is written: a call of the network then works on
// the present block alone instead of on all the text before it.
func (w *Writer) Remember(b compute.Backend, weights *model.Scope, next Continue, c CacheConfig) error {
	if w.model.Process != masked.ProcessAutoregressive && w.model.Process != masked.ProcessBlock {
		return fmt.Errorf("sample: a model of the process %v keeps no keys and values: every place sees those that are yet to be written", w.model.Process)
	}
	exec, err := model.NewExec(b, weights.Store(), func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		var class *graph.Node
		if w.model.Classed {
			class = in[4]
		}
		logits, fresh := next(weights, in[1], in[2], class, in[0], in[3])
		return []*graph.Node{graph.ConvertDType(logits, dtypes.Float32), graph.ConvertDType(fresh, dtypes.Float32)}
	})
	if err != nil {
		return err
	}
	w.cache = &cache{CacheConfig: c, backend: b, exec: exec}
	return nil
}

// kept is what is kept of the rows of a canvas.
type kept struct {
	*Writer
	class        []int32
	rows, length int
	read         []int32         // what the network read at each place, -1 where nothing is kept
	room         int             // places that past has room for
	past         *tensors.Tensor // [Layers, 2, rows, room, Heads, Width/Heads], in the engine's own memory
}

// remembering is Writer.tokens on a cache.
func (w *Writer) remembering(ctx context.Context, class []int32) masked.Model {
	k := &kept{Writer: w, class: class}
	w.cache.open = append(w.cache.open, k)
	return func(dst []float32, tokens []int32, rates []float64) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if k.read == nil {
			k.rows, k.length, k.read = len(rates), len(tokens)/len(rates), slices.Repeat([]int32{-1}, len(tokens))
		}
		return k.call(dst, tokens)
	}
}

// forget frees what was kept for finished canvases.
func (c *cache) forget() (err error) {
	if c == nil {
		return nil
	}
	for _, k := range c.open {
		if k.past != nil {
			err = errors.Join(err, k.past.FinalizeAll())
		}
	}
	c.open = nil
	return err
}

// call computes the logits of the first place or block of each row that has masks; those of other places are not touched.
func (k *kept) call(dst []float32, tokens []int32) error {
	reads := k.reads(tokens)
	from, to := k.span(tokens, reads)
	unit := k.unit()
	for at := from; at < to; {
		n := unit
		for 2*n <= to-at { // few sizes have to be compiled
			n *= 2
		}
		n = min(n, to-at)
		if err := k.part(dst, reads, at, n); err != nil {
			return err
		}
		at += n
	}
	return nil
}

func (k *kept) unit() int { return max(1, k.model.Block) }

// reads is what the network reads at each place: of an autoregressive model the token before, and the mask at the first.
func (k *kept) reads(tokens []int32) []int32 {
	if k.model.Process != masked.ProcessAutoregressive {
		return tokens
	}
	reads := make([]int32, len(tokens))
	for first := 0; first < len(tokens); first += k.length {
		reads[first] = int32(k.model.Vocab)
		copy(reads[first+1:first+k.length], tokens[first:])
	}
	return reads
}

// span is from the first block that something is not kept of, or that is asked for, to behind the last that is asked for.
func (k *kept) span(tokens, reads []int32) (from, to int) {
	from = k.length
	for first := 0; first < len(tokens); first += k.length {
		for i := range k.length {
			if int(tokens[first+i]) == k.model.Vocab {
				from, to = min(from, i), max(to, i+1)
				break
			}
		}
	}
	for first := 0; first < len(tokens); first += k.length {
		for i := range from {
			if k.read[first+i] != reads[first+i] {
				from = i
				break
			}
		}
	}
	unit := k.unit()
	return from / unit * unit, min((to+unit-1)/unit*unit, k.length)
}

// leastRoom is for how many places there is room at first; few sizes have to be compiled.
const leastRoom = 32

// grow makes room for some places.
func (k *kept) grow(places int) error {
	room := max(k.room, leastRoom)
	for room < places {
		room *= 2
	}
	if room == k.room {
		return nil
	}
	c := k.cache
	larger, err := tensors.FromShapeForBackend(c.backend, 0, shapes.Make(dtypes.Float32, c.Layers, 2, k.rows, room, c.Heads, c.Width/c.Heads))
	if err != nil {
		return err
	}
	if k.past != nil {
		err = k.past.ConstFlatData(func(old any) {
			err = larger.MutableFlatData(func(flat any) {
				for i := range 2 * c.Layers * k.rows {
					copy(flat.([]float32)[i*room*c.Width:], old.([]float32)[i*k.room*c.Width:][:k.room*c.Width])
				}
			})
		})
		err = errors.Join(err, k.past.FinalizeAll())
	}
	k.room, k.past = room, larger
	return err
}

// part runs the network on n places of all rows.
func (k *kept) part(dst []float32, reads []int32, at, n int) error {
	if err := k.grow(at + n); err != nil {
		return err
	}
	c, p := k.cache, k.room
	x, places := make([]int32, 0, k.rows*n), make([]int32, n)
	for i := range places {
		places[i] = int32(at + i)
	}
	hidden := make([]float32, k.rows*p)
	for i := range hidden {
		if i%p >= at {
			hidden[i] = c.Unseen
		}
	}
	for row := range k.rows {
		x = append(x, reads[row*k.length+at:][:n]...)
	}
	own := []any{tensors.FromFlatDataAndDimensions(x, k.rows, n), tensors.FromFlatDataAndDimensions(places, n),
		tensors.FromFlatDataAndDimensions(hidden, k.rows, p)}
	if k.model.Classed {
		own = append(own, tensors.FromFlatDataAndDimensions(k.class, k.rows))
	}
	out, err := c.exec.Call(append([]any{k.past}, own...)...)
	for _, a := range own {
		err = errors.Join(err, a.(*tensors.Tensor).FinalizeAll())
	}
	if err != nil {
		return fmt.Errorf("sample: the network failed: %w", err)
	}
	return k.keep(dst, reads, at, n, out[0], out[1])
}

// keep copies logits to where they belong, and keys and values of what is finished.
func (k *kept) keep(dst []float32, reads []int32, at, n int, logits, fresh *tensors.Tensor) error {
	v, width := k.model.Vocab, k.cache.Width
	var inner error
	err := logits.ConstFlatData(func(flat any) {
		for row := range k.rows {
			copy(dst[(row*k.length+at)*v:][:n*v], flat.([]float32)[row*n*v:])
		}
	})
	err = errors.Join(err, fresh.ConstFlatData(func(flat any) {
		inner = k.past.MutableFlatData(func(past any) {
			for i := range 2 * k.cache.Layers * k.rows {
				copy(past.([]float32)[(i*k.room+at)*width:][:n*width], flat.([]float32)[i*n*width:])
			}
		})
	}), inner, logits.FinalizeAll(), fresh.FinalizeAll())
	for row := range k.rows {
		own := k.read[row*k.length:][:k.length]
		for i := at; i < k.length; i++ { // later ones were computed on other earlier ones
			own[i] = -1
		}
		for first := at; first < at+n; first += k.unit() {
			if block := reads[row*k.length:][first:min(first+k.unit(), at+n)]; k.finished(block, first) {
				copy(own[first:], block)
			}
		}
	}
	return err
}

// finished tells whether a block that was read has no masks. The mask that an autoregressive text begins with is none.
func (k *kept) finished(block []int32, first int) bool {
	if k.model.Process == masked.ProcessAutoregressive && first == 0 {
		return true
	}
	for _, id := range block {
		if int(id) == k.model.Vocab {
			return false
		}
	}
	return true
}
