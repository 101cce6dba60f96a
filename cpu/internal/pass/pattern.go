package pass

import (
	"slices"
)

// pattern says which part of a row-major iteration space a tensor varies over: intervals [lo, hi) of strides, innermost
// first. In a space of 16·1024·32·4 points, the tensor over the first and third axis has {4,128} and {131072,2097152}.
// Reshaping a tensor does not change its pattern, which is why fusion goes through reshapes unhindered.
type pattern []interval

type interval struct{ lo, hi int }

func fullPattern(n int) pattern {
	if n == 1 {
		return nil
	}
	return pattern{{1, n}}
}

// normal sorts the intervals and joins adjacent ones.
func (p pattern) normal() pattern {
	if len(p) == 0 {
		return nil
	}
	q := slices.Clone(p)
	slices.SortFunc(q, func(a, b interval) int { return a.lo - b.lo })
	out := q[:1]
	for _, x := range q[1:] {
		if last := &out[len(out)-1]; x.lo == last.hi {
			last.hi = x.hi
		} else {
			out = append(out, x)
		}
	}
	return out
}

func (p pattern) equal(q pattern) bool { return slices.Equal(p, q) }

// split gives each axis of a tensor laid over p its intervals.
func (p pattern) split(dims []int) ([]pattern, error) {
	parts := make([]pattern, len(dims))
	at, lo := 0, 0
	if len(p) > 0 {
		lo = p[0].lo
	}
	for axis := len(dims) - 1; axis >= 0; axis-- {
		for left := dims[axis]; left > 1; {
			if at == len(p) {
				return nil, errNoFit
			}
			room := p[at].hi / lo
			take := min(left, room)
			if room%take != 0 || left%take != 0 {
				return nil, errNoFit
			}
			parts[axis] = append(parts[axis], interval{lo, lo * take})
			left /= take
			if lo *= take; lo == p[at].hi {
				if at++; at < len(p) {
					lo = p[at].lo
				}
			}
		}
	}
	return parts, nil
}

// commonDims cuts the space at every bound of the patterns. bounds are the strides between the dimensions, ascending.
func commonDims(full pattern, all []pattern) (dims, bounds []int, err error) {
	bounds = []int{1}
	for _, p := range append(all, full) {
		for _, x := range p {
			bounds = append(bounds, x.lo, x.hi)
		}
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	for i := 1; i < len(bounds); i++ {
		if bounds[i]%bounds[i-1] != 0 {
			return nil, nil, errNoFit
		}
		dims = append(dims, bounds[i]/bounds[i-1])
	}
	slices.Reverse(dims)
	if len(dims) > 30 {
		return nil, nil, errNoFit
	}
	return dims, bounds, nil
}

// mask marks the dimensions between bounds that the pattern covers; bit d is the d-th dimension, outermost first.
func (p pattern) mask(bounds []int) uint32 {
	var m uint32
	n := len(bounds) - 1
	for _, x := range p {
		for i := range n {
			if bounds[i] >= x.lo && bounds[i+1] <= x.hi {
				m |= 1 << (n - 1 - i)
			}
		}
	}
	return m
}
