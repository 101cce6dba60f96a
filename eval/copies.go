package eval

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
)

// CopiesConfig says what [Copies] looks at: features of one space, of pictures as they are and mirrored ([Extract], [ExtractFlipped]).
type CopiesConfig struct {
	Space string
	Train Matrix
	// Samples are generated pictures. A mirrored matrix with no rows leaves mirrored copies unfound.
	Samples, SamplesFlipped Matrix
	// HeldOut are real pictures that were not trained on. They say how near an innocent picture comes.
	HeldOut, HeldOutFlipped Matrix
	// Threshold is the score below which a picture counts as a copy; 0 means half the median score of the held-out pictures.
	Threshold float64
}

// Match is a picture and what it is nearest to.
type Match struct {
	Picture  int     `json:"picture"` // index of the sample
	Train    int     `json:"train"`   // index of the nearest training picture
	Distance float64 `json:"distance"`
	Score    float64 `json:"score"`
	Flipped  bool    `json:"flipped"` // the sample is nearest when mirrored
}

// CopyReport says how many samples are copies of training pictures.
type CopyReport struct {
	Rate      Figure  `json:"copy_rate"`
	HeldOut   Figure  `json:"held_out_rate"` // share of held-out pictures below the threshold: false alarms, or leaks
	Threshold float64 `json:"threshold"`
	Rule      string  `json:"rule"`    // of the threshold, in words
	Matches   []Match `json:"matches"` // one for each sample, the lowest score first
}

// copyNeighbours are the neighbours that a score is relative to (Carlini et al. 2023, arXiv 2301.13188, section 5.1, take 50).
const copyNeighbours = 50

// Copies finds samples that are training pictures. The score of a picture is the distance to its nearest training picture divided by
// the mean distance to the 50 next ones (Carlini et al. 2023), or to half the training set where that is smaller: a copy is much nearer
// to one picture than to its neighbourhood, while a plain picture is near to many. A picture counts as a copy below half the median score
// of the held-out pictures. That rule is stated in the report beside the share of held-out pictures that it flags, which should be
// next to nothing. The interval of the rate is Wilson's.
func Copies(ctx context.Context, b compute.Backend, c CopiesConfig) (CopyReport, error) {
	r := CopyReport{Threshold: c.Threshold, Rule: "score below the given threshold"}
	if err := c.check(); err != nil {
		return r, err
	}
	innocent, err := scores(ctx, b, c.Train, c.HeldOut, c.HeldOutFlipped)
	if err != nil {
		return r, err
	}
	if r.Threshold == 0 {
		var all []float64
		for _, m := range innocent {
			all = append(all, m.Score)
		}
		r.Threshold = quantile(all, 0.5) / 2
		r.Rule = fmt.Sprintf("distance to the nearest training picture over the mean distance to the %d next ones, below half the median of %d held-out pictures",
			c.neighbours(), c.HeldOut.N)
	}
	if r.Matches, err = scores(ctx, b, c.Train, c.Samples, c.SamplesFlipped); err != nil {
		return r, err
	}
	below := func(all []Match) (n int) {
		for _, m := range all {
			if m.Score < r.Threshold {
				n++
			}
		}
		return n
	}
	if r.HeldOut, err = ShareFigure("held-out copy rate-"+c.Space, below(innocent), len(innocent)); err != nil {
		return r, err
	}
	r.Rate, err = ShareFigure("copy rate-"+c.Space, below(r.Matches), len(r.Matches))
	r.Rate.Space, r.Rate.Reference, r.HeldOut.Space, r.HeldOut.Reference = c.Space, c.Train.N, c.Space, c.Train.N
	slices.SortStableFunc(r.Matches, func(p, q Match) int { return cmp.Compare(p.Score, q.Score) })
	return r, err
}

func (c CopiesConfig) neighbours() int { return min(copyNeighbours, c.Train.N/2) }

func (c CopiesConfig) check() error {
	for _, m := range []struct {
		what string
		m    Matrix
		flip Matrix
		need int
	}{{"training", c.Train, Matrix{}, 4}, {"generated", c.Samples, c.SamplesFlipped, 1}, {"held-out", c.HeldOut, c.HeldOutFlipped, 10}} {
		if err := m.m.check("copies: " + m.what + " pictures"); err != nil {
			return err
		}
		if m.m.N < m.need {
			return fmt.Errorf("eval: copies: %d %s pictures, at least %d are needed", m.m.N, m.what, m.need)
		}
		if m.m.D != c.Train.D || m.flip.N > 0 && (m.flip.N != m.m.N || m.flip.D != m.m.D) {
			return fmt.Errorf("eval: copies: the %s pictures are %d vectors of %d numbers, mirrored %d of %d, those of the training pictures have %d",
				m.what, m.m.N, m.m.D, m.flip.N, m.flip.D, c.Train.D)
		}
	}
	if !(c.Threshold >= 0) {
		return fmt.Errorf("eval: copies: a threshold of %v", c.Threshold)
	}
	return nil
}

// scores searches the training pictures for each picture, as it is and mirrored.
func scores(ctx context.Context, b compute.Backend, train, x, flipped Matrix) ([]Match, error) {
	k := min(copyNeighbours, train.N/2) + 1
	plain, err := Nearest(ctx, b, x, train, k)
	if err != nil {
		return nil, err
	}
	mirrored := make([][]Neighbour, x.N)
	if flipped.N > 0 {
		if mirrored, err = Nearest(ctx, b, flipped, train, k); err != nil {
			return nil, err
		}
	}
	out := make([]Match, x.N)
	for i := range out {
		out[i] = score(i, plain[i], mirrored[i], k)
	}
	return out, nil
}

// score merges the neighbours of a picture and of its mirror image: a training picture counts once, by its smaller distance.
func score(i int, plain, mirrored []Neighbour, k int) Match {
	distance := map[int]float64{}
	for _, n := range slices.Concat(plain, mirrored) {
		if d, ok := distance[n.Index]; !ok || n.Distance < d {
			distance[n.Index] = n.Distance
		}
	}
	all := make([]Neighbour, 0, len(distance))
	for j, d := range distance {
		all = append(all, Neighbour{j, d})
	}
	slices.SortFunc(all, func(a, b Neighbour) int { return cmp.Or(cmp.Compare(a.Distance, b.Distance), a.Index-b.Index) })
	m := Match{Picture: i, Train: all[0].Index, Distance: all[0].Distance}
	m.Flipped = len(mirrored) > 0 && mirrored[0].Distance < plain[0].Distance
	mean := 0.0
	for _, n := range all[1:k] {
		mean += n.Distance / float64(k-1)
	}
	if mean > 0 {
		m.Score = m.Distance / mean
	}
	return m
}
