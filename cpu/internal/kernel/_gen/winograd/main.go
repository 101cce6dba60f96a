// Command winograd writes the Winograd transforms of package kernel: winograd_amd64.s and its stubs.
//
// F(4×4,3×3) with the points 0, ±5/8, ±3/2 and infinity. Every transform is separable: a one-dimensional transform of
// the rows, then of the columns. Each kernel handles one tile (or one row of a filter), a vector of channels at a time.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	for _, s := range []isa{avx512, avx2} {
		input(s)
		output(s)
		gradient(s)
		filter(s)
		filterGradient(s)
	}
	Generate()
}
