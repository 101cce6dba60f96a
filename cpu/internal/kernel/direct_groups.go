package kernel

// mergedGroups computes convolutions of many narrow groups, such as depthwise ones. A group by itself would fill a small
// part of a vector and cost as much as one that fills it; several are therefore computed as one wider group, whose filter
// is zero between channels that do not belong together, and of whose filter gradient only the blocks that do are kept.
type mergedGroups struct {
	spec     ConvSpec
	kind     ConvKind
	together int // groups in one
	inner    convDriver
	filter   int // floats of the wider filter
}

// mergeGroups returns how many groups are best computed as one: so many that the result fills a panel.
func mergeGroups(s *ConvSpec, kind ConvKind, m *Micro) int {
	width := pick(kind == ConvInputGradient, s.InC, s.OutC) / s.Groups
	n := 1
	for n < s.Groups && n*width < m.NR {
		n++
		for s.Groups%n > 0 {
			n++
		}
	}
	return n
}

func newMergedGroups(set *Set, s *ConvSpec, kind ConvKind, together int) *mergedGroups {
	d := &mergedGroups{spec: *s, kind: kind, together: together}
	wide := *s
	wide.Groups /= together
	d.filter = wide.FilterSize()
	d.inner = newDirectDriver(set, &wide, kind)
	return d
}

func (d *mergedGroups) scratch(workers int) int { return d.filter + d.inner.scratch(workers) }

func (d *mergedGroups) prepared() int { return d.inner.prepared() }

func (d *mergedGroups) prepare(r Runner, w, prepared []float32) {
	wide := make([]float32, d.filter)
	d.widen(r, wide, w)
	d.inner.prepare(r, wide, prepared)
}

func (d *mergedGroups) run(r Runner, x *convRun) {
	own := *x
	wide := x.scratch[:d.filter]
	own.scratch = x.scratch[d.filter:]
	switch {
	case d.kind == ConvFilterGradient:
		own.out = wide
		d.inner.run(r, &own)
		d.eachBlock(r, func(narrow, from, n int) { copy(x.out[narrow:narrow+n], wide[from:]) })
		return
	case x.prepared == nil:
		d.widen(r, wide, x.b)
		own.b = wide
	}
	d.inner.run(r, &own)
}

// widen writes the filter of the wider groups.
func (d *mergedGroups) widen(r Runner, wide, w []float32) {
	clear(wide)
	d.eachBlock(r, func(narrow, to, n int) { copy(wide[to:to+n], w[narrow:]) })
}

// eachBlock goes through the rows of n weights of a tap, an input channel and a group: where they begin in the filter and
// in the wider one.
func (d *mergedGroups) eachBlock(r Runner, do func(narrow, wide, n int)) {
	s := &d.spec
	in, n := s.InC/s.Groups, s.OutC/s.Groups
	r.Run(s.KernelH*s.KernelW, func(_, tap int) {
		for c := range in {
			for g := range s.Groups {
				narrow := (tap*in+c)*s.OutC + g*n
				wide := ((tap*d.together+g%d.together)*in+c)*s.OutC + g*n
				do(narrow, wide, n)
			}
		}
	})
}
