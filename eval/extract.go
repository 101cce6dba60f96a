package eval

import (
	"context"
	"fmt"
	"iter"
	"runtime"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/inorder"
)

// mapPictures decodes a set and maps its pictures by f, on all cores, in order.
func mapPictures[T any](ctx context.Context, set data.Set, f func(i int, p *data.Picture) (T, error)) iter.Seq2[T, error] {
	index := func(yield func(int, error) bool) {
		for i := range set.Len() {
			if !yield(i, context.Cause(ctx)) {
				return
			}
		}
	}
	return inorder.Map(runtime.GOMAXPROCS(0), index, func(i int) (T, error) {
		p, err := set.Picture(i)
		var out T
		if err == nil {
			out, err = f(i, p)
		}
		if err != nil {
			return out, fmt.Errorf("eval: picture %s: %w", set.Entry(i).Name, err)
		}
		return out, nil
	})
}

// Extract returns the feature vectors of all pictures of a set, in its order: [set.Len(), d]. The pictures must have one size and one
// number of channels. progress may be nil.
func Extract(ctx context.Context, set data.Set, space Space, progress func(done, total int)) (Matrix, error) {
	return extract(ctx, set, space, progress, func(p *data.Picture) *data.Picture { return p })
}

// ExtractFlipped is Extract of the pictures mirrored from left to right, for [CopiesConfig].
func ExtractFlipped(ctx context.Context, set data.Set, space Space, progress func(done, total int)) (Matrix, error) {
	return extract(ctx, set, space, progress, flip)
}

func extract(ctx context.Context, set data.Set, space Space, progress func(done, total int), change func(*data.Picture) *data.Picture) (Matrix, error) {
	var out Matrix
	size := space.Batch
	if size <= 0 {
		size = 64
	}
	done, batch, first := 0, make([]*data.Picture, 0, size), (*data.Picture)(nil)
	for p, err := range mapPictures(ctx, set, func(_ int, p *data.Picture) (*data.Picture, error) { return p, nil }) {
		if err != nil {
			return Matrix{}, err
		}
		if first == nil {
			first = p
		}
		if err := sameShape(first, p); err != nil {
			return Matrix{}, fmt.Errorf("picture %s: %w", set.Entry(done+len(batch)).Name, err)
		}
		if batch = append(batch, change(p)); len(batch) < size && done+len(batch) < set.Len() {
			continue
		}
		m, err := space.run(ctx, batch)
		if err != nil {
			return Matrix{}, fmt.Errorf("pictures %s … %s: %w", set.Entry(done).Name, set.Entry(done+len(batch)-1).Name, err)
		}
		if out.D == 0 {
			out = NewMatrix(set.Len(), m.D)
		}
		if m.D != out.D {
			return Matrix{}, fmt.Errorf("eval: feature space %s gave %d numbers a picture, then %d", space.Name, out.D, m.D)
		}
		copy(out.Data[done*out.D:], m.Data)
		done += len(batch)
		batch = batch[:0]
		if progress != nil {
			progress(done, set.Len())
		}
	}
	return out, nil
}

// run calls the function and checks what it gave.
func (s Space) run(ctx context.Context, batch []*data.Picture) (Matrix, error) {
	m, err := s.Features(ctx, batch)
	if err != nil {
		return m, err
	}
	if m.N != len(batch) {
		return m, fmt.Errorf("eval: feature space %s gave %d vectors for %d pictures", s.Name, m.N, len(batch))
	}
	return m, m.check("feature space " + s.Name)
}

// flip mirrors a picture from left to right.
func flip(p *data.Picture) *data.Picture {
	out := *p
	size := p.Channels * int(p.Depth/8)
	out.Pix = make([]byte, len(p.Pix))
	for y := range p.Height {
		for x := range p.Width {
			copy(out.Pix[(y*p.Width+x)*size:][:size], p.Pix[(y*p.Width+p.Width-1-x)*size:])
		}
	}
	return &out
}
