package recipe_test

import "math"

// nearMoons counts the points within four standard deviations of the noise (0.06) of the half circles of data.Moons.
func nearMoons(x []float32) (n int) {
	for i := 0; i+1 < len(x); i += 2 {
		near := math.Inf(1)
		for k := range 100 {
			sin, cos := math.Sincos(math.Pi * float64(k) / 99)
			for _, c := range [][2]float64{{cos - 0.5, sin - 0.25}, {0.5 - cos, 0.25 - sin}} {
				near = min(near, math.Hypot(float64(x[i])-1.2*c[0], float64(x[i+1])-1.2*c[1]))
			}
		}
		if near < 4*0.06 {
			n++
		}
	}
	return n
}
