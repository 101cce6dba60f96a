package tune_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-ml/ebb/tune"
)

// truth is the loss of candidate c after a budget: it falls towards its own floor, which is lowest for candidate best.
func truth(c, best int, budget int64) float64 {
	return 0.02*math.Abs(float64(c-best)) + 1/math.Sqrt(float64(budget))
}

func TestSearchFindsTheBest(t *testing.T) {
	rungs := tune.Rungs(12, 900, 3)
	if want := []tune.Rung{{12, 100}, {4, 300}, {2, 900}}; !slices.Equal(rungs, want) {
		t.Fatalf("%v, want %v", rungs, want)
	}
	if got, want := tune.Work(rungs), int64(12*100+4*200+2*600); got != want {
		t.Errorf("work %d, want %d", got, want)
	}
	for best := range 12 {
		spent := int64(0)
		s := tune.Search{Candidates: 12, Rungs: rungs, Judge: func(_ context.Context, c, k int) (float64, error) {
			spent += rungs[k].Budget
			return truth(c, best, rungs[k].Budget), nil
		}}
		r, err := s.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := r.Best(); !ok || b.Candidate != best || r.Rungs != 3 || len(r.Trials) != 18 {
			t.Errorf("best %d: found %+v after %d rungs and %d trials", best, b, r.Rungs, len(r.Trials))
		}
		if whole := int64(12 * 900); spent > whole/2 {
			t.Errorf("%d spent: all candidates to the end are %d", spent, whole)
		}
	}
}

// A search whose budget is spent in the middle of a rung answers from the last whole one; gone on with, it ends as if never stopped.
func TestSearchGoesOn(t *testing.T) {
	rungs, known := tune.Rungs(9, 90, 3), map[[2]int]float64{}
	left := 11 // all of the first rung, and two of the second
	s := tune.Search{Candidates: 9, Rungs: rungs, Judge: func(_ context.Context, c, k int) (float64, error) {
		if v, ok := known[[2]int{c, k}]; ok {
			return v, nil
		}
		if left == 0 {
			return 0, tune.ErrSpent
		}
		left--
		known[[2]int{c, k}] = truth(c, 4, rungs[k].Budget)
		return known[[2]int{c, k}], nil
	}}
	r, err := s.Run(context.Background())
	if b, ok := r.Best(); err != nil || !ok || b.Candidate != 4 || b.Rung != 0 || r.Rungs != 1 || len(r.Trials) != 11 {
		t.Errorf("%+v, %v", r, err)
	}
	left = 100
	if r, err = s.Run(context.Background()); err != nil || r.Rungs != 2 || len(r.Trials) != 12 || left != 99 {
		t.Errorf("%+v, %v, %d left", r, err, left)
	}
}

func TestSearchPassesOverFailures(t *testing.T) {
	s := tune.Search{Candidates: 6, Rungs: tune.Rungs(6, 60, 2), Judge: func(_ context.Context, c, _ int) (float64, error) {
		switch {
		case c < 3:
			return math.NaN(), nil
		case c == 3:
			return math.Inf(1), nil
		}
		return float64(c), nil
	}}
	r, err := s.Run(context.Background())
	if b, ok := r.Best(); err != nil || !ok || b.Candidate != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	s.Judge = func(context.Context, int, int) (float64, error) { return math.NaN(), nil }
	if r, err = s.Run(context.Background()); err != nil {
		t.Fatal(err)
	} else if b, ok := r.Best(); ok {
		t.Errorf("of failures %+v is the best", b)
	}
	broken := errors.New("no disk")
	s.Judge = func(context.Context, int, int) (float64, error) { return 0, broken }
	if _, err = s.Run(context.Background()); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := (tune.Search{}).Run(context.Background()); err == nil || !strings.Contains(err.Error(), "give at least 1 of each") {
		t.Error(err)
	}
}

// rangeTest is a test whose loss falls around 3e-4, is lowest near 3e-3 and breaks out at 3e-2, with the noise of batches.
func rangeTest(steps int, noise float64) (rates, losses []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range steps {
		rate := tune.Ramp(1e-6, 1, i, steps)
		d := math.Log10(rate)
		loss := 0.1 + 0.9/(1+math.Exp(4*(d-math.Log10(3e-4)))) + math.Exp(5*(d-math.Log10(3e-2)))
		rates, losses = append(rates, rate), append(losses, loss*(1+noise*r.NormFloat64()))
	}
	return rates, losses
}

