package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ebb-ml/ebb/data"
	"github.com/gomlx/compute"
)

// Leak is a held-out picture that is also a training picture.
type Leak struct {
	HeldOut    int     `json:"held_out"` // index in its set
	Train      int     `json:"train"`
	Exact      bool    `json:"exact"`      // the very same file or samples
	Flipped    bool    `json:"flipped"`    // mirrored from left to right
	Similarity float64 `json:"similarity"` // correlation of the aligned pictures, 1 at most
}

// Sizes of the search. A picture is first described by coarse cells, which small crops hardly move, and the likeliest training pictures
// are then laid over it exactly.
const (
	leakCells      = 8     // cells on a side of the description
	leakSide       = 32    // pixels on a side of the pictures that are aligned
	leakCandidates = 12    // training pictures tried for each description
	leakMargin     = 2     // pixels cut off around the middle that is described as well: what a crop is likely to keep
	leakSimilarity = 0.968 // CIFAR-10: two scenes with one horizon reach 0.965, a photograph in two versions mostly 0.97
)

// FindLeaks finds the held-out pictures that are also among the training ones: the same file, saved anew by JPEG, mirrored, brighter or of
// another contrast, scaled, or cropped by up to a fifth of a side. A pair counts from a correlation of 0.968 on, between luma
// of 32 x 32 pixels, aligned as well as possible; below it are other pictures of the same scene too. Flat pictures without any detail are
// found if they are exact copies only. Leaks come in the order of the held-out pictures, the best match of each. progress may be nil.
func FindLeaks(ctx context.Context, b compute.Backend, train, heldOut data.Set, progress func(done, total int)) ([]Leak, error) {
	total := train.Len() + heldOut.Len()
	report := func(at int) func(int) {
		return func(done int) {
			if progress != nil {
				progress(at+done, total)
			}
		}
	}
	t, err := lookAll(ctx, train, report(0))
	if err != nil {
		return nil, err
	}
	h, err := lookAll(ctx, heldOut, report(train.Len()))
	if err != nil {
		return nil, err
	}
	candidates, err := likely(ctx, b, t, h)
	if err != nil {
		return nil, err
	}
	exact := map[data.Hash]int{}
	for i, l := range slices.Backward(t) {
		exact[l.hash] = i
	}
	found := make([]*Leak, len(h))
	eachRow(len(h), func(i int) {
		if j, ok := exact[h[i].hash]; ok {
			found[i] = &Leak{HeldOut: i, Train: j, Exact: true, Similarity: 1}
			return
		}
		found[i] = bestLeak(i, &h[i], t, candidates[i])
	})
	var out []Leak
	for _, l := range found {
		if l != nil {
			out = append(out, *l)
		}
	}
	return out, context.Cause(ctx)
}

// look is what the scan keeps of a picture.
type look struct {
	hash   data.Hash
	luma   []float32    // leakSide x leakSide
	coarse [2][]float32 // descriptions of the whole and of its middle; nil where there is no detail
}

// lookAll looks at every picture of a set, on all cores. Pictures that cannot be read are an error.
func lookAll(ctx context.Context, set data.Set, report func(done int)) ([]look, error) {
	out := make([]look, 0, set.Len())
	for l, err := range mapPictures(ctx, set, func(i int, p *data.Picture) (look, error) {
		hash, err := set.Hash(i)
		if err != nil {
			return look{}, err
		}
		l, err := lookAt(p)
		l.hash = hash
		return l, err
	}) {
		if err != nil {
			return nil, err
		}
		out = append(out, l)
		report(len(out))
	}
	return out, nil
}

// lookAt describes a picture.
func lookAt(p *data.Picture) (l look, err error) {
	small, err := p.Resize(leakSide, leakSide, data.Bilinear)
	if err != nil {
		return l, err
	}
	whole, err := planesOf(small)
	if err != nil {
		return l, err
	}
	l.luma = whole.luma()
	for k, m := range []int{0, leakMargin} {
		l.coarse[k] = describe(whole.channel, m)
	}
	return l, nil
}

// luma is the mean of the colour channels.
func (p planes) luma() []float32 {
	out := make([]float32, p.height*p.width)
	n := min(len(p.channel), 3)
	for _, c := range p.channel[:n] {
		for i, v := range c {
			out[i] += float32(v) / float32(n)
		}
	}
	return out
}

// describe averages what is left of each channel without a margin into cells and makes them one vector of mean 0 and length 1: neither
// brightness nor contrast matter. It is nil where the picture is flat (deviation below 2 of 255).
func describe(channels [][]float64, margin int) []float32 {
	side := leakSide - 2*margin
	var out []float64
	for _, c := range channels[:min(len(channels), 3)] {
		cells := make([]float64, leakCells*leakCells)
		count := make([]float64, len(cells))
		for y := range side {
			for x := range side {
				i := y*leakCells/side*leakCells + x*leakCells/side
				cells[i] += c[(y+margin)*leakSide+x+margin]
				count[i]++
			}
		}
		for i := range cells {
			out = append(out, cells[i]/count[i])
		}
	}
	return unit(out, 2)
}

// unit subtracts the mean and divides by the length; nil if the deviation is below least.
func unit(v []float64, least float64) []float32 {
	mean, variance := meanAndVariance(v)
	if variance < least*least {
		return nil
	}
	scale := 1 / math.Sqrt(variance*float64(len(v)-1))
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32((x - mean) * scale)
	}
	return out
}

// candidate is a training picture that may be the held-out one, mirrored or not.
type candidate struct {
	train   int
	flipped bool
}

// likely searches the descriptions: whole against whole, and either one's middle against the other's whole.
func likely(ctx context.Context, b compute.Backend, train, heldOut []look) ([][]candidate, error) {
	out := make([][]candidate, len(heldOut))
	for _, way := range [][2]int{{0, 0}, {1, 0}, {0, 1}} {
		reference, whose := descriptions(train, way[1], false)
		for _, flipped := range []bool{false, true} {
			queries, who := descriptions(heldOut, way[0], flipped)
			if queries.N == 0 || reference.N == 0 {
				continue
			}
			if queries.D != reference.D {
				return nil, fmt.Errorf("eval: leaks: training and held-out pictures have different channels: convert one side")
			}
			near, err := nearest(ctx, b, queries, reference, leakCandidates, false)
			if err != nil {
				return nil, err
			}
			for q, list := range near {
				for _, n := range list {
					out[who[q]] = append(out[who[q]], candidate{whose[n.Index], flipped})
				}
			}
		}
	}
	for i := range out { // each once
		slices.SortFunc(out[i], func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.train, b.train), cmp.Compare(side(a.flipped), side(b.flipped)))
		})
		out[i] = slices.Compact(out[i])
	}
	return out, nil
}

func side(flipped bool) int {
	if flipped {
		return 1
	}
	return 0
}

// descriptions gathers those that there are, and whose they are.
func descriptions(all []look, which int, flipped bool) (m Matrix, whose []int) {
	for i := range all {
		v := all[i].coarse[which]
		if v == nil || m.D > 0 && len(v) != m.D {
			continue
		}
		if flipped {
			v = mirrorRows(v, leakCells)
		}
		m.Data, m.D, m.N = append(m.Data, v...), len(v), m.N+1
		whose = append(whose, i)
	}
	return m, whose
}

// mirrorRows reverses every row of a stack of square planes.
func mirrorRows(v []float32, width int) []float32 {
	v = slices.Clone(v)
	for i := 0; i < len(v); i += width {
		slices.Reverse(v[i : i+width])
	}
	return v
}
