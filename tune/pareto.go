package tune

import (
	"cmp"
	"math"
	"slices"
)

// Front says of each of some things, which cost something and score lower the better they are, whether it is of the Pareto set: nothing
// that costs no more scores lower. Of equals the first counts. What has no score is not of it.
func Front(costs, scores []float64) []bool {
	front := make([]bool, len(costs))
	for i := range costs {
		front[i] = !math.IsNaN(scores[i])
		for j := range costs {
			switch {
			case costs[j] > costs[i] || !(scores[j] <= scores[i]):
			case costs[j] < costs[i] || scores[j] < scores[i] || j < i:
				front[i] = false
			}
		}
	}
	return front
}

// KeepFront is for Search.Keep where the price of a candidate matters as well as its score: it keeps the whole Pareto set, and fills up to n
// with those that are behind it by the least.
func KeepFront(cost func(candidate int) float64) func(trials []Trial, n int) []int {
	return func(trials []Trial, n int) (kept []int) {
		costs, scores := make([]float64, len(trials)), make([]float64, len(trials))
		for i, t := range trials {
			costs[i], scores[i] = cost(t.Candidate), t.rank()
		}
		front := Front(costs, scores)
		var behind []Trial
		for i, t := range trials {
			if front[i] {
				kept = append(kept, t.Candidate)
				continue
			}
			best := math.Inf(1)
			for j := range trials {
				if front[j] && costs[j] <= costs[i] {
					best = min(best, scores[j])
				}
			}
			behind = append(behind, Trial{t.Candidate, t.Rung, scores[i] - best})
		}
		slices.SortStableFunc(behind, func(a, b Trial) int { return cmp.Compare(a.rank(), b.rank()) })
		for _, t := range behind {
			if len(kept) < n && !math.IsInf(t.rank(), 1) {
				kept = append(kept, t.Candidate)
			}
		}
		return kept
	}
}
