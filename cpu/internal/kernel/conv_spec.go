package kernel

import "fmt"

// ConvSpec describes a two-dimensional convolution (a correlation, as machine learning has it):
//
//	y[b, i, j, k] = Σ x[b, i·StrideH + u·DilationH − PadTop, j·StrideW + v·DilationW − PadLeft, c] · w[u, v, c, k]
//
// with zeros beyond the edges of x. With groups, output channel k sees the InC/Groups input channels of its own group.
type ConvSpec struct {
	Batch, InH, InW, InC, OutC int
	KernelH, KernelW           int
	StrideH, StrideW           int // 0 means 1
	// Pads are rows and columns of zeros put round x; negative ones take rows and columns away.
	PadTop, PadBottom, PadLeft, PadRight int
	DilationH, DilationW                 int // distance of the filter's taps; 0 means 1
	Groups                               int // 0 means 1
}

// normalized fills in the defaults and checks the rest.
func (s ConvSpec) normalized() (ConvSpec, error) {
	for _, p := range []*int{&s.StrideH, &s.StrideW, &s.DilationH, &s.DilationW, &s.Groups} {
		if *p == 0 {
			*p = 1
		}
	}
	const most = 1 << 31 // far beyond any use, and small enough that sums and products of two do not overflow
	for _, d := range []struct {
		name       string
		value, low int
	}{
		{"batch", s.Batch, 0}, {"input height", s.InH, 0}, {"input width", s.InW, 0},
		{"input channels", s.InC, 1}, {"output channels", s.OutC, 1},
		{"filter height", s.KernelH, 1}, {"filter width", s.KernelW, 1},
		{"stride", min(s.StrideH, s.StrideW), 1}, {"stride", max(s.StrideH, s.StrideW), 1},
		{"dilation", min(s.DilationH, s.DilationW), 1}, {"dilation", max(s.DilationH, s.DilationW), 1},
		{"groups", s.Groups, 1},
		{"padding", min(s.PadTop, s.PadBottom, s.PadLeft, s.PadRight), -most},
		{"padding", max(s.PadTop, s.PadBottom, s.PadLeft, s.PadRight), -most},
	} {
		if d.value < d.low || d.value > most {
			return s, fmt.Errorf("kernel: convolution: %s is %d: must be between %d and %d", d.name, d.value, d.low, most)
		}
	}
	if s.InC%s.Groups != 0 || s.OutC%s.Groups != 0 {
		return s, fmt.Errorf("kernel: convolution: %d input and %d output channels cannot be split into %d groups", s.InC, s.OutC, s.Groups)
	}
	for _, sizes := range [][]int{
		{s.Batch, s.InH + 2*(s.KernelH-1)*s.DilationH, s.InW + 2*(s.KernelW-1)*s.DilationW, s.InC},
		{s.Batch, s.OutH(), s.OutW(), s.OutC},
		{36, s.KernelH, s.KernelW, s.InC, s.OutC},
	} {
		n := 1
		for _, x := range sizes {
			if x > 0 && n > maxFloats/x {
				return s, fmt.Errorf("kernel: convolution: %d×%d pixels of %d to %d channels, batch %d: too large", s.InH, s.InW, s.InC, s.OutC, s.Batch)
			}
			n *= max(x, 1)
		}
	}
	return s, nil
}

// OutH returns the height of y.
func (s ConvSpec) OutH() int {
	return convOut(s.InH+s.PadTop+s.PadBottom, s.KernelH, max(s.StrideH, 1), max(s.DilationH, 1))
}

// OutW returns the width of y.
func (s ConvSpec) OutW() int {
	return convOut(s.InW+s.PadLeft+s.PadRight, s.KernelW, max(s.StrideW, 1), max(s.DilationW, 1))
}

func convOut(padded, kernel, stride, dilation int) int {
	room := padded - (kernel-1)*dilation - 1
	if room < 0 {
		return 0
	}
	return room/stride + 1
}

// InSize returns the number of floats of x.
func (s ConvSpec) InSize() int { return s.Batch * s.InH * s.InW * s.InC }

// OutSize returns the number of floats of y.
func (s ConvSpec) OutSize() int { return s.Batch * s.OutH() * s.OutW() * s.OutC }

