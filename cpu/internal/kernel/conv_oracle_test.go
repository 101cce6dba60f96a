package kernel

import (
	"math"
	"math/rand/v2"
)

// convOracle computes all three products in float64, and for each element the sum of the terms' magnitudes and their
// number, from which the limit of rounding follows.
type convOracle struct {
	value, magnitude []float64
	terms            []int
}

func (o *convOracle) add(i int, x, y float32) {
	p := float64(x) * float64(y)
	o.value[i] += p
	o.magnitude[i] += math.Abs(p)
	o.terms[i]++
}

func newOracle(n int) *convOracle {
	return &convOracle{make([]float64, n), make([]float64, n), make([]int, n)}
}

// oracle walks through every product of an input pixel, a weight and an output pixel once. Operands are as for Conv.Run.
func oracle(s ConvSpec, kind ConvKind, a, b []float32) *convOracle {
	s, err := s.normalized()
	if err != nil {
		panic(err)
	}
	sizes := [...]int{s.OutSize(), s.InSize(), s.FilterSize()}
	o := newOracle(sizes[kind])
	inG, outG := s.InC/s.Groups, s.OutC/s.Groups
	walk(s, func(x, tap, y int) {
		for k := range s.OutC {
			for c := range inG {
				xi, wi, yi := x+k/outG*inG+c, (tap*inG+c)*s.OutC+k, y+k
				switch kind {
				case ConvForward:
					o.add(yi, a[xi], b[wi])
				case ConvInputGradient:
					o.add(xi, a[yi], b[wi])
				case ConvFilterGradient:
					o.add(wi, a[xi], b[yi])
				}
			}
		}
	})
	return o
}

// walk calls f for every output pixel and tap whose input pixel exists, with the index of their first floats.
func walk(s ConvSpec, f func(x, tap, y int)) {
	for p := range s.Batch * s.OutH() * s.OutW() {
		b, i, j := p/(s.OutH()*s.OutW()), p/s.OutW()%s.OutH(), p%s.OutW()
		for tap := range s.KernelH * s.KernelW {
			y := i*s.StrideH + tap/s.KernelW*s.DilationH - s.PadTop
			x := j*s.StrideW + tap%s.KernelW*s.DilationW - s.PadLeft
			if y >= 0 && y < s.InH && x >= 0 && x < s.InW {
				f(((b*s.InH+y)*s.InW+x)*s.InC, tap, p*s.OutC)
			}
		}
	}
}

// operands returns normally distributed operands, each beginning off any alignment.
func (c *Conv) operands(rng *rand.Rand) (a, b []float32) {
	na, nb, _ := c.sizes()
	return normal(rng, na+1)[1:], normal(rng, nb+1)[1:]
}
