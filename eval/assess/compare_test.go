package assess_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/assess"
	"github.com/ebb-ml/ebb/train"
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// meanOf is a measure whose difference has a known error: the mean of the samples minus that of the reference.
func meanOf(_ context.Context, _ compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
	sum := func(m eval.Matrix) (s float64) {
		for _, v := range m.Data {
			s += float64(v) / float64(m.N)
		}
		return s
	}
	return eval.Figure{Name: "mean-" + space, Space: space, N: x.N, Reference: y.N, Value: eval.Number(sum(x) - sum(y))}, nil
}

// Two samples that share all but little noise: the interval must be that of the little, and hold the truth in most draws.
func TestPairedDistanceInterval(t *testing.T) {
	const n, draws, shift, own = 200, 200, 0.05, 0.3
	covered, width := 0, 0.0
	for k := range draws {
		r := rand.New(rand.NewPCG(uint64(k), 1))
		a, b, z := eval.NewMatrix(n, 1), eval.NewMatrix(n, 1), eval.NewMatrix(n, 1)
		for i := range n {
			shared := float32(5 * r.NormFloat64())
			a.Data[i], b.Data[i], z.Data[i] = shared, shared+float32(shift+own*r.NormFloat64()), float32(5*r.NormFloat64())
		}
		f, err := assess.PairedDistance(context.Background(), nil, meanOf, "x", a, b, z)
		if err != nil {
			t.Fatal(err)
		}
		if f.Interval.Contains(shift) {
			covered++
		}
		width += (f.Interval.High - f.Interval.Low) / draws
	}
	if want := 2 * 2.093 * own / math.Sqrt(n); math.Abs(width-want) > 0.1*want {
		t.Errorf("the mean width of the interval is %v, want %v", width, want)
	}
	if covered < 0.9*draws || covered > 0.99*draws {
		t.Errorf("the interval holds the truth in %d of %d draws", covered, draws)
	}
}

func TestPairedDistanceRefuses(t *testing.T) {
	for _, c := range []struct {
		a, b, z int
		want    string
	}{{50, 60, 50, "50 samples of one model and 60"}, {30, 30, 50, "at least 40"}, {50, 50, 20, "at least 40"}} {
		_, err := assess.PairedDistance(context.Background(), nil, meanOf, "x", eval.NewMatrix(c.a, 1), eval.NewMatrix(c.b, 1), eval.NewMatrix(c.z, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// A model is not different from itself, and is from one with other weights; sample features do not depend on how they are drawn.
func TestCompare(t *testing.T) {
	ctx, s, c := context.Background(), subject(t), settings()
	contests := []assess.Contest{assess.ContestEps, assess.ContestPSNR, assess.ContestSSIM, assess.ContestFDDCT, assess.ContestKID, assess.ContestCopies}
	other := *s
	other.Weights = train.Weights(model.NewStore())
	if err := s.Model.Network.Init(other.Weights, 4); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2)) // fresh weights end in zeros, whatever their seed
	for v := range other.Weights.IterVariables() {
		values := make([]float32, v.Shape().Size())
		for i := range values {
			values[i] = float32(0.1 * r.NormFloat64())
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
	sigmas, err := assess.SharedLevels(s, c.Levels, &other)
	if err != nil || len(sigmas) != c.Levels {
		t.Fatal(sigmas, err)
	}
	var models []*assess.Contestant
	for i, m := range []*assess.Subject{s, s, &other} {
		shown, err := m.Contest(ctx, string(rune('A'+i)), c, sigmas, contests, true)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, shown)
	}
	reference, err := s.HeldOutFeatures(ctx, eval.DCTSpace(), c.Samples)
	if err != nil {
		t.Fatal(err)
	}
	found, err := assess.Compare(ctx, s.Engine, contests, models, reference)
	if err != nil || len(found) != len(contests) {
		t.Fatal(found, err)
	}
	for _, f := range found {
		if f.Differences[0].Value != 0 || f.Verdict(1) != "no difference shown" {
			t.Errorf("%v: the same model differs from itself: %+v", f.Contest, f.Differences[0])
		}
		if want := f.Values[2].Value - f.Values[0].Value; math.Abs(float64(f.Differences[1].Value-want)) > 1e-6*math.Abs(float64(f.Values[0].Value)) {
			t.Errorf("%v: the difference is %v, the values' %v", f.Contest, f.Differences[1].Value, want)
		}
	}
	if found[0].Differences[1].Value == 0 {
		t.Error("other weights show the same error")
	}
	tail, err := s.SampleFeatures(ctx, eval.DCTSpace(), c.Seed, 24, c.Samples-24)
	if err != nil || tail.N != c.Samples-24 {
		t.Fatal(tail.N, err)
	}
	for i, v := range tail.Data {
		if want := models[0].Features.Data[24*tail.D+i]; math.Abs(float64(v-want)) > 1e-3 {
			t.Fatalf("feature %d of the samples from 24 on is %v, of all together %v", i, v, want)
		}
	}
	if _, err := assess.Compare(ctx, s.Engine, contests, models[:1], reference); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Error(err)
	}
	short := *models[1]
	short.Features = short.Features.Rows(0, 30)
	if _, err := assess.Compare(ctx, s.Engine, contests[3:4], []*assess.Contestant{models[0], &short}, reference); err == nil || !strings.Contains(err.Error(), "not comparable") {
		t.Error(err)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		contest   assess.Contest
		low, high float64
		want      string
	}{{assess.ContestEps, -2, -1, "better"}, {assess.ContestEps, 1, 2, "worse"}, {assess.ContestPSNR, 1, 2, "better"}, {assess.ContestSSIM, -2, -1, "worse"},
		{assess.ContestKID, -1, 1, "no difference shown"}, {assess.ContestKID, math.NaN(), math.NaN(), "no difference shown"}} {
		v := assess.Comparison{Contest: c.contest, Differences: []eval.Figure{{Interval: eval.Interval{Low: c.low, High: c.high}}}}
		if got := v.Verdict(1); got != c.want {
			t.Errorf("%v %v %v: %s, want %s", c.contest, c.low, c.high, got, c.want)
		}
	}
}
