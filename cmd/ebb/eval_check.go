package main

import (
	"context"
	"fmt"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/recipe"
)

// heldOutNotes are what a person should know of pictures that were named for measuring: that training saw some of them, or that they are of
// another kind than those it saw.
func heldOutNotes(ctx context.Context, config recipe.Config, held data.Set) (notes []string, err error) {
	if config.Data.Source != recipe.Files {
		return nil, nil
	}
	p, err := held.Picture(0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", held.Entry(0).Name, err)
	}
	d := config.Data
	if p.Channels != d.Channels {
		notes = append(notes, fmt.Sprintf("%s has %d channels, the model's pictures have %d: held-out pictures are converted, and are not of the kind that it learnt",
			held.Entry(0).Name, p.Channels, d.Channels))
	}
	if p.Height < d.Height || p.Width < d.Width {
		notes = append(notes, fmt.Sprintf("%s has %d x %d pixels, the model's pictures have %d x %d: held-out pictures are enlarged, and are blurred by it",
			held.Entry(0).Name, p.Width, p.Height, d.Width, d.Height))
	}
	sets, err := config.Open(ctx)
	if err != nil { // training pictures that are no longer there cannot be compared
		return notes, ctx.Err()
	}
	defer sets.Close()
	n, example, err := overlap(ctx, data.First(sets.Train, mostCompared), held)
	if n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d held-out pictures are files of the training set (%s, for example): figures on them flatter; ebb eval leaks finds them all",
			n, held.Len(), example))
	}
	return notes, err
}

// overlap counts pictures of b whose content is that of one of a.
func overlap(ctx context.Context, a, b data.Set) (n int, example string, err error) {
	known := map[data.Hash]bool{}
	for i := range a.Len() {
		if err := context.Cause(ctx); err != nil {
			return 0, "", err
		}
		if sum, err := a.Hash(i); err == nil {
			known[sum] = true
		}
	}
	for i := range b.Len() {
		if sum, err := b.Hash(i); err == nil && known[sum] {
			n++
			if example == "" {
				example = b.Entry(i).Name
			}
		}
	}
	return n, example, context.Cause(ctx)
}
