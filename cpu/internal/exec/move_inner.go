package exec

// moveInner copies one matrix, row or element between two places; strides may be zero or negative.
func moveInner[T any](dst []T, at int, src []T, from int, dims, fs, ts []int, transpose, copy2D block[T]) {
	switch {
	case len(dims) == 0:
		dst[at] = src[from]
	case len(dims) == 1:
		moveRow(dst, at, src, from, dims[0], fs[0], ts[0])
	case fs[1] == 1 && ts[1] == 1 && fs[0] >= 0 && ts[0] > 0:
		copy2D(dst[at:], ts[0], src[from:], fs[0], dims[0], dims[1])
	case fs[1] == 1 && ts[0] == 1 && fs[0] > 0 && ts[1] > 0:
		transpose(dst[at:], ts[1], src[from:], fs[0], dims[0], dims[1])
	case fs[0] == 1 && ts[1] == 1 && fs[1] > 0 && ts[0] > 0:
		transpose(dst[at:], ts[0], src[from:], fs[1], dims[1], dims[0])
	default:
		for i := range dims[0] {
			moveRow(dst, at+i*ts[0], src, from+i*fs[0], dims[1], fs[1], ts[1])
		}
	}
}

func moveRow[T any](dst []T, at int, src []T, from, n, fs, ts int) {
	if fs == 1 && ts == 1 {
		copy(dst[at:at+n], src[from:from+n])
		return
	}
	for i := range n {
		dst[at+i*ts] = src[from+i*fs]
	}
}
