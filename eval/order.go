package eval

import (
	"math"
	"slices"
)

// quantile is the q-quantile of values by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, NumPy's default).
func quantile(values []float64, q float64) float64 {
	v := slices.Clone(values)
	slices.Sort(v)
	at := q * float64(len(v)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(v)-1)
	return v[low] + (at-float64(low))*(v[high]-v[low])
}