// FilterSize returns the number of floats of w.
func (s ConvSpec) FilterSize() int {
	return s.KernelH * s.KernelW * s.InC / max(s.Groups, 1) * s.OutC
}

// gather is what the forward convolution and the input gradient have in common: every output pixel is a sum over taps of
// input pixels. Here "in" and "out" mean this sum's operand and result, for the input gradient thus dy and dx.
type gather struct {
	batch, groups    int
	inH, inW, inC    int
	outH, outW, outC int
	inG, outG        int // channels of a group
	filterW          int
	transposed       bool // the filter is [..][outG][inC] instead of [..][inG][outC]
	rows, cols       []phase
}

// phase is a set of output coordinates first, first+step, … that see the same taps: element i of the sum over taps is at
// input coordinate i·stride + tap.offset.
type phase struct {
	first, count, step int
	stride             int
	taps               []tap // ascending offsets
}

type tap struct{ offset, index int }

func newGather(s *ConvSpec, kind ConvKind) *gather {
	g := &gather{batch: s.Batch, groups: s.Groups, filterW: s.KernelW}
	if kind == ConvInputGradient {
		g.transposed = true
		g.inH, g.inW, g.inC = s.OutH(), s.OutW(), s.OutC
		g.outH, g.outW, g.outC = s.InH, s.InW, s.InC
		g.rows = scatterPhases(s.InH, s.KernelH, s.StrideH, s.DilationH, s.PadTop)
		g.cols = scatterPhases(s.InW, s.KernelW, s.StrideW, s.DilationW, s.PadLeft)
	} else {
		g.inH, g.inW, g.inC = s.InH, s.InW, s.InC
		g.outH, g.outW, g.outC = s.OutH(), s.OutW(), s.OutC
		g.rows = gatherPhase(g.outH, s.KernelH, s.StrideH, s.DilationH, s.PadTop)
		g.cols = gatherPhase(g.outW, s.KernelW, s.StrideW, s.DilationW, s.PadLeft)
	}
	g.inG, g.outG = g.inC/s.Groups, g.outC/s.Groups
	return g
}

// gatherPhase is the one phase of a forward convolution's axis.
func gatherPhase(out, kernel, stride, dilation, pad int) []phase {
	p := phase{count: out, step: 1, stride: stride}
	for k := range kernel {
		p.taps = append(p.taps, tap{k*dilation - pad, k})
	}
	return []phase{p}
}

// scatterPhases splits an axis of dx by its remainder modulo the stride: x[i] has met y[(i + pad − k·dilation) / stride]
// for those taps k where the division leaves no remainder.
func scatterPhases(in, kernel, stride, dilation, pad int) []phase {
	var phases []phase
	for first := range min(stride, in) {
		p := phase{first: first, count: ceilDiv(in-first, stride), step: stride, stride: 1}
		for k := kernel - 1; k >= 0; k-- {
			if at := first + pad - k*dilation; at%stride == 0 {
				p.taps = append(p.taps, tap{at / stride, k})
			}
		}
		phases = append(phases, p)
	}
	return phases
}

// packTap writes one tap's weights for a panel of output channels of a group as inG rows of NR floats; channels beyond the
// group are zero. row and col are indices into the filter.
func (g *gather) packTap(m *Micro, w []float32, row, col, group, panel int, out []float32) {
	first := panel * m.NR
	cols := min(m.NR, g.outG-first)
	out = out[:g.inG*m.NR]
	at := (row*g.filterW + col) * g.inG * g.outC
	if cols < m.NR {
		clear(out)
	}
	switch {
	case g.transposed:
		from := w[at+first*g.inC+group*g.inG:]
		whole := 0
		if cols == m.NR {
			whole = g.inG - g.inG%m.lanes
		}
		if whole > 0 {
			m.packTransposed(whole, &from[0], &out[0], g.inC)
		}
		packEdgeTransposed(out[whole*m.NR:], from[whole:], m.NR, cols, g.inG-whole, g.inC)
	case cols == m.NR:
		m.pack(g.inG, &w[at+group*g.outG+first], &out[0], g.outC)
	default:
		for c := range g.inG {
			copy(out[c*m.NR:c*m.NR+cols], w[at+c*g.outC+group*g.outG+first:])
		}
	}
}
