package eval

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute"
)

// Manifold are the measures that tell fidelity from coverage, with balls around each vector that reach to its k-th neighbour.
type Manifold struct {
	// Precision is the share of generated pictures inside a ball of a real one, Recall the share of real ones inside a ball of a generated
	// one (Kynkäänniemi et al. 2019, arXiv 1904.06991; k = 3 there).
	Precision, Recall Figure
	// Density is how many balls of real pictures a generated one lies in, divided by k: it may exceed 1. Coverage is the share of real
	// pictures whose ball holds a generated one (Naeem et al. 2020, arXiv 2002.09797; k = 5 there): unlike the first two, one outlier does
	// not spoil them.
	Density, Coverage Figure
}

// NewManifold computes the four measures of generated features x and real ones y, precision and recall with k = 3, density and coverage
// with k = 5. The intervals (Wilson's, for density Student's) take the other side as given: they count how many pictures were tried, not
// which ones drew the balls. The values depend on the number of pictures of both sides: compare equal numbers.
func NewManifold(ctx context.Context, b compute.Backend, space string, x, y Matrix) (m Manifold, err error) {
	const k, kCoverage = 3, 5
	if err := checkTwo("precision and recall", x, y, kCoverage+1); err != nil {
		return m, err
	}
	x, y = centred(x, y)
	radiiX, _, err := radii(ctx, b, x, k, k)
	if err != nil {
		return m, err
	}
	radiiY, radiiY5, err := radii(ctx, b, y, k, kCoverage)
	if err != nil {
		return m, err
	}
	c := counts{make([]bool, x.N), make([]bool, y.N), make([]bool, y.N), make([]float64, x.N)}
	if err := c.fill(ctx, b, x, y, radiiX, radiiY, radiiY5); err != nil {
		return m, err
	}
	for i := range c.density {
		c.density[i] /= kCoverage
	}
	return c.figures(space, x.N, y.N)
}

// radii are the squared distances of each row's neighbours number k and m among the others.
func radii(ctx context.Context, b compute.Backend, x Matrix, k, m int) (first, second []float32, err error) {
	all, err := nearest(ctx, b, x, x, max(k, m), true)
	if err != nil {
		return nil, nil, err
	}
	square := func(d float64) float32 { return float32(d * d) }
	for _, near := range all {
		first, second = append(first, square(near[k-1].Distance)), append(second, square(near[m-1].Distance))
	}
	return first, second, nil
}

// counts says of each vector whether it lies in a ball of the other side.
type counts struct {
	precise, recalled, covered []bool
	density                    []float64 // balls of y around each x
}

// fill compares every pair. Rows of a block are worked on in parallel, and what belongs to a column afterwards.
func (c *counts) fill(ctx context.Context, b compute.Backend, x, y Matrix, radiiX, radiiY, radiiY5 []float32) error {
	return finished(ctx, b, x, y, squaredDistances, func(block productBlock) error {
		eachRow(block.rows, func(r int) {
			i := block.first + r
			row := block.values[r*block.columns:][:block.columns]
			for j, d := range row {
				if d <= radiiY[block.firstY+j] {
					c.precise[i] = true
				}
				if d < radiiY5[block.firstY+j] {
					c.density[i]++
				}
			}
		})
		eachRow(block.columns, func(r int) {
			j := block.firstY + r
			for i := range block.rows {
				d := block.values[i*block.columns+r]
				c.recalled[j] = c.recalled[j] || d <= radiiX[block.first+i]
				c.covered[j] = c.covered[j] || d < radiiY5[j]
			}
		})
		return nil
	})
}

func (c *counts) figures(space string, n, reference int) (m Manifold, err error) {
	name := func(what string) string { return fmt.Sprintf("%s-%s-%s", what, space, countName(n)) }
	share := func(what string, flags []bool) Figure {
		hits := 0
		for _, f := range flags {
			if f {
				hits++
			}
		}
		f, e := ShareFigure(name(what), hits, len(flags))
		if e != nil {
			err = e
		}
		f.Note += ", the other side taken as given"
		return f
	}
	m = Manifold{Precision: share("precision", c.precise), Recall: share("recall", c.recalled), Coverage: share("coverage", c.covered)}
	density, e := MeanFigure(name("density"), c.density)
	if e != nil {
		err = e
	}
	density.Note += ", the real side taken as given"
	density.Interval.Low = math.Max(density.Interval.Low, 0)
	m.Density = density
	for _, f := range []*Figure{&m.Precision, &m.Recall, &m.Density, &m.Coverage} {
		f.Space, f.N, f.Reference = space, n, reference
	}
	return m, err
}
