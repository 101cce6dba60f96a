package plot

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// colours tell series apart, also for eyes that see few colours (Okabe and Ito 2008).
func colours() []string {
	return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c3c", "#7f7f7f"}
}

func colour(i int) string { return colours()[i%len(colours())] }

// style is the look of all charts: colours of ink and paper follow the page's or the system's scheme.
const style = `<style>.ebb-plot{font:14px system-ui,sans-serif;color:#222;max-width:100%;height:auto}.ebb-plot text{fill:currentColor}` +
	`.ebb-plot .grid{stroke:currentColor;stroke-opacity:.15}.ebb-plot .axis{stroke:currentColor;stroke-opacity:.6;fill:none}` +
	`.ebb-plot .title{font-weight:600;font-size:15px}@media(prefers-color-scheme:dark){.ebb-plot{color:#ddd}}</style>`

// drawing is a chart being drawn.
type drawing struct {
	chart *Chart
	x, y  axis
	rows  int // of the legend
	b     strings.Builder
}

func newDrawing(c *Chart) *drawing {
	d := &drawing{chart: c, rows: (named(c) + 2) / 3}
	xlo, xhi := c.extent(false)
	ylo, yhi := c.extent(true)
	if c.ZeroY && ylo > 0 && !c.LogY {
		ylo = 0
	}
	d.y = newAxis(ylo, yhi, height-bottom, top+float64(d.rows)*rowHeight, c.LogY)
	if len(c.Labels) > 0 || c.hasBars() {
		last := max(float64(len(c.Labels))-1, xhi)
		d.x = axis{lo: -0.5, hi: last + 0.5, from: left, to: width - right}
		for i := range c.Labels {
			d.x.ticks = append(d.x.ticks, float64(i))
		}
	} else {
		d.x = newAxis(xlo, xhi, left, width-right, c.LogX)
	}
	return d
}

// named counts the series that the legend names.
func named(c *Chart) (n int) {
	for _, s := range c.Series {
		if s.Name != "" {
			n++
		}
	}
	return n
}

func (c *Chart) hasBars() bool {
	for _, s := range c.Series {
		if s.Style == Bars {
			return true
		}
	}
	return false
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

func (d *drawing) text(x, y float64, attributes, words string) {
	d.printf(`<text x="%.1f" y="%.1f" %s>%s</text>`, x, y, attributes, html.EscapeString(words))
}

// frame draws title, axes, ticks and grid.
func (d *drawing) frame() {
	c := d.chart
	d.text(left, 22, `class="title"`, c.Title)
	for _, v := range d.y.ticks {
		y := d.y.at(v)
		d.printf(`<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, left, width-right, y, y)
		d.text(left-7, y+4.5, `text-anchor="end"`, number(v))
	}
	for i, v := range d.x.ticks {
		x, words := d.x.at(v), number(v)
		if len(c.Labels) > 0 {
			words = c.Labels[i]
		} else {
			d.printf(`<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x, x, d.y.to, d.y.from)
		}
		d.text(x, height-bottom+19, `text-anchor="middle"`, words)
	}
	d.printf(`<path class="axis" d="M%.1f %.1fV%.1fH%.1f"/>`, left, d.y.to, d.y.from, width-right)
	d.text((left+width-right)/2, height-12, `text-anchor="middle"`, c.X)
	middle := (d.y.from + d.y.to) / 2
	d.text(0, 0, fmt.Sprintf(`text-anchor="middle" transform="translate(17 %.1f) rotate(-90)"`, middle), c.Y)
}

// inside says whether a point can be drawn.
func (d *drawing) inside(x, y float64) bool {
	return drawable(x, d.chart.LogX) && drawable(y, d.chart.LogY)
}

// series draws a line or points with their intervals.
func (d *drawing) series(i int, s Series) {
	if s.Style == Points {
		d.whiskers(i, s)
	} else {
		d.band(i, s)
		d.line(i, s)
	}
	const few = 60 // points that can be told apart
	if s.Style == Points || len(s.X) <= few {
		for k, x := range s.X {
			if d.inside(x, s.Y[k]) {
				d.printf(`<circle cx="%.1f" cy="%.1f" r="%s" fill="%s"><title>%s</title></circle>`, d.x.at(x), d.y.at(s.Y[k]),
					map[bool]string{true: "4", false: "2.5"}[s.Style == Points], colour(i), html.EscapeString(tip(s.Name, x, s.Y[k])))
			}
		}
	}
}

func tip(name string, x, y float64) string { return fmt.Sprintf("%s: %.6g at %s", name, y, number(x)) }

