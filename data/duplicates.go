package data

import (
	"math/bits"
	"slices"
)

// fingerprint finds pictures that differ by no more than scaling or compression: which of 8 x 8 cells are brighter than
// the next one (Krawetz 2013, "Kind of like that", difference hash), and how bright they are, to settle doubts.
type fingerprint struct {
	edges uint64
	cells [72]uint8
	flat  bool // hardly anything to compare
}

// fingerprintOf averages the grey picture into 9 x 8 cells. Floating-point pictures have none.
func fingerprintOf(p *Picture) (f fingerprint) {
	f.flat = true
	if p.Depth == Float32 || p.Height < 8 || p.Width < 8 {
		return f
	}
	g, err := p.WithChannels(1, 1)
	if err != nil {
		return f
	}
	if g, err = g.Resize(8, 9, Box); err != nil {
		return f
	}
	low, high := uint8(255), uint8(0)
	for i := range f.cells {
		f.cells[i] = uint8(float64(g.at(i)) / g.scale() * 255)
		low, high = min(low, f.cells[i]), max(high, f.cells[i])
	}
	f.flat = high-low < 16
	for i := range 64 {
		if f.cells[i/8*9+i%8] < f.cells[i/8*9+i%8+1] {
			f.edges |= 1 << i
		}
	}
	return f
}

// Limits set by looking at pairs from CIFAR-10: below them all were the same photograph, saved or cropped anew; false
// pairs (two birds on a plain sky) began at 12 bits.
const (
	nearBits  = 9 // of 64 edges may differ
	nearLevel = 7 // mean difference of cells, of 255
	nearBands = 8 // bytes of the hash: one of them is equal if at most 7 bits differ, and mostly if 9 do
)

func (f *fingerprint) near(g *fingerprint) bool {
	if bits.OnesCount64(f.edges^g.edges) > nearBits {
		return false
	}
	sum := 0
	for i := range f.cells {
		sum += int(max(f.cells[i], g.cells[i]) - min(f.cells[i], g.cells[i]))
	}
	return sum <= nearLevel*len(f.cells)
}

// twins gathers fingerprints and finds repetitions.
type twins struct {
	index   []int
	hashes  []Hash
	fingers []fingerprint
}

func (t *twins) add(i int, l *look) {
	t.index = append(t.index, i)
	t.hashes = append(t.hashes, l.hash)
	t.fingers = append(t.fingers, l.finger)
}

// result lists exact and near repetitions, each picture at most once.
func (t *twins) result(name func(int) string) (exact, near DuplicateGroup) {
	add := func(g *DuplicateGroup, k, first int) {
		if g.Count++; len(g.Pairs) < maxListed {
			g.Pairs = append(g.Pairs, [2]string{name(t.index[k]), name(t.index[first])})
		}
	}
	seen := make(map[Hash]int, len(t.hashes))
	repeats := make([]bool, len(t.hashes))
	for k, h := range t.hashes {
		if first, ok := seen[h]; ok {
			add(&exact, k, first)
			repeats[k] = true
			continue
		}
		seen[h] = k
	}
	for k, first := range t.nearest(repeats) {
		if first >= 0 {
			add(&near, k, first)
		}
	}
	return exact, near
}

// maxBucket bounds the comparisons for one byte of the hash, so that a million pictures stay a matter of minutes.
const maxBucket = 1 << 14

// nearest returns for each picture the first earlier one that is near, or -1. Pictures in skip take no part.
func (t *twins) nearest(skip []bool) []int {
	out := slices.Repeat([]int{-1}, len(t.fingers))
	for band := range nearBands {
		var buckets [256][]int
		for k := range t.fingers {
			if f := &t.fingers[k]; !skip[k] && !f.flat {
				b := &buckets[uint8(f.edges>>(8*band))]
				*b = append(*b, k)
			}
		}
		for _, b := range buckets {
			t.compare(b[:min(len(b), maxBucket)], out)
		}
	}
	return out
}

// compare looks at all pairs of a bucket.
func (t *twins) compare(bucket []int, out []int) {
	for j, k := range bucket {
		f := &t.fingers[k]
		for _, first := range bucket[:j] {
			if out[k] >= 0 && out[k] <= first {
				break
			}
			if f.near(&t.fingers[first]) {
				out[k] = first
				break
			}
		}
	}
}
