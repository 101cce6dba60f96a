package eval

import "math"

// bestLeak lays the candidates over a picture and returns the best one, if it is good enough.
func bestLeak(i int, h *look, train []look, candidates []candidate) *Leak {
	best := Leak{HeldOut: i, Similarity: leakSimilarity}
	found := false
	mirrored := mirrorRows(h.luma, leakSide)
	for _, c := range candidates {
		luma := h.luma
		if c.flipped {
			luma = mirrored
		}
		if s := aligned(luma, train[c.train].luma); s >= best.Similarity {
			best.Train, best.Flipped, best.Similarity, found = c.train, c.flipped, s, true
		}
	}
	if !found {
		return nil
	}
	return &best
}

// cut is a square part of a picture in half pixels: its first row and column, and its side.
type cut struct{ y, x, side int }

// Sides of cuts.
const (
	wholeCut    = 2 * leakSide
	smallestCut = wholeCut * 4 / 5
)

func (c cut) valid() bool {
	return c.side >= smallestCut && c.side < wholeCut && c.y >= 0 && c.x >= 0 && c.y+c.side <= wholeCut && c.x+c.side <= wholeCut
}

// aligned is the largest correlation of two pictures over crops of either one to four fifths or more of a side: nine places for each of
// some sizes first, then a climb by single and by half pixels from the best of them.
func aligned(a, b []float32) float64 {
	best := correlation(a, b)
	if best < 0.15 || best >= 0.999 { // no such crop brings that to the limit; nothing is left to gain
		return best
	}
	patch := make([]float32, leakSide*leakSide)
	for _, pair := range [2][2][]float32{{a, b}, {b, a}} {
		try := func(c cut) float64 {
			resample(patch, pair[1], float64(c.y)/2, float64(c.x)/2, float64(c.side)/wholeCut)
			return correlation(pair[0], patch)
		}
		top, at := 0.0, cut{}
		for side := wholeCut - 4; side >= smallestCut; side -= 4 {
			for step := range 9 {
				c := cut{(wholeCut - side) * (step / 3) / 2, (wholeCut - side) * (step % 3) / 2, side}
				if s := try(c); s > top {
					top, at = s, c
				}
			}
		}
		if top > 0.8 {
			top, at = climb(top, at, 2, try)
			top, _ = climb(top, at, 1, try)
		}
		best = max(best, top)
	}
	return best
}

// climb moves a cut by steps, and changes its side, while that helps.
func climb(top float64, at cut, step int, try func(cut) float64) (float64, cut) {
	for moved := true; moved; {
		moved = false
		from := at
		for k := range 27 {
			c := cut{from.y + (k/9-1)*step, from.x + (k/3%3-1)*step, from.side + (k%3-1)*step}
			if !c.valid() || c == from {
				continue
			}
			if s := try(c); s > top {
				top, at, moved = s, c, true
			}
		}
	}
	return top, at
}

// resample enlarges the part of src that begins at (y, x) and keeps a share of each side, bilinearly.
func resample(dst, src []float32, y, x, scale float64) {
	var index [leakSide]int
	var weight [leakSide]float32
	place := func(i int, from float64) (int, float32) {
		at := min(max(from+(float64(i)+0.5)*scale-0.5, 0), leakSide-1.001)
		return int(at), float32(at - math.Floor(at))
	}
	for i := range leakSide {
		index[i], weight[i] = place(i, x)
	}
	for row := range leakSide {
		top, w := place(row, y)
		upper, lower := src[top*leakSide:][:leakSide], src[(top+1)*leakSide:][:leakSide]
		for i := range leakSide {
			k, v := index[i], weight[i]
			up, low := upper[k]+v*(upper[k+1]-upper[k]), lower[k]+v*(lower[k+1]-lower[k])
			dst[row*leakSide+i] = up + w*(low-up)
		}
	}
}

// correlation is Pearson's; 0 where one side is flat.
func correlation(a, b []float32) float64 {
	b = b[:len(a)]
	var sa, sb, saa, sbb, sab float64
	for i, v := range a {
		x, y := float64(v), float64(b[i])
		sa, sb = sa+x, sb+y
		saa, sbb, sab = saa+x*x, sbb+y*y, sab+x*y
	}
	n := float64(len(a))
	va, vb := saa-sa*sa/n, sbb-sb*sb/n
	if va < n || vb < n { // a deviation below one of 255
		return 0
	}
	return (sab - sa*sb/n) / math.Sqrt(va*vb)
}
