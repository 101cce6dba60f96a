package tune_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ebb-ml/ebb/tune"
	"pgregory.net/rapid"
)

func TestFront(t *testing.T) {
	costs := []float64{10, 10, 20, 20, 50, 50, 60}
	scores := []float64{5, 6, 3, 3, 4, 2, math.NaN()}
	if got, want := tune.Front(costs, scores), []bool{true, false, true, false, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Nothing outside the set beats anything inside it, and everything outside is beaten by something inside.
func TestFrontIsPareto(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		costs, scores := make([]float64, n), make([]float64, n)
		for i := range n {
			costs[i], scores[i] = float64(rapid.IntRange(0, 5).Draw(t, "cost")), float64(rapid.IntRange(0, 5).Draw(t, "score"))
		}
		front := tune.Front(costs, scores)
		for i := range n {
			covered := false
			for j := range n {
				noWorse := costs[j] <= costs[i] && scores[j] <= scores[i]
				if noWorse && (costs[j] < costs[i] || scores[j] < scores[i]) && front[i] {
					t.Fatalf("%d is in the set and beaten by %d: %v %v", i, j, costs, scores)
				}
				covered = covered || noWorse && front[j]
			}
			if !covered {
				t.Fatalf("%d is neither in the set nor behind it: %v %v", i, costs, scores)
			}
		}
	})
}

func TestKeepFront(t *testing.T) {
	costs := []float64{10, 10, 20, 20, 50}
	keep := tune.KeepFront(func(c int) float64 { return costs[c] })
	trials := []tune.Trial{{0, 0, 5}, {1, 0, 5.5}, {2, 0, 3}, {3, 0, 4}, {4, 0, 3.1}}
	for n, want := range map[int][]int{1: {0, 2}, 3: {0, 2, 4}, 4: {0, 1, 2, 4}, 9: {0, 1, 2, 3, 4}} {
		got := keep(trials, n)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d: kept %v, want %v", n, got, want)
		}
	}
	trials[1].Score = math.NaN()
	if got := keep(trials, 9); slices.Contains(got, 1) {
		t.Errorf("a failure is kept: %v", got)
	}
}