func TestFindRate(t *testing.T) {
	for _, noise := range []float64{0, 0.1} {
		rates, losses := rangeTest(200, noise)
		r, err := tune.FindRate(rates, losses)
		if err != nil {
			t.Fatal(err)
		}
		low, high := r.Range()
		if r.Steepest < 1e-4 || r.Steepest > 1e-3 || r.Lowest < 1e-3 || r.Lowest > 1.5e-2 || r.Diverged < 1e-2 || r.Diverged > 0.1 ||
			!(low < r.Steepest && r.Steepest < high && high < r.Diverged) {
			t.Errorf("noise %v: %.3g %.3g %.3g, range %.3g to %.3g", noise, r.Steepest, r.Lowest, r.Diverged, low, high)
		}
	}
	rates, losses := rangeTest(200, 0)
	whole, err := tune.FindRate(rates, losses)
	if err != nil {
		t.Fatal(err)
	}
	losses[170] = math.NaN() // what comes after is nothing
	r, err := tune.FindRate(rates, losses)
	if err != nil || len(r.Smoothed) != 170 || math.Abs(math.Log(r.Steepest/whole.Steepest)) > 0.01 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFindRateRefuses(t *testing.T) {
	rates, losses := rangeTest(100, 0)
	flat := slices.Repeat([]float64{1}, 100)
	early := slices.Clone(losses)
	early[5] = math.Inf(1)
	for _, c := range []struct {
		rates, losses []float64
		want          string
	}{{rates, losses[:50], "needs as many"}, {rates[:9], losses[:9], "at least 20"}, {rates, flat, "fell at no rate"}, {rates, early, "diverged after 5 steps"},
		{flat, losses, "must be above 0 and rise"}} {
		if _, err := tune.FindRate(c.rates, c.losses); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestParseKnob(t *testing.T) {
	for text, at := range map[string][3]string{ // values at 0, 1/2 and almost 1
		"train.rate.peak=1e-4..1e-2":  {"0.0001", "0.001", "0.01"},
		"train.batch=16..64":          {"16", "32", "64"},
		"train.batch = 16 : 32 : 64":  {"16", "32", "64"},
		"train.clip=0.0..2.0":         {"0.0", "1.0", "2.0"},
		"network.unet.dropout=0:0.1":  {"0", "0.1", "0.1"},
		"diffusion.time=uniform:edm":  {"uniform", "edm", "edm"},
		"train.adamw.beta2=-0.5..0.5": {"-0.5", "0.0", "0.5"},
	} {
		k, err := tune.ParseKnob(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]string{k.At(0), k.At(0.5), k.At(0.99999)}; got != at {
			t.Errorf("%s: %v, want %v", text, got, at)
		}
	}
	for _, text := range []string{"", "train.batch", "=1:2", "train.batch=", "train.batch=1::2", "x=2..1", "x=a..b", "x=1..", "x=..", "x=nan..1", "x=1..inf"} {
		if k, err := tune.ParseKnob(text); err == nil || !strings.Contains(err.Error(), "KEY=LOW..HIGH") {
			t.Errorf("%q: %+v, %v", text, k, err)
		}
	}
}

// Each part of a knob's range is given to one trial; other knobs and seeds give other orders.
func TestDrawCovers(t *testing.T) {
	knobs := []tune.Knob{{Key: "a", Low: 1e-5, High: 1}, {Key: "b", Low: -1, High: 1}, {Key: "c", Values: []string{"x", "y", "z"}}}
	const trials = 12
	for seed := range uint64(20) {
		parts, places, values := map[int]int{}, map[int]int{}, map[string]int{}
		for i := range trials {
			v := tune.Draw(knobs, seed, i, trials)
			a, err1 := strconv.ParseFloat(v[0], 64)
			b, err2 := strconv.ParseFloat(v[1], 64)
			if err1 != nil || err2 != nil || a < 1e-5 || a > 1 || b < -1 || b > 1 {
				t.Fatal(v)
			}
			parts[int(trials*(math.Log10(a)+5)/5*0.9999)]++
			places[int(trials*(b+1)/2*0.9999)]++
			values[v[2]]++
		}
		if len(parts) < trials-1 || len(places) < trials-1 { // values are rounded to three digits
			t.Errorf("seed %d: %v %v", seed, parts, places)
		}
		if values["x"] != 4 || values["y"] != 4 || values["z"] != 4 {
			t.Errorf("seed %d: %v", seed, values)
		}
	}
	if a, b := tune.Draw(knobs, 1, 3, trials), tune.Draw(knobs, 2, 3, trials); slices.Equal(a, b) {
		t.Errorf("two seeds draw %v", a)
	}
	if got := fmt.Sprint(tune.Draw(knobs, 7, 2, 9)); got != drawn {
		t.Errorf("trial 2 of 9 of seed 7 is %s, it was %s: searches would not go on", got, drawn)
	}
}

// drawn is pinned: a search that goes on must draw what it drew before.
const drawn = "[0.17 -0.568 x]"

func FuzzParseKnob(f *testing.F) {
	for _, s := range []string{"a=1..2", "a=1:2", "a=1e-3..1", "a=", "=", "a=..", "a=0.5..7", "a=-1..1e300"} {
		f.Add(s, 0.5)
	}
	f.Fuzz(func(t *testing.T, text string, u float64) {
		k, err := tune.ParseKnob(text)
		if err != nil {
			return
		}
		if u = math.Abs(u - math.Trunc(u)); math.IsNaN(u) {
			u = 0
		}
		if v := k.At(u); v == "" {
			t.Errorf("%q: no value at %v", text, u)
		}
		again, err := tune.ParseKnob(k.String())
		if err != nil || again.At(u) != k.At(u) || again.Key != k.Key {
			t.Errorf("%q is written as %q and read as %+v (%v)", text, k, again, err)
		}
	})
}

// Of nine learning rates the best is found with little more than half the work of training with each.
func Example() {
	knob, err := tune.ParseKnob("train.rate.peak=1e-5..1e-1")
	if err != nil {
		panic(err)
	}
	rungs := tune.Rungs(9, 81_000, 3)
	search := tune.Search{Candidates: 9, Rungs: rungs, Judge: func(_ context.Context, candidate, rung int) (float64, error) {
		rate, err := strconv.ParseFloat(tune.Draw([]tune.Knob{knob}, 1, candidate, 9)[0], 64)
		return math.Abs(math.Log10(rate)+3) + 100/math.Sqrt(float64(rungs[rung].Budget)), err // stands for a training run
	}}
	result, err := search.Run(context.Background())
	if err != nil {
		panic(err)
	}
	winner, _ := result.Best()
	rate := tune.Draw([]tune.Knob{knob}, 1, winner.Candidate, 9)[0]
	fmt.Println(rungs, rate > "0.0005" && rate < "0.002")
	// Output: [{9 27000} {3 81000}] true
}
