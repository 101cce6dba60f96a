package data

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/ebb-ml/ebb/internal/rng"
)

// The goldens come from testdata/augment.py, PyTorch's operators put together as the paper describes.
func TestAugmentAgainstTorch(t *testing.T) {
	raw, err := os.ReadFile("testdata/augment.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		P    struct{ Scale, Rotate, Axis, Squeeze, ShiftX, ShiftY float64 }
		X, Y []float32
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		tr := transform{scale: c.P.Scale, rotate: c.P.Rotate, axis: c.P.Axis, squeeze: c.P.Squeeze, shiftX: c.P.ShiftX, shiftY: c.P.ShiftY}
		x := slices.Clone(c.X)
		tr.apply(x, 14, 14, 2)
		worst := 0.0
		for k := range x {
			worst = max(worst, math.Abs(float64(x[k]-c.Y[k])))
		}
		if worst > 2e-5 {
			t.Errorf("case %d %+v: samples differ by up to %g", i, c.P, worst)
		}
	}
	if len(cases) != 6 {
		t.Errorf("%d cases", len(cases))
	}
}

func TestSym6IsOrthonormal(t *testing.T) {
	f := sym6()
	for shift := 0; shift < len(f); shift += 2 {
		sum := 0.0
		for k := 0; k+shift < len(f); k++ {
			sum += f[k] * f[k+shift]
		}
		if want := bit(shift == 0); math.Abs(sum-want) > 1e-9 {
			t.Errorf("shift %d: %v", shift, sum)
		}
	}
}

// With the identity map, doubling and halving change nothing, for any shape.
func TestResampleIdentity(t *testing.T) {
	for _, d := range [][3]int{{1, 1, 1}, {2, 7, 3}, {9, 5, 1}, {16, 16, 4}} {
		s := rng.NewSequence(1, 1, 1)
		x := make([]float32, d[0]*d[1]*d[2])
		for i := range x {
			x[i] = float32(s.Normal())
		}
		y := slices.Clone(x)
		resample2(y, d[0], d[1], d[2], affine{1, 0, 0, 0, 1, 0})
		for i := range x {
			if math.Abs(float64(x[i]-y[i])) > 1e-5 {
				t.Fatalf("%v: sample %d is %v, was %v", d, i, y[i], x[i])
			}
		}
	}
}

// Each transformation is on with the stated probability, and its parameters are zero when it is off.
func TestAugmentProbability(t *testing.T) {
	c := Preprocess{Augment: 0.12, FlipX: true, FlipY: true}
	const n = 20000
	var on [AugmentDim]float64
	for i := range uint64(n) {
		s := rng.NewSequence(1, drawAugment, i)
		tr := drawTransform(&s, &c)
		var p [AugmentDim]float32
		tr.parameters(p[:])
		for k, v := range p {
			if v != 0 {
				on[k] += 1.0 / n
			}
		}
	}
	for k, want := range [AugmentDim]float64{0.5, 0.06, 0.12, 0.12, 0.12, 0.12, 0.12, 0.12, 0.12} {
		if math.Abs(on[k]-want) > 4*math.Sqrt(want/n) {
			t.Errorf("parameter %d is on in a share of %.4f, want %.2f", k, on[k], want)
		}
	}
}
