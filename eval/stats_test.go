package eval

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng"
	"github.com/ebb-ml/ebb/internal/testkit"
)

// Values of scipy.stats.t.ppf(0.975, n).
func TestStudentQuantile(t *testing.T) {
	for n, want := range map[int]float64{1: 12.706205, 2: 4.302653, 3: 3.182446, 5: 2.570582, 10: 2.228139, 30: 2.042272, 1000: 1.962339} {
		near(t, "Student's quantile", studentQuantile(n), want, 0.005*want)
	}
}

// Values of statsmodels.stats.proportion.proportion_confint(method="wilson").
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, n   int
		low, high float64
	}{{0, 20, 0, 0.16112515}, {5, 100, 0.02154368, 0.11175047}, {10, 10, 0.72246722, 1}} {
		f, err := ShareFigure("share", c.hits, c.n)
		if err != nil {
			t.Error(err)
		}
		near(t, "low", f.Interval.Low, c.low, 1e-6)
		near(t, "high", f.Interval.High, c.high, 1e-6)
	}
	if _, err := ShareFigure("share", 3, 2); err == nil {
		t.Error("3 of 2")
	}
}

func TestBootstrapOfAMean(t *testing.T) {
	v := testkit.Fill("bootstrap", 200)
	mean := func(index []int) (float64, error) {
		sum := 0.0
		for _, i := range index {
			sum += v[i] / float64(len(index))
		}
		return sum, nil
	}
	interval, se, err := Bootstrap(len(v), 1000, 1, mean)
	f, _ := MeanFigure("mean", v)
	if err != nil || math.Abs(se/float64(f.StandardError)-1) > 0.08 {
		t.Errorf("standard error %v, by the formula %v, %v", se, f.StandardError, err)
	}
	near(t, "low", interval.Low, f.Interval.Low, 0.2*se)
	near(t, "high", interval.High, f.Interval.High, 0.2*se)
}

