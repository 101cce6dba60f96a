package data

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"github.com/ebb-ml/ebb/internal/rng"
)

// view is a part of a set: the pictures with the given indices, in that order.
type view struct {
	Set
	index []int
}

func (v *view) Len() int                        { return len(v.index) }
func (v *view) Entry(i int) Entry               { return v.Set.Entry(v.index[i]) }
func (v *view) Picture(i int) (*Picture, error) { return v.Set.Picture(v.index[i]) }
func (v *view) Hash(i int) (Hash, error)        { return v.Set.Hash(v.index[i]) }

// pick returns the pictures of s with the given rising indices. A union stays a union of the same sources, so that
// weights keep their meaning.
func pick(s Set, index []int) Set {
	u, ok := s.(*Union)
	if !ok {
		return &view{s, index}
	}
	out := &Union{labels: u.labels, classes: u.classes}
	for k, part := range u.sets {
		var own []int
		for _, i := range index {
			if j := i - u.first[k]; j >= 0 && j < part.Len() {
				own = append(own, j)
			}
		}
		out.first = append(out.first, out.n)
		out.n += len(own)
		out.sets = append(out.sets, pick(part, own))
	}
	return out
}

// Subset returns n pictures of s, drawn by seed and kept in order; all of them if n is 0 or too large.
// Closing it closes s.
func Subset(s Set, n int, seed uint64) Set {
	if n <= 0 || n >= s.Len() {
		return s
	}
	perm := rng.NewPerm(s.Len(), seed, drawSubset, 0)
	index := make([]int, n)
	for i := range index {
		index[i] = perm.At(i)
	}
	slices.Sort(index)
	return pick(s, index)
}

// First returns the first n pictures of s; all of them if n is 0 or too large. Closing it closes s.
func First(s Set, n int) Set {
	if n <= 0 || n >= s.Len() {
		return s
	}
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return pick(s, index)
}

// Split holds out about the given share (0 to 1) of the pictures, chosen by their content: copies of a picture land on
// the same side, and a picture stays on its side when others come or go. Pictures that cannot be read stay in train.
// It reads every file once. Both parts share s: close one of them only, after use of both.
func Split(ctx context.Context, s Set, share float64, seed uint64) (train, held Set, err error) {
	if !(share > 0 && share < 1) {
		return nil, nil, fmt.Errorf("data: a held-out share of %v is not between 0 and 1", share)
	}
	var in, out []int
	side := func(i int) bool {
		h, err := s.Hash(i)
		return err == nil && holdOut(h, share, seed)
	}
	err = inOrder(ctx, s.Len(), runtime.GOMAXPROCS(0), side, func(i int, held bool) error {
		if held {
			out = append(out, i)
		} else {
			in = append(in, i)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("data: splitting: %w", err)
	}
	if len(in) == 0 || len(out) == 0 {
		return nil, nil, fmt.Errorf("data: holding out %.3g %% of %d pictures leaves one side empty", 100*share, s.Len())
	}
	return pick(s, in), pick(s, out), nil
}

// holdOut decides by the hash and the seed alone.
func holdOut(h Hash, share float64, seed uint64) bool {
	s := rng.NewSequence(seed^binary.LittleEndian.Uint64(h[:]), drawSubset, binary.LittleEndian.Uint64(h[8:]))
	return s.Float64() < share
}
