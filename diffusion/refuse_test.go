package diffusion

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestRefusals: each mistake has a message that names it.
func TestRefusals(t *testing.T) {
	good := mustBuild(t, ScheduleConfig{})
	zero := mustBuild(t, ScheduleConfig{ZeroTerminalSNR: true})
	build := func(c ScheduleConfig) error { _, err := c.Build(); return err }
	levels := func(s Spacing, n int) error { _, err := good.Levels(s, n); return err }
	sample := func(s Sampler, sigmas []float64, n NoiseFunc) error {
		return s.Sample(gaussian, []float32{1}, sigmas, n)
	}
	guide := func(g Guidance) error { _, err := Guide(gaussian, gaussian, g); return err }
	objective := func(change func(o *Objective)) error {
		o := &Objective{Precond: Precond{Schedule: good}, Size: 6, Channels: 3}
		change(o)
		return o.Check()
	}
	nan, two := math.NaN(), []float64{1, 0}
	broken := func(dst, x []float32, sigma float64) error { return errors.New("device lost") }
	for i, c := range []struct {
		err  error
		want string
	}{
		{build(ScheduleConfig{Family: 99}), "choose one of linear"},
		{build(ScheduleConfig{Steps: 1}), "Steps is 1"},
		{build(ScheduleConfig{BetaStart: 0.5, BetaEnd: 0.1}), "BetaStart <= BetaEnd"},
		{build(ScheduleConfig{Family: Cosine, BetaStart: 0.1}), "leave them out"},
		{build(ScheduleConfig{Family: EDM, Steps: 10}), "discrete"},
		{build(ScheduleConfig{SigmaMax: 10}), "continuous"},
		{build(ScheduleConfig{Family: EDM, SigmaMin: 90}), "SigmaMin < SigmaMax"},
		{build(ScheduleConfig{Family: FlowLinear, Rho: 3}), "edm"},
		{build(ScheduleConfig{Shift: -1}), "Shift"},
		{build(ScheduleConfig{Shift: nan}), "Shift"},
		{build(ScheduleConfig{Steps: 100_000}), "fewer steps"},
		{build(ScheduleConfig{Steps: 20_000}), "between 0 and 1e9"},
		{levels(Karras, 0), "0 sampling steps"},
		{levels(Trailing, 2000), "1000 levels"},
		{levels(Spacing(17), 5), "spacing"},
		{sample(Sampler{Method: UniPC}, two, nil), "Order is 0"},
		{sample(Sampler{Method: Euler, Eta: 1}, two, nil), "draws no noise"},
		{sample(Sampler{Method: DDPM}, two, nil), "Eta 1 by definition"},
		{sample(Sampler{Method: DDIM, Churn: Churn{Amount: 1}}, two, nil), "only heun"},
		{sample(Sampler{Method: Heun, Churn: Churn{Amount: nan}}, two, nil), "churn"},
		{sample(NewSampler(DDPM), two, nil), "Noise{Seed"},
		{sample(NewSampler(Euler), []float64{1, 2, 0}, nil), "fall strictly"},
		{sample(NewSampler(Euler), []float64{1}, nil), "at least 2"},
		{NewSampler(Euler).Sample(gaussian, nil, two, nil), "empty batch"},
		{NewSampler(Heun).Sample(broken, []float32{1}, two, nil), "step 1 of 1: device lost"},
		{Invert(gaussian, []float32{1}, two, 0), "at least 1"},
		{guide(Guidance{Scale: nan}), "scale"},
		{guide(Guidance{Scale: 2, Rescale: 0.5}), "Guidance.Size"},
		{guide(Guidance{Scale: 2, SigmaMin: 3, SigmaMax: 1}), "interval"},
		{Precond{Schedule: zero}.Check(), "pure noise"},
		{Precond{Schedule: mustBuild(t, ScheduleConfig{Family: FlowLinear})}.Check(), "SigmaMax"},
		{Precond{Schedule: good, Prediction: PredictEDM}.Check(), "SigmaData"},
		{Precond{}.Check(), "without a schedule"},
		{objective(func(o *Objective) { o.Delta = 1 }), "Delta"},
		{objective(func(o *Objective) { o.Weight = Weight{Kind: WeightEDM} }), "SigmaData"},
		{objective(func(o *Objective) { o.Weight.Gamma = 5 }), "Gamma"},
		{objective(func(o *Objective) { o.Time = TimeSampling{Dist: TimeLogNormal} }), "Std"},
		{objective(func(o *Objective) { o.Channels = 4 }), "multiple"},
		{objective(func(o *Objective) { o.SelfCondition = 2 }), "self-conditioning"},
		{objective(func(o *Objective) { o.Resampler = &Resampler{} }), "NewResampler"},
		{Inpaint(gaussian, nil, nil)([]float32{0}, []float32{0}, 1), "equal lengths"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("case %d: error %v, want one that says %q", i, c.err, c.want)
		}
	}
}

// FuzzParse: no text breaks a parser, and what is accepted is written back unchanged.
func FuzzParse(f *testing.F) {
	for _, names := range [][]string{namesOf(Families()), namesOf(Predictions()), namesOf(WeightKinds()), namesOf(LossKinds()), namesOf(Spacings()),
		namesOf(TimeDists()), namesOf(Methods()), {"", "Linear", "eps "}} {
		for _, name := range names {
			f.Add(name)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		roundTrip[Family](t, text)
		roundTrip[Prediction](t, text)
		roundTrip[WeightKind](t, text)
		roundTrip[LossKind](t, text)
		roundTrip[Spacing](t, text)
		roundTrip[TimeDist](t, text)
		roundTrip[Method](t, text)
	})
}

func namesOf[T fmt.Stringer](values []T) (names []string) {
	for _, v := range values {
		names = append(names, v.String())
	}
	return names
}

func roundTrip[T any, P interface {
	*T
	UnmarshalText([]byte) error
	MarshalText() ([]byte, error)
	String() string
}](t *testing.T, text string) {
	p := P(new(T))
	if err := p.UnmarshalText([]byte(text)); err != nil {
		if !strings.Contains(err.Error(), "choose one of") {
			t.Errorf("error %v does not say what there is", err)
		}
		return
	}
	back, err := p.MarshalText()
	if err != nil || string(back) != text || p.String() != text {
		t.Errorf("%q was read and written as %q (%v)", text, back, err)
	}
}

// TestLists: every constant has a name of its own that parses back.
func TestLists(t *testing.T) {
	if len(Methods()) != 12 || len(Families()) != 9 || len(Predictions()) != 5 || len(WeightKinds()) != 6 || len(LossKinds()) != 4 || len(Spacings()) != 6 || len(TimeDists()) != 3 {
		t.Error("a list has lost or gained a member without its name")
	}
	for _, m := range Methods() {
		if back, err := ParseMethod(m.String()); err != nil || back != m {
			t.Errorf("%v: %v, %v", m, back, err)
		}
	}
	if _, err := Method(99).MarshalText(); err == nil || Method(99).String() != "invalid(99)" {
		t.Error("a method that does not exist has a name")
	}
}
