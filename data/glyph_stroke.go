package data

import (
	"math"

	"github.com/ebb-ml/ebb/data/internal/ttf"
)

// embolden returns the contour with every point moved outwards by d (inwards if d is negative), so that strokes grow by
// twice that. TrueType fills what lies to the right of a contour's direction, so outwards is left, for holes as well.
func embolden(c ttf.Contour, d float64) ttf.Contour {
	out := make(ttf.Contour, len(c))
	for i, p := range c {
		ax, ay := direction(c, i, -1)
		bx, by := direction(c, i, +1)
		ax, ay = -ax, -ay // the way in, seen forwards
		// The mitre of two edges: along the sum of their normals, longer the sharper the corner, within reason.
		k := d / max(1+ax*bx+ay*by, 0.4)
		p.X += k * -(ay + by)
		p.Y += k * (ax + bx)
		out[i] = p
	}
	return out
}

// direction is the unit vector from point i to its nearest different neighbour on one side.
func direction(c ttf.Contour, i, step int) (x, y float64) {
	for n := 1; n < len(c); n++ {
		q := c[((i+step*n)%len(c)+len(c))%len(c)]
		x, y = q.X-c[i].X, q.Y-c[i].Y
		if l := math.Hypot(x, y); l > 1e-9 {
			return x / l, y / l
		}
	}
	return 0, 0
}
