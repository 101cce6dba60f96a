package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/ebb-ml/ebb/data"
	"github.com/ebb-ml/ebb/internal/inorder"
)

// PairMeasures chooses what [ComparePairs] computes.
type PairMeasures struct {
	SSIM   bool
	MSSSIM int // scales; 0 leaves it out
}

// Pairs are the paired measures of two sets, picture by picture. Slices of measures that were not asked for are nil.
type Pairs struct {
	MSE, PSNR, SSIM, MSSSIM []float64
	SameNames               bool // each picture is called as its partner, apart from folder and extension
}

// ComparePairs compares picture i of a with picture i of b, both in the order of their names. The sets must have the same number of
// pictures, and pairs the same size.
func ComparePairs(ctx context.Context, a, b data.Set, what PairMeasures) (Pairs, error) {
	out := Pairs{SameNames: true}
	if a.Len() != b.Len() || a.Len() == 0 {
		return out, fmt.Errorf("eval: paired measures need as many pictures on both sides: there are %d and %d", a.Len(), b.Len())
	}
	orderA, orderB := byName(a), byName(b)
	index := func(yield func(int, error) bool) {
		for i := range orderA {
			if !yield(i, context.Cause(ctx)) {
				return
			}
		}
	}
	results := inorder.Map(runtime.GOMAXPROCS(0), index, func(i int) (pairResult, error) {
		r, err := what.compare(a, b, orderA[i], orderB[i])
		if err != nil {
			err = fmt.Errorf("pictures %s and %s: %w", a.Entry(orderA[i]).Name, b.Entry(orderB[i]).Name, err)
		}
		return r, err
	})
	i := 0
	for r, err := range results {
		if err != nil {
			return out, err
		}
		out.add(r, what)
		out.SameNames = out.SameNames && stem(a.Entry(orderA[i]).Name) == stem(b.Entry(orderB[i]).Name)
		i++
	}
	return out, nil
}

// byName is the order of a set's names.
func byName(s data.Set) []int {
	order := make([]int, s.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(s.Entry(i).Name, s.Entry(j).Name) })
	return order
}

func stem(name string) string { return strings.TrimSuffix(path.Base(name), path.Ext(name)) }

type pairResult struct{ mse, ssim, msssim float64 }

func (what PairMeasures) compare(a, b data.Set, i, j int) (r pairResult, err error) {
	x, err := a.Picture(i)
	if err != nil {
		return r, err
	}
	y, err := b.Picture(j)
	if err != nil {
		return r, err
	}
	p, q, err := pair(x, y)
	if err != nil {
		return r, err
	}
	r.mse = p.mse(q)
	if what.SSIM {
		if r.ssim, err = p.ssim(q, Gaussian); err != nil {
			return r, err
		}
	}
	if what.MSSSIM > 0 {
		r.msssim, err = p.msssim(q, what.MSSSIM)
	}
	return r, err
}

func (p *Pairs) add(r pairResult, what PairMeasures) {
	p.MSE, p.PSNR = append(p.MSE, r.mse), append(p.PSNR, psnr(r.mse))
	if what.SSIM {
		p.SSIM = append(p.SSIM, r.ssim)
	}
	if what.MSSSIM > 0 {
		p.MSSSIM = append(p.MSSSIM, r.msssim)
	}
}

// Figures are the means over pictures: MSE, PSNR and what else was measured. The mean PSNR is infinite as soon as one pair is equal; its
// note says how many are.
func (p Pairs) Figures() ([]Figure, error) {
	var out []Figure
	for _, m := range []struct {
		name   string
		values []float64
	}{{"MSE", p.MSE}, {"PSNR", p.PSNR}, {"SSIM", p.SSIM}, {"MS-SSIM", p.MSSSIM}} {
		if m.values == nil {
			continue
		}
		f, err := MeanFigure(m.name, m.values)
		if err != nil {
			return nil, err
		}
		equal := 0
		for _, v := range m.values {
			if math.IsInf(v, 1) {
				equal++
			}
		}
		if equal > 0 {
			f.StandardError, f.Interval = Number(math.NaN()), Interval{math.NaN(), math.NaN()}
			f.Note = fmt.Sprintf("%d of %d pairs are equal, so that the mean is infinite", equal, f.N)
		}
		out = append(out, f)
	}
	return out, nil
}
