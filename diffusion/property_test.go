package diffusion

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestEveryPredictionIsTheSameDenoiser: a raw network that returns each quantity by its definition, from its own scaled input alone,
// becomes the same denoiser on every schedule; and Convert translates the outputs exactly.
func TestEveryPredictionIsTheSameDenoiser(t *testing.T) {
	for _, f := range Families() {
		c := ScheduleConfig{Family: f}
		if f == FlowLinear || f == Trigonometric {
			c.SigmaMax = 200 // eps is refused on a path to pure noise
		}
		s := mustBuild(t, c)
		lo, hi := s.SigmaRange()
		for _, sigma := range []float64{lo * 1.01, 0.3, 2, math.Min(hi, 60)} {
			for _, p := range Predictions() {
				pre := Precond{Schedule: s, Prediction: p, SigmaData: 0.7}
				checkSameDenoiser(t, pre, sigma)
				checkConversions(t, pre, sigma)
			}
		}
	}
}

func checkSameDenoiser(t *testing.T, pre Precond, sigma float64) {
	t.Helper()
	alpha, _ := pre.Schedule.Path().AlphaSigma(sigma)
	if pre.Prediction == PredictEDM {
		alpha = 1 / math.Hypot(sigma, 0.7)
	}
	raw := func(dst, in []float32, cNoise float64) error {
		near(t, "time input", cNoise, pre.Schedule.CNoise(sigma), 1e-12)
		for i, v := range in {
			x := float64(v) / alpha
			dst[i] = float32(trueOutput(pre.Prediction, pre.Schedule.Path(), x, denoiseMixture(x, sigma), sigma, 0.7))
		}
		return nil
	}
	d, err := pre.Denoiser(raw)
	if err != nil {
		t.Fatal(err)
	}
	x := []float32{float32(0.4 * sigma), float32(-1.3 * sigma), 1}
	got, want := make([]float32, 3), make([]float32, 3)
	if err := d(got, x, sigma); err != nil {
		t.Fatal(err)
	}
	if err := mixture(want, x, sigma); err != nil {
		t.Fatal(err)
	}
	for i := range got { // eps loses digits in proportion to sigma
		near(t, fmt.Sprintf("%v, %v, sigma %.3g", pre.Schedule.Config().Family, pre.Prediction, sigma), float64(got[i]), float64(want[i]), 1e-6*(1+2*sigma))
	}
}

func checkConversions(t *testing.T, pre Precond, sigma float64) {
	t.Helper()
	x := 0.8 + 0.5*sigma
	d := denoiseMixture(x, sigma)
	path := pre.Schedule.Path()
	from := trueOutput(pre.Prediction, path, x, d, sigma, 0.7)
	for _, to := range Predictions() {
		a, b := pre.Convert(to, sigma)
		want := trueOutput(to, path, x, d, sigma, 0.7)
		size := math.Abs(a*x) + math.Abs(b*from) + math.Abs(want)
		if got := a*x + b*from; math.Abs(got-want) > 1e-9*size {
			t.Errorf("%v to %v at sigma %v: %v, want %v", pre.Prediction, to, sigma, got, want)
		}
	}
}

// TestTimeAndSigmaAreInverse, rising, and agree with a shift.
func TestTimeAndSigmaAreInverse(t *testing.T) {
	for _, f := range Families() {
		for _, shift := range []float64{1, 3} {
			s := mustBuild(t, ScheduleConfig{Family: f, Shift: shift})
			last := 0.0
			for i := range 999 {
				u := (float64(i) + 0.75) / 1000
				sigma := s.Sigma(u)
				if sigma < last {
					t.Fatalf("%v: sigma falls at t = %v", f, u)
				}
				last = sigma
				lo, hi := s.SigmaRange()
				if sigma > lo && sigma < hi {
					near(t, fmt.Sprintf("%v time", f), s.Time(sigma), u, 1e-9)
				}
			}
		}
	}
	// SD3's t' = 3t/(1+2t) on the flow path
	s := mustBuild(t, ScheduleConfig{Family: FlowLinear, Shift: 3})
	near(t, "shifted flow time", s.CNoise(s.Sigma(0.4))/1000, 3*0.4/(1+2*0.4), 1e-12)
}

