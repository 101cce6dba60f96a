package pass

import "math"

// term is a product of powers of x, of a function's value f, and of a gradient dy.
type term struct{ x, f, dy int }

// polynomial holds the coefficient of each term; nil is no polynomial.
type polynomial map[term]float64

const mostTerms = 16 // of a polynomial worth following

// plus returns p + scale·q.
func (p polynomial) plus(q polynomial, scale float64) polynomial {
	sum := make(polynomial, len(p)+len(q))
	for t, c := range p {
		sum[t] = c
	}
	for t, c := range q {
		sum[t] += scale * c
	}
	return sum.bounded()
}

// times returns p·q.
func (p polynomial) times(q polynomial) polynomial {
	product := make(polynomial, len(p)*len(q))
	for s, c := range p {
		for t, d := range q {
			product[term{s.x + t.x, s.f + t.f, s.dy + t.dy}] += c * d
		}
	}
	return product.bounded()
}

func (p polynomial) bounded() polynomial {
	if len(p) > mostTerms {
		return nil
	}
	return p
}

// derive returns the derivative by x or f, whichever the term names.
func (p polynomial) derive(by term) polynomial {
	slope := polynomial{}
	for t, c := range p {
		if n := t.x*by.x + t.f*by.f; n > 0 {
			slope[term{t.x - by.x, t.f - by.f, t.dy}] += c * float64(n)
		}
	}
	return slope
}

func (p polynomial) dependsOnF() bool {
	for t := range p {
		if t.f > 0 {
			return true
		}
	}
	return false
}

// close tells whether both are the same but for the rounding of float32 constants.
func (p polynomial) close(q polynomial) bool {
	const tolerance = 1e-6
	if p == nil {
		return false
	}
	for t := range p.plus(q, -1) {
		if math.Abs(p[t]-q[t]) > tolerance*math.Abs(q[t])+1e-9 {
			return false
		}
	}
	return true
}
