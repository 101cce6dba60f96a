package interp

// walk is a loop nest over the indices of dims, which stand for elements of two arrays: each index i for the element
// toAt + Σ i·to of the one and fromAt + Σ i·from of the other. Every operation that maps indices is written as one.
type walk struct {
	dims         []int
	to, from     []int
	toAt, fromAt int
}

// rows visits the nest's rows, the runs along its last axis, in row-major order: first elements and length.
func (w walk) rows(visit func(to, from, n int)) {
	last := len(w.dims) - 1
	for _, d := range w.dims {
		if d <= 0 {
			return
		}
	}
	if last < 0 {
		visit(w.toAt, w.fromAt, 1)
		return
	}
	at := make([]int, last)
	to, from := w.toAt, w.fromAt
	for {
		visit(to, from, w.dims[last])
		axis := last - 1
		for ; axis >= 0; axis-- {
			at[axis]++
			to += w.to[axis]
			from += w.from[axis]
			if at[axis] < w.dims[axis] {
				break
			}
			to -= at[axis] * w.to[axis]
			from -= at[axis] * w.from[axis]
			at[axis] = 0
		}
		if axis < 0 {
			return
		}
	}
}

// steps returns the strides along a row.
func (w walk) steps() (to, from int) {
	if last := len(w.dims) - 1; last >= 0 {
		return w.to[last], w.from[last]
	}
	return 0, 0
}

// each visits every index in row-major order.
func (w walk) each(visit func(to, from int)) {
	dt, df := w.steps()
	w.rows(func(to, from, n int) {
		for range n {
			visit(to, from)
			to += dt
			from += df
		}
	})
}

// strides returns the row-major strides of dims.
func strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// offsets lists Σ i·stride over all indices i of dims in row-major order.
func offsets(dims, stride []int) []int {
	var out []int
	walk{dims: dims, to: stride, from: stride}.each(func(to, _ int) { out = append(out, to) })
	return out
}

// pick returns the elements of list at the given places.
func pick(list, places []int) []int {
	out := make([]int, len(places))
	for i, p := range places {
		out[i] = list[p]
	}
	return out
}

// size is the product of dims.
func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
