package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func draw(t *testing.T, c Chart) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.SVG(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, b.String())
		}
	}
	for _, bad := range []string{"NaN", "Inf"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%s in the drawing: %s", bad, b.String())
		}
	}
	return b.String()
}

func TestOddValuesLeaveGaps(t *testing.T) {
	nan := math.NaN()
	s := draw(t, Chart{Title: `a < b & "c"`, LogX: true, LogY: true, Series: []Series{
		{Name: "line", X: []float64{0, 1, 2, 3, 4}, Y: []float64{1, 2, nan, 4, 5}, Low: []float64{1, 1, 1, 0, 1}, High: []float64{2, 3, 4, 5, math.Inf(1)}},
		{Name: "points", Style: Points, X: []float64{1, -2}, Y: []float64{-1, 3}}}})
	if n := strings.Count(s, "<circle"); n != 3 {
		t.Errorf("%d points drawn, want the 3 that lie on both axes", n)
	}
	if !strings.Contains(s, "a &lt; b &amp; &#34;c&#34;") {
		t.Error("the title is not escaped")
	}
}

func TestRangesWithoutExtent(t *testing.T) {
	draw(t, Chart{})
	draw(t, Chart{LogX: true, LogY: true})
	draw(t, Chart{Series: []Series{{X: []float64{5}, Y: []float64{0}}}})
	draw(t, Chart{LogY: true, Series: []Series{{X: []float64{5}, Y: []float64{3}}}})
	draw(t, Chart{Series: []Series{{X: []float64{math.NaN()}, Y: []float64{math.NaN()}}}})
}

func TestBars(t *testing.T) {
	c := Chart{Labels: []string{"a", "b"}, ZeroY: true, Series: []Series{
		{Name: "one", Style: Bars, X: []float64{0, 1}, Y: []float64{1, 2}, Low: []float64{0.5, 1.5}, High: []float64{1.5, 2.5}},
		{Name: "two", Style: Bars, X: []float64{0, 1}, Y: []float64{3, -1}}}}
	if n := strings.Count(draw(t, c), "<rect"); n != 4+2 {
		t.Errorf("%d boxes, want 4 bars and 2 in the legend", n)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []Chart{
		{Series: []Series{{X: []float64{1}}}},
		{Series: []Series{{X: []float64{1}, Y: []float64{1}, Low: []float64{1}}}},
		{Series: []Series{{X: []float64{1, 2}, Y: []float64{1, 2}, Low: []float64{1}, High: []float64{1}}}},
	} {
		if c.SVG(io.Discard) == nil {
			t.Errorf("%+v was drawn", c)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		log    bool
		want   string
	}{
		{0, 51_200, false, "0 20k 40k 60k"},
		{0.031, 0.082, false, "0.02 0.04 0.06 0.08 0.1"},
		{-1, 1, false, "-1 -0.5 0 0.5 1"},
		{0.033, 0.08, true, "0.04 0.05 0.06 0.07 0.08"},
		{1, 1000, true, "1 2 5 10 20 50 100 200 500 1000"},
		{1e-6, 1e3, true, "1e-6 0.0001 0.01 1 100"},
	} {
		a := newAxis(c.lo, c.hi, 0, 1, c.log)
		var got []string
		for _, v := range a.ticks {
			got = append(got, number(v))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("ticks of %v to %v: %s, want %s", c.lo, c.hi, s, c.want)
		}
		if p := a.at(c.lo); p < 0 || p > 1 {
			t.Errorf("%v lies at %v", c.lo, p)
		}
	}
}
