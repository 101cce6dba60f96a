package plot_test

import (
	"bytes"
	"fmt"

	"github.com/ebb-ml/ebb/eval/plot"
)

func Example() {
	chart := plot.Chart{Title: "Held-out loss", X: "images", Y: "loss", LogY: true, Series: []plot.Series{
		{Name: "ebb", X: []float64{6400, 12800, 19200}, Y: []float64{0.071, 0.046, 0.040}},
		{Name: "before", Style: plot.Dashed, X: []float64{6400, 12800, 19200}, Y: []float64{0.080, 0.049, 0.042}},
	}}
	var svg bytes.Buffer
	err := chart.SVG(&svg)
	fmt.Println(err, bytes.HasPrefix(svg.Bytes(), []byte("<svg")))
	// Output: <nil> true
}
