// Package plot draws charts of numbers as SVG: lines with intervals, points, and bars, on linear or logarithmic axes.
//
// A chart is a plain struct. It is written as one <svg> element that needs nothing from elsewhere, can stand in a file of its own or
// inside a page, fits the width it is given, and follows the reader's choice of a dark or a light screen:
//
//	chart := plot.Chart{Title: "Held-out loss", X: "images", Y: "loss", LogY: true,
//		Series: []plot.Series{{Name: "ebb", X: seen, Y: loss}}}
//	err := chart.SVG(file)
//
// Values that are not finite, or not positive on a logarithmic axis, leave a gap.
package plot
