package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkConv reports effective GFLOPS (of the direct method) as a share of the multiply-add peak. Issue 3's bars: 3×3
// with stride 1 at 200 % or more in all three kinds, direct 85 % or more.
func BenchmarkConv(b *testing.B) {
	direct := same3(16, 32, 32, 128, 128)
	strided := direct
	strided.StrideH, strided.StrideW = 2, 2
	for _, tier := range []Tier{AVX512, AVX2} {
		if !tier.Available() {
			continue
		}
		for _, kind := range allKinds {
			for _, batch := range []int{16, 1} {
				for _, s := range []ConvSpec{same3(batch, 32, 32, 128, 128), same3(batch, 16, 16, 256, 256), same3(batch, 8, 8, 256, 256), same3(batch, 4, 4, 512, 256)} {
					benchConv(b, tier, s, kind, ConvAuto)
				}
			}
			benchConv(b, tier, same3(16, 32, 32, 64, 64), kind, ConvAuto)
			benchConv(b, tier, same3(16, 32, 32, 384, 128), kind, ConvAuto)
			benchConv(b, tier, same3(16, 32, 32, 3, 128), kind, ConvAuto)
			benchConv(b, tier, same3(16, 32, 32, 128, 3), kind, ConvAuto)
			benchConv(b, tier, direct, kind, ConvDirect)
			benchConv(b, tier, same3(16, 16, 16, 256, 256), kind, ConvDirect)
			benchConv(b, tier, same3(16, 8, 8, 256, 256), kind, ConvDirect)
			for _, q := range [][2]int{{128, 32}, {256, 16}, {256, 8}} {
				strided.InC, strided.OutC, strided.InH, strided.InW = q[0], q[0], q[1], q[1]
				benchConv(b, tier, strided, kind, ConvDirect)
			}
		}
	}
}

func benchConv(b *testing.B, tier Tier, s ConvSpec, kind ConvKind, algorithm ConvAlgorithm) {
	set := ForTier(tier)
	c, err := NewConv(set, s, kind, algorithm)
	if err != nil {
		b.Fatal(err)
	}
	name := fmt.Sprintf("%v/%v/b%d/%dto%d@%d/stride%d/%v", tier, kind, s.Batch, s.InC, s.OutC, s.InH, max(s.StrideH, 1), c.Algorithm())
	b.Run(name, func(b *testing.B) {
		r := newBenchRunner(b)
		x, y := c.operands(rand.New(rand.NewPCG(1, 1)))
		_, _, n := c.sizes()
		out, scratch := make([]float32, n), make([]float32, c.Scratch(r.Workers()))
		flops := 2 * float64(s.Batch*s.OutH()*s.OutW()) * float64(s.FilterSize())
		reportShare(b, set, r, flops, func() {
			if err := c.Run(r, out, x, y, scratch, nil); err != nil {
				b.Fatal(err)
			}
		})
	})
}
