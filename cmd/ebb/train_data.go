package main

import (
	"context"
	"errors"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/recipe"
)

// prepareData opens the data of a configuration and completes the configuration from it. run is the folder of the run, which may be
// there already.
func prepareData(ctx context.Context, config *recipe.Config, run string) (*recipe.Sets, []string, error) {
	if config.Text != nil {
		return prepareText(ctx, config, run)
	}
	sets, err := config.Open(ctx)
	if err != nil {
		return nil, nil, withCode(exitData, err)
	}
	notes, err := config.Resolve(ctx, sets.Train)
	if err != nil {
		return nil, nil, errors.Join(usage(err), sets.Close())
	}
	if err := sameSizes(ctx, config, sets.Train); err != nil {
		return nil, nil, errors.Join(withCode(exitData, err), sets.Close())
	}
	return sets, notes, nil
}

// mostChecked is how many pictures are decoded before the first step to see whether they have the size that they must have.
const mostChecked = 2000

// sameSizes looks for pictures that do not fit, where the configuration has no way to make them. Broken ones are the loader's business.
func sameSizes(ctx context.Context, c *recipe.Config, set data.Set) error {
	if c.Data.Source != recipe.Files || c.Data.Fit != data.FitExact {
		return nil
	}
	p := data.Preprocess{Height: c.Data.Height, Width: c.Data.Width, Channels: c.Data.Channels, Norm: c.Data.Norm}
	_, err := data.Check(ctx, data.Subset(set, min(mostChecked, set.Len()), c.Train.Seed), p, 1)
	return err
}
