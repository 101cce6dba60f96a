package kernel

// ConvCost is the estimate for one algorithm. Times are in multiply-adds at full speed: what the micro-kernels do, filled
// up to whole tiles, and the rest at what it was measured to cost.
type ConvCost struct {
	Algorithm    ConvAlgorithm
	MultiplyAdds float64 // of the matrix products
	Overhead     float64 // transforms, copies, weights from memory
	Time         float64 // their sum
}

// Costs of the parts outside the matrix products, in multiply-adds at full speed. They were measured with AVX-512 on Zen 4
// and 5 and serve the other tiers well enough: what decides is the factor of up to four between the algorithms.
const (
	costTileInput    = 300 // a channel of a tile: 36 loads, B^T d B, 36 stores
	costTileOutput   = 200
	costTileGradient = 250
	costFilter       = 250 // a channel pair: transformed, written and read again, 36 floats
	costFilterSums   = 500 // a channel pair of a filter gradient: sums of all chunks, and the transform back
	costPacked       = 20  // a weight: read, packed, read again by several tasks
	costCopied       = 8   // a float copied into a strip
	minRows          = 4   // tiles of fewer rows wait for their sums
)

// convCosts returns the costs of the algorithms that can compute the convolution.
func convCosts(set *Set, s *ConvSpec, kind ConvKind) []ConvCost {
	costs := []ConvCost{directCost(set, s, kind)}
	if winogradTakes(set, s) {
		costs = append(costs, winogradCost(set, s, kind))
	}
	for i := range costs {
		costs[i].Time = costs[i].MultiplyAdds + costs[i].Overhead
	}
	return costs
}

func winogradTakes(set *Set, s *ConvSpec) bool {
	return s.KernelH == 3 && s.KernelW == 3 && s.StrideH == 1 && s.StrideW == 1 && s.DilationH == 1 && s.DilationW == 1 &&
		s.Groups == 1 && min(s.InC, s.OutC) >= set.Winograd.lanes
}

func roundUp(n, to int) int { return ceilDiv(n, to) * to }

func directCost(set *Set, s *ConvSpec, kind ConvKind) ConvCost {
	in, out := s.InC/s.Groups, s.OutC/s.Groups
	pixels, taps := float64(s.Batch*s.OutH()*s.OutW()), float64(s.KernelH*s.KernelW)
	c := ConvCost{Algorithm: ConvDirect}
	weights := taps * float64(in) * float64(s.OutC)
	if kind == ConvFilterGradient {
		c.MultiplyAdds = pixels * taps * float64(in*s.Groups) * float64(roundUp(out, set.Micro.NR))
		c.Overhead = costPacked*weights + costCopied*pixels*taps*float64(s.InC)
		return c
	}
	g := newGather(s, kind)
	width := taps * float64(roundUp(g.outG, set.Micro.NR))
	if fewOutputs(g, &set.Micro) {
		width = float64(roundUp(int(taps)*g.outC, set.Micro.NR))
	}
	c.MultiplyAdds = pixels * float64(g.inC) * width
	c.Overhead = costPacked*weights + costCopied*float64(s.Batch*g.inH*g.inW*g.inC)
	return c
}

func winogradCost(set *Set, s *ConvSpec, kind ConvKind) ConvCost {
	g := newGather(s, kind)
	if kind == ConvFilterGradient {
		g = newGather(s, ConvForward)
	}
	if g.outH == 0 || g.outW == 0 {
		return ConvCost{Algorithm: ConvWinograd}
	}
	t := newTiling(g)
	tiles, pairs := float64(t.tiles), float64(s.InC)*float64(s.OutC)
	c := ConvCost{Algorithm: ConvWinograd}
	c.MultiplyAdds = grid * float64(max(t.tiles, minRows)) * float64(g.inC) * float64(roundUp(g.outC, set.Micro.NR))
	if kind == ConvFilterGradient {
		c.Overhead = tiles*(costTileInput*float64(s.InC)+costTileGradient*float64(s.OutC)) + costFilterSums*pairs
		return c
	}
	c.Overhead = tiles*(costTileInput*float64(g.inC)+costTileOutput*float64(g.outC)) + costFilter*pairs
	return c
}
