package tune

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/internal/rng"
)

// Knob is a setting with the values to try: some, or all from Low to High.
type Knob struct {
	Key    string
	Values []string // to choose from; empty for a range
	// Low and High bound a range. Values are drawn evenly on a logarithmic scale where Low is above 0, else evenly.
	Low, High float64
	Whole     bool // of a range: whole numbers only
}

// ParseKnob reads KEY=LOW..HIGH or KEY=A:B:C. A range whose ends are written as whole numbers has whole values.
func ParseKnob(text string) (Knob, error) {
	key, values, ok := strings.Cut(text, "=")
	key, values = strings.TrimSpace(key), strings.TrimSpace(values)
	wrong := func(what string) (Knob, error) {
		return Knob{}, fmt.Errorf("tune: %q: %s; write it as KEY=LOW..HIGH, such as train.rate.peak=1e-4..1e-2, or KEY=A:B:C, such as train.batch=16:32:64", text, what)
	}
	if !ok || key == "" || values == "" {
		return wrong("no values to try")
	}
	low, high, isRange := strings.Cut(values, "..")
	if !isRange {
		k := Knob{Key: key, Values: strings.Split(values, ":")}
		for i, v := range k.Values {
			if k.Values[i] = strings.TrimSpace(v); k.Values[i] == "" {
				return wrong("an empty value")
			}
		}
		return k, nil
	}
	k := Knob{Key: key, Whole: isWhole(low) && isWhole(high)}
	var err1, err2 error
	k.Low, err1 = strconv.ParseFloat(strings.TrimSpace(low), 64)
	k.High, err2 = strconv.ParseFloat(strings.TrimSpace(high), 64)
	if err1 != nil || err2 != nil || math.IsInf(k.Low, 0) || math.IsInf(k.High, 0) || !(k.Low < k.High) {
		return wrong("a range needs two numbers, the lower first")
	}
	return k, nil
}

func isWhole(s string) bool {
	_, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return err == nil
}

// At is the value at place u, from 0 to below 1: of a range the share u of the way, of values the one that u falls on.
func (k Knob) At(u float64) string {
	if len(k.Values) > 0 {
		return k.Values[min(int(u*float64(len(k.Values))), len(k.Values)-1)]
	}
	v := k.Low + u*(k.High-k.Low)
	if k.Low > 0 {
		v = k.Low * math.Pow(k.High/k.Low, u)
	}
	if k.Whole {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	s := strconv.FormatFloat(v, 'g', 3, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0" // a setting that is a floating-point number is written as one
	}
	return s
}

// String writes the knob as ParseKnob reads it.
func (k Knob) String() string {
	if len(k.Values) > 0 {
		return k.Key + "=" + strings.Join(k.Values, ":")
	}
	if k.Whole {
		return fmt.Sprintf("%s=%.0f..%.0f", k.Key, k.Low, k.High)
	}
	return fmt.Sprintf("%s=%s..%s", k.Key, bound(k.Low), bound(k.High))
}

func bound(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if isWhole(s) {
		s += ".0"
	}
	return s
}

// drawPlace and drawWithin are the draws of this package (see package rng).
const (
	drawPlace  = 0xE700_0000 // which part of its range a trial gets
	drawWithin = 0xE700_0001 // where in that part
)

// Draw gives a trial, counted from 0, of so many its value of each knob. Each knob's range is cut into as many parts as there are trials, and each
// part is given to one of them, for every knob in another order (Latin hypercube: McKay, Beckman and Conover 1979): few trials cover every
// knob. What a trial gets depends on seed, trial and number of trials alone.
func Draw(knobs []Knob, seed uint64, trial, trials int) []string {
	values := make([]string, len(knobs))
	for i, k := range knobs {
		perm := rng.NewPerm(trials, seed, drawPlace, uint64(i))
		within := rng.NewSequence(seed, drawWithin, uint64(i)<<32|uint64(trial))
		values[i] = k.At((float64(perm.At(trial)) + within.Float64()) / float64(trials))
	}
	return values
}
