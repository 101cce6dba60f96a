package tune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Rung is a round of a search: so many candidates are judged, each at a budget.
type Rung struct {
	Candidates int   `json:"candidates"`
	Budget     int64 `json:"budget"` // of each, in images, samples or what else the caller counts
}

// Rungs plans a search of n candidates that ends with some at the budget longest: from rung to rung the budget grows eta-fold and one in eta
// candidates is kept, so that every rung costs about the same (Jamieson and Talwalkar 2016, arXiv 1502.07943). eta is at least 2. The
// last rung has at most eta candidates; budgets are at least 1.
func Rungs(n int, longest int64, eta int) []Rung {
	counts := []int{n}
	for n > eta {
		n = (n + eta - 1) / eta
		counts = append(counts, n)
	}
	all := make([]Rung, len(counts))
	for i := range all {
		scale := math.Pow(float64(eta), float64(len(counts)-1-i))
		all[i] = Rung{Candidates: counts[i], Budget: max(int64(float64(longest)/scale), 1)}
	}
	return all
}

// Work is what a plan spends in all where a candidate goes on from where it was at the rung before.
func Work(rungs []Rung) (sum int64) {
	before := int64(0)
	for _, r := range rungs {
		sum += int64(r.Candidates) * (r.Budget - before)
		before = r.Budget
	}
	return sum
}

// Trial is a candidate judged at one rung.
type Trial struct {
	Candidate int     // from 0
	Rung      int     // from 0
	Score     float64 // the lower the better; NaN or +Inf of a candidate that failed
}

// ErrSpent is what Judge returns to end a search early: nothing is left of time or money. What was found so far is the result.
var ErrSpent = errors.New("tune: the budget is spent")

// Search is successive halving.
type Search struct {
	Candidates int
	Rungs      []Rung
	// Judge scores a candidate at a rung. It may return what it found at another time.
	Judge func(ctx context.Context, candidate, rung int) (float64, error)
	// Keep chooses the candidates of the next rung from the trials of one, about n of them; nil: those with the lowest scores.
	Keep func(trials []Trial, n int) []int
}

// Result is what a search found.
type Result struct {
	Trials []Trial // in the order in which they were judged
	Rungs  int     // that were judged whole
}

// Run searches. Candidates of a rung are judged in rising order, so that it is the same search each time.
func (s Search) Run(ctx context.Context) (Result, error) {
	var r Result
	if s.Candidates < 1 || len(s.Rungs) == 0 || s.Judge == nil {
		return r, fmt.Errorf("tune: a search of %d candidates in %d rungs: give at least 1 of each, and Judge", s.Candidates, len(s.Rungs))
	}
	keep := s.Keep
	if keep == nil {
		keep = Lowest
	}
	alive := make([]int, s.Candidates)
	for i := range alive {
		alive[i] = i
	}
	for k := range s.Rungs {
		from := len(r.Trials)
		for _, c := range alive {
			if err := context.Cause(ctx); err != nil {
				return r, err
			}
			score, err := s.Judge(ctx, c, k)
			if errors.Is(err, ErrSpent) {
				return r, nil
			} else if err != nil {
				return r, err
			}
			r.Trials = append(r.Trials, Trial{c, k, score})
		}
		r.Rungs++
		if k+1 < len(s.Rungs) {
			alive = slices.Sorted(slices.Values(keep(r.Trials[from:], s.Rungs[k+1].Candidates)))
		}
	}
	return r, nil
}

// Lowest are the n candidates with the lowest scores; of equal ones those that come first. Failed ones are never among them, unless all
// failed.
func Lowest(trials []Trial, n int) (all []int) {
	sorted := slices.Clone(trials)
	slices.SortStableFunc(sorted, func(a, b Trial) int { return cmp.Compare(a.rank(), b.rank()) })
	for i, t := range sorted {
		if i < n && (i == 0 || !math.IsInf(t.rank(), 1)) {
			all = append(all, t.Candidate)
		}
	}
	return all
}

// rank is the score with that of failed candidates as +Inf.
func (t Trial) rank() float64 {
	if math.IsNaN(t.Score) {
		return math.Inf(1)
	}
	return t.Score
}

// Best is the lowest trial of the last rung that was judged whole; false if there is none, or all its candidates failed.
func (r Result) Best() (best Trial, ok bool) {
	for _, t := range r.Trials {
		if t.Rung == r.Rungs-1 && !math.IsInf(t.rank(), 1) && (!ok || t.Score < best.Score) {
			best, ok = t, true
		}
	}
	return best, ok
}