// TestSampleDoesNotDependOnTheBatch: samples 3..6 are the same bits alone and within a batch of ten.
func TestSampleDoesNotDependOnTheBatch(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{})
	levels, err := s.Levels(Trailing, 10)
	if err != nil {
		t.Fatal(err)
	}
	run := func(first, count int) []float32 {
		noise := Noise{Seed: 7, First: uint64(first), Size: 5}
		x := make([]float32, count*5)
		s.Start(x, levels[0], noise.Fill)
		if err := NewSampler(DPMpp2MSDE).Sample(twoModes, x, levels, noise.Fill); err != nil {
			t.Fatal(err)
		}
		return x
	}
	if whole, part := run(0, 10), run(3, 4); !slices.Equal(whole[15:35], part) {
		t.Errorf("samples 3 to 6 alone %v, in a batch %v", part, whole[15:35])
	}
	if whole := run(0, 2); slices.Equal(whole[:5], whole[5:]) {
		t.Error("two samples got the same noise")
	}
}

func TestNormalMoments(t *testing.T) {
	x := make([]float32, 200_000)
	Noise{Seed: 1, Size: 3000}.Fill(x, 2)
	normal := func(v float64) float64 { return 0.5 * math.Erfc(-v/math.Sqrt2) }
	if ks := kolmogorovSmirnov(x, normal); ks > 1.63/math.Sqrt(200_000) {
		t.Errorf("KS %v", ks)
	}
}

// TestLevelDistributions draws levels and compares with the distribution that was asked for.
func TestLevelDistributions(t *testing.T) {
	normal := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	edm, flow := mustBuild(t, ScheduleConfig{Family: EDM}), mustBuild(t, ScheduleConfig{Family: FlowLinear})
	for _, c := range []struct {
		schedule *Schedule
		time     TimeSampling
		cdf      func(sigma float64) float64
	}{
		{edm, TimeSampling{Dist: TimeLogNormal, Mean: -1.2, Std: 1.2}, func(s float64) float64 { return normal((math.Log(s) + 1.2) / 1.2) }},
		{flow, TimeSampling{Dist: TimeLogitNormal, Mean: 0.3, Std: 0.9}, func(s float64) float64 { return normal((math.Log(s) - 0.3) / 0.9) }},
		{flow, TimeSampling{}, func(s float64) float64 { return s / (1 + s) }},
	} {
		for _, c.time.LowDiscrepancy = range []bool{false, true} {
			o := &Objective{Precond: Precond{Schedule: c.schedule, Prediction: PredictX0}, Time: c.time, Size: 1, Channels: 1}
			var d Draws
			if err := o.Draw(&d, Batch{Seed: 5, Count: 4000, Total: 4000}); err != nil {
				t.Fatal(err)
			}
			sigmas := float32s(d.Sigma)
			limit := 1.63 / math.Sqrt(4000)
			if c.time.LowDiscrepancy {
				limit = 0.0011 // the ends of the range are cut off
			}
			if ks := kolmogorovSmirnov(sigmas, c.cdf); ks > limit {
				t.Errorf("%+v: KS %.4f, want below %.4f", c.time, ks, limit)
			}
		}
	}
}

// TestDiscreteDrawsAreWholeLevels: with uniform t a discrete schedule gives every index its share.
func TestDiscreteDrawsAreWholeLevels(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{Family: Cosine, Steps: 50})
	o := &Objective{Precond: Precond{Schedule: s}, Size: 1, Channels: 1, Time: TimeSampling{LowDiscrepancy: true}}
	var d Draws
	if err := o.Draw(&d, Batch{Seed: 5, Count: 500, Total: 500}); err != nil {
		t.Fatal(err)
	}
	counts := make([]int, 50)
	for i := range 500 {
		index := d.Terms[i*NumTerms+termCNoise]
		if math.Abs(float64(index)-math.Round(float64(index))) > 1e-4 {
			t.Fatalf("time input %v is no index", index)
		}
		counts[int(math.Round(float64(index)))]++
	}
	for k, n := range counts {
		if n < 9 || n > 11 {
			t.Errorf("index %d drawn %d times of 500", k, n)
		}
	}
}

