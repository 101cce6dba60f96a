package eval

import (
	"encoding/json"
	"fmt"
	"math"
)

// Interval is a 95 % confidence interval.
type Interval struct{ Low, High float64 }

// MarshalJSON writes [low, high]; ends that are not finite are null.
func (v Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]Number{Number(v.Low), Number(v.High)})
}

// UnmarshalJSON reads [low, high]; an end that is null is NaN.
func (v *Interval) UnmarshalJSON(text []byte) error {
	var ends [2]Number
	if err := json.Unmarshal(text, &ends); err != nil {
		return err
	}
	v.Low, v.High = float64(ends[0]), float64(ends[1])
	return nil
}

// Contains says whether x lies in the interval.
func (v Interval) Contains(x float64) bool { return v.Low <= x && x <= v.High }

// Number is a float64 that is null in JSON where it is not finite, which JSON cannot hold.
type Number float64

// MarshalJSON writes the number or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads a number; null is NaN.
func (n *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

// Figure is one measured number with what is needed to trust it.
type Figure struct {
	// Name is the measure with the number of pictures where its value depends on it: "FD-dct-5k" is not comparable with "FD-dct-10k".
	Name          string   `json:"name"`
	Value         Number   `json:"value"`
	StandardError Number   `json:"standard_error"`
	Interval      Interval `json:"interval"`
	N             int      `json:"n"` // pictures measured
	// Reference is the number of pictures compared with; 0 where the measure has none or pairs them.
	Reference int `json:"reference,omitempty"`
	// Space is the name of the feature space; empty for measures of pictures.
	Space string `json:"space,omitempty"`
	// Note says how the interval came about and what it leaves out.
	Note string `json:"note,omitempty"`
}

// String is the figure for a table.
func (f Figure) String() string {
	return fmt.Sprintf("%s %.6g [%.6g, %.6g]", f.Name, f.Value, f.Interval.Low, f.Interval.High)
}

// Comparable returns an error that says why two figures must not be compared: another measure, other features, or another number of
// pictures in a measure whose bias depends on it.
func (f Figure) Comparable(g Figure) error {
	switch {
	case f.Space != g.Space:
		return fmt.Errorf("eval: %s in the feature space %q and %s in %q are not comparable: measure both in one space", f.Name, f.Space, g.Name, g.Space)
	case f.Name != g.Name:
		return fmt.Errorf("eval: %s and %s are not comparable: measure the same thing with the same number of pictures", f.Name, g.Name)
	case f.Reference != g.Reference:
		return fmt.Errorf("eval: %s against %d and against %d pictures are not comparable: use the same reference", f.Name, f.Reference, g.Reference)
	}
	return nil
}

// countName is n as people write it: 512, 5k, 50k.
func countName(n int) string {
	if n >= 1000 && n%1000 == 0 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// withError completes a figure whose error is about normal.
func (f Figure) withError(value, se float64) Figure {
	f.Value, f.StandardError = Number(value), Number(se)
	f.Interval = Interval{value - z95*se, value + z95*se}
	return f
}
