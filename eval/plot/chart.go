package plot

import (
	"fmt"
	"io"
	"math"
)

// Series is one line, or one set of points or bars, of a chart.
type Series struct {
	Name string
	X, Y []float64 // of one length
	// Low and High bound an interval around each Y, drawn as a band behind a line and as whiskers on points and bars. Empty for none.
	Low, High []float64
	Style     Style
}

// Style says how a series is drawn.
type Style int

const (
	Line   Style = iota // a line with its points marked where there are few
	Dashed              // the same, dashed: for a reference
	Points              // points alone
	Bars                // bars from the bottom of the chart, side by side with those of other series
)

// Mark is a point of a chart with words beside it.
type Mark struct {
	X, Y float64
	Text string
}

// Chart is a chart with two axes.
type Chart struct {
	Title      string
	X, Y       string // what the axes show, with unit
	LogX, LogY bool
	Series     []Series
	Marks      []Mark
	// Labels name the places 0, 1, 2, … of the horizontal axis, for bars; empty for numbers.
	Labels []string
	// ZeroY makes the vertical axis begin at 0 where no value is negative.
	ZeroY bool
}

// The drawing area in units of the view box; the chart is scaled to the width it is given.
const (
	width, height = 640.0, 380.0
	left, right   = 74.0, 16.0
	top, bottom   = 40.0, 54.0
	rowHeight     = 20.0 // of the legend
)

// Check says what is wrong with the chart, if anything.
func (c *Chart) Check() error {
	for _, s := range c.Series {
		if len(s.X) != len(s.Y) {
			return fmt.Errorf("plot: series %q has %d places and %d values: need as many", s.Name, len(s.X), len(s.Y))
		}
		if len(s.Low) != len(s.High) || len(s.Low) != 0 && len(s.Low) != len(s.Y) {
			return fmt.Errorf("plot: series %q has %d values, %d lower and %d upper bounds: need a pair for each, or none",
				s.Name, len(s.Y), len(s.Low), len(s.High))
		}
	}
	return nil
}

// SVG writes the chart as one <svg> element.
func (c *Chart) SVG(w io.Writer) error {
	if err := c.Check(); err != nil {
		return err
	}
	d := newDrawing(c)
	d.frame()
	d.bars()
	for i, s := range c.Series {
		if s.Style != Bars {
			d.series(i, s)
		}
	}
	d.marks()
	d.legend()
	return d.write(w)
}

// extent returns the range of all values that can be drawn along one axis.
func (c *Chart) extent(vertical bool) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	logarithmic := c.LogX && !vertical || c.LogY && vertical
	take := func(v float64) {
		if drawable(v, logarithmic) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	for _, s := range c.Series {
		for i, x := range s.X {
			if !vertical {
				take(x)
				continue
			}
			take(s.Y[i])
			if len(s.Low) > 0 {
				take(s.Low[i])
				take(s.High[i])
			}
		}
	}
	for _, m := range c.Marks {
		if vertical {
			take(m.Y)
		} else {
			take(m.X)
		}
	}
	return lo, hi
}

func drawable(v float64, logarithmic bool) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !logarithmic)
}