func TestComparable(t *testing.T) {
	a := Figure{Name: "FD-dct8-1k", Space: "dct8", N: 1000, Reference: 5000}
	if err := a.Comparable(a); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		b    Figure
		want string
	}{
		{Figure{Name: "FD-dct8-2k", Space: "dct8", N: 2000, Reference: 5000}, "same number"},
		{Figure{Name: "FD-dct8-1k", Space: "pixels", N: 1000, Reference: 5000}, "one space"},
		{Figure{Name: "FD-dct8-1k", Space: "dct8", N: 1000, Reference: 900}, "same reference"},
	} {
		if err := a.Comparable(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// covered counts in how many of 200 draws an interval holds the truth.
func covered(t *testing.T, what string, truth float64, draw func(k uint64) (Figure, error)) {
	t.Helper()
	hits := 0
	for k := range uint64(200) {
		f, err := draw(k)
		if err != nil {
			t.Fatal(err)
		}
		if f.Interval.Contains(truth) {
			hits++
		}
	}
	t.Logf("%s: the interval covers the true value in %d of 200 draws", what, hits)
	if hits < 180 || hits > 198 {
		t.Errorf("%s: the 95 %% interval covers the true value in %d of 200 draws", what, hits)
	}
}

func TestIntervalsCover(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	covered(t, "MSE of normal noise", 25, func(k uint64) (Figure, error) {
		s, v := rng.NewSequence(11, 0, k), make([]float64, 100)
		for i := range v {
			z := 5 * s.Normal()
			v[i] = z * z
		}
		return MeanFigure("MSE", v)
	})
	covered(t, "copy rate", 0.07, func(k uint64) (Figure, error) {
		s, hits := rng.NewSequence(12, 0, k), 0
		for range 250 {
			if s.Float64() < 0.07 {
				hits++
			}
		}
		return ShareFigure("copy rate", hits, 250)
	})
	// uniform numbers on [0, 1] and [0.3, 1.2]: E (xy+1)³ follows from their moments
	moment := func(lo, hi float64, p int) float64 {
		return (math.Pow(hi, float64(p+1)) - math.Pow(lo, float64(p+1))) / (float64(p+1) * (hi - lo))
	}
	kernel := func(a, c, d, e float64) float64 {
		m := func(p int) float64 { return moment(a, c, p) * moment(d, e, p) }
		return m(3) + 3*m(2) + 3*m(1) + 1
	}
	truth := kernel(0, 1, 0, 1) + kernel(0.3, 1.2, 0.3, 1.2) - 2*kernel(0, 1, 0.3, 1.2)
	covered(t, "KID", truth, func(k uint64) (Figure, error) {
		s, x, y := rng.NewSequence(13, 0, k), NewMatrix(60, 1), NewMatrix(60, 1)
		for i := range x.Data {
			x.Data[i], y.Data[i] = float32(s.Uniform(0, 1)), float32(s.Uniform(0.3, 1.2))
		}
		return KID(ctx, b, "uniform", x, y)
	})
}

// normals are vectors whose coordinate j has mean shift and deviation scale·(1 + j/d).
func normals(n, d int, seed uint64, scale, shift float64) Matrix {
	m := NewMatrix(n, d)
	for i := range n {
		rng.Stream{Seed: seed, Index: uint64(i)}.Normals(m.Row(i))
		for j, v := range m.Row(i) {
			m.Row(i)[j] = float32(float64(v)*scale*(1+float64(j)/float64(d)) + shift)
		}
	}
	return m
}

// The scatter of the Fréchet distance over many draws must be its standard error: with more and with fewer vectors than numbers.
func TestFrechetStandardError(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	for _, c := range []struct{ n, m, d int }{{150, 100, 6}, {30, 90, 40}} {
		var values, errors []float64
		for k := range uint64(60) {
			f, err := Frechet(ctx, b, "normal", normals(c.n, c.d, 2*k+1, 1, 0), normals(c.m, c.d, 2*k+2, 1.3, 0.4))
			if err != nil {
				t.Fatal(err)
			}
			values, errors = append(values, float64(f.Value)), append(errors, float64(f.StandardError))
		}
		_, variance := meanAndVariance(values)
		se, _ := meanAndVariance(errors)
		if r := se / math.Sqrt(variance); r < 0.75 || r > 1.35 {
			t.Errorf("%+v: the distance scatters by %v, its standard error is %v", c, math.Sqrt(variance), se)
		}
	}
}

// For normal distributions with diagonal covariances the true distance is a sum over coordinates.
func TestExtrapolation(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	const n, d = 400, 20
	truth := 0.0
	for j := range d {
		s := 0.2 * (1 + float64(j)/d)
		truth += 0.1*0.1 + s*s
	}
	x, y := normals(n, d, 1, 1, 0), normals(n, d, 2, 1.2, 0.1)
	plain, err := Frechet(ctx, b, "normal", x, y)
	far, err2 := ExtrapolateFrechet(ctx, b, "normal", x, y, 1)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if bias, left := float64(plain.Value)-truth, math.Abs(float64(far.Value)-truth); left > bias/2 || float64(plain.Value) < truth {
		t.Errorf("true distance %v: measured %v, extrapolated %v", truth, plain, far)
	}
	if _, err := ExtrapolateFrechet(ctx, b, "normal", x.Rows(0, 49), y, 1); err == nil || !strings.Contains(err.Error(), "at least 50") {
		t.Error(err)
	}
	real, err := RealAgainstReal(ctx, b, KID, "normal", x, 150, 1)
	if err != nil || real.N != 150 || real.Reference != 150 || !real.Interval.Contains(0) {
		t.Errorf("%+v, %v", real, err)
	}
	if _, err := RealAgainstReal(ctx, b, KID, "normal", x, 201, 1); err == nil || !strings.Contains(err.Error(), "needs 402 real ones, there are 400") {
		t.Error(err)
	}
}