// TestResamplerIsUnbiased: loss-aware draws change how often a level comes, not the expected loss; and they prefer the large losses.
func TestResamplerIsUnbiased(t *testing.T) {
	loss := func(u float64) float64 { return 0.1 + 4*u*u }
	r, err := NewResampler(20)
	if err != nil {
		t.Fatal(err)
	}
	o := &Objective{Precond: Precond{Schedule: mustBuild(t, ScheduleConfig{})}, Size: 1, Channels: 1, Time: TimeSampling{LowDiscrepancy: true}, Resampler: r}
	var d Draws
	const n = 1000
	mean := 0.0
	for step := range uint64(10) {
		if err := o.Draw(&d, Batch{Seed: 5, Step: step, Count: n, Total: n}); err != nil {
			t.Fatal(err)
		}
		losses := make([]float32, n)
		mean = 0
		for i, u := range d.U {
			losses[i] = float32(loss(u))
			mean += loss(u) * d.Importance[i] / n
			near(t, "weight", float64(d.Terms[i*NumTerms+termWeight]), d.Importance[i], 1e-6)
		}
		if err := r.Update(d.U, losses); err != nil {
			t.Fatal(err)
		}
	}
	near(t, "expected loss", mean, 0.1+4.0/3, 0.01)
	p := r.Probabilities()
	near(t, "probability of the last bin over the fifth", p[19]/p[4], loss(0.975)/loss(0.225), 0.1)
	if err := r.Update([]float64{0.5}, []float32{float32(math.NaN())}); err != nil || r.check() != nil {
		t.Error("a loss that is no number spoils the resampler")
	}
}

func TestDropLabels(t *testing.T) {
	b := Batch{Seed: 1, Step: 3, Count: 4000, Total: 4000}
	classes := make([]int32, 4000)
	if err := DropLabels(classes, 10, 0.1, b); err != nil {
		t.Fatal(err)
	}
	dropped := 0
	for _, c := range classes {
		if c == 10 {
			dropped++
		}
	}
	if dropped < 340 || dropped > 460 {
		t.Errorf("%d of 4000 labels dropped, want 400", dropped)
	}
	half := make([]int32, 1000)
	if err := DropLabels(half, 10, 0.1, Batch{Seed: 1, Step: 3, First: 2000, Count: 1000, Total: 4000}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(half, classes[2000:3000]) {
		t.Error("label dropout depends on how the batch is split")
	}
}

// counted counts the calls of a denoiser.
func counted(d Denoiser, calls *int) Denoiser {
	return func(dst, x []float32, sigma float64) error { *calls++; return d(dst, x, sigma) }
}

// TestGuidanceOfGaussians: with class N(1, 1) and no class N(0, 1) the guided denoiser is that of N(scale, 1), so guided samples have
// that mean. The base is not called where it does not count.
func TestGuidanceOfGaussians(t *testing.T) {
	class := func(dst, x []float32, sigma float64) error {
		for i, v := range x {
			dst[i] = float32((float64(v) + sigma*sigma) / (1 + sigma*sigma))
		}
		return nil
	}
	levels := append(evenLambda(50, 0.01, 60), 0)
	run := func(g Guidance) (mean float64, calls int) {
		d, err := Guide(class, counted(gaussian, &calls), g)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 2000)
		noise := Noise{Seed: 3, Size: 1}
		noise.Fill(x, 0)
		scale(x, levels[0], x)
		if err := NewSampler(DPMpp2M).Sample(d, x, levels, nil); err != nil {
			t.Fatal(err)
		}
		for _, v := range x {
			mean += float64(v) / 2000
		}
		return mean, calls
	}
	mean, calls := run(Guidance{Scale: 3})
	near(t, "mean at scale 3", mean, 3, 0.03)
	if calls != 61 {
		t.Errorf("base called %d times in 61 steps", calls)
	}
	mean, calls = run(Guidance{Scale: 1})
	near(t, "mean at scale 1", mean, 1, 0.03)
	if calls != 0 {
		t.Errorf("base called %d times at scale 1", calls)
	}
	mean, calls = run(Guidance{Scale: 3, SigmaMin: 0.5, SigmaMax: 2})
	inside := 0
	for _, s := range levels {
		if s > 0.5 && s <= 2 {
			inside++
		}
	}
	if mean < 1.3 || mean > 2.7 || calls != inside {
		t.Errorf("guidance in (0.5, 2]: mean %.2f, %d calls, %d levels inside", mean, calls, inside)
	}
}

