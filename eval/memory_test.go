package eval

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/internal/testkit"
)

func TestNearestIsAFullSearch(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	x, y := vectors("x", 40, 7, 1, 100), vectors("y", 130, 7, 1, 100)
	copy(x.Row(3), y.Row(99))
	copy(y.Row(100), y.Row(99)) // a tie
	got, err := Nearest(ctx, b, x, y, 4)
	if err != nil {
		t.Fatal(err)
	}
	if n := got[3]; n[0] != (Neighbour{99, 0}) || n[1] != (Neighbour{100, 0}) {
		t.Errorf("neighbours of a copy: %v", n)
	}
	for i := range x.N {
		var all []float64
		for j := range y.N {
			all = append(all, math.Sqrt(squaredDistance(x.Row(i), y.Row(j))))
		}
		slices.Sort(all)
		for k, n := range got[i] {
			near(t, "distance", n.Distance, all[k], 1e-5)
			near(t, "distance of the index", math.Sqrt(squaredDistance(x.Row(i), y.Row(n.Index))), all[k], 1e-5)
		}
	}
	d, err := Distances(ctx, b, x, y)
	if err != nil || math.Abs(float64(d.Row(5)[17])-math.Sqrt(squaredDistance(x.Row(5), y.Row(17)))) > 1e-4 {
		t.Error("distance", d.Row(5)[17], err)
	}
	if _, err := Nearest(ctx, b, x, vectors("z", 5, 8, 1, 0), 1); err == nil || !strings.Contains(err.Error(), "7 and of 8 numbers") {
		t.Error(err)
	}
}

// Moving points by t changes their projections on a direction by its product with t.
func TestSlicedWassersteinOfAShift(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	x := vectors("x", 50, 3, 1, 0)
	y := Matrix{x.N, x.D, slices.Clone(x.Data)}
	shift := []float32{1, -2, 0.5}
	for i := range y.Data {
		y.Data[i] += shift[i%3]
	}
	const directions = 20
	want := 0.0
	for k := range uint64(directions) {
		d, dot := make([]float32, 3), 0.0
		direction(d, 5, k)
		for j := range d {
			dot += float64(d[j]) * float64(shift[j])
		}
		want += dot * dot / directions
	}
	f, err := SlicedWasserstein(ctx, b, "points", x, y, directions, 5)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "distance", float64(f.Value), math.Sqrt(want), 1e-5)
	// three of each against the same once: the distance of unequal numbers is 0
	near(t, "unequal numbers", squaredWasserstein([]float64{1, 1, 1, 2, 2, 2}, []float64{1, 2}), 0, 0)
	near(t, "unequal numbers", squaredWasserstein([]float64{0, 3}, []float64{1, 1, 1}), (1+4)/2., 1e-12)
}

func TestCopies(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	const d = 24
	train, innocent, samples := vectors("train", 300, d, 1, 0), vectors("held", 80, d, 1, 0), vectors("new", 50, d, 1, 0)
	mirror := func(m Matrix) Matrix {
		out := Matrix{m.N, m.D, slices.Clone(m.Data)}
		for i := range out.N {
			slices.Reverse(out.Row(i))
		}
		return out
	}
	blur := testkit.Fill("blur", 20*d)
	for i := range 20 { // copies with a little noise, every other one mirrored
		copy(samples.Row(i), train.Row(7*i))
		for j := range samples.Row(i) {
			samples.Row(i)[j] += float32(0.1 * blur[i*d+j])
		}
		if i%2 == 1 {
			slices.Reverse(samples.Row(i))
		}
	}
	c := CopiesConfig{Space: "pixels", Train: train, Samples: samples, SamplesFlipped: mirror(samples), HeldOut: innocent, HeldOutFlipped: mirror(innocent)}
	r, err := Copies(ctx, b, c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rate.Value != 0.4 || r.Rate.N != 50 || r.HeldOut.Value != 0 || !r.Rate.Interval.Contains(0.4) || !strings.Contains(r.Rule, "half the median of 80") {
		t.Errorf("rate %+v, held-out %+v, rule %s", r.Rate, r.HeldOut, r.Rule)
	}
	for _, m := range r.Matches[:20] {
		if m.Picture >= 20 || m.Train != 7*m.Picture || m.Flipped != (m.Picture%2 == 1) {
			t.Errorf("match %+v", m)
		}
	}
	c.SamplesFlipped = Matrix{}
	if r, err = Copies(ctx, b, c); err != nil || r.Rate.Value != 0.2 {
		t.Errorf("without mirroring: %+v, %v", r.Rate, err)
	}
	c.HeldOut = innocent.Rows(0, 9)
	if _, err = Copies(ctx, b, c); err == nil || !strings.Contains(err.Error(), "9 held-out pictures, at least 10") {
		t.Error(err)
	}
}

func TestTooFewPictures(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	one := vectors("x", 1, 3, 1, 0)
	for _, f := range []func() error{
		func() error { _, err := KID(ctx, b, "s", one, one); return err },
		func() error { _, err := Frechet(ctx, b, "s", one, one); return err },
		func() error { _, err := NewManifold(ctx, b, "s", one, one); return err },
		func() error { _, err := SlicedWasserstein(ctx, b, "s", one, one, 4, 0); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), "there are 1") {
			t.Errorf("error %v", err)
		}
	}
}

// Subsets of everything are everything; smaller ones scatter around the same value, which has no bias.
func TestKIDSubsets(t *testing.T) {
	ctx, b := context.Background(), testkit.Backend(t)
	x, y := vectors("x", 60, 4, 1, 0), vectors("y", 60, 4, 0.8, 0.3)
	all, err := KID(ctx, b, "s", x, y)
	mean, deviation, err2 := KIDSubsets(ctx, b, "s", x, y, 3, 60, 1)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	near(t, "subsets of everything", mean, float64(all.Value), 1e-6)
	near(t, "their deviation", deviation, 0, 1e-6)
	mean, deviation, err = KIDSubsets(ctx, b, "s", x, y, 100, 20, 1)
	if err != nil || !(deviation > 0) {
		t.Fatal(deviation, err)
	}
	near(t, "mean over subsets", mean, float64(all.Value), 4*deviation/10)
	if _, _, err := KIDSubsets(ctx, b, "s", x, y, 100, 61, 1); err == nil {
		t.Error("subsets of 61 among 60")
	}
}