// line draws the connected stretches of a series.
func (d *drawing) line(i int, s Series) {
	dash := ""
	if s.Style == Dashed {
		dash = ` stroke-dasharray="6 4"`
	}
	d.printf(`<path fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round"%s d="`, colour(i), dash)
	command := "M"
	for k, x := range s.X {
		if !d.inside(x, s.Y[k]) {
			command = "M"
			continue
		}
		d.printf("%s%.1f %.1f", command, d.x.at(x), d.y.at(s.Y[k]))
		command = "L"
	}
	d.printf(`"/>`)
}

// band fills the interval around a line.
func (d *drawing) band(i int, s Series) {
	var upper, lower []string
	for k := range s.Low {
		if x := s.X[k]; d.inside(x, s.Low[k]) && d.inside(x, s.High[k]) {
			upper = append(upper, fmt.Sprintf("%.1f,%.1f", d.x.at(x), d.y.at(s.High[k])))
			lower = append([]string{fmt.Sprintf("%.1f,%.1f", d.x.at(x), d.y.at(s.Low[k]))}, lower...)
		}
	}
	if len(upper) > 1 {
		d.printf(`<polygon fill="%s" fill-opacity=".18" points="%s"/>`, colour(i), strings.Join(append(upper, lower...), " "))
	}
}

// whiskers draws the interval of each point.
func (d *drawing) whiskers(i int, s Series) {
	for k := range s.Low {
		if x := s.X[k]; d.inside(x, s.Low[k]) && d.inside(x, s.High[k]) {
			d.whisker(d.x.at(x), s.Low[k], s.High[k], colour(i))
		}
	}
}

func (d *drawing) whisker(x, lo, hi float64, stroke string) {
	y1, y2 := d.y.at(lo), d.y.at(hi)
	d.printf(`<path stroke="%s" stroke-width="1.5" fill="none" d="M%.1f %.1fV%.1fM%.1f %.1fh8M%.1f %.1fh8"/>`, stroke, x, y1, y2, x-4, y1, x-4, y2)
}

// bars draws the bars of all series of that style, side by side.
func (d *drawing) bars() {
	groups := 0
	for _, s := range d.chart.Series {
		if s.Style == Bars {
			groups++
		}
	}
	place := 0
	for i, s := range d.chart.Series {
		if s.Style != Bars {
			continue
		}
		wide := 0.8 / float64(groups)
		for k, x := range s.X {
			if !d.inside(0, s.Y[k]) && !d.inside(1, s.Y[k]) {
				continue
			}
			x1 := d.x.at(x - 0.4 + wide*float64(place))
			x2 := d.x.at(x - 0.4 + wide*float64(place+1))
			foot := d.y.from
			if d.y.lo < 0 && !d.y.logarithmic {
				foot = d.y.at(0)
			}
			y := d.y.at(s.Y[k])
			d.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>`, x1+0.5, min(y, foot), max(x2-x1-1, 0.5),
				math.Abs(foot-y), colour(i), html.EscapeString(fmt.Sprintf("%s: %.6g", s.Name, s.Y[k])))
			if len(s.Low) > 0 && d.inside(1, s.Low[k]) && d.inside(1, s.High[k]) {
				d.whisker((x1+x2)/2, s.Low[k], s.High[k], "currentColor")
			}
		}
		place++
	}
}

// marks writes words beside points.
func (d *drawing) marks() {
	for _, m := range d.chart.Marks {
		if !d.inside(m.X, m.Y) {
			continue
		}
		x, y := d.x.at(m.X), d.y.at(m.Y)
		anchor, dx := "start", 8.0
		if x > width*0.7 {
			anchor, dx = "end", -8
		}
		d.printf(`<circle cx="%.1f" cy="%.1f" r="6" fill="none" stroke="currentColor" stroke-width="1.5"/>`, x, y)
		d.text(x+dx, y-8, `text-anchor="`+anchor+`"`, m.Text)
	}
}

// legend names the series, three in a row.
func (d *drawing) legend() {
	n := 0
	for i, s := range d.chart.Series {
		if s.Name == "" {
			continue
		}
		x, y := left+float64(n%3)*(width-left-right)/3, top+float64(n/3)*rowHeight
		d.printf(`<rect x="%.1f" y="%.1f" width="14" height="%s" fill="%s"/>`, x, y-4, map[bool]string{true: "2", false: "4"}[s.Style == Dashed], colour(i))
		d.text(x+20, y+3, ``, s.Name)
		n++
	}
}

func (d *drawing) write(w io.Writer) error {
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" class="ebb-plot" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">%s%s</svg>`,
		width, height, width, height, html.EscapeString(d.chart.Title), style, d.b.String())
	return err
}