// TestInpaintKeepsTheKnown: the known part comes out as given with every sampler, and guides the rest: a pair of equal numbers, one of
// them known.
func TestInpaintKeepsTheKnown(t *testing.T) {
	pair := func(dst, x []float32, sigma float64) error { // x0 = (m, m), m ~ N(0, 1): E = (x1+x2)/(2+sigma²)
		for i := 0; i < len(x); i += 2 {
			m := float32(float64(x[i]+x[i+1]) / (2 + sigma*sigma))
			dst[i], dst[i+1] = m, m
		}
		return nil
	}
	known, mask := []float32{1.5, 0, -2, 0}, []float32{1, 0, 1, 0}
	levels := append(evenLambda(50, 0.002, 200), 0)
	for _, m := range Methods() {
		x := make([]float32, 4)
		noise := Noise{Seed: 3, Size: 2}
		AddNoise(x, known, levels[0], noise.Fill)
		if err := NewSampler(m).Sample(Inpaint(pair, known, mask), x, levels, noise.Fill); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 4; i += 2 {
			near(t, m.String()+" known", float64(x[i]), float64(known[i]), 1e-4)
			near(t, m.String()+" filled in", float64(x[i+1]), float64(known[i]), 0.05)
		}
	}
}

// TestImageToImage: the more strength, the less is left of the picture.
func TestImageToImage(t *testing.T) {
	s := mustBuild(t, ScheduleConfig{})
	all, err := s.Levels(Trailing, 50)
	if err != nil {
		t.Fatal(err)
	}
	distance := func(strength float64) float64 {
		levels, err := Truncate(all, strength)
		if err != nil {
			t.Fatal(err)
		}
		x, x0 := make([]float32, 500), make([]float32, 500)
		for i := range x0 {
			x0[i] = 1
		}
		AddNoise(x, x0, levels[0], Noise{Seed: 1, Size: 1}.Fill)
		if err := NewSampler(DPMpp2M).Sample(mixture, x, levels, nil); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := range x {
			sum += math.Abs(float64(x[i]-x0[i])) / 500
		}
		return sum
	}
	if a, b, c := distance(0.1), distance(0.4), distance(1); !(a < 0.2 && a < b && b < c && c > 0.5) {
		t.Errorf("mean change %.3f, %.3f, %.3f at strengths 0.1, 0.4, 1", a, b, c)
	}
}

func TestSelfConditionRemembers(t *testing.T) {
	var seen []float32
	d := SelfCondition(func(dst, x, previous []float32, sigma float64) error {
		seen = append(seen, previous[0])
		dst[0] = float32(sigma)
		return nil
	})
	x := []float32{1}
	if err := NewSampler(Euler).Sample(d, x, []float64{4, 1.5, 1, 0}, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []float32{0, selfLimit, 1.5}) {
		t.Errorf("previous estimates %v, want 0, then the last ones within their limit", seen)
	}
}

func TestEvaluations(t *testing.T) {
	for _, m := range Methods() {
		calls, s := 0, NewSampler(m)
		x := []float32{1}
		if err := s.Sample(counted(gaussian, &calls), x, []float64{8, 4, 2, 1, 0}, sineNoise); err != nil {
			t.Fatal(err)
		}
		if calls != s.Evaluations(4) {
			t.Errorf("%v: %d calls in 4 steps, Evaluations says %d", m, calls, s.Evaluations(4))
		}
	}
}

// BenchmarkDraw: the host's part of a training step of 64 pictures of 32×32×3.
func BenchmarkDraw(b *testing.B) {
	o := &Objective{Precond: Precond{Schedule: mustBuild(b, ScheduleConfig{})}, Size: 3072, Channels: 3}
	var d Draws
	for b.Loop() {
		if err := o.Draw(&d, Batch{Seed: 1, Count: 64, Total: 64}); err != nil {
			b.Fatal(err)
		}
	}
}
