package eval

import (
	"context"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// Neighbour is a row of a matrix and its distance.
type Neighbour struct {
	Index    int
	Distance float64 // Euclidean
}

// Nearest returns for each row of queries its k nearest rows of the reference, the nearest first (equal distances: the lower index
// first): a full search. The engine's products choose the candidates; the distances returned are computed anew in double precision, so
// that an exact copy has distance 0. There are fewer than k where the reference is smaller.
func Nearest(ctx context.Context, b compute.Backend, queries, reference Matrix, k int) ([][]Neighbour, error) {
	x, y := centred(queries, reference)
	return nearest(ctx, b, x, y, k, false)
}

// nearest is Nearest of matrices that are centred already; self leaves out the row of the same number.
func nearest(ctx context.Context, b compute.Backend, x, y Matrix, k int, self bool) ([][]Neighbour, error) {
	// a few more candidates than asked for: rounding may have changed their order
	best := make([]candidates, x.N)
	nearness := func(xy, _, yy *graph.Node) *graph.Node { return graph.Sub(yy, graph.MulScalar(xy, 2)) } // the squared distance but for |x|²
	err := finished(ctx, b, x, y, nearness, func(block productBlock) error {
		eachRow(block.rows, func(i int) {
			c := &best[block.first+i]
			if c.most == 0 {
				c.most, c.limit = min(k+2, y.N), float32(math.Inf(1))
			}
			skip := -1
			if self {
				skip = block.first + i - block.firstY
			}
			c.scan(block.values[i*block.columns:][:block.columns], block.firstY, skip)
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([][]Neighbour, x.N)
	eachRow(x.N, func(i int) { out[i] = best[i].exact(x.Row(i), y, k) })
	return out, nil
}

// candidates are the rows with the smallest |y|² - 2xy so far, in rising order.
type candidates struct {
	most  int
	limit float32 // of the last one, once there are enough
	value []float32
	index []int32
}

// scan looks at the values of the vectors from first on; skip is left out.
func (c *candidates) scan(row []float32, first, skip int) {
	for j, v := range row {
		if v < c.limit && j != skip {
			c.insert(v, int32(first+j))
		}
	}
}

func (c *candidates) insert(v float32, index int32) {
	at := len(c.value)
	for at > 0 && v < c.value[at-1] {
		at--
	}
	c.value, c.index = slices.Insert(c.value, at, v), slices.Insert(c.index, at, index)
	if len(c.value) > c.most {
		c.value, c.index = c.value[:c.most], c.index[:c.most]
	}
	if len(c.value) == c.most {
		c.limit = c.value[c.most-1]
	}
}

// exact orders the candidates by their true distances and keeps k.
func (c *candidates) exact(x []float32, y Matrix, k int) []Neighbour {
	out := make([]Neighbour, len(c.index))
	for i, j := range c.index {
		out[i] = Neighbour{int(j), math.Sqrt(squaredDistance(x, y.Row(int(j))))}
	}
	slices.SortFunc(out, func(a, b Neighbour) int {
		if a.Distance != b.Distance {
			if a.Distance < b.Distance {
				return -1
			}
			return 1
		}
		return a.Index - b.Index
	})
	return out[:min(k, len(out))]
}

func squaredDistance(x, y []float32) float64 {
	y = y[:len(x)]
	sum := 0.0
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += d * d
	}
	return sum
}

// Distances is the matrix of Euclidean distances between all rows of x and all rows of y, [x.N, y.N].
func Distances(ctx context.Context, b compute.Backend, x, y Matrix) (Matrix, error) {
	x, y = centred(x, y)
	out := NewMatrix(x.N, y.N)
	root := func(xy, xx, yy *graph.Node) *graph.Node { return graph.Sqrt(squaredDistances(xy, xx, yy)) }
	err := finished(ctx, b, x, y, root, func(block productBlock) error {
		eachRow(block.rows, func(i int) {
			copy(out.Row(block.first + i)[block.firstY:][:block.columns], block.values[i*block.columns:])
		})
		return nil
	})
	return out, err
}
