package masked

import (
	"math"
	"testing"
)

// Very rare tokens must be reachable: float32 Gumbel noise would never draw one of probability 1e-9.
func TestRareTokensAreDrawn(t *testing.T) {
	c := newChooser(&Sampler{}, 3)
	logits := []float32{0, float32(math.Log(1e-9)), float32(math.Log(1e-12))}
	for _, q := range []struct {
		u    float64
		want int32
	}{{0.5, 0}, {1 - 2e-9, 0}, {1 - 0.5e-9, 1}, {1 - 0.5e-12, 2}} {
		if got, p, err := c.draw(logits, q.u); got != q.want || err != nil || !(p > 0) {
			t.Errorf("quantile 1-%g gives token %d (p %v, %v), want %d", 1-q.u, got, p, err, q.want)
		}
	}
}

func TestTemperatureAndNucleus(t *testing.T) {
	p := []float64{0.1, 0.5, 0.15, 0.25}
	logits := make([]float32, 4)
	for i := range p {
		logits[i] = float32(math.Log(p[i]))
	}
	const n = 20000
	for _, k := range []struct {
		s    Sampler
		want []float64
	}{
		{Sampler{}, p},
		{Sampler{Temperature: 0.5}, []float64{0.01 / 0.345, 0.25 / 0.345, 0.0225 / 0.345, 0.0625 / 0.345}},
		{Sampler{TopP: 0.7}, []float64{0, 0.5 / 0.75, 0, 0.25 / 0.75}},
		{Sampler{TopP: 0.8}, []float64{0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9}},
		{Sampler{TopP: 0.01}, []float64{0, 1, 0, 0}},
		{Sampler{Greedy: true}, []float64{0, 1, 0, 0}},
	} {
		c := newChooser(&k.s, 4)
		counts := make([]float64, 4)
		for i := range n {
			id, _, err := c.draw(logits, (float64(i)+0.5)/n)
			if err != nil {
				t.Fatal(err)
			}
			counts[id] += 1.0 / n
		}
		for i := range counts {
			near(t, "share", counts[i], k.want[i], 2.0/n)
		}
	}
}

// A token of probability zero (logit -∞) is never drawn, at no quantile.
func TestImpossibleTokens(t *testing.T) {
	inf := float32(math.Inf(-1))
	for _, s := range []Sampler{{}, {TopP: 0.9}, {Greedy: true}} {
		c := newChooser(&s, 4)
		for _, u := range []float64{0x1p-53, 0.5, 1 - 0x1p-53} {
			if id, _, err := c.draw([]float32{inf, 1, inf, inf}, u); id != 1 || err != nil {
				t.Errorf("quantile %v gives %d (%v)", u, id, err)
			}
		}
	}
	if _, _, err := newChooser(&Sampler{}, 2).draw([]float32{inf, inf}, 0.5); err == nil {
		t.Error("logits without any probability must be refused")
	}
}

func TestNamesAreStable(t *testing.T) {
	for i, name := range []string{"ancestral", "first-hitting", "remask", "confidence"} {
		m, err := ParseMethod(name)
		if text, err2 := m.MarshalText(); err != nil || err2 != nil || string(text) != name || m != Method(i) {
			t.Errorf("%s becomes %s (%v, %v)", name, text, err, err2)
		}
	}
	if _, err := ParseForm("both"); err == nil {
		t.Error("an unknown form must be refused")
	}
	if _, err := Family(7).MarshalText(); err == nil {
		t.Error("an invalid schedule must not be written")
	}
}
