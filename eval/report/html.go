package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/eval/plot"
)

//go:embed page.html
var page string

// HTML writes the report as one page: no scripts, nothing from elsewhere.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{"svg": svg, "png": png, "short": func(n eval.Number) string { return short(float64(n)) },
		"span": span, "seconds": seconds}).Parse(page)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return t.Execute(w, r)
}

func svg(c plot.Chart) (template.HTML, error) {
	var b strings.Builder
	err := c.SVG(&b)
	return template.HTML(b.String()), err // package plot escapes its words
}

func png(p Picture) template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(p.PNG))
}

// short writes a number with four digits.
func short(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// span writes an interval, or nothing where there is none.
func span(v eval.Interval) string {
	if v.Low == v.High || math.IsNaN(v.Low) || math.IsNaN(v.High) {
		return ""
	}
	return short(v.Low) + " … " + short(v.High)
}

func seconds(s float64) string {
	switch {
	case s <= 0:
		return ""
	case s < 60:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.1f min", s/60)
}
