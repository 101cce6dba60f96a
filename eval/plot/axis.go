package plot

import (
	"math"
	"strconv"
	"strings"
)

// axis maps values to places between two coordinates.
type axis struct {
	lo, hi      float64
	from, to    float64 // coordinates of lo and hi
	logarithmic bool
	ticks       []float64
}

// newAxis widens the range to whole ticks. Ranges that are empty or a single value get room around them.
func newAxis(lo, hi, from, to float64, logarithmic bool) axis {
	if lo > hi {
		lo, hi = 0, 1
		if logarithmic {
			lo = 0.1
		}
	}
	a := axis{from: from, to: to, logarithmic: logarithmic}
	if logarithmic {
		a.logTicks(lo, hi)
	} else {
		a.linearTicks(lo, hi)
	}
	return a
}

func (a *axis) linearTicks(lo, hi float64) {
	if lo == hi {
		room := math.Abs(lo) / 2
		if room == 0 {
			room = 1
		}
		lo, hi = lo-room, hi+room
	}
	step := niceStep((hi - lo) / 5)
	first, last := math.Floor(lo/step+1e-9), math.Ceil(hi/step-1e-9)
	a.lo, a.hi = first*step, last*step
	for k := first; k <= last; k++ {
		a.ticks = append(a.ticks, k*step)
	}
}

// niceStep rounds up to 1, 2 or 5 times a power of ten.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if x <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logTicks marks the powers of ten, and in short ranges more of their multiples.
func (a *axis) logTicks(lo, hi float64) {
	a.lo, a.hi = lo/1.08, hi*1.08
	decades := math.Log10(a.hi / a.lo)
	steps := []float64{1}
	switch {
	case decades < 0.7:
		steps = []float64{1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9}
	case decades < 1.2:
		steps = []float64{1, 1.5, 2, 3, 5, 7}
	case decades < 3.2:
		steps = []float64{1, 2, 5}
	}
	every := 1 + int(decades)/8
	for e := int(math.Floor(math.Log10(a.lo))); e <= int(math.Ceil(math.Log10(a.hi))); e++ {
		if e%every != 0 {
			continue
		}
		for _, s := range steps {
			if v := s * math.Pow(10, float64(e)); v >= a.lo && v <= a.hi {
				a.ticks = append(a.ticks, v)
			}
		}
	}
}

// at is the coordinate of a value.
func (a *axis) at(v float64) float64 {
	share := (v - a.lo) / (a.hi - a.lo)
	if a.logarithmic {
		share = math.Log(v/a.lo) / math.Log(a.hi/a.lo)
	}
	return a.from + share*(a.to-a.from)
}

// number writes a tick's value in few characters: 50k, 1.5M, 0.002, 1e-7.
func number(v float64) string {
	size := math.Abs(v)
	scaled := func(by float64, unit string) string {
		return strconv.FormatFloat(math.Round(v/by*1000)/1000, 'f', -1, 64) + unit
	}
	switch {
	case size < 1e-12:
		return "0"
	case size >= 1e12 || size < 1e-4:
		return strings.Replace(strconv.FormatFloat(v, 'g', 3, 64), "e-0", "e-", 1)
	case size >= 1e9:
		return scaled(1e9, "G")
	case size >= 1e6:
		return scaled(1e6, "M")
	case size >= 1e4:
		return scaled(1e3, "k")
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
