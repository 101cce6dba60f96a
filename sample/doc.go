// Package sample draws from a trained network: seeds to samples, in batches, and samples to grids.
//
// A Generator runs a network on weights that lie in a scope of a store. Sample i of a seed starts from the same noise and gets the same
// noise on its way, whatever the size of the batch it is drawn in and however many are drawn with it, so it is the same picture (values
// to rounding).
//
//	g, err := sample.New(engine, weights, network, sample.Model{Precond: precond, Shape: []int{32, 32, 3}})
//	err = g.Draw(ctx, sample.Request{Seed: 7, Count: 64, Batch: 16, Sampler: sampler, Levels: levels}, func(first int, x []float32) error {
//		// x holds samples first, first+1, …
//	})
//
// A [Writer] does the same for text: [Writer.Draw] writes the texts of a [TextRequest], from nothing, after a prompt or into holes, by
// any process of package masked, and longer than the rows of training if asked to.
package sample
