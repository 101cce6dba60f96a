package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// tailMask returns the mask of the first count lanes.
func (g *gen) tailMask(count Register) Register {
	n := g.vec()
	if g.isWide() {
		g.VPBROADCASTD(count.(GPVirtual).As32(), n)
	} else {
		x := g.XMM()
		g.VMOVD(count.(GPVirtual).As32(), x)
		g.VPBROADCASTD(x, n)
	}
	iota16 := make([]uint32, avx512.lanes)
	for i := range iota16 {
		iota16[i] = uint32(i)
	}
	d := g.newMask()
	g.VPCMPGTD(g.words("lanes", iota16), n, d)
	return d
}

// loadMasked reads the lanes of the mask and leaves 0 in the others.
func (g *gen) loadMasked(m Mem, mask Register) VecVirtual {
	d := g.vec()
	if g.isWide() {
		g.VMOVUPS_Z(m, mask, d)
	} else {
		g.VMASKMOVPS(m, mask, d)
	}
	return d
}

func (g *gen) storeMasked(v VecVirtual, mask Register, m Mem) {
	if g.isWide() {
		g.VMOVUPS(v, mask, m)
	} else {
		g.VMASKMOVPS(v, mask, m)
	}
}
