package exec

// axis is a run of a register's dimensions within a tile: kept by the other register of an expansion or reduction, or not.
type axis struct {
	size int  // without the rows, if it has them
	rows bool // times the rows of the tile
	keep bool
}

func (a axis) length(rows int) int {
	if a.rows {
		return a.size * rows
	}
	return a.size
}

// layout returns the axes of a register with mask big within a tile, joined where both keep them or both do not.
func (f *fused) layout(big, small uint32) []axis {
	var axes []axis
	for d := f.j; d < len(f.p.Dims); d++ {
		if big>>d&1 == 0 {
			continue
		}
		keep := small>>d&1 == 1
		size := f.p.Dims[d]
		if d == f.j {
			axes = append(axes, axis{1, true, keep})
			continue
		}
		if n := len(axes); n > 0 && axes[n-1].keep == keep {
			axes[n-1].size *= size
			continue
		}
		axes = append(axes, axis{size, false, keep})
	}
	return axes
}

// sizes returns the number of values of the axes, and of those kept.
func sizes(axes []axis, rows int) (all, kept int) {
	all, kept = 1, 1
	for _, a := range axes {
		n := a.length(rows)
		all *= n
		if a.keep {
			kept *= n
		}
	}
	return all, kept
}

// expand repeats src, laid over the kept axes, into dst.
func (k *kernels) expand(dst, src []float32, axes []axis, rows int) {
	switch {
	case len(axes) == 0:
		dst[0] = src[0]
	case len(axes) == 1 && axes[0].keep:
		copy(dst, src)
	case len(axes) == 1:
		k.fill(dst, src[0])
	case len(axes) == 2 && axes[0].keep:
		k.broadcastRows(dst, src, axes[1].length(rows))
	case len(axes) == 2:
		k.tileRow(dst, src)
	default:
		all, kept := sizes(axes[1:], rows)
		if !axes[0].keep {
			k.expand(dst[:all], src, axes[1:], rows)
			k.tileRow(dst[all:], dst[:all])
			return
		}
		for i := range axes[0].length(rows) {
			k.expand(dst[i*all:(i+1)*all], src[i*kept:(i+1)*kept], axes[1:], rows)
		}
	}
}

// reduce combines src along the axes not kept into dst; tmp has room for a register.
func (k *kernels) reduce(op *reducer, dst, src []float32, axes []axis, rows int, tmp []float32) {
	switch {
	case len(axes) == 0:
		dst[0] = src[0]
	case len(axes) == 1 && axes[0].keep:
		copy(dst, src)
	case len(axes) == 1:
		dst[0] = op.whole(src)
	case len(axes) == 2 && axes[0].keep:
		op.rows(dst, src, axes[1].length(rows))
	case len(axes) == 2:
		k.fill(dst, op.initial)
		op.columns(dst, src)
	default:
		all, kept := sizes(axes[1:], rows)
		if axes[0].keep {
			for i := range axes[0].length(rows) {
				k.reduce(op, dst[i*kept:(i+1)*kept], src[i*all:(i+1)*all], axes[1:], rows, tmp)
			}
			return
		}
		k.fill(tmp[:all], op.initial)
		op.columns(tmp[:all], src)
		k.reduce(op, dst, tmp[:all], axes[1:], rows, tmp[all:])
	}
}
