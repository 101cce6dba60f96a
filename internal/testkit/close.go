package testkit

import (
	"math"
	"testing"
)

// Tol says how far a result may be from the wanted one. An element passes if any
// of the given limits holds: |got-want| <= Abs, <= Rel·|want|, <= Scale·max|want|
// over the whole array, or within ULP float32 steps. Zero switches a limit off.
type Tol struct {
	Abs, Rel, Scale float64
	ULP             int
}

// Close fails the test unless every element of got is within tol of want. It
// names the worst element. NaN only equals NaN.
func Close[T, U float32 | float64](t testing.TB, name string, got []T, want []U, tol Tol) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	top := 0.0
	for _, w := range want {
		top = max(top, math.Abs(float64(w)))
	}
	worst, at, bad := -1.0, 0, 0
	for i := range got {
		g, w := float64(got[i]), float64(want[i])
		if tol.ok(g, w, top) {
			continue
		}
		bad++
		if d := math.Abs(g - w); !(d <= worst) {
			worst, at = d, i
		}
	}
	if bad > 0 {
		t.Errorf("%s: %d of %d values are off; worst [%d]: got %.9g, want %.9g (difference %.3g, largest wanted %.3g)",
			name, bad, len(got), at, float64(got[at]), float64(want[at]), worst, top)
	}
}

func (l Tol) ok(g, w, top float64) bool {
	if g == w || math.IsNaN(g) && math.IsNaN(w) {
		return true
	}
	d := math.Abs(g - w)
	switch {
	case l.Abs > 0 && d <= l.Abs, l.Rel > 0 && d <= l.Rel*math.Abs(w), l.Scale > 0 && d <= l.Scale*top:
		return true
	}
	return l.ULP > 0 && ULP(float32(g), float32(w)) <= l.ULP
}

// ULP counts the float32 values between a and b; NaN is infinitely far.
func ULP(a, b float32) int {
	if a != a || b != b {
		return math.MaxInt
	}
	d := ordered(a) - ordered(b)
	return int(max(d, -d))
}

// ordered maps float32 to integers so that neighbours differ by one.
func ordered(x float32) int64 {
	i := int64(int32(math.Float32bits(x)))
	if i < 0 {
		return math.MinInt32 - i
	}
	return i
}
