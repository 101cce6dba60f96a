// Package tune searches for good settings at little cost. It knows nothing of networks: what is judged, and how, is the caller's.
//
// Three parts work together. FindRate reads a learning-rate range test: the rates at which the loss falls, and the one at which it breaks
// out. A Knob is a setting with the values to try; Draw gives each trial its values, a function of a seed. A Search is successive halving:
// all candidates are judged at a small budget, the better part of them at a larger one, until few are left:
//
//	search := tune.Search{Candidates: 9, Rungs: tune.Rungs(9, 81_000, 3), Judge: heldOutLoss}
//	result, err := search.Run(ctx)
//	winner, ok := result.Best()
//
// A search that was stopped goes on if Judge remembers what it found: candidates come in the same order each time.
package tune
