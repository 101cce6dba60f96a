package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ebb-ml/ebb/eval"
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/gomlx/compute"
)

// pictureMeasure is a measure of ebb eval pictures.
type pictureMeasure int

const (
	measureMSE pictureMeasure = iota
	measurePSNR
	measureSSIM
	measureMSSSIM
	measureFDDCT
	measureFDPixels
	measureFD
	measureFDInf
	measureKID
	measurePrecision
	measureRecall
	measureDensity
	measureCoverage
	measureSW2
	measureMMD
)

var measureNames = enum.New[pictureMeasure]("eval", "measure", "mse", "psnr", "ssim", "ms-ssim", "fd-dct", "fd-pixels", "fd", "fd-inf", "kid",
	"precision", "recall", "density", "coverage", "sw2", "mmd")

func (m pictureMeasure) String() string                   { return measureNames.Name(m) }
func (m pictureMeasure) MarshalText() ([]byte, error)     { return measureNames.Marshal(m) }
func (m *pictureMeasure) UnmarshalText(text []byte) error { return measureNames.Unmarshal(m, text) }

// paired says whether pictures are compared one by one.
func (m pictureMeasure) paired() bool { return m <= measureMSSSIM }

// pictureMeasures are those taken when none is asked for: fd says the same as fd-dct or fd-pixels, and mmd as kid.
func pictureMeasures() (all []pictureMeasure) {
	for _, m := range measureNames.Values() {
		if m != measureFD && m != measureMMD {
			all = append(all, m)
		}
	}
	return all
}

// pictureSpace is a feature space that needs no weights.
type pictureSpace int

const (
	dctFeatures pictureSpace = iota
	pixelFeatures
)

func (s pictureSpace) space() eval.Space {
	if s == pixelFeatures {
		return eval.PixelSpace(16)
	}
	return eval.DCTSpace()
}

// distances computes measures of distributions.
type distances struct {
	*compared
	ctx      context.Context
	features pictureSpace
	manifold *eval.Manifold
}

// measured is a figure, and for distances what real pictures get against each other.
type measured struct {
	eval.Figure
	Real    *eval.Figure `json:"real,omitempty"`
	measure pictureMeasure
}

// figure computes one measure.
func (d *distances) figure(m pictureMeasure) (measured, error) {
	space := d.features
	switch m {
	case measureFDDCT:
		space = dctFeatures
	case measureFDPixels:
		space = pixelFeatures
	}
	x, err := d.compared.features(d.ctx, space)
	if err != nil {
		return measured{}, err
	}
	if m >= measurePrecision && m <= measureCoverage {
		return d.share(m, space, x)
	}
	f := d.function(m)
	value, err := f(d.ctx, d.engine, space.space().Name, x[0], x[1])
	out := measured{Figure: value, measure: m}
	if err != nil || m == measureFDInf {
		return out, err
	}
	// as many on each side as were measured, if there are as many real ones, else half of them
	n := min(x[0].N, x[1].N/2)
	if base, err := eval.RealAgainstReal(d.ctx, d.engine, f, space.space().Name, x[1], n, d.seed); err == nil {
		out.Real = &base
	}
	return out, context.Cause(d.ctx)
}

// function is the measure as a function of features.
func (d *distances) function(m pictureMeasure) eval.Measure {
	switch m {
	case measureKID:
		return eval.KID
	case measureMMD:
		return func(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
			return eval.MMD(ctx, b, space, x, y, 0)
		}
	case measureSW2:
		return func(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
			return eval.SlicedWasserstein(ctx, b, space, x, y, 512, d.seed)
		}
	case measureFDInf:
		return func(ctx context.Context, b compute.Backend, space string, x, y eval.Matrix) (eval.Figure, error) {
			return eval.ExtrapolateFrechet(ctx, b, space, x, y, d.seed)
		}
	}
	return eval.Frechet
}

// share is one of the four that are computed together.
func (d *distances) share(m pictureMeasure, space pictureSpace, x *[2]eval.Matrix) (measured, error) {
	if d.manifold == nil {
		all, err := eval.NewManifold(d.ctx, d.engine, space.space().Name, x[0], x[1])
		if err != nil {
			return measured{}, err
		}
		d.manifold = &all
	}
	f := map[pictureMeasure]eval.Figure{measurePrecision: d.manifold.Precision, measureRecall: d.manifold.Recall,
		measureDensity: d.manifold.Density, measureCoverage: d.manifold.Coverage}[m]
	return measured{Figure: f, measure: m}, nil
}

// pictureResult is what ebb eval pictures found.
type pictureResult struct {
	N, Reference int
	Features     string
	Figures      []measured
	Notes        []string
}

// MarshalJSON writes paired measures as numbers and the others as objects, under their names with underscores.
func (r *pictureResult) MarshalJSON() ([]byte, error) {
	out := map[string]any{"n": r.N, "reference_n": r.Reference, "features": r.Features}
	intervals := map[string]eval.Interval{}
	for _, f := range r.Figures {
		key := strings.ReplaceAll(f.measure.String(), "-", "_")
		out[key] = f
		if f.measure.paired() {
			out[key], intervals[key] = f.Value, f.Interval
		}
	}
	if len(intervals) > 0 {
		out["intervals"] = intervals
	}
	if len(r.Notes) > 0 {
		out["notes"] = r.Notes
	}
	return json.Marshal(out)
}

func (r *pictureResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d pictures against %d\n  %-22s %12s  %-26s %s\n", r.N, r.Reference, "", "value", "95 % interval", "real against real")
	for _, f := range r.Figures {
		real := ""
		if f.Real != nil {
			real = fmt.Sprintf("%.5g (n = %d)", f.Real.Value, f.Real.N)
		}
		interval := fmt.Sprintf("%.5g … %.5g", f.Interval.Low, f.Interval.High)
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-22s %12.5g  %-26s %s", f.Name, f.Value, interval, real), " ") + "\n")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
